import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";

interface HistoryRow {
  seq: number;
  key: string;
  op_number: number | null;
  at_ms: number;
  op: string;
  path: string | null;
  delta: number | null;
  value: string | null;
  content_type: string | null;
  created_at_ms: number | null;
  expire_at_ms: number | null;
  since_ms: number | null;
  actor: string | null;
}
interface SqlBody<Row> {
  results: { resultSet: Row[] }[];
  error?: string;
  code?: string;
}

async function sql<Row>(server: TestServer, query: string): Promise<Row[]> {
  const { status, body } = await server.json<SqlBody<Row>>("/db?db=t", {
    method: "POST",
    body: JSON.stringify({ transaction: [{ query }] }),
  });
  expect({ status, error: body.error }).toEqual({ status: 200, error: undefined as never });
  return body.results[0]?.resultSet ?? [];
}

const history = (server: TestServer, table = "kv_store") =>
  sql<HistoryRow>(server, `select * from ${table}_history order by seq`);

async function write(server: TestServer, method: string, path: string, init: RequestInit = {}) {
  const [key = "", query = ""] = path.split("?");
  const response = await server.api(`/kv/${key}?db=t&${query}`, { method, ...init });
  return response.status;
}
const put = (server: TestServer, path: string, body: string, headers = {}) =>
  write(server, "PUT", path, { body, headers });

/** Waits until the expiry timer has recorded so many expiries. */
async function expiries(server: TestServer, count: number): Promise<HistoryRow[]> {
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    const rows = (await history(server)).filter(({ op }) => op === "EXPIRE");
    if (rows.length >= count) return rows;
  }
  throw new Error("the expiry timer recorded nothing");
}

describe("<table>_history", () => {
  test("holds one row per operation, with the value after it", async () => {
    await using server = await startTestServer();
    const now = server.clock.nowMs();
    await put(server, "a?ttl=60", '{"n":1}', { "content-type": "application/json" });
    server.clock.advance(1000);
    await put(server, "a?path=.n", "5", { "x-actor": "ada" });
    await write(server, "POST", "a/incr?path=n&delta=3");
    await write(server, "POST", "a/decr?path=n&delta=2");
    await write(server, "DELETE", "a", { headers: { "x-actor": "bob" } });
    const [set, member, incr, decr, removed, ...more] = await history(server);
    expect(more).toEqual([]);
    expect(set).toMatchObject({
      seq: 1,
      key: "a",
      op_number: 1,
      op: "SET",
      at_ms: now,
      path: null,
      delta: null,
      value: '{"n":1}',
      content_type: "application/json",
      created_at_ms: now,
      expire_at_ms: now + 60_000,
      since_ms: null,
      actor: null,
    });
    expect(member).toMatchObject({
      op_number: 2,
      op: "SET",
      path: ".n",
      value: '{"n":5}',
      at_ms: now + 1000,
      created_at_ms: now,
      expire_at_ms: now + 60_000,
      actor: "ada",
    });
    expect(incr).toMatchObject({ op_number: 3, op: "INCR", path: "n", delta: 3, value: '{"n":8}' });
    expect(decr).toMatchObject({
      op_number: 4,
      op: "DECR",
      path: "n",
      delta: -2,
      value: '{"n":6}',
    });
    expect(removed).toMatchObject({
      op_number: 5,
      op: "DELETE",
      value: null,
      content_type: null,
      expire_at_ms: null,
      actor: "bob",
    });
  });

  test("numbers operations per key from 1, across deletion and expiry; seq over all keys", async () => {
    await using server = await startTestServer();
    for (const step of ["a", "b", "a"]) await put(server, step, "v");
    await write(server, "DELETE", "a");
    await put(server, "a?ttl=1", "v");
    server.clock.advance(1000);
    await put(server, "a", "v");
    await put(server, "b", "v");
    const rows = (await history(server)).filter(({ op }) => op !== "EXPIRE");
    expect(rows.map(({ key, op, op_number }) => `${key} ${op} ${op_number}`)).toEqual([
      "a SET 1",
      "b SET 1",
      "a SET 2",
      "a DELETE 3",
      "a SET 4",
      "a SET 5",
      "b SET 2",
    ]);
    const seqs = rows.map(({ seq }) => seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
  });

  test("deleting leaves no row in the table, tracked or not", async () => {
    await using server = await startTestServer();
    await put(server, "a", "v");
    await put(server, "b", "v");
    await write(server, "DELETE", "a");
    await write(server, "DELETE", "b?history=false");
    expect(await sql(server, "select key from kv_store")).toEqual([]);
  });

  test("refused writes leave no trace", async () => {
    await using server = await startTestServer();
    await put(server, "a", "[1]");
    const before = await history(server);
    expect(await put(server, "a?if_match=other", "v")).toBe(412);
    expect(await put(server, "a?path=[5]", "1")).toBe(400);
    expect(await put(server, "absent?if_match=x", "v")).toBe(412);
    expect(await write(server, "POST", "a/incr")).toBe(400);
    expect(await write(server, "DELETE", "absent")).toBe(404);
    expect(await write(server, "DELETE", "a?if_match=x")).toBe(412);
    expect(await history(server)).toEqual(before);
    expect(await sql(server, "select key from kv_store")).toEqual([{ key: "a" }]);
  });

  test.each(["false", "0", "no"])(
    "history=%s makes a single UNRECORDED row, however many writes",
    async (flag) => {
      await using server = await startTestServer();
      const now = server.clock.nowMs();
      await put(server, "a", "1");
      server.clock.advance(10);
      await put(server, `a?history=${flag}`, "2");
      server.clock.advance(10);
      await write(server, "POST", `a/incr?history=${flag}`);
      await write(server, "DELETE", `a?history=${flag}`);
      await put(server, `a?history=${flag}`, "secret");
      const rows = await history(server);
      expect(rows.map(({ op, op_number }) => [op, op_number])).toEqual([
        ["SET", 1],
        ["UNRECORDED", 2],
      ]);
      expect(rows[1]).toMatchObject({
        value: null,
        content_type: "text/plain",
        at_ms: now + 20,
        since_ms: now + 10,
      });
      expect(JSON.stringify(rows)).not.toContain("secret");
      expect(await (await server.api("/kv/a?db=t")).text()).toBe("secret");
    },
  );

  test("a recorded write ends the gap; the next untracked one begins another", async () => {
    await using server = await startTestServer();
    for (const path of [
      "a?history=false",
      "a?history=false",
      "a",
      "a?history=false",
      "b?history=false",
    ])
      await put(server, path, "v");
    expect((await history(server)).map(({ key, op, op_number }) => [key, op, op_number])).toEqual([
      ["a", "UNRECORDED", 1],
      ["a", "SET", 2],
      ["a", "UNRECORDED", 3],
      ["b", "UNRECORDED", 1],
    ]);
  });

  test("at_ms never decreases along seq, even when the clock steps backwards", async () => {
    await using server = await startTestServer();
    const start = server.clock.nowMs();
    await put(server, "a", "1");
    for (const [index, step] of [-3_600_000, 1, 7_200_000, -7_200_000, -1].entries()) {
      server.clock.advance(step);
      await put(server, `k${index}`, "v");
      await put(server, "a", "2");
      await put(server, "a?history=false", "3");
      await write(server, "DELETE", `k${index}`);
    }
    const times = (await history(server)).map(({ at_ms }) => at_ms);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times[0]).toBe(start);
    expect(Math.max(...times)).toBe(start + 3_600_001);
  });

  test("expiry is recorded as EXPIRE without a number, once per key, and the row is gone", async () => {
    await using server = await startTestServer();
    const start = server.clock.nowMs();
    await put(server, "a?ttl=10ms", "v");
    await put(server, "b?ttl=11ms", "v");
    await put(server, "c?ttl=12ms", "v");
    await put(server, "stays", "v");
    server.clock.advance(11);
    const rows = await expiries(server, 2);
    expect(rows.map(({ key, expire_at_ms }) => [key, expire_at_ms])).toEqual([
      ["a", start + 10],
      ["b", start + 11],
    ]);
    for (const row of rows)
      expect(row).toMatchObject({ op_number: null, at_ms: start + 11, value: null, actor: null });
    expect(await sql(server, "select key from kv_store order by key")).toEqual([
      { key: "c" },
      { key: "stays" },
    ]);
  });

  test("more keys than one sweep takes all go", async () => {
    await using server = await startTestServer();
    await Promise.all(
      Array.from({ length: 1200 }, (_, index) => put(server, `k${index}?ttl=10ms`, "v")),
    );
    server.clock.advance(10);
    expect(await expiries(server, 1200)).toHaveLength(1200);
    expect(await sql(server, "select count(*) as n from kv_store")).toEqual([{ n: 0 }]);
  });

  test("X-Actor is cut at 256 characters; each table has its own history", async () => {
    await using server = await startTestServer();
    await put(server, "a?table=one", "1", { "x-actor": "x".repeat(256) });
    await put(server, "a?table=two", "2", { "x-actor": "x".repeat(257) });
    expect(await history(server, "one")).toMatchObject([{ seq: 1, value: "1" }]);
    expect((await history(server, "one"))[0]?.actor).toHaveLength(256);
    expect((await history(server, "two"))[0]?.actor).toHaveLength(256);
  });

  test.each([
    "insert into kv_store_history (key, at_ms, op) values ('a', 1, 'SET')",
    "update kv_store_history set value = 'forged'",
    'delete from "KV_STORE_HISTORY"',
    "drop table kv_store_history",
    "alter table kv_store_history rename to gone",
    "alter table kv_store_history add column x",
    "create trigger t after insert on kv_store_history begin delete from kv_store; end",
    "drop index kv_store_history_op",
    "insert or replace into main.kv_store_history select * from kv_store_history",
    "with x as (select 1) delete from kv_store_history",
    "create trigger t after insert on kv_store begin delete from kv_store_history; end; insert into kv_store (key, value) values ('x', 1)",
    "delete from chronolite_relations",
  ])("SQL cannot write to it: %s", async (statement) => {
    await using server = await startTestServer();
    await put(server, "a", "v");
    const before = await history(server);
    const { status, body } = await server.json<SqlBody<unknown>>("/db?db=t", {
      method: "POST",
      body: JSON.stringify({ transaction: [{ statement }] }),
    });
    expect({ status, code: body.code }).toEqual({ status: 400, code: "SQL_ERROR" });
    expect(await history(server)).toEqual(before);
    expect(await put(server, "a", "w")).toBe(200);
  });
});

describe("a table kv_store that is not ours", () => {
  const foreign: [string, string][] = [
    ["a table", "create table kv_store (key text primary key, value text)"],
    ["a table in capitals", "create table KV_STORE (key text)"],
    ["a view", "create table t (key); create view kv_store as select key, 1 as value from t"],
    ["a virtual table", "create virtual table kv_store using fts5(key, value)"],
    ["a foreign history table", "create table kv_store_history (seq, key)"],
    ["a table with the name of our index", "create table kv_store_expire (x)"],
    ["an index with the name of ours", "create table t (x); create index kv_store_expire on t (x)"],
  ];

  test.each(foreign)("gives 409 to writes, and is not touched: %s", async (_, ddl) => {
    await using server = await startTestServer({ empty: true });
    const file = server.folder.file("t.db");
    const read = () => {
      using database = new Database(file, { readonly: true });
      using all = database.prepare("select * from sqlite_schema order by name");
      return all.all();
    };
    {
      using database = new Database(file, { create: true });
      database.run(ddl);
    }
    const before = read();
    for (const [method, path] of [
      ["PUT", "/kv/a"],
      ["POST", "/kv/a/incr"],
    ] as const) {
      const { status, body } = await server.json<{ code: string }>(`${path}?db=t`, { method });
      expect({ method, status, code: body.code }).toEqual({
        method,
        status: 409,
        code: "CONFLICT",
      });
    }
    expect(read()).toEqual(before);
    expect(await put(server, "a?table=other", "v")).toBe(200);
  });

  test.each([
    ["a missing column", "alter table kv_store drop column seq"],
    ["a missing index", "drop index kv_store_expire"],
    ["a missing history", "drop table kv_store_history"],
  ])("once changed by another program gives 409 to reads and writes: %s", async (_, ddl) => {
    await using server = await startTestServer();
    await put(server, "a", "v");
    {
      using database = new Database(server.folder.file("t.db"));
      database.run(ddl);
    }
    for (const method of ["GET", "PUT", "DELETE"])
      expect([method, (await server.api("/kv/a?db=t", { method })).status]).toEqual([method, 409]);
    expect((await server.api("/kv?db=t")).status).toBe(409);
    expect(await sql(server, "select value from kv_store")).toEqual([{ value: "v" }]);
  });

  test("an index of the user's own is welcome", async () => {
    await using server = await startTestServer();
    await put(server, "a", "v");
    await sql(server, "create index mine on kv_store (updated_at_ms)");
    expect(await put(server, "a", "w")).toBe(200);
    expect(await (await server.api("/kv/a?db=t")).text()).toBe("w");
  });
});
