/** GET /query with at_timestamp. That every state of a random past is right, time-model.test.ts says. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { asRoot, makeToken, ROOT_TOKEN, withToken } from "./support/access.ts";
import { sharedServer } from "./support/database.ts";
import { escaped, kvCalls } from "./support/kv.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

interface Answer {
  resultSet: Record<string, unknown>[];
  has_gaps?: boolean;
  gap_keys?: string[];
  code?: string;
  error?: string;
  parameter?: string;
  [name: string]: unknown;
}

const shared = sharedServer();
afterAll(() => shared.stop());

async function start() {
  const server = await shared.start();
  const link = (sql: string, at: number | string | null, more = "") =>
    `/query?db=t&sql=${escaped(sql)}${at === null ? "" : `&at_timestamp=${at}`}${more}`;
  const ask = (sql: string, at: number | string | null, more = "") =>
    server.json<Answer>(link(sql, at, more));
  return Object.assign(server, {
    kv: kvCalls(server),
    link,
    ask,
    rows: async (sql: string, at: number | string | null, more = "") => {
      const { status, body } = await ask(sql, at, more);
      expect({ status, error: body.error }).toEqual({ status: 200, error: undefined });
      return body.resultSet;
    },
    /** The time, and then some. */
    tick(ms = 1000): number {
      const nowMs = server.clock.nowMs();
      server.clock.advance(ms);
      return nowMs;
    },
    behind(...statements: string[]): void {
      using database = new Database(server.folder.file(`${server.name}.db`));
      database.run("pragma busy_timeout = 5000");
      for (const statement of statements) database.run(statement);
    },
  });
}

const KEYS = "select key, value from kv_store";

describe("a table at a moment", () => {
  test("is what it was, however the moment is written, in every clause of a query", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("a", '{"n":1}');
    await kv.set("b", '{"n":2}');
    const first = server.tick();
    await kv.set("a", '{"n":3}');
    await kv.delete("b");
    await kv.set("c", '{"n":4}');
    const second = server.tick();
    const was = [
      { key: "a", value: '{"n":1}' },
      { key: "b", value: '{"n":2}' },
    ];
    for (const at of [first, Math.floor(first / 1000), new Date(first).toISOString()])
      expect(await server.rows(KEYS, at)).toEqual(was);
    expect(await server.rows(KEYS, first - 1)).toEqual([]);
    expect(await server.rows(KEYS, second - 1)).toEqual(was);
    expect((await server.rows(KEYS, second)).map(({ key }) => key)).toEqual(["a", "c"]);
    expect(
      await server.rows(
        `with big as (select key, value ->> 'n' as n from kv_store where n > 1)
         select max(n) as most, (select count(*) from KV_STORE) as all_of_them,
           (select group_concat(key order by key desc) from "kv_store" where key in (select key from big) or key > '') as names,
           exists (select 1 from kv_store k join kv_store j on k.key < j.key) as pairs
         from big left join kv_store using (key)`,
        first,
      ),
    ).toEqual([{ most: 2, all_of_them: 2, names: "b,a", pairs: 1 }]);
    const { body } = await server.ask(
      `${KEYS} where key > ? order by key desc limit 1`,
      first,
      `&values=${escaped('["a"]')}`,
    );
    expect(body).toMatchObject({ resultSet: [was[1]], has_gaps: false, gap_keys: [] });
  });

  test("has the columns that it has now, in their order, with their types", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("kept", "1", "&ttl=60");
    await kv.set("gone", Uint8Array.of(255, 0, 1));
    const first = server.tick();
    await kv.verb("expire", "kept", "&ttl=90");
    const second = server.tick();
    await kv.set("kept", "2");
    await kv.delete("gone");
    await kv.set("gone", "and back");
    server.tick();
    const all = await server.ask("select * from kv_store", null);
    const then = await server.ask("select * from kv_store", first);
    expect(then.body["columns"]).toEqual(all.body["columns"]);
    const written = { created_at_ms: first, updated_at_ms: first, recorded_at_ms: first };
    const kept = { key: "kept", value: "1", content_type: "application/json", since_ms: null };
    // Which write made a key that is gone is not recorded.
    expect(then.body.resultSet).toEqual([
      {
        ...written,
        ...{ key: "gone", value: { value_base64: "/wAB" }, expire_at_ms: null, since_ms: null },
        ...{ content_type: "application/octet-stream", op_number: 1, seq: 2, born_seq: null },
      },
      { ...written, ...kept, expire_at_ms: first + 60_000, op_number: 1, seq: 1, born_seq: 1 },
    ]);
    // A new time to live is no update of the value.
    expect((await server.rows("select * from kv_store where key = 'kept'", second))[0]).toEqual({
      ...{ ...written, recorded_at_ms: second, ...kept, expire_at_ms: second + 90_000 },
      ...{ op_number: 2, seq: 3, born_seq: 1 },
    });
    const compared = "select count(*) as n from kv_store where op_number = '1' and value = 1";
    expect(await server.rows(compared, first)).toEqual([{ n: 0 }]);
    expect(await server.rows(compared.replace("value = 1", "value = '1'"), first)).toEqual([
      { n: 1 },
    ]);
  });

  test("which is the present is the table as it is, without what has expired", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("a", "1");
    await kv.set("a", "2", "&history=false");
    await kv.set("b", "1", "&ttl=5");
    server.behind("update kv_store set value = 'theirs' where key = 'b'");
    server.behind("insert into kv_store (key, value) values ('c', 7)");
    const rows = await server.rows("select * from kv_store order by key", null);
    expect(rows).toHaveLength(3);
    const now = Math.floor(server.clock.nowMs() / 1000);
    expect(await server.rows("select * from kv_store", now)).toEqual(rows);
    server.tick(6000);
    const later = server.clock.nowMs();
    expect(await server.rows("select key from kv_store", later)).toEqual([
      { key: "a" },
      { key: "c" },
    ]);
  });

  test("joins tables, each as it was", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("ada", '"Berlin"', "&table=users");
    await kv.set("Berlin", "1", "&table=Cities");
    const at = server.tick();
    await kv.set("ada", '"Paris"', "&table=users");
    await kv.set("Paris", "2", "&table=cities");
    const sql = `select u.key as who, c.key as city, c.value as number
      from users u join cities c on c.key = u.value ->> '$'`;
    expect(await server.rows(sql, at)).toEqual([{ who: "ada", city: "Berlin", number: "1" }]);
    expect(await server.rows(sql, null)).toEqual([{ who: "ada", city: "Paris", number: "2" }]);
  });

  test("comes as CSV, NDJSON and a page, whole or cut", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("a", "1");
    await kv.set("x", "1", "&history=false");
    const at = server.tick();
    await kv.set("a", "2");
    await kv.set("x", "2");
    server.tick();
    const get = async (more: string) => {
      const response = await server.api(server.link(KEYS, at, `&allow_gaps=1${more}`));
      const { headers, status } = response;
      const gaps = headers.get("x-gap-keys");
      return { status, gaps, text: await response.text() };
    };
    const whole = { status: 200, gaps: "1" };
    expect(await get("&format=csv")).toEqual({ ...whole, text: "key,value\r\na,1\r\n" });
    expect(await get("&format=ndjson")).toEqual({ ...whole, text: '{"key":"a","value":"1"}\n' });
    expect(await get("&format=csv&max_chars=100")).toMatchObject(whole);
    const { text, ...page } = await get("&format=html");
    expect(page).toEqual(whole);
    expect(text).toContain("<tr><td>a</td><td>1</td></tr>");
    expect(text).toContain(`As it was at ${new Date(at).toISOString()}. One key is left out`);
    // Its links to the other formats lead to the same moment.
    expect(text).toContain(`at_timestamp=${at}&amp;allow_gaps=1&amp;format=csv`);
    expect(await get("")).toMatchObject({ gaps: null });
  });

  test("explains the plan that the query has then, without running it", async () => {
    await using server = await start();
    await server.kv.set("a", "1", "&history=false");
    const at = server.tick();
    await server.kv.set("a", "2");
    server.tick();
    const { status, body } = await server.ask(`${KEYS} where key = 'a'`, at, "&explain=true");
    expect(status).toBe(200);
    expect(JSON.stringify(body["plan"])).toContain("kv_store_history_op");
    expect(body).not.toHaveProperty("gap_keys");
    // There is a gap, which is none of the plan's business; a table without a past is.
    expect((await server.ask("select 1 from main.kv_store", at, "&explain=true")).status).toBe(400);
  });
});

describe("what is not known", () => {
  test("gaps are 409 with the keys, or left out and told; of any table that is read", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("a", "1");
    await kv.set("lost/2", "1", "&history=false");
    await kv.set("lost/1", "1", "&history=false");
    await kv.set("fine", "1", "&table=fine");
    const at = server.tick();
    await kv.set("lost/1", "2");
    await kv.set("lost/2", "2");
    server.tick();
    for (const sql of [KEYS, "select count(*) from fine where key in (select key from kv_store)"])
      for (const more of ["", "&format=csv", "&allow_gaps=false"])
        expect(await server.ask(sql, at, more)).toMatchObject({
          status: 409,
          body: { code: "TIME_TRAVEL_CHAIN_GAP", gap_keys: ["lost/1", "lost/2"] },
        });
    expect(await server.ask(KEYS, at, "&allow_gaps=true")).toMatchObject({
      status: 200,
      body: {
        resultSet: [{ key: "a", value: "1" }],
        has_gaps: true,
        gap_keys: ["lost/1", "lost/2"],
      },
    });
    expect(await server.rows("select key from fine", at)).toEqual([{ key: "fine" }]);
    // Nothing but a moment makes an answer tell of gaps.
    expect((await server.ask(KEYS, null, "&allow_gaps=true")).body).not.toHaveProperty("has_gaps");
  });

  test("before the horizon: 410, to the millisecond", async () => {
    await using server = await start();
    await server.kv.set("a", "1");
    server.tick(10_000);
    await server.kv.set("a", "2");
    const horizon = server.tick(0) - 5000;
    await server.json("/maintenance?db=t", {
      method: "POST",
      body: '{"op":"prune_history","retention":"5s"}',
    });
    await server.kv.set("a", "3");
    // Nothing was dropped, so there is none yet.
    expect(await server.rows(KEYS, horizon - 1)).toHaveLength(1);
    server.tick(10_000);
    const pruned = server.tick(0) - 5000;
    await server.json("/maintenance?db=t", {
      method: "POST",
      body: '{"op":"prune_history","retention":"5s"}',
    });
    expect(await server.rows(KEYS, pruned)).toEqual([{ key: "a", value: "3" }]);
    for (const more of ["", "&allow_gaps=true", "&explain=true", "&format=csv"])
      expect(await server.ask(KEYS, pruned - 1, more)).toMatchObject({
        status: 410,
        body: { code: "HISTORY_PRUNED", horizon_ms: pruned },
      });
  });

  test("columns that somebody added are NULL in the past, and as they are in the present", async () => {
    await using server = await start();
    await server.kv.set("a", '{"n":1}');
    const at = server.tick();
    server.behind(
      "alter table kv_store add column note text default 'new'",
      `alter table kv_store add column "odd "" name" integer as (value ->> 'n')`,
    );
    const rows = await server.rows('select key, note, "odd "" name" as n from kv_store', at);
    expect(rows).toEqual([{ key: "a", note: null, n: null }]);
    const now = server.clock.nowMs();
    expect(await server.rows("select * from kv_store", now)).toEqual(
      await server.rows("select * from kv_store", null),
    );
  });
});

describe("what is refused", () => {
  test.each<[string, RegExp]>([
    ["select * from plain", /table plain, which has no history/],
    ["select count(*) from plain", /table plain, which has no history/],
    ["select key from kv_store where key in plain", /table plain/],
    ["select (select max(a) from plain) from kv_store", /table plain/],
    ["select * from keys", /view keys, which has no history/],
    ["select count(*) from keys", /main\.kv_store/],
    ["select * from main.kv_store", /main\.kv_store/],
    ["select count(*) from main.kv_store", /main\.kv_store/],
    ["select a.key from kv_store a join main.kv_store b", /main\.kv_store/],
    ["with kv_store as (select * from main.kv_store) select key from kv_store", /main\.kv_store/],
    ["with x as (select * from main.kv_store) select count(*) from x", /main\.kv_store/],
    ["select * from kv_store_history", /go with kv_store_history/],
    ["select count(*) from main.kv_store_history", /go with kv_store_history/],
    ["select * from chronolite_relations", /chronolite_relations, which has no history/],
    ["select * from sqlite_schema", /sqlite_master, which has no history/],
    ["select count(*) from sqlite_temp_schema", /sqlite_temp_schema, which has no history/],
    ["select * from temp.sqlite_schema", /sqlite_temp_master, which has no history/],
    ["select * from pragma_table_info('kv_store')", /pragma_table_info, which has no history/],
    ["select count(*) from pragma_table_list", /pragma_table_list, which has no history/],
    ["select count(*) from dbstat", /dbstat, which has no history/],
    ["select rowid from kv_store", /rowid/],
    ["select key from kv_store order by _rowid_", /rowid/],
  ])("%s", async (sql, problem) => {
    await using server = await start();
    await server.kv.set("a", "1");
    server.behind("create table plain (a)", "create view keys as select key from kv_store");
    for (const more of ["", "&format=ndjson", "&explain=true", "&allow_gaps=true"])
      expect(await server.ask(sql, server.clock.nowMs(), more)).toMatchObject({
        status: 400,
        body: {
          code: "INVALID_PARAMETERS",
          parameter: "at_timestamp",
          error: expect.stringMatching(problem),
        },
      });
  });

  test.each<[string, unknown]>([
    ["select 1 as n", 1],
    ["with kv_store as (select 5 as n) select n from kv_store", 5],
    ["with x as (select key from kv_store) select count(*) as n from x", 1],
    [
      "with recursive x(n) as (select 1 union select n + 1 from x where n < 3) select max(n) as n from x",
      3,
    ],
    ["select sum(value) as n from json_each('[1,2]')", 3],
    ["select count(*) as n from kv_store, json_each(kv_store.value, '$.list')", 2],
    ["select count(*) as n from json_tree('[1,2]')", 3],
  ])("not: %s", async (sql, n) => {
    await using server = await start();
    await server.kv.set("a", '{"list":[1,2]}');
    const at = server.tick();
    expect(await server.rows(sql, at)).toEqual([{ n }]);
  });

  test("a moment that is none, or is to come; and writes, as ever", async () => {
    await using server = await start();
    await server.kv.set("a", "1");
    const nowMs = server.clock.nowMs();
    for (const at of ["soon", nowMs + 1, Math.floor(nowMs / 1000) + 1, -1])
      expect(await server.ask(KEYS, at)).toMatchObject({
        status: 400,
        body: { parameter: "at_timestamp" },
      });
    expect((await server.ask("delete from kv_store returning key", nowMs)).status).toBe(400);
    expect((await server.ask("pragma user_version", nowMs)).status).toBe(400);
    expect(await server.ask("select * from nowhere", nowMs)).toMatchObject({
      status: 400,
      body: { code: "SQL_ERROR", error: "no such table: nowhere" },
    });
    for (const at of ["0", ""]) expect(await server.rows(KEYS, at)).toHaveLength(1);
  });

  test("a history that somebody put there is not read as one", async () => {
    await using server = await start();
    await server.kv.set("a", "1");
    const at = server.tick();
    server.behind(
      "drop table kv_store_history",
      "create view kv_store_history as select 1 as seq, 'a' as key",
    );
    expect(await server.ask(KEYS, at)).toMatchObject({ status: 409, body: { code: "CONFLICT" } });
  });
});

describe("between callers", () => {
  test("nothing of the past stays on a connection, whatever came of the query", async () => {
    await using server = await startTestServer({ args: ["--runners", "1"] });
    const kv = kvCalls(server);
    await kv.set("a", "old");
    await kv.set("lost", "1", "&history=false");
    const at = server.clock.nowMs();
    server.clock.advance(1000);
    await kv.set("a", "new");
    await kv.set("lost", "2");
    server.clock.advance(1000);
    const ask = async (sql: string, more = "") => {
      const response = await server.api(`/query?db=t&sql=${escaped(sql)}${more}`);
      return { status: response.status, text: await response.text() };
    };
    const now = [
      `select value from kv_store where key = 'a'`,
      "select count(*) as n from kv_store",
      "select count(*) as n from sqlite_temp_schema",
      "select count(*) as n from pragma_table_list where schema = 'temp' and name not like 'sqlite%'",
    ];
    const expected = ['[{"value":"new"}]', '[{"n":2}]', '[{"n":0}]', '[{"n":0}]'];
    const check = async (format = "") => {
      for (const [index, sql] of now.entries()) {
        const { text } = await ask(sql, format);
        if (format === "") expect(text).toContain(`"resultSet":${expected[index]}`);
        else expect(`[${text.trim()}]`).toBe(String(expected[index]));
      }
    };
    await check();
    const moment = `&at_timestamp=${at}`;
    for (const [more, status] of [
      ["&allow_gaps=true", 200],
      ["", 409],
      ["&explain=true", 200],
      ["&allow_gaps=true&format=ndjson", 200],
    ] as const) {
      expect(await ask(KEYS, moment + more)).toMatchObject({ status });
      await check();
      await check("&format=ndjson");
    }
    expect((await ask("select nothing from kv_store", moment)).status).toBe(400);
    await check();
  });

  test("reads and writes go on beside it, and it sees one state", async () => {
    await using server = await start();
    const { kv } = server;
    await Promise.all(Array.from({ length: 40 }, (_, key) => kv.set(`k${key}`, "0")));
    const at = server.tick();
    const writers = Array.from({ length: 40 }, (_, key) => kv.set(`k${key}`, "1"));
    const [sums] = await Promise.all([
      Promise.all(
        Array.from({ length: 6 }, () =>
          server.rows("select count(*) as n, sum(value) as total from kv_store", at),
        ),
      ),
      ...writers,
    ]);
    for (const sum of sums) expect(sum).toEqual([{ n: 40, total: 0 }]);
  });

  test("the deadline holds, and the log tells of it", async () => {
    await using server = await start();
    await server.kv.set("a", "1");
    const at = server.tick();
    const sql = `with recursive n(i) as (select 1 union all select i from n)
      select sum(i) from n join kv_store`;
    expect(await server.ask(sql, at, "&timeout=1")).toMatchObject({
      status: 503,
      body: { code: "REQUEST_TIMEOUT" },
    });
    expect(await server.rows(KEYS, at)).toHaveLength(1);
    const { body } = await server.json<{ entries: { sql: string; success: boolean }[] }>(
      "/history?db=t&limit=2",
    );
    expect(JSON.stringify(body)).toContain("join kv_store");
    expect(JSON.stringify(body)).toContain(KEYS);
  });
});

describe("with a limited token", () => {
  let server: TestServer;
  const tokens: Record<string, string> = {};
  let at: number;
  beforeAll(async () => {
    server = await startTestServer({ args: ["--token", ROOT_TOKEN], empty: true });
    await server.api("/db/create?path=t", asRoot({ method: "POST" }));
    const put = async (key: string, table: string, history = "") => {
      const path = `/kv/${key}?db=t&table=${table}${history}`;
      expect((await server.api(path, asRoot({ method: "PUT", body: '"v"' }))).status).toBe(200);
    };
    await put("a", "orders");
    await put("hidden", "secrets", "&history=false");
    at = server.clock.nowMs();
    server.clock.advance(1000);
    await put("b", "orders");
    await put("hidden", "secrets");
    for (const [name, limits] of Object.entries({
      orders: { tables: ["orders"] },
      keys: { prefixes: ["a"] },
      "keys of a table": { tables: ["orders"], prefixes: ["a"] },
      database: {},
    }))
      tokens[name] = (
        await makeToken(server, { databases: ["t"], level: "read", ...limits })
      ).token;
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const ask = async (name: string, sql: string, more = "") => {
    const path = `/query?db=t&sql=${escaped(sql)}${more}`;
    const response = await server.api(path, withToken(tokens[name] as string));
    const text = await response.text();
    return { status: response.status, body: JSON.parse(text) as Answer, text };
  };

  test("it sees what it sees in the present, and no more", async () => {
    const moment = `&at_timestamp=${at}&allow_gaps=true`;
    const forbidden = { status: 403, body: { code: "FORBIDDEN" } };
    expect(await ask("orders", "select key from orders", moment)).toMatchObject({
      status: 200,
      body: { resultSet: [{ key: "a" }] },
    });
    for (const more of ["", moment, `${moment}&explain=true`])
      for (const sql of [
        "select key from secrets",
        "select count(*) from secrets",
        "select count(*) from main.secrets",
        "select 1 from orders where exists (select 1 from secrets)",
        "with x as (select * from secrets_history) select 1 as one from x",
        "select count(*) from chronolite_relations",
      ]) {
        const answer = await ask("orders", sql, more);
        expect(answer).toMatchObject(forbidden);
        expect(answer.text).not.toContain("hidden");
      }
    for (const name of ["keys", "keys of a table"])
      for (const more of ["", moment])
        for (const sql of ["select key from orders", "select count(*) from orders"])
          expect(await ask(name, sql, more)).toMatchObject(forbidden);
    expect(await ask("database", "select key from secrets", moment)).toMatchObject({
      status: 200,
      body: { resultSet: [], gap_keys: ["hidden"] },
    });
  });
});
