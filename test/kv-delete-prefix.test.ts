import { describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";

interface Answer {
  success: boolean;
  dry_run?: boolean;
  would_delete?: number;
  deleted?: number;
  code?: string;
  parameter?: string;
}

const remove = (server: TestServer, query: string) =>
  server.json<Answer>(`/kv?db=t&${query}`, { method: "DELETE" });

const keys = async (server: TestServer): Promise<string[]> =>
  (await server.json<{ keys: string[] }>("/kv?db=t&limit=1000")).body.keys;

async function fill(server: TestServer, names: readonly string[]): Promise<void> {
  for (let from = 0; from < names.length; from += 100) {
    const items = names.slice(from, from + 100).map((key) => ({ key, value: "1" }));
    await server.api("/kv/batch/set?db=t", { method: "POST", body: JSON.stringify({ items }) });
  }
}

describe("DELETE /kv", () => {
  test("without confirm tells how many, and deletes nothing", async () => {
    await using server = await startTestServer();
    await fill(server, ["a:1", "a:2", "b:1"]);
    for (const query of ["prefix=a:", "prefix=a:&confirm=no", "prefix=a:&confirm="]) {
      const { status, body } = await remove(server, query);
      expect(status).toBe(200);
      expect(body).toMatchObject({ success: true, dry_run: true, would_delete: 2 });
    }
    expect(await keys(server)).toEqual(["a:1", "a:2", "b:1"]);
  });

  test("with confirm=yes deletes just the keys with the prefix, taken literally", async () => {
    await using server = await startTestServer();
    await fill(server, ["a%1", "a%2", "aX1", "a_", "b"]);
    expect((await remove(server, "prefix=a%25&confirm=yes")).body.deleted).toBe(2);
    expect(await keys(server)).toEqual(["aX1", "a_", "b"]);
    expect((await remove(server, "prefix=a_&confirm=yes")).body.deleted).toBe(1);
    expect(await keys(server)).toEqual(["aX1", "b"]);
    expect((await remove(server, "prefix=none&confirm=yes")).body.deleted).toBe(0);
  });

  test("with an empty prefix deletes all; without the parameter is 400", async () => {
    await using server = await startTestServer();
    await fill(server, ["a", "b"]);
    expect((await remove(server, "confirm=yes")).body).toMatchObject({
      code: "INVALID_PARAMETERS",
      parameter: "prefix",
    });
    expect(await keys(server)).toEqual(["a", "b"]);
    expect((await remove(server, "prefix=&confirm=yes")).body.deleted).toBe(2);
    expect(await keys(server)).toEqual([]);
  });

  test.each([499, 500, 501, 1200])("deletes %i keys, over several transactions", async (count) => {
    await using server = await startTestServer();
    await fill(server, [...Array.from({ length: count }, (_, n) => `k/${n}`), "z"]);
    expect((await remove(server, "prefix=k/")).body.would_delete).toBe(count);
    expect((await remove(server, "prefix=k/&confirm=yes")).body.deleted).toBe(count);
    expect(await keys(server)).toEqual(["z"]);
  });

  test("neither counts nor deletes what has expired", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a1?db=t&ttl=1", { method: "PUT", body: "x" });
    await fill(server, ["a2"]);
    server.clock.advance(1000);
    expect((await remove(server, "prefix=a")).body.would_delete).toBe(1);
    expect((await remove(server, "prefix=a&confirm=yes")).body.deleted).toBe(1);
  });

  test.each([
    ["records each deletion", "", [{ op: "DELETE", op_number: 2, gap: 0 }]],
    [
      "leaves a gap with history=false",
      "&history=false",
      [{ op: "UNRECORDED", op_number: 2, gap: 1 }],
    ],
  ])("%s; keys made anew count on", async (_, more, rows) => {
    await using server = await startTestServer();
    await fill(server, ["a"]);
    await remove(server, `prefix=a&confirm=yes${more}`);
    const sql =
      "SELECT op, op_number, since_ms IS NOT NULL AS gap FROM kv_store_history WHERE key = 'a' ORDER BY seq";
    const history = async () =>
      (await server.json<{ resultSet: unknown[] }>(`/query?db=t&sql=${encodeURIComponent(sql)}`))
        .body.resultSet;
    expect((await history()).slice(1)).toEqual(rows);
    await fill(server, ["a"]);
    expect((await history()).at(-1)).toEqual({ op: "SET", op_number: 3, gap: 0 });
  });
});
