/** What SQL of limited tokens reaches: the authorizer asks for every table, however it is come upon. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { asRoot, makeToken, ROOT_TOKEN, withToken } from "./support/access.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
/** Limited to tables. */
let reader: string;
let writer: string;
/** To keys. */
let keys: string;
/** To a database. */
let databaseReader: string;
let databaseWriter: string;

const SCHEMA = `
  create table mine (id integer primary key, a, secret_id references secret (id));
  create table secret (id integer primary key, value);
  insert into secret values (1, 'hidden');
  insert into mine values (1, 'shown', 1);
  create view mine_view as select a from mine;
  create view secret_view as select value as a from secret;
  create view nested_view as select a from secret_view;
  create table audited (a);
  create trigger audit after insert on audited begin insert into secret (value) values (new.a); end;
  create trigger peek after update on audited begin select value from secret; end;
  create table parent (id integer primary key);
  create table child (id integer primary key, parent references parent (id) on delete cascade);
  insert into parent values (1);
  insert into child values (1, 1);
  create virtual table docs using fts5 (body);
  insert into docs values ('hello world');
  create virtual table docs_secret using fts5 (body);
  insert into docs_secret values ('hidden words');
  create table json_each_copy (value);
  create table counted (id integer primary key autoincrement, a);
`;

beforeAll(async () => {
  server = await startTestServer({ args: ["--token", ROOT_TOKEN], empty: true });
  {
    using database = new Database(server.folder.file("t.db"), { create: true });
    database.run(SCHEMA);
  }
  await server.api("/kv/a?db=t", asRoot({ method: "PUT", body: '"one"' }));
  await server.api("/kv/b?db=t&table=orders", asRoot({ method: "PUT", body: '"two"' }));
  const tables = [
    "mine",
    "mine_view",
    "secret_view",
    "nested_view",
    "audited",
    "parent",
    "docs",
    "counted",
    "orders",
  ];
  const limited = { databases: ["t"], tables };
  reader = (await makeToken(server, { ...limited, level: "read" })).token;
  writer = (await makeToken(server, { ...limited, level: "write" })).token;
  databaseReader = (await makeToken(server, { databases: ["t"], level: "read" })).token;
  databaseWriter = (await makeToken(server, { databases: ["t"], level: "write" })).token;
  keys = (await makeToken(server, { databases: ["t"], prefixes: ["a"], level: "write" })).token;
});
afterAll(() => server[Symbol.asyncDispose]());

interface Answer {
  status: number;
  code: string | undefined;
  rows: unknown[] | undefined;
  text: string;
}

async function query(token: string, sql: string): Promise<Answer> {
  const response = await server.api(`/query?db=t&sql=${encodeURIComponent(sql)}`, withToken(token));
  const text = await response.text();
  const body = JSON.parse(text) as { code?: string; resultSet?: unknown[] };
  return { status: response.status, code: body.code, rows: body.resultSet, text };
}

async function transact(token: string, ...statements: string[]): Promise<Answer> {
  const response = await server.api(
    "/db?db=t",
    withToken(token, {
      method: "POST",
      body: JSON.stringify({ transaction: statements.map((statement) => ({ statement })) }),
    }),
  );
  const text = await response.text();
  const body = JSON.parse(text) as { code?: string; results?: unknown[] };
  return { status: response.status, code: body.code, rows: body.results, text };
}

const refused = { status: 403, code: "FORBIDDEN" };

describe("reading with limited tables", () => {
  test.each([
    "select a from mine",
    "select count(*) from mine",
    "select a from mine_view",
    "select 1 as one",
    "with x as (select a from mine) select a from x",
    "select value from json_each('[1,2]')",
    "select m.a from mine m join json_each('[1]') j on true",
    "select body from docs where docs match 'hello'",
    "select name from pragma_table_info('mine')",
    "select value from orders",
    "select op from orders_history",
    "select A from MINE",
  ])("%s: allowed", async (sql) => {
    expect(await query(reader, sql)).toMatchObject({ status: 200 });
    expect(await transact(reader, sql)).toMatchObject({ status: 200 });
  });

  test.each([
    "select value from secret",
    "select count(*) from secret",
    "select 1 from secret",
    "select rowid from secret",
    "select 1 where exists (select 1 from secret)",
    "select (select value from secret) as v",
    "select a from mine union all select value from secret",
    "select a from mine where id in (select id from secret)",
    "with x as (select value from secret) select value from x",
    "select a from mine order by (select value from secret)",
    "select a from secret_view",
    "select a from nested_view",
    "select value from main.secret",
    'select value from "SECRET"',
    "select value from kv_store",
    "select value from kv_store_history",
    "select name from chronolite_relations",
    "select body from docs_secret where docs_secret match 'words'",
    "select body from docs_secret",
    "select c0 from docs_secret_content",
    "select sql from sqlite_schema",
    "select sql from sqlite_master",
    "select * from sqlite_temp_schema",
    "select name from pragma_table_list",
    "select name from pragma_table_info('secret')",
    "select name from pragma_index_list('secret')",
    "select file from pragma_database_list",
    "select * from sqlite_sequence",
    "select * from dbstat",
    "explain query plan select value from secret",
  ])("%s: refused, and not told", async (sql) => {
    const answer = await query(reader, sql);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.text).not.toContain("hidden");
    const inTransaction = await transact(reader, sql);
    expect(inTransaction.status).toBeGreaterThanOrEqual(400);
    expect(inTransaction.status).toBeLessThan(500);
  });

  test("a refused table is 403 with a hint, also where the item may fail", async () => {
    expect(await query(reader, "select value from secret")).toMatchObject(refused);
    expect(await transact(reader, "select value from secret")).toMatchObject(refused);
    const { body } = await server.json<{ results: { code: string }[] }>(
      "/db?db=t",
      withToken(reader, {
        method: "POST",
        body: JSON.stringify({ transaction: [{ query: "select * from secret", noFail: true }] }),
      }),
    );
    expect(body.results[0]?.code).toBe("FORBIDDEN");
  });

  test.each([
    "pragma table_list",
    "pragma table_info(secret)",
    "pragma database_list",
    "pragma integrity_check",
    "pragma foreign_key_check",
    "pragma user_version",
  ])("%s: refused", async (sql) => {
    expect(await transact(reader, sql)).toMatchObject(refused);
    expect(await transact(writer, sql)).toMatchObject(refused);
  });
});

describe("a token that may only read", () => {
  test.each([
    "insert into mine (a) values (1)",
    "update mine set a = 1",
    "delete from mine",
    "delete from mine returning a",
    "with x as (select 1) insert into mine (a) select * from x",
    "create table made (a)",
    "create temp table made (a)",
    "drop table mine",
    "pragma user_version = 7",
    "pragma journal_mode = delete",
    "vacuum",
    "analyze",
    "reindex",
  ])("%s: refused, nothing is written", async (sql) => {
    for (const token of [reader, databaseReader]) {
      const answer = await transact(token, "select 1", sql);
      expect({ sql, ok: answer.status >= 400 && answer.status < 500 }).toEqual({ sql, ok: true });
    }
    expect((await query(databaseReader, "select a from mine")).rows).toEqual([{ a: "shown" }]);
  });

  test("writing is 403, not a fault of the SQL", async () => {
    expect(await transact(databaseReader, "delete from mine")).toMatchObject(refused);
  });

  test("reads all of its database: tables, keys, the schema", async () => {
    for (const sql of [
      "select value from secret",
      "select a from secret_view",
      "select value from kv_store",
      "select count(*) from sqlite_schema",
    ])
      expect(await query(databaseReader, sql)).toMatchObject({ status: 200 });
  });
});

describe("writing with limited tables", () => {
  test.each([
    "insert into mine (a) values ('x') returning id",
    "update mine set a = upper(a) where id > 1",
    "delete from mine where id > 1",
    "insert into docs values ('more words')",
    "insert into counted (a) values (1)",
    "pragma foreign_keys = on; insert into counted (a) values (2)",
  ])("%s: allowed", async (sql) => {
    expect(await transact(writer, sql)).toMatchObject({ status: 200 });
  });

  test.each([
    "insert into secret (value) values (1)",
    "update secret set value = 1",
    "delete from secret",
    "insert into mine (a) select value from secret",
    "update mine set a = (select value from secret)",
    "update mine set a = s.value from secret s",
    "delete from mine where exists (select 1 from secret)",
    "insert into mine (a) values (1) returning (select value from secret)",
    // Through triggers and foreign keys.
    "insert into audited values (1)",
    "update audited set a = 1",
    "pragma foreign_keys = on; delete from parent",
    "pragma foreign_keys = on; insert into mine (a, secret_id) values (1, 1)",
    // The schema.
    "create table made (a)",
    "create temp table made as select 1",
    "create view made as select value from secret",
    "create temp view made as select value from secret",
    "create trigger made after insert on mine begin select 1; end",
    "create index made on mine (a)",
    "create virtual table made using fts5 (a)",
    "drop table mine",
    "alter table mine rename to theirs",
    "alter table mine add column b",
    "analyze",
    "analyze mine",
    "reindex",
    "vacuum",
    "pragma user_version = 7",
    "pragma optimize",
  ])("%s: refused, nothing is written", async (sql) => {
    const count = async () =>
      (await query(databaseReader, "select count(*) as n, max(a) as a from mine")).rows;
    const before = await count();
    expect(await transact(writer, "insert into mine (a) values ('undone')", sql)).toMatchObject({
      code: expect.stringMatching(/^(FORBIDDEN|SQL_ERROR)$/),
    });
    expect(await count()).toEqual(before);
    const secret = await query(databaseReader, "select id, value from secret");
    expect(secret.rows).toEqual([{ id: 1, value: "hidden" }]);
  });

  test("a token for the database may do all of that", async () => {
    for (const sql of [
      "insert into audited values ('from the trigger'); delete from secret where id > 1",
      "create table made (a); drop table made",
    ])
      expect(await transact(databaseWriter, sql)).toMatchObject({ status: 200 });
  });
});

describe("a token that is limited to keys", () => {
  test("has no SQL on any table", async () => {
    for (const sql of [
      "select * from kv_store",
      "select * from mine",
      "select * from kv_store_history",
    ])
      expect(await query(keys, sql)).toMatchObject(refused);
    expect(await transact(keys, "delete from kv_store")).toMatchObject(refused);
    expect(await query(keys, "select 1 as one")).toMatchObject({ status: 200 });
  });

  test("has SQL on the tables it names, if they hold no keys", async () => {
    const { token } = await makeToken(server, {
      databases: ["t"],
      tables: ["mine", "kv_store", "orders", "kv_store_history"],
      prefixes: ["a"],
      level: "write",
    });
    expect(await query(token, "select a from mine")).toMatchObject({ status: 200 });
    for (const table of ["kv_store", "kv_store_history", "orders", "secret"])
      expect(await query(token, `select * from ${table}`)).toMatchObject(refused);
    expect((await server.api("/kv/a?db=t", withToken(token))).status).toBe(200);
  });
});

describe("what tells of tables", () => {
  interface Schema {
    objects: { name: string }[];
  }

  test("the schema shows a limited token its own tables, and has a tag of its own", async () => {
    const all = await server.api("/db/schema?db=t", asRoot());
    const own = await server.api("/db/schema?db=t", withToken(reader));
    const names = ((await own.json()) as Schema).objects.map(({ name }) => name);
    expect(names).toContain("mine");
    expect(names).toContain("orders_history");
    for (const hidden of ["secret", "child", "kv_store", "docs_secret", "chronolite_relations"])
      expect(names).not.toContain(hidden);
    const tag = all.headers.get("etag") ?? "";
    const again = await server.api(
      "/db/schema?db=t",
      withToken(reader, { headers: { "if-none-match": tag } }),
    );
    expect(again.status).toBe(200);
    const same = await server.api(
      "/db/schema?db=t",
      withToken(reader, { headers: { "if-none-match": own.headers.get("etag") ?? "" } }),
    );
    expect(same.status).toBe(304);
    const none = (await (await server.api("/db/schema?db=t", withToken(keys))).json()) as Schema;
    expect(none.objects).toEqual([]);
  });

  test("dry_run counts rows of the tables it may write", async () => {
    const dryRun = async (token: string, statement: string) =>
      server.json<{ changes: object }>(
        "/db?db=t&dry_run=true",
        withToken(token, {
          method: "POST",
          body: JSON.stringify({ transaction: [{ statement }] }),
        }),
      );
    const allowed = await dryRun(writer, "insert into mine (a) values ('dry')");
    expect(allowed).toMatchObject({ status: 200, body: { changes: { mine: { inserted: 1 } } } });
    expect((await dryRun(writer, "insert into secret (value) values (1)")).status).toBe(403);
    expect((await dryRun(reader, "insert into mine (a) values (1)")).status).toBe(403);
  });

  test("plans and other formats are refused as the query is", async () => {
    for (const more of ["explain=true", "format=csv", "format=ndjson", "format=html"]) {
      const url = `/query?db=t&${more}&sql=${encodeURIComponent("select value from secret")}`;
      const response = await server.api(url, withToken(reader));
      expect({ more, status: response.status }).toEqual({ more, status: 403 });
      expect(await response.text()).not.toContain("hidden");
    }
  });

  test("the list of databases shows a limited token its own", async () => {
    await server.api("/db/create?path=other", asRoot({ method: "POST" }));
    const list = async (token: string) =>
      (
        await server.json<{ databases: { name: string }[] }>("/db/list", withToken(token))
      ).body.databases.map(({ name }) => name);
    expect(await list(reader)).toEqual(["t.db"]);
    expect((await list(ROOT_TOKEN)).toSorted()).toEqual(["other.db", "t.db"]);
  });

  test("an administrator copies to names that it administers", async () => {
    const { token } = await makeToken(server, { databases: ["t", "copy-*"], level: "admin" });
    const copy = async (dest_path: string) =>
      (
        await server.api(
          "/maintenance?db=t",
          withToken(token, {
            method: "POST",
            body: JSON.stringify({ op: "vacuum_into", dest_path }),
          }),
        )
      ).status;
    expect(await copy("other2")).toBe(403);
    expect(await copy("copy-1")).toBe(200);
  });
});
