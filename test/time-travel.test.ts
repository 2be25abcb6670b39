/** Time travel as a client sees it: contracts/hoody.md 1.17 to 1.22, and the decisions of 0.0. */
import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { sharedServer } from "./support/database.ts";
import { escaped, type KvCalls, kvCalls } from "./support/kv.ts";
import { startTestServer, type TestServer } from "./support/server.ts";
import { SqlClient } from "./support/sql.ts";

interface Entry {
  op_number: number | null;
  op: string;
  undone?: true;
  old_value?: unknown;
  new_value?: unknown;
  operation: Record<string, unknown>;
  [name: string]: unknown;
}

const shared = sharedServer();
afterAll(() => shared.stop());

/** A database with the calls of time travel; on a clock of its own, if need be. */
async function start(isAlone = false) {
  const server = isAlone ? await startTestServer() : await shared.start();
  const kv = kvCalls(server);
  const get = async (rest: string) => server.json(`/kv/${rest}`);
  return Object.assign(server, {
    kv,
    sql: new SqlClient(server),
    history: async (key: string, extra = "") =>
      (await get(`${escaped(key)}/history?db=t${extra}`)).body as unknown as {
        operations: Entry[];
        [name: string]: unknown;
      },
    snapshot: (key: string, number: number | string) =>
      get(`${escaped(key)}/snapshot?db=t&op_number=${number}`),
    tableAt: (timestamp: number | string, extra = "") =>
      get(`snapshot?db=t&timestamp=${timestamp}${extra}`),
    diff: (from: number | string, to: number | string, extra = "") =>
      get(`diff?db=t&from=${from}&to=${to}${extra}`),
    back: (key: string, extra = "") => kv.verb("rollback", key, extra),
    backTable: (to: number | string, extra = "", body: unknown = "") =>
      kv.post("rollback", body, `&to_timestamp=${to}${extra}`),
    /** The time, and then some. */
    tick(ms = 1000): number {
      const nowMs = server.clock.nowMs();
      server.clock.advance(ms);
      return nowMs;
    },
  });
}

/** What another program does to the file. */
function behind(server: TestServer, statement: string): void {
  using database = new Database(server.folder.file("t.db"));
  database.run("pragma busy_timeout = 5000");
  database.run(statement);
}

const ops = (entries: Entry[]) => entries.map(({ op, op_number }) => `${op} ${op_number}`);
const code = (response: Response) => [response.status, response.headers.get("x-error-code")];

async function setAll(kv: KvCalls, key: string, values: readonly string[]): Promise<void> {
  for (const value of values) await kv.set(key, value);
}

describe("a key's history (1.17)", () => {
  test("tells what, when, before and after, type, expiry, who; newest first", async () => {
    await using server = await start();
    const { kv } = server;
    const at = server.clock.nowMs();
    await kv.set("a", '{"n":1}', "&ttl=60", { "x-actor": "ada" });
    server.tick(1500);
    await kv.verb("incr", "a", "&path=n&delta=9007199254740993");
    await kv.verb("decr", "a", "&path=n&delta=2");
    await kv.delete("a", "", { "x-actor": "bob" });
    const { operations, ...more } = await server.history("a");
    expect(more).toEqual({
      success: true,
      key: "a",
      table: "kv_store",
      count: 4,
      limit: 50,
      has_more: false,
      next_before: null,
      has_gaps: false,
      pruned: false,
    });
    expect(ops(operations)).toEqual(["DELETE 4", "DECR 3", "INCR 2", "SET 1"]);
    expect(operations[3]).toEqual({
      op_number: 1,
      timestamp: Math.floor(at / 1000),
      timestamp_ms: at,
      op: "SET",
      actor: "ada",
      client_ip: null,
      old_value: null,
      new_value: { n: 1 },
      operation: {
        op: "SET",
        path: "",
        delta: null,
        content_type: "application/json",
        expire_at: Math.floor(at / 1000) + 60,
        old_value: null,
        new_value: { n: 1 },
      },
    });
    expect(operations[0]).toMatchObject({ op: "DELETE", actor: "bob", new_value: null });
    // Digits beyond what a double holds, signed.
    const text = await (await server.api("/kv/a/history?db=t")).text();
    expect(text).toContain('"delta":9007199254740993');
    expect(text).toContain('"delta":-2');
    expect(text).toContain('"new_value":{"n":9007199254740994}');
  });

  test("values that are not JSON come as base64, text as text too", async () => {
    await using server = await start();
    await server.kv.set("a", "plain");
    await server.kv.set("a", Uint8Array.of(255, 0, 1));
    const { operations } = await server.history("a");
    expect(operations[0]).toMatchObject({
      raw_old_value: btoa("plain"),
      old_value: "plain",
      raw_new_value: "/wAB",
      operation: { raw_new_value: "/wAB", raw_old_value: btoa("plain") },
    });
    expect(operations[0]).not.toHaveProperty("new_value");
  });

  test("pages with before; limits at and past their bounds", async () => {
    await using server = await start();
    const { kv } = server;
    for (let index = 0; index < 11; index += 1)
      await kv.post("atomic", {
        mutations: Array.from({ length: 100 }, () => ({ op: "incr", key: "n", delta: 1 })),
      });
    const count = async (extra: string) => (await server.history("n", extra)).operations.length;
    expect(await Promise.all(["", "&limit=0", "&limit=50"].map(count))).toEqual([50, 50, 50]);
    expect(await Promise.all(["&limit=999", "&limit=1000", "&limit=1001"].map(count))).toEqual([
      999, 1000, 1000,
    ]);
    const first = await server.history("n", "&limit=1000");
    expect(first).toMatchObject({ has_more: true, next_before: 101, limit: 1000 });
    const second = await server.history("n", "&limit=1000&before=101");
    expect(second).toMatchObject({ has_more: false, next_before: null });
    expect(second.operations).toHaveLength(100);
    expect(second.operations[0]).toMatchObject({ op_number: 100, old_value: 99, new_value: 100 });
    // Exactly all of them is all of them.
    expect(await server.history("n", "&limit=100&before=101")).toMatchObject({ has_more: false });
    for (const [name, value] of [
      ["limit", "-1"],
      ["limit", "x"],
      ["before", "0"],
      ["before", "x"],
    ])
      expect(await server.json(`/kv/n/history?db=t&${name}=${value}`)).toMatchObject({
        status: 400,
        body: { code: "INVALID_PARAMETERS", error: expect.stringContaining(String(name)) },
      });
  });

  test("a key that never was has none; one table does not know another's", async () => {
    await using server = await start();
    expect(await server.history("a")).toMatchObject({ operations: [], count: 0 });
    await server.kv.set("a", "1", "&table=other");
    expect(await server.history("a")).toMatchObject({ operations: [] });
    expect((await server.history("a", "&table=other")).operations).toHaveLength(1);
  });

  test("a gap is one entry with its time, and what follows it does not know what it found", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("a", "1");
    const since = server.tick(2000) + 2000;
    await kv.set("a", "2", "&history=false");
    server.tick(3000);
    await kv.set("a", "3", "&history=false");
    await kv.set("a", "4");
    const { operations, has_gaps: hasGaps } = await server.history("a");
    expect(hasGaps).toBeTrue();
    expect(ops(operations)).toEqual(["SET 3", "UNRECORDED 2", "SET 1"]);
    expect(operations[0]).toMatchObject({ operation: { old_value_known: false } });
    expect(operations[0]).not.toHaveProperty("old_value");
    expect(operations[1]).toEqual({
      op_number: 2,
      timestamp: Math.floor(since / 1000),
      timestamp_ms: since,
      unrecorded_until: Math.floor((since + 3000) / 1000),
      op: "UNRECORDED",
      operation: {
        op: "UNRECORDED",
        timestamp: Math.floor(since / 1000),
        unrecorded_until: Math.floor((since + 3000) / 1000),
      },
    });
  });

  test("what another program wrote is noticed, at once and afterwards", async () => {
    await using server = await start(true);
    await server.kv.set("a", "1");
    const at = server.tick();
    behind(server, "update kv_store set value = 'sneaky'");
    expect((await server.history("a")).operations[0]).toMatchObject({
      op: "UNRECORDED",
      op_number: null,
      timestamp_ms: at,
      unrecorded_until: null,
    });
    expect(code(await server.kv.get("a", `&at_timestamp=${at}`))).toEqual([
      409,
      "TIME_TRAVEL_CHAIN_GAP",
    ]);
    expect(await server.kv.text("a")).toBe("sneaky");
    await server.kv.set("a", "2");
    expect(ops((await server.history("a")).operations)).toEqual([
      "SET 2",
      "UNRECORDED null",
      "SET 1",
    ]);
    // Nothing of what the SQL destroyed is made up; naming what is known works.
    expect(await server.back("a")).toMatchObject({ status: 409 });
    expect(await server.back("a", "&to_op_number=1")).toMatchObject({ status: 200 });
    expect(await server.kv.text("a")).toBe("1");
  });

  test("what another program did is undone by naming the last operation", async () => {
    await using server = await start(true);
    await server.kv.set("a", "1");
    expect(await server.back("a", "&to_op_number=1")).toMatchObject({ status: 404 });
    behind(server, "delete from kv_store");
    expect(await server.back("a", "&to_op_number=1")).toMatchObject({ status: 200 });
    expect(await server.kv.text("a")).toBe("1");
  });
});

describe("a key after an operation (1.18)", () => {
  test("is what that operation left, whatever came later", async () => {
    await using server = await start();
    await setAll(server.kv, "a", ['{"v":1}', "text"]);
    await server.kv.delete("a");
    expect(await server.snapshot("a", 1)).toEqual({
      status: 200,
      body: {
        success: true,
        key: "a",
        op_number: 1,
        content_type: "application/json",
        value: { v: 1 },
      },
    });
    expect(await server.snapshot("a", 2)).toMatchObject({
      body: { value: "text", value_base64: btoa("text"), content_type: "text/plain" },
    });
    for (const [number, expected] of [
      [3, [404, "KEY_NOT_FOUND"]],
      [4, [404, "HISTORY_ENTRY_NOT_FOUND"]],
      [0, [400, "INVALID_PARAMETERS"]],
      ["x", [400, "INVALID_PARAMETERS"]],
      ["", [400, "INVALID_PARAMETERS"]],
    ] as const)
      expect(code(await server.api(`/kv/a/snapshot?db=t&op_number=${number}`))).toEqual([
        ...expected,
      ]);
    expect(await server.snapshot("none", 1)).toMatchObject({
      body: { code: "HISTORY_ENTRY_NOT_FOUND" },
    });
    await server.kv.set("a", "x", "&history=false");
    expect(await server.snapshot("a", 4)).toMatchObject({
      status: 409,
      body: { code: "TIME_TRAVEL_CHAIN_GAP" },
    });
  });
});

describe("a key at a time (1.4)", () => {
  test("answers the raw value with its number and time; path applies; envelope tells all", async () => {
    await using server = await start();
    const at = server.clock.nowMs();
    await server.kv.set("a", '{"b": [1, "x"]}');
    server.tick(5000);
    await server.kv.set("a", "2");
    const then = await server.kv.get("a", `&at_timestamp=${at}`);
    expect(await then.text()).toBe('{"b": [1, "x"]}');
    expect(then.headers.get("content-type")).toStartWith("application/json");
    expect([then.headers.get("x-op-number"), then.headers.get("x-op-timestamp")]).toEqual([
      "1",
      String(Math.floor(at / 1000)),
    ]);
    const part = await server.kv.get("a", `&at_timestamp=${at}&path=b%5B1%5D`);
    expect([await part.text(), part.headers.get("x-json-path")]).toEqual(['"x"', "b%5B1%5D"]);
    expect(code(await server.kv.get("a", `&at_timestamp=${at}&path=c`))).toEqual([
      404,
      "NOT_FOUND",
    ]);
    const envelope = await server.kv.get("a", `&at_timestamp=${at}&envelope=true`);
    expect(await envelope.json()).toEqual({
      success: true,
      key: "a",
      timestamp: Math.floor(at / 1000),
      value: { b: [1, "x"] },
      content_type: "application/json",
      op_number: 1,
      op_timestamp: Math.floor(at / 1000),
    });
    for (const now of ["", "0"])
      expect(await server.kv.text("a", `&at_timestamp=${now}`)).toBe("2");
  });

  test("bytes come as they were, and as base64 in the envelope", async () => {
    await using server = await start();
    const at = server.clock.nowMs();
    await server.kv.set("a", Uint8Array.of(0, 255));
    server.tick();
    const then = await server.kv.get("a", `&at_timestamp=${at}`);
    expect([...new Uint8Array(await then.arrayBuffer())]).toEqual([0, 255]);
    const envelope = await server.kv.get("a", `&at_timestamp=${at}&envelope=1`);
    expect(await envelope.json()).toMatchObject({ value_base64: "AP8=" });
  });

  test("a second means all of it; milliseconds and RFC 3339 are exact", async () => {
    await using server = await start(true);
    const first = server.clock.nowMs(); // …05.678
    await server.kv.set("a", "1");
    server.clock.advance(321); // …05.999
    await server.kv.set("a", "2");
    server.clock.advance(1); // …06.000
    await server.kv.set("a", "3");
    server.clock.advance(5000);
    const seconds = Math.floor(first / 1000);
    const at = (text: string | number) => server.kv.text("a", `&at_timestamp=${escaped(text)}`);
    expect(await at(seconds)).toBe("2");
    expect(await at(seconds + 1)).toBe("3");
    expect(await at(first + 320)).toBe("1");
    expect(await at(first + 321)).toBe("2");
    expect(await at(new Date(first).toISOString())).toBe("1");
    expect(await at("2026-01-02T03:04:05Z")).toBe("null"); // Its first millisecond.
    expect(await at("2026-01-02T03:04:05.999z")).toBe("2");
    expect(await at("2026-01-02T05:34:05.678+02:30")).toBe("1");
    expect(await at("2026-01-01T22:04:05.678-05:00")).toBe("1");
    // A plus that nobody escaped arrives as a space; one may stand for the T, too.
    expect(await server.kv.text("a", "&at_timestamp=2026-01-02T05:34:05.678+02:30")).toBe("1");
    expect(await at("2026-01-02 03:04:05.678Z")).toBe("1");
    expect(code(await server.kv.get("a", `&at_timestamp=${first - 1}`))).toEqual([
      404,
      "KEY_NOT_FOUND",
    ]);
  });

  test("the current second is the state so far; later is 400, and so is what is no time", async () => {
    await using server = await start();
    await server.kv.set("a", "1");
    const nowMs = server.clock.nowMs();
    const seconds = Math.floor(nowMs / 1000);
    for (const now of [seconds, nowMs, new Date(nowMs).toISOString()])
      expect(await server.kv.text("a", `&at_timestamp=${now}`)).toBe("1");
    const parameters = {
      "/kv/a?at_timestamp=": "at_timestamp",
      "/kv?at_timestamp=": "at_timestamp",
      "/kv/snapshot?timestamp=": "timestamp",
      "/kv/diff?to=2&from=": "from",
      "/kv/diff?from=1&to=": "to",
    };
    for (const [path, name] of Object.entries(parameters))
      for (const bad of [
        seconds + 1,
        nowMs + 1,
        "2030-01-01T00:00:00Z",
        "-1",
        "1.5",
        "1e3",
        "soon",
        "2026-13-01T00:00:00Z",
        "2026-01-02T03:04:05",
        "9".repeat(16),
      ])
        expect({ path, bad, ...(await server.json(`${path}${bad}&db=t`)) }).toMatchObject({
          status: 400,
          body: { code: "INVALID_PARAMETERS", error: expect.stringContaining(name) },
        });
    for (const path of ["/kv/snapshot?db=t", "/kv/snapshot?db=t&timestamp=0", "/kv/diff?db=t&to=9"])
      expect(await server.json(path)).toMatchObject({ status: 400 });
    for (const extra of ["&to_timestamp=soon", "&to_timestamp=9999999999"])
      expect(await server.back("a", extra)).toMatchObject({ status: 400 });
    expect(await server.backTable("")).toMatchObject({ status: 400 });
  });

  test("a difference without a later moment is one with now", async () => {
    await using server = await start();
    await server.kv.set("a", "1");
    const from = server.clock.nowMs();
    server.clock.advance(1500);
    await server.kv.set("a", "2");
    const now = server.clock.nowMs();
    for (const path of [`/kv/diff?db=t&from=${from}`, `/kv/diff?db=t&from=${from}&to=`])
      expect((await server.json(path)).body).toMatchObject({
        to_timestamp: Math.floor(now / 1000),
        changes: [{ key: "a", from_value: 1, to_value: 2 }],
      });
    expect(await server.json(`/kv/diff?db=t&from=${server.clock.nowMs()}`)).toMatchObject({
      status: 400,
      body: { parameter: "from" },
    });
  });

  test("deletion, expiry, re-creation and changes of the time to live travel", async () => {
    await using server = await start();
    const { kv } = server;
    const times: number[] = [];
    const note = () => times.push(server.tick(10_000));
    await kv.set("a", "first", "&ttl=15");
    note(); // 0: lives, until 15 s
    note(); // 1: lives
    note(); // 2: expired
    await kv.set("a", "second");
    note(); // 3
    await kv.delete("a");
    note(); // 4
    await kv.set("a", "third", "&ttl=5");
    await kv.verb("persist", "a");
    note(); // 5
    await kv.verb("expire", "a", "&ttl=5");
    note(); // 6
    note(); // 7: expired
    const states = await Promise.all(
      times.map(async (ms) => {
        const response = await kv.get("a", `&at_timestamp=${ms}`);
        return response.ok ? response.text() : response.headers.get("x-error-code");
      }),
    );
    expect(states).toEqual([
      "first",
      "first",
      "KEY_EXPIRED",
      "second",
      "KEY_NOT_FOUND",
      "third",
      "third",
      "KEY_EXPIRED",
    ]);
    // The last millisecond of its life.
    const at = (times[0] ?? 0) + 15_000;
    expect(await kv.text("a", `&at_timestamp=${at - 1}`)).toBe("first");
    expect(code(await kv.get("a", `&at_timestamp=${at}`))[1]).toBe("KEY_EXPIRED");
  });

  test("a gap is told where it is, and only there", async () => {
    await using server = await start();
    const { kv } = server;
    const recorded = server.clock.nowMs();
    await kv.set("a", "1");
    const since = server.tick(1000) + 1000;
    await kv.set("a", "2", "&history=false");
    server.tick(1000);
    await kv.set("a", "3", "&history=false");
    const until = server.tick(1000);
    await kv.set("a", "4");
    server.tick(1000);
    const at = async (ms: number) => {
      const response = await kv.get("a", `&at_timestamp=${ms}`);
      return response.ok ? response.text() : response.headers.get("x-error-code");
    };
    expect(await at(recorded)).toBe("1");
    expect(await at(since - 1)).toBe("1");
    expect(await at(since)).toBe("TIME_TRAVEL_CHAIN_GAP");
    expect(await at(until)).toBe("TIME_TRAVEL_CHAIN_GAP");
    expect(await at(until + 999)).toBe("TIME_TRAVEL_CHAIN_GAP");
    expect(await at(until + 1000)).toBe("4");
    // After the last write of a gap the value is what it is now.
    await kv.set("b", "x", "&history=false");
    const last = server.tick(1000);
    const now = await kv.get("b", `&at_timestamp=${last + 500}`);
    expect([await now.text(), now.headers.get("x-op-number")]).toEqual(["x", "0"]);
    for (const path of [
      `/kv/snapshot?db=t&timestamp=${until}`,
      `/kv?db=t&at_timestamp=${until}`,
      `/kv/diff?db=t&from=${recorded}&to=${until}`,
    ])
      expect((await server.json(path)).body).toMatchObject({ has_gaps: true, gap_keys: ["a"] });
  });

  test("folders have no past", async () => {
    await using server = await start();
    mkdirSync(server.folder.file("files"));
    const db = escaped(server.folder.file("files"));
    await kvCalls(server, db).put("a", "1");
    expect(code(await server.api(`/kv/a?db=${db}&at_timestamp=5`))).toEqual([
      400,
      "INVALID_PARAMETERS",
    ]);
    expect(code(await server.api(`/kv?db=${db}&at_timestamp=5`))[0]).toBe(400);
    for (const path of [
      "/kv/a/history?",
      "/kv/a/snapshot?op_number=1&",
      "/kv/snapshot?timestamp=5&",
      "/kv/diff?from=4&to=5&",
      "/changes?",
      "/changes/stream?",
    ])
      expect([path, ...code(await server.api(`${path}db=${db}`))]).toEqual([
        path,
        400,
        "PATH_IS_DIRECTORY",
      ]);
    for (const path of ["/kv/a/rollback?", "/kv/rollback?to_timestamp=5&"])
      expect(code(await server.api(`${path}db=${db}`, { method: "POST" }))).toEqual([
        400,
        "PATH_IS_DIRECTORY",
      ]);
  });

  test("a table that does not exist yet reads as empty, and is not made", async () => {
    await using server = await start();
    expect(await server.tableAt(5)).toMatchObject({ status: 200, body: { keys: [], count: 0 } });
    expect(await server.diff(4, 5)).toMatchObject({ status: 200, body: { changes: [] } });
    expect(await server.history("a")).toMatchObject({ operations: [] });
    expect(code(await server.kv.get("a", "&at_timestamp=5"))).toEqual([404, "KEY_NOT_FOUND"]);
    expect(await server.json("/changes?db=t")).toMatchObject({ body: { events: [], cursor: 0 } });
    expect(await server.sql.rows("select name from sqlite_schema")).toEqual([]);
  });
});

describe("taking a key back (1.19)", () => {
  test("undoes one step; twice goes back twice; what was undone stays, marked", async () => {
    await using server = await start();
    await setAll(server.kv, "a", ["1", "2", "3"]);
    expect(await server.back("a")).toMatchObject({
      status: 200,
      body: { success: true, status: "ok", key: "a", rolled_back: 1, etag: expect.any(String) },
    });
    expect(await server.kv.text("a")).toBe("2");
    await server.back("a");
    expect(await server.kv.text("a")).toBe("1");
    const { operations } = await server.history("a");
    expect(
      operations.map((entry) => `${entry.op} ${entry.op_number} ${entry.undone ?? ""}`),
    ).toEqual(["ROLLBACK 5 ", "ROLLBACK 4 true", "SET 3 true", "SET 2 true", "SET 1 "]);
    expect(operations[0]).toMatchObject({ operation: { target_op_number: 1 }, new_value: 1 });
    // A rollback of the rollbacks: what it names is back, and counts again.
    expect(await server.back("a", "&to_op_number=3")).toMatchObject({ body: { rolled_back: 2 } });
    expect(await server.kv.text("a")).toBe("3");
    await server.back("a");
    expect(await server.kv.text("a")).toBe("2");
  });

  test("undoing the first write deletes, undoing a deletion restores; all of them and no more", async () => {
    await using server = await start();
    await setAll(server.kv, "a", ["1", "2"]);
    await server.kv.delete("a");
    expect(await server.back("a")).toMatchObject({ body: { rolled_back: 1 } });
    expect(await server.kv.text("a")).toBe("2");
    expect(await server.back("a", "&steps=50000")).toMatchObject({
      status: 200,
      body: { rolled_back: 2, deleted: true },
    });
    expect((await server.kv.get("a")).status).toBe(404);
    for (const key of ["a", "none"])
      expect(await server.back(key)).toMatchObject({
        status: 404,
        body: { code: "HISTORY_ENTRY_NOT_FOUND" },
      });
    for (const bad of ["0", "-1", "50001", "x"])
      expect(await server.back("a", `&steps=${bad}`)).toMatchObject({
        status: 400,
        body: { error: expect.stringContaining("steps") },
      });
    expect(await server.back("a", "&steps=1&to_op_number=1")).toMatchObject({ status: 400 });
  });

  test("counts a step that changed nothing", async () => {
    await using server = await start();
    await setAll(server.kv, "a", ["1", "1"]);
    expect(await server.back("a")).toMatchObject({ body: { rolled_back: 1 } });
    expect(await server.kv.text("a")).toBe("1");
    expect(await server.back("a")).toMatchObject({ body: { rolled_back: 1, deleted: true } });
  });

  test("many steps at once, and one more than there are", async () => {
    await using server = await start();
    for (let index = 0; index < 3; index += 1)
      await server.kv.post("atomic", {
        mutations: Array.from({ length: 100 }, () => ({ op: "incr", key: "n", delta: 1 })),
      });
    for (const [steps, value] of [
      [200, "100"],
      [99, "1"],
    ] as const) {
      expect(await server.back("n", `&steps=${steps}`)).toMatchObject({
        body: { rolled_back: steps },
      });
      expect(await server.kv.text("n")).toBe(value);
    }
    await server.back("n", "&to_op_number=300");
    expect(await server.back("n", "&steps=201")).toMatchObject({ body: { rolled_back: 201 } });
    expect(await server.kv.text("n")).toBe("99");
    expect(await server.back("n", "&steps=301")).toMatchObject({ body: { rolled_back: 99 } });
  });

  test("to a time; the time to live comes back, unless it has passed", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("a", "1", "&ttl=100");
    await kv.set("b", "1", "&ttl=2");
    const at = server.tick(1000);
    await kv.set("a", "2");
    await kv.set("b", "2");
    server.tick(1000);
    expect(await server.back("a", `&to_timestamp=${at}`)).toMatchObject({ status: 200 });
    const back = await kv.get("a");
    expect([await back.text(), Number(back.headers.get("x-expire-at"))]).toEqual([
      "1",
      Math.floor(at / 1000) + 100,
    ]);
    expect(await server.back("b", `&to_timestamp=${at}`)).toMatchObject({
      body: { rolled_back: 1, deleted: true },
    });
    expect((await kv.get("b")).status).toBe(404);
    server.clock.advance(98_000);
    expect((await kv.get("a")).status).toBe(404);
  });

  test("is refused where steps cross a gap, and changes nothing then", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("a", "1");
    await kv.set("a", "2", "&history=false");
    await setAll(kv, "a", ["3", "4"]);
    expect(await server.back("a", "&steps=1")).toMatchObject({ status: 200 });
    const before = await server.history("a");
    expect(await server.back("a", "&steps=1")).toMatchObject({
      status: 409,
      body: { code: "TIME_TRAVEL_CHAIN_GAP", gap_keys: ["a"] },
    });
    expect(await server.back("a", "&to_op_number=2")).toMatchObject({ status: 409 });
    expect(await server.history("a")).toEqual(before);
    // What is known can be had by its number.
    expect(await server.back("a", "&to_op_number=1")).toMatchObject({ status: 200 });
    expect(await kv.text("a")).toBe("1");
    for (const number of ["9", "0"])
      expect((await server.back("a", `&to_op_number=${number}`)).status).toBe(
        number === "9" ? 404 : 400,
      );
  });

  test("refuses conditions, and records who did it", async () => {
    await using server = await start();
    await setAll(server.kv, "a", ["1", "2"]);
    const refused = await server.kv.verb("rollback", "a", "", undefined, { "if-match": "*" });
    expect(refused).toMatchObject({ status: 400 });
    await server.kv.verb("rollback", "a", "", undefined, { "x-actor": "ada" });
    expect((await server.history("a")).operations[0]).toMatchObject({ actor: "ada" });
  });
});

describe("a table at a time (1.20, 1.8)", () => {
  test("has the keys of then, in byte order, with their values", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("b", '{"v":1}');
    await kv.set("a", "text");
    await kv.set("B", "1");
    const at = server.tick();
    await kv.set("b", "changed");
    await kv.delete("a");
    await kv.set("new", "1");
    expect(await server.tableAt(at)).toEqual({
      status: 200,
      body: {
        success: true,
        timestamp: Math.floor(at / 1000),
        snapshot_time: new Date(at).toISOString().replace(/\.\d+Z/, "Z"),
        keys: [
          { key: "B", content_type: "application/json", op_number: 1, value: 1 },
          {
            key: "a",
            content_type: "text/plain",
            op_number: 1,
            value: "text",
            value_base64: btoa("text"),
          },
          { key: "b", content_type: "application/json", op_number: 1, value: { v: 1 } },
        ],
        count: 3,
        total_keys_at_snapshot: 3,
        has_gaps: false,
        gap_keys: [],
        candidate_truncated: false,
      },
    });
    expect((await kv.list(`&at_timestamp=${at}&offset=1`)).body).toEqual({
      success: true,
      keys: ["a", "b"],
      items: [
        {
          key: "a",
          content_type: "text/plain",
          existed_at_timestamp: true,
          op_number: 1,
          size_estimate: 4,
        },
        {
          key: "b",
          content_type: "application/json",
          existed_at_timestamp: true,
          op_number: 1,
          size_estimate: 7,
        },
      ],
      count: 2,
      offset: 1,
      total: 3,
      has_more: false,
      timestamp: Math.floor(at / 1000),
      at_timestamp: Math.floor(at / 1000),
      has_gaps: false,
      gap_keys: [],
      candidate_truncated: false,
    });
    expect((await server.tableAt(at, "&prefix=b&limit=1")).body).toMatchObject({ count: 1 });
    for (const extra of ["&after=a", "&start=a", "&end=a", "&reverse=true"])
      expect((await kv.list(`&at_timestamp=${at}${extra}`)).status).toBe(400);
  });

  test("limit: 100, at most 1000, and 0 for all", async () => {
    await using server = await start();
    for (let batch = 0; batch < 11; batch += 1)
      await server.kv.post("batch/set", {
        items: Array.from({ length: 100 }, (_, index) => ({
          key: `k${batch}/${index}`,
          value: "1",
        })),
      });
    const at = server.tick();
    const count = async (extra: string) => (await server.tableAt(at, extra)).body["count"];
    expect([
      await count(""),
      await count("&limit=999"),
      await count("&limit=1000"),
      await count("&limit=1001"),
      await count("&limit=0"),
    ]).toEqual([100, 999, 1000, 1000, 1100]);
    expect(await count("&limit=-1")).toBeUndefined();
    expect((await server.kv.list(`&at_timestamp=${at}&limit=0`)).body).toMatchObject({
      count: 1100,
    });
  });
});

describe("a diff (1.21)", () => {
  test("tells what was created, changed and deleted, and how", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("changed", "1", "&ttl=100");
    await kv.set("deleted", '"x"');
    await kv.set("same", "1");
    await kv.set("untouched", "1");
    const from = server.tick();
    await kv.verb("decr", "changed", "&delta=5");
    await kv.verb("persist", "changed");
    await kv.delete("deleted");
    await kv.set("created", "text");
    await kv.set("same", "2");
    await kv.set("same", "1");
    const to = server.tick();
    await kv.set("later", "1");
    const { body } = await server.diff(from, to);
    const seconds = (ms: number) => Math.floor(ms / 1000);
    expect(body).toEqual({
      success: true,
      from_timestamp: seconds(from),
      to_timestamp: seconds(to),
      changes: [
        {
          key: "changed",
          change_type: "modified",
          from_value: 1,
          from_content_type: "application/json",
          to_value: -4,
          to_content_type: "application/json",
          old_expire_at: seconds(from) + 100,
          operations_between: [
            { op_number: 2, operation: "DECR", path: "", timestamp: seconds(to), delta: -5 },
            { op_number: 3, operation: "TTL", path: "", timestamp: seconds(to), delta: null },
          ],
        },
        {
          key: "created",
          change_type: "created",
          to_value: "text",
          to_value_base64: btoa("text"),
          to_content_type: "text/plain",
        },
        {
          key: "deleted",
          change_type: "deleted",
          from_value: "x",
          from_content_type: "application/json",
        },
      ],
      stats: { created: 1, modified: 1, deleted: 1, unchanged: 1, total_changes: 3 },
      has_gaps: false,
      gap_keys: [],
      candidate_truncated: false,
    });
    const only = await server.diff(from, to, "&keys=created,untouched,created,never");
    expect(only.body).toMatchObject({
      changes: [{ key: "created" }],
      stats: { unchanged: 2, total_changes: 1 },
    });
    for (const [a, b] of [
      [to, from],
      [from, from],
    ] as const)
      expect(await server.diff(a, b)).toMatchObject({
        status: 400,
        body: { error: expect.stringContaining("from") },
      });
  });
});

describe("taking a table back (1.22)", () => {
  /** Keys as each case of it. @returns the time to go back to */
  async function prepare(server: TestServer & { kv: KvCalls; tick(ms?: number): number }) {
    const { kv } = server;
    await kv.set("back", '{"v":1}');
    await kv.set("gone", "text");
    await kv.set("short", "1", "&ttl=2");
    await kv.set("same", "1");
    await kv.set("untouched", "1");
    const at = server.tick();
    await kv.set("back", "2");
    await kv.set("back", "3");
    await kv.delete("gone");
    await kv.set("new", "1");
    await kv.set("same", "2");
    await kv.set("same", "1");
    await kv.set("short", "2");
    server.tick();
    return at;
  }

  test("without confirm=yes it only tells; with it, it does that", async () => {
    await using server = await start();
    const at = await prepare(server);
    const before = await server.sql.rows("select * from kv_store_history");
    const preview = {
      total_keys: 5,
      keys_to_rollback: 1,
      keys_to_delete: 2,
      keys_to_restore: 1,
      operations_to_reverse: 5,
      changes: [
        {
          key: "back",
          action: "rollback",
          operations_to_undo: 2,
          current_value: 3,
          current_content_type: "application/json",
          rollback_value: { v: 1 },
          rollback_content_type: "application/json",
        },
        {
          key: "gone",
          action: "restore",
          operations_to_undo: 1,
          rollback_value: "text",
          rollback_value_base64: btoa("text"),
          rollback_content_type: "text/plain",
        },
        {
          key: "new",
          action: "delete",
          operations_to_undo: 1,
          reason: expect.any(String),
          current_value: 1,
          current_content_type: "application/json",
        },
        {
          // Its time to live has passed meanwhile.
          key: "short",
          action: "delete",
          operations_to_undo: 1,
          reason: expect.any(String),
          current_value: 2,
          current_content_type: "application/json",
        },
      ],
      untouched_keys: [],
      has_gaps: false,
      gap_keys: [],
      discovery_truncated: false,
    };
    for (const extra of ["", "&confirm=no", "&dry_run=true", "&dry_run=true&confirm=yes"])
      expect(await server.backTable(at, extra, {})).toMatchObject({
        status: 200,
        body: { success: true, dry_run: true, to_timestamp: Math.floor(at / 1000), preview },
      });
    expect(await server.sql.rows("select * from kv_store_history")).toEqual(before);
    const done = await server.backTable(at, "&confirm=yes");
    expect(done).toEqual({
      status: 200,
      body: {
        success: true,
        status: "ok",
        to_timestamp: Math.floor(at / 1000),
        rolled_back: 1,
        deleted: 2,
        restored: 1,
        total_operations_reversed: 5,
        untouched_keys: [],
        duration_ms: expect.any(Number),
      },
    });
    expect(await server.kv.keys()).toEqual(["back", "gone", "same", "untouched"]);
    expect(await server.kv.text("back")).toBe('{"v":1}');
    // One moment for all, and each key can be taken back again.
    const rolled = await server.sql.rows(
      "select count(*) as n, count(distinct at_ms) as times from kv_store_history where op = 'ROLLBACK'",
    );
    expect(rolled).toEqual([{ n: 4, times: 1 }]);
    expect(await server.back("back", "&to_op_number=3")).toMatchObject({ status: 200 });
    expect(await server.kv.text("back")).toBe("3");
  });

  test("keys and exclude_keys choose, exclude last; an empty list is no choice", async () => {
    await using server = await start();
    const at = await prepare(server);
    const changed = async (body: object) => {
      const { preview } = (await server.backTable(at, "", body)).body as {
        preview: { changes: { key: string }[]; untouched_keys: string[] };
      };
      return [preview.changes.map(({ key }) => key), preview.untouched_keys];
    };
    expect(await changed({ keys: ["back", "new", "untouched", "never"] })).toEqual([
      ["back", "new"],
      ["untouched", "never"],
    ]);
    expect(await changed({ keys: ["back", "new"], exclude_keys: ["new"] })).toEqual([["back"], []]);
    expect(await changed({ keys: [], exclude_keys: ["back"] })).toEqual([
      ["gone", "new", "short"],
      [],
    ]);
    const many = Array.from({ length: 10_000 }, (_, index) => `k${index}`);
    for (const name of ["keys", "exclude_keys"]) {
      expect((await server.backTable(at, "", { [name]: many })).status).toBe(200);
      expect(await server.backTable(at, "", { [name]: [...many, "one"] })).toMatchObject({
        status: 413,
        body: { code: "PAYLOAD_TOO_LARGE", error: expect.stringContaining(name) },
      });
      for (const bad of ["a", [1], [""], {}])
        expect(await server.backTable(at, "", { [name]: bad })).toMatchObject({
          status: 400,
          body: { error: expect.stringContaining(name) },
        });
    }
    expect(await server.backTable(at, "", "[1]")).toMatchObject({ status: 400 });
    expect(await server.backTable(at, "", "{")).toMatchObject({ status: 400 });
  });

  test("a gap stops it, whole; without that key it goes", async () => {
    await using server = await start();
    const { kv } = server;
    await setAll(kv, "a", ["1"]);
    await setAll(kv, "b", ["1"]);
    const at = server.tick();
    await kv.set("a", "2", "&history=false");
    await kv.set("b", "2");
    expect(await server.backTable(at)).toMatchObject({
      status: 200,
      body: { preview: { has_gaps: true, gap_keys: ["a"], keys_to_rollback: 1 } },
    });
    expect(await server.backTable(at, "&confirm=yes")).toMatchObject({
      status: 409,
      body: { code: "TIME_TRAVEL_CHAIN_GAP", gap_keys: ["a"] },
    });
    expect([await kv.text("a"), await kv.text("b")]).toEqual(["2", "2"]);
    expect(await server.backTable(at, "&confirm=yes", { exclude_keys: ["a"] })).toMatchObject({
      status: 200,
      body: { rolled_back: 1 },
    });
    expect([await kv.text("a"), await kv.text("b")]).toEqual(["2", "1"]);
  });

  test("is recorded with its actor, and wakes those who follow", async () => {
    await using server = await start();
    const at = await prepare(server);
    const { cursor } = (await server.json("/changes?db=t")).body as { cursor: number };
    const waiting = server.json(`/changes?db=t&since=${cursor}&wait=20`);
    await server.kv.post("rollback", "", `&to_timestamp=${at}&confirm=yes`, { "x-actor": "ada" });
    const { body } = await waiting;
    expect((body["events"] as { operation: string }[])[0]?.operation).toBe("ROLLBACK");
    expect((await server.history("back")).operations[0]).toMatchObject({ actor: "ada" });
  });
});
