/** Forgetting: --history-retention, --history-max-ops, and the maintenance op prune_history. */
import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { parseCommand } from "../src/config.ts";
import type { Database as OpenDatabase } from "../src/engine/database.ts";
import { RetentionTimer } from "../src/kv/retention.ts";
import { silentLog } from "../src/log.ts";
import { sharedServer } from "./support/database.ts";
import { kvCalls } from "./support/kv.ts";
import { startTestServer, type TestServer } from "./support/server.ts";
import { SqlClient } from "./support/sql.ts";

const shared = sharedServer();
afterAll(() => shared.stop());

const prune = (server: TestServer, request: object = {}) =>
  server.json("/maintenance?db=t", {
    method: "POST",
    body: JSON.stringify({ op: "prune_history", ...request }),
  });
const numbers = async (server: TestServer, key: string): Promise<unknown[]> =>
  (
    (await server.json(`/kv/${key}/history?db=t`)).body["operations"] as { op_number: number }[]
  ).map((entry) => entry.op_number);
const at = async (server: TestServer, key: string, ms: number) => {
  const response = await server.api(`/kv/${key}?db=t&at_timestamp=${ms}`);
  return response.ok ? response.text() : response.headers.get("x-error-code");
};

describe("prune_history by age", () => {
  test("keeps what is needed to know everything after the horizon, and says where it is", async () => {
    await using server = await shared.start();
    const kv = kvCalls(server);
    await kv.set("a", "1");
    await kv.set("b", "old");
    await kv.delete("b");
    server.clock.advance(1000);
    await kv.set("a", "2");
    server.clock.advance(10_000);
    const horizon = server.clock.nowMs() - 5000;
    await kv.set("a", "3");
    server.clock.advance(1000);
    const { status, body } = await prune(server, { retention: "6s" });
    expect({ status, body }).toEqual({
      status: 200,
      body: { success: true, op: "prune_history", result: "ok", dropped: 2 },
    });
    expect(await numbers(server, "a")).toEqual([3, 2]);
    expect(await numbers(server, "b")).toEqual([2]);
    expect((await server.json("/kv/a/history?db=t")).body).toMatchObject({ pruned: true });
    // To the millisecond.
    expect(await at(server, "a", horizon)).toBe("2");
    expect(await at(server, "b", horizon)).toBe("KEY_NOT_FOUND");
    expect(await at(server, "a", horizon - 1)).toBe("HISTORY_PRUNED");
    expect(await at(server, "never", horizon - 1)).toBe("HISTORY_PRUNED");
    const pruned = {
      status: 410,
      body: {
        code: "HISTORY_PRUNED",
        horizon: Math.ceil(horizon / 1000),
        horizon_ms: horizon,
      },
    };
    for (const path of [
      `/kv/snapshot?db=t&timestamp=${horizon - 1}`,
      `/kv?db=t&at_timestamp=${horizon - 1}`,
      `/kv/diff?db=t&from=${horizon - 1}&to=${horizon + 1}`,
    ])
      expect(await server.json(path)).toMatchObject(pruned);
    for (const path of ["/kv/a/rollback", "/kv/rollback"])
      for (const confirm of ["", "&confirm=yes"])
        expect(
          await server.json(`${path}?db=t&to_timestamp=${horizon - 1}${confirm}`, {
            method: "POST",
          }),
        ).toMatchObject(pruned);
    expect(await server.json("/kv/a/snapshot?db=t&op_number=1")).toMatchObject({ status: 410 });
    expect(await server.json(`/kv/diff?db=t&from=${horizon}&to=${horizon + 5000}`)).toMatchObject({
      status: 200,
      body: { changes: [{ key: "a", from_value: 2, to_value: 3 }] },
    });
    // Back to the base, and not past it.
    expect(await kv.verb("rollback", "a", "&steps=1")).toMatchObject({ status: 200 });
    expect(await kv.verb("rollback", "a", "&steps=1")).toMatchObject({ status: 409 });
    expect(await kv.text("a")).toBe("2");
  });

  test("a follower behind it is told; one ahead misses nothing, even where all was dropped", async () => {
    await using server = await shared.start();
    const kv = kvCalls(server);
    for (const value of ["1", "2", "3"]) await kv.set("a", value);
    await kv.set("short", "1", "&ttl=10ms");
    server.clock.advance(10);
    const changes = (query: string) => server.json(`/changes?db=t${query}`);
    const expired = await changes("&since=4&wait=20");
    expect(expired.body).toMatchObject({ events: [{ op: "expire", seq: 5 }] });
    server.clock.advance(10_000);
    await prune(server, { retention: "1s" });
    expect(await changes("&since=1")).toMatchObject({
      status: 410,
      body: { code: "CHANGE_CURSOR_EXPIRED", reason: "pruned", oldest_cursor: 2 },
    });
    const stream = await server.api("/changes/stream?db=t&since=1");
    expect(await stream.text()).toContain("CHANGE_CURSOR_EXPIRED");
    // Its number must not come again.
    await kv.set("b", "1");
    expect(await changes("&since=5")).toMatchObject({
      status: 200,
      body: { events: [{ key: "b", seq: 6 }], next_cursor: 6 },
    });
    expect((await changes("")).body).toMatchObject({ oldest_cursor: 2 });
  });

  test("reclaims the space, and writes to nothing where there is nothing to drop", async () => {
    await using server = await startTestServer();
    const kv = kvCalls(server);
    const sql = new SqlClient(server);
    const value = "x".repeat(100_000);
    for (let index = 0; index < 40; index += 1) await kv.set("a", `${index}${value}`);
    const freePages = async () =>
      Number((await sql.rows("pragma freelist_count"))[0]?.["freelist_count"]);
    const file = server.folder.file("t.db");
    const read = () => [readFileSync(`${file}-wal`).length, statSync(file).mtimeMs];
    const before = read();
    expect((await prune(server, { retention: "1h" })).body).toMatchObject({ dropped: 0 });
    expect((await prune(server, { max_ops: 40 })).body).toMatchObject({ dropped: 0 });
    expect(read()).toEqual(before);
    expect(await freePages()).toBe(0);
    server.clock.advance(1000);
    expect((await prune(server, { retention: "0s" })).body).toMatchObject({ dropped: 39 });
    expect(await freePages()).toBeGreaterThan((39 * 100_000) / 4096 - 50);
    expect(await kv.text("a")).toStartWith("39x");
    expect(await numbers(server, "a")).toEqual([40]);
  });
});

describe("prune_history by number", () => {
  test("keeps so many operations of each key, and the rest of the past of others", async () => {
    await using server = await shared.start();
    const kv = kvCalls(server);
    const times: number[] = [];
    for (let index = 1; index <= 5; index += 1) {
      await kv.set("a", String(index));
      times.push(server.clock.nowMs());
      server.clock.advance(1000);
    }
    await kv.set("b", "1");
    expect((await prune(server, { max_ops: 5 })).body).toMatchObject({ dropped: 0 });
    expect((await prune(server, { max_ops: 4 })).body).toMatchObject({ dropped: 1 });
    expect((await prune(server, { max_ops: 2 })).body).toMatchObject({ dropped: 2 });
    expect(await numbers(server, "a")).toEqual([5, 4]);
    expect(await numbers(server, "b")).toEqual([1]);
    expect(await Promise.all(times.map((ms) => at(server, "a", ms)))).toEqual([
      "HISTORY_PRUNED",
      "HISTORY_PRUNED",
      "HISTORY_PRUNED",
      "4",
      "5",
    ]);
    // No key of before: it is known that there was none.
    expect(await at(server, "b", times[0] ?? 0)).toBe("KEY_NOT_FOUND");
    expect(await server.json(`/kv/snapshot?db=t&timestamp=${times[0]}`)).toMatchObject({
      body: { keys: [], gap_keys: ["a"], has_gaps: true },
    });
    expect(await kv.verb("rollback", "a", `&to_timestamp=${times[0]}`)).toMatchObject({
      status: 410,
      body: { code: "HISTORY_PRUNED" },
    });
    expect(await kv.verb("rollback", "a", "&to_op_number=3")).toMatchObject({ status: 410 });
    // Numbers go on.
    await kv.set("a", "6");
    expect(await numbers(server, "a")).toEqual([6, 5, 4]);
  });

  test("refuses what says nothing, or what it cannot mean", async () => {
    await using server = await shared.start();
    await kvCalls(server).set("a", "1");
    for (const [request, name] of [
      [{}, "retention"],
      [{ retention: "soon" }, "retention"],
      [{ retention: -1 }, "retention"],
      [{ max_ops: 0 }, "max_ops"],
      [{ max_ops: 1.5 }, "max_ops"],
      [{ max_ops: "2" }, "max_ops"],
      [{ max_ops: 2, table: 5 }, "table"],
      [{ max_ops: 2, table: "x y" }, "table"],
    ] as const)
      expect(await prune(server, request)).toMatchObject({
        status: 400,
        body: { reqIdx: -1, error: expect.stringContaining(name) },
      });
    expect(await numbers(server, "a")).toEqual([1]);
  });

  test("of one table leaves the others alone", async () => {
    await using server = await shared.start();
    const kv = kvCalls(server);
    for (const table of ["one", "two"])
      for (const value of ["1", "2"]) await kv.set("a", value, `&table=${table}`);
    expect((await prune(server, { max_ops: 1, table: "ONE" })).body).toMatchObject({ dropped: 1 });
    expect((await prune(server, { max_ops: 1 })).body).toMatchObject({ dropped: 1 });
  });
});

describe("what the server was told", () => {
  test("--history-retention and --history-max-ops are what prune_history does by itself", async () => {
    await using server = await startTestServer({
      args: ["--history-retention", "10s", "--history-max-ops", "2"],
    });
    const kv = kvCalls(server);
    for (const value of ["1", "2", "3"]) await kv.set("a", value);
    expect((await prune(server)).body).toMatchObject({ dropped: 1 });
    server.clock.advance(10_000);
    expect((await prune(server)).body).toMatchObject({ dropped: 1 });
    expect(await numbers(server, "a")).toEqual([3]);
  });

  test.each([
    ["--history-retention", "soon"],
    ["--history-retention", "-1s"],
    ["--history-max-ops", "-1"],
    ["--history-max-ops", "x"],
  ])("%s %s is refused", (flag, value) => {
    expect(() => parseCommand([flag, value], {})).toThrow(flag);
  });
});

/** Rows as the engine gives them, without a file. */
function fakeDatabase(path: string, told: string[]) {
  const rows = (name: string) => {
    told.push(`${path} ${name}`);
    return Promise.resolve([]);
  };
  return {
    path,
    relationNames: () => ["kv_store", "other"],
    pin: () => {
      told.push(`${path} pin`);
      return () => void told.push(`${path} unpin`);
    },
    readElsewhere: ({ relation }: { relation: { name: string } }) =>
      path === "broken" ? Promise.reject(new Error("broken")) : rows(relation.name),
  } as unknown as OpenDatabase;
}

describe("RetentionTimer", () => {
  test("looks at every table of every open database; a broken one does not stop it", async () => {
    const told: string[] = [];
    const errors: string[] = [];
    const timer = new RetentionTimer(
      () => [fakeDatabase("broken", told), fakeDatabase("fine", told)],
      { ageMs: 1000, maxOps: null },
      {
        clock: { nowMs: () => 5000 },
        log: { ...silentLog, error: (event: string) => void errors.push(event) } as never,
      },
    );
    await timer.prune();
    expect(told).toEqual([
      "broken pin",
      "broken unpin",
      "fine pin",
      "fine kv_store",
      "fine other",
      "fine unpin",
    ]);
    expect(errors).toEqual(["prune_failed"]);
    await timer.stop();
    await timer.prune();
    expect(told).toHaveLength(6);
  });
});

test("other writers go on while much is dropped", async () => {
  await using server = await startTestServer({ empty: true });
  const file = server.folder.file("t.db");
  await server.api("/db/create?path=t", { method: "POST" });
  const kv = kvCalls(server);
  await kv.set("a", "1");
  {
    using database = new Database(file);
    database.run("pragma busy_timeout = 5000");
    database.run(
      `with recursive n(i) as (select 2 union all select i + 1 from n where i < 30000)
       insert into kv_store_history (seq, key, op_number, at_ms, op, value, content_type)
       select i, 'a', i, 1, 'SET', i, 'text/plain' from n`,
    );
  }
  let running = true;
  const pruned = prune(server, { max_ops: 1 }).finally(() => {
    running = false;
  });
  let between = 0;
  while (running) {
    await kv.set("other", "1");
    if (running) between += 1;
  }
  const { status, body } = await pruned;
  expect(status).toBe(200);
  expect(Number(body["dropped"])).toBeGreaterThanOrEqual(29_999);
  expect(between).toBeGreaterThan(2);
  const kept = await new SqlClient(server).rows(
    "select op_number from kv_store_history where key = 'a'",
  );
  expect(kept).toEqual([{ op_number: 30_000 }]);
});
