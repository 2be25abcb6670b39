/** Callers' own SQL on key-value tables: allowed, and noted in the history as what nobody recorded. */
import { describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";
import { until } from "./support/until.ts";

interface Operation {
  op: string;
  op_number: number | null;
  timestamp_ms: number;
  unrecorded_until?: number | null;
}

async function sql(server: TestServer, ...statements: string[]) {
  const { status, body } = await server.json<{ results: { rowsUpdated: number }[] }>("/db?db=t", {
    method: "POST",
    body: JSON.stringify({ transaction: statements.map((statement) => ({ statement })) }),
  });
  return { status, body, rows: body.results?.map(({ rowsUpdated }) => rowsUpdated) };
}

const put = (server: TestServer, key: string, body: string, more = "") =>
  server.api(`/kv/${key}?db=t${more}`, { method: "PUT", body });

async function history(server: TestServer, key: string) {
  const { body } = await server.json<{ operations: Operation[] }>(`/kv/${key}/history?db=t`);
  return body.operations.map(({ op, op_number }) => [op_number, op]);
}

async function etag(server: TestServer, key: string) {
  return (await server.api(`/kv/${key}?db=t`)).headers.get("etag");
}

const events = async (server: TestServer, since: number) => {
  const { body } = await server.json<{ events: { key: string; op: string; operation: string }[] }>(
    `/changes?db=t&since=${since}`,
  );
  return body.events.map(({ key, op, operation }) => [key, op, operation]);
};

describe("SQL on a key-value table", () => {
  test("an update changes the tag, and is told as a change without a value", async () => {
    await using server = await startTestServer();
    await put(server, "a", "1");
    const before = await etag(server, "a");
    server.clock.advance(5000);
    const { rows } = await sql(server, "update kv_store set value = '2' where key = 'a'");
    expect(rows).toEqual([1]);
    expect(await (await server.api("/kv/a?db=t")).text()).toBe("2");
    expect(await etag(server, "a")).not.toBe(before);
    expect(await history(server, "a")).toEqual([
      [2, "UNRECORDED"],
      [1, "SET"],
    ]);
    expect(await events(server, 1)).toEqual([["a", "set", "UNRECORDED"]]);
    const stale = await server.api("/kv/a?db=t", {
      method: "PUT",
      body: "3",
      headers: { "if-match": before ?? "" },
    });
    expect(stale.status).toBe(412);
    expect(JSON.stringify(await server.json("/changes?db=t&include_values=true"))).not.toContain(
      '"value":2',
    );
  });

  test("insert, delete and a changed key are noted for each key", async () => {
    await using server = await startTestServer();
    await put(server, "a", "1");
    await put(server, "gone", "1");
    await sql(
      server,
      "insert into kv_store (key, value) values ('new', '7')",
      "delete from kv_store where key = 'gone'",
      "update kv_store set key = 'b' where key = 'a'",
    );
    expect(await history(server, "new")).toEqual([[1, "UNRECORDED"]]);
    expect(await history(server, "gone")).toEqual([
      [2, "UNRECORDED"],
      [1, "SET"],
    ]);
    expect(await history(server, "a")).toEqual([
      [2, "UNRECORDED"],
      [1, "SET"],
    ]);
    expect(await history(server, "b")).toEqual([[1, "UNRECORDED"]]);
    expect(await events(server, 2)).toEqual([
      ["new", "set", "UNRECORDED"],
      ["gone", "delete", "UNRECORDED"],
      ["a", "delete", "UNRECORDED"],
      ["b", "set", "UNRECORDED"],
    ]);
    const seconds = Math.floor(server.clock.nowMs() / 1000);
    const created = (await server.api("/kv/new?db=t")).headers.get("x-created-at");
    expect(created).toBe(String(seconds));
  });

  test("many writes into one gap are one row; a recorded write ends it", async () => {
    await using server = await startTestServer();
    await put(server, "a", "0");
    for (let n = 1; n < 4; n += 1) {
      server.clock.advance(1000);
      await sql(server, `update kv_store set value = '${n}' where key = 'a'`);
    }
    server.clock.advance(1000);
    await put(server, "a", "9");
    expect(await history(server, "a")).toEqual([
      [3, "SET"],
      [2, "UNRECORDED"],
      [1, "SET"],
    ]);
    const undo = await server.json("/kv/a/rollback?db=t", { method: "POST" });
    expect(undo).toMatchObject({ status: 409, body: { code: "TIME_TRAVEL_CHAIN_GAP" } });
  });

  test("a key that expired before the clock was set back was absent: its past has no gap", async () => {
    await using server = await startTestServer();
    await put(server, "a", "1", "&ttl=1s");
    const writtenMs = server.clock.nowMs();
    server.clock.advance(1000);
    await until(
      async () => JSON.stringify((await server.json("/changes?db=t")).body).includes('"EXPIRE"'),
      "the timer removes the key",
    );
    server.clock.advance(-500);
    await sql(server, "insert into kv_store (key, value) values ('a', '2')");
    const past = await server.api(`/kv/a?db=t&at_timestamp=${writtenMs + 1}`);
    expect([past.status, await past.text()]).toEqual([200, "1"]);
  });

  test("a write that changes nothing, or is undone, leaves nothing", async () => {
    await using server = await startTestServer();
    await put(server, "a", "1");
    const before = await etag(server, "a");
    await sql(server, "update kv_store set value = value");
    const failed = await sql(server, "update kv_store set value = 'x'", "select nonsense");
    expect(failed.status).toBe(400);
    await server.json("/db?db=t", {
      method: "POST",
      body: JSON.stringify({
        transaction: [
          { statement: "update kv_store set value = 'x'; select nonsense", noFail: true },
          { statement: "create table other (id)" },
        ],
      }),
    });
    const dry = await server.json("/db?db=t&dry_run=true", {
      method: "POST",
      body: JSON.stringify({ transaction: [{ statement: "update kv_store set value = 'x'" }] }),
    });
    expect(dry.body["changes"]).toEqual({ kv_store: { inserted: 0, updated: 1, deleted: 0 } });
    expect(await etag(server, "a")).toBe(before);
    expect(await history(server, "a")).toEqual([[1, "SET"]]);
  });

  test.each([
    ["replace", "replace into kv_store (key, value) values ('a', 'r')"],
    [
      "upsert",
      "insert into kv_store (key, value) values ('a', 'r') on conflict (key) do update set value = excluded.value",
    ],
    ["a batch", "update kv_store set value = 'r' where key in ('a', 'b', 'c')"],
    ["recursive triggers", "pragma recursive_triggers = on; update kv_store set value = 'r'"],
  ])("%s is noted too", async (_, statement) => {
    await using server = await startTestServer();
    await put(server, "a", "1");
    const before = await etag(server, "a");
    expect((await sql(server, statement)).status).toBe(200);
    expect(await (await server.api("/kv/a?db=t")).text()).toBe("r");
    expect(await etag(server, "a")).not.toBe(before);
    expect((await history(server, "a"))[0]).toEqual([2, "UNRECORDED"]);
  });

  test.each([
    "create temp table kv_store_history (key, op_number, at_ms, op, content_type, expire_at_ms, since_ms)",
    "create temp table KV_STORE (key)",
    "create temp view kv_store_history as select 1",
  ])("%s is refused: it would hide the server's", async (statement) => {
    await using server = await startTestServer();
    await put(server, "a", "1");
    const { status, body } = await sql(server, statement, "update kv_store set value = 'x'");
    expect({ status, body }).toMatchObject({ status: 400, body: { code: "SQL_ERROR" } });
    expect(await history(server, "a")).toEqual([[1, "SET"]]);
  });
});
