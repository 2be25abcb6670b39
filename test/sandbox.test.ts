import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { startTestServer, type TestServer } from "./support/server.ts";
import { KNOWN_FUNCTIONS } from "./support/sqlite-functions.ts";

interface Answer {
  success: boolean;
  code: string;
  results: {
    success: boolean;
    code?: string;
    resultSet?: Record<string, unknown>[];
  }[];
  resultSet: Record<string, unknown>[];
}

let server: TestServer;
beforeAll(async () => {
  // One runner: what one request leaves behind, the next would meet.
  server = await startTestServer({ args: ["--runners", "1"] });
  using secret = new Database(server.folder.file("secret.db"), { create: true });
  secret.run("CREATE TABLE secrets(word); ");
  secret.run("INSERT INTO secrets VALUES('swordfish')");
  for (const table of ["kv_store", "second"])
    await server.api(`/kv/a?db=t&table=${table}`, { method: "PUT", body: "1" });
  await run({ statement: "CREATE TABLE mine(a)" });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Each item in one transaction. */
async function run(
  ...items: Record<string, unknown>[]
): Promise<{ status: number; body: Answer; text: string }> {
  const response = await server.api("/db?db=t", {
    method: "POST",
    body: JSON.stringify({ transaction: items }),
  });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text) as Answer, text };
}

async function query(sql: string): Promise<{ status: number; body: Answer; text: string }> {
  const response = await server.api(`/query?db=t&sql=${encodeURIComponent(sql)}`);
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text) as Answer, text };
}

async function rows(sql: string): Promise<Record<string, unknown>[]> {
  const { status, body } = await query(sql);
  expect(status).toBe(200);
  return body.resultSet;
}

const history = () => rows("SELECT * FROM kv_store_history ORDER BY seq");
const schema = () => rows("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'free%'");

describe.each<[string, (sql: string) => Promise<{ status: number; text: string }>]>([
  ["POST /db, as a query", (sql) => run({ query: sql })],
  ["POST /db, as a statement", (sql) => run({ statement: sql })],
  ["POST /db, after another statement", (sql) => run({ statement: `SELECT 1; ${sql}` })],
  ["POST /db, once per value set", (sql) => run({ statement: sql, valuesBatch: [[]] })],
  ["GET /query", (sql) => query(sql)],
])("%s", (_, attempt) => {
  test.each<[string, string]>([
    ["ATTACH", "ATTACH 'SECRET' AS s"],
    ["ATTACH DATABASE", "ATTACH DATABASE 'SECRET' AS s"],
    ["ATTACH in other letters", "aTtAcH 'SECRET' AS s"],
    ["ATTACH behind comments", "/* x */ -- y\n ATTACH/**/'SECRET'/**/AS s"],
    ["ATTACH of an expression", "ATTACH ('SECRET' || '') AS s"],
    ["ATTACH of a URI", "ATTACH 'file:SECRET?mode=ro' AS s"],
    ["ATTACH of memory", "ATTACH ':memory:' AS s"],
    ["ATTACH of a temporary file", "ATTACH '' AS s"],
    ["EXPLAIN ATTACH", "EXPLAIN ATTACH 'SECRET' AS s"],
    ["DETACH", "DETACH main"],
    ["VACUUM beside another statement", "VACUUM; SELECT 1"],
    ["VACUUM INTO", "VACUUM INTO 'TARGET'"],
    ["VACUUM main INTO", "VACUUM main INTO ('TARGET' || '')"],
    ["load_extension", "SELECT load_extension('x')"],
    ["load_extension in other letters", "SELECT LOAD_Extension('x', 'y')"],
    ["fts3_tokenizer, which tells an address", "SELECT hex(fts3_tokenizer('simple'))"],
    ["fts3_tokenizer, which takes an address", "SELECT fts3_tokenizer('evil', 'AAAAAAAA')"],
    [
      "fts3_tokenizer in a view",
      "CREATE TEMP VIEW x AS SELECT fts3_tokenizer('simple') AS p; SELECT p FROM x",
    ],
    ["PRAGMA writable_schema", "PRAGMA writable_schema = 1"],
    ["PRAGMA main.writable_schema", "PRAGMA main.writable_schema(RESET)"],
    ["PRAGMA temp_store_directory", "PRAGMA temp_store_directory = '/tmp'"],
    ["PRAGMA data_store_directory", "PRAGMA data_store_directory = '/tmp'"],
    ["PRAGMA hard_heap_limit", "PRAGMA hard_heap_limit = 0"],
    ["PRAGMA trusted_schema", "PRAGMA trusted_schema = 1"],
    ["PRAGMA journal_mode off WAL", "PRAGMA journal_mode = DELETE"],
    ["PRAGMA locking_mode", "PRAGMA locking_mode = EXCLUSIVE"],
    ["PRAGMA synchronous", "PRAGMA synchronous = OFF"],
    ["PRAGMA wal_checkpoint", "PRAGMA wal_checkpoint(TRUNCATE)"],
    ["PRAGMA schema_version", "PRAGMA schema_version = 1"],
    ["PRAGMA query_only", "PRAGMA query_only = 0"],
    ["PRAGMA mmap_size", "PRAGMA mmap_size = 1000000000"],
    ["BEGIN", "BEGIN"],
    ["BEGIN IMMEDIATE", "bEgIn IMMEDIATE"],
    ["COMMIT", "COMMIT"],
    ["END", "END TRANSACTION"],
    ["ROLLBACK", "/* x */ ROLLBACK"],
    ["SAVEPOINT", "SAVEPOINT s"],
    ["RELEASE", "RELEASE item"],
    ["ROLLBACK TO", "ROLLBACK TO item"],
    ["the schema table", "DELETE FROM sqlite_schema"],
    ["the schema table under its old name", "UPDATE sqlite_master SET sql = ''"],
    ["INSERT into the bookkeeping", "INSERT INTO chronolite_relations VALUES('x', 'kv', 1)"],
    ["UPDATE of the bookkeeping", "UPDATE chronolite_relations SET version = 99"],
    ["DELETE from the bookkeeping", "DELETE FROM Chronolite_Relations"],
    ["DROP of the bookkeeping", "DROP TABLE chronolite_relations"],
    ["ALTER of the bookkeeping", "ALTER TABLE chronolite_relations ADD COLUMN x"],
    ["an index on the bookkeeping", "CREATE INDEX x ON chronolite_relations(kind)"],
    ["a table with a name of ours", "CREATE TABLE chronolite_other(a)"],
    ["a view with a name of ours", "CREATE VIEW Chronolite_View AS SELECT 1"],
    ["a virtual table with a name of ours", "CREATE VIRTUAL TABLE chronolite_f USING fts5(a)"],
    ["RENAME of the bookkeeping", "ALTER TABLE chronolite_relations RENAME TO y"],
    ["INSERT into the history", "INSERT INTO kv_store_history(key, at_ms, op) VALUES('a', 1, 'X')"],
    ["UPDATE of the history", 'UPDATE "KV_Store_History" SET key = key'],
    ["UPDATE of the history, named main", "UPDATE main.kv_store_history SET key = key"],
    ["DELETE from the history", "DELETE FROM [kv_store_history]"],
    [
      "REPLACE into the history",
      "REPLACE INTO kv_store_history(seq, key, at_ms, op) VALUES(1, 'a', 1, 'X')",
    ],
    ["WITH … DELETE from the history", "WITH x AS (SELECT 1) DELETE FROM kv_store_history"],
    ["writes of a second table's history", "DELETE FROM second_history"],
    ["DROP of the history", "DROP TABLE kv_store_history"],
    ["DROP INDEX of the history", "DROP INDEX kv_store_history_op"],
    ["an index on the history", "CREATE UNIQUE INDEX x ON kv_store_history(op)"],
    ["DROP of an index that keys need", "DROP INDEX kv_store_expire"],
    ["ALTER of the history", "ALTER TABLE kv_store_history ADD COLUMN x"],
    ["RENAME of the history", "ALTER TABLE kv_store_history RENAME TO other"],
    ["RENAME COLUMN of the history", "ALTER TABLE kv_store_history RENAME COLUMN op TO oper"],
    [
      "a trigger on the history",
      "CREATE TRIGGER x AFTER INSERT ON kv_store_history BEGIN SELECT 1; END",
    ],
    [
      "a temporary trigger on the history",
      "CREATE TEMP TRIGGER x AFTER INSERT ON main.kv_store_history BEGIN SELECT 1; END",
    ],
  ])("refuses %s", async (_, sql) => {
    const target = server.folder.file("target.db");
    const filled = sql.replace("SECRET", server.folder.file("secret.db")).replace("TARGET", target);
    const before = [await history(), await schema()];
    const { status, text } = await attempt(filled);
    expect({ status, leaked: text.includes("swordfish") }).toEqual({ status: 400, leaked: false });
    expect([await history(), await schema()]).toEqual(before);
    expect(existsSync(target)).toBe(false);
  });
});

describe("the history", () => {
  test.each<[string, string]>([
    ["a trigger that writes it", "DELETE FROM kv_store_history"],
    ["a trigger that updates it", "UPDATE kv_store_history SET op = 'FORGED'"],
    [
      "a trigger that adds to it",
      "INSERT INTO kv_store_history(key, at_ms, op) VALUES('forged', 1, 'PUT')",
    ],
  ])("is not reached through %s", async (_, action) => {
    const before = await history();
    const { status } = await run(
      { statement: `CREATE TRIGGER forge AFTER INSERT ON mine BEGIN ${action}; END` },
      { statement: "INSERT INTO mine VALUES(1)" },
    );
    expect(status).toBe(400);
    // Nor when the trigger is made in one request and fires in the next.
    const made = await run({
      statement: `CREATE TRIGGER forge AFTER INSERT ON mine BEGIN ${action}; END`,
    });
    if (made.status === 200) {
      expect((await run({ statement: "INSERT INTO mine VALUES(1)" })).status).toBe(400);
      await run({ statement: "DROP TRIGGER forge" });
    }
    expect(await history()).toEqual(before);
  });

  test("is not reached through a view with an INSTEAD OF trigger", async () => {
    const before = await history();
    const { status } = await run(
      { statement: "CREATE VIEW door AS SELECT key FROM kv_store_history" },
      {
        statement:
          "CREATE TRIGGER door_d INSTEAD OF DELETE ON door BEGIN DELETE FROM kv_store_history; END",
      },
      { statement: "DELETE FROM door" },
    );
    expect(status).toBe(400);
    expect(await history()).toEqual(before);
  });

  test("is not reached through a foreign key that cascades", async () => {
    const before = await history();
    await run(
      { statement: "PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON" },
      { statement: "ALTER TABLE kv_store_history ADD COLUMN p REFERENCES mine ON DELETE CASCADE" },
    );
    expect(await history()).toEqual(before);
  });

  test("may be read", async () => {
    expect(await rows("SELECT op FROM kv_store_history WHERE key = 'a'")).toHaveLength(1);
    expect((await run({ query: "SELECT count(*) AS n FROM kv_store_history" })).status).toBe(200);
  });

  test("keeps working for the server after refused attacks", async () => {
    expect((await server.api("/kv/a?db=t", { method: "PUT", body: "2" })).status).toBe(200);
    expect(await rows("SELECT op FROM kv_store_history WHERE key = 'a'")).toHaveLength(2);
  });
});

describe("nothing reaches the next request", () => {
  test("a temporary table or view", async () => {
    expect((await run({ statement: "CREATE TEMP TABLE leak(a)" })).status).toBe(200);
    expect((await run({ statement: "CREATE TEMP VIEW leak2 AS SELECT 1" })).status).toBe(200);
    expect((await run({ query: "SELECT * FROM leak" })).status).toBe(400);
    expect((await query("SELECT * FROM leak2")).status).toBe(400);
    expect(await rows("SELECT count(*) AS n FROM sqlite_temp_schema")).toEqual([{ n: 0 }]);
  });

  test("a temporary table that shadows a real one", async () => {
    await run({ statement: "CREATE TEMP TABLE mine AS SELECT 'shadow' AS a" });
    expect(await rows("SELECT count(*) AS n FROM mine WHERE a = 'shadow'")).toEqual([{ n: 0 }]);
  });

  test.each<[string, string, string]>([
    ["case_sensitive_like", "PRAGMA case_sensitive_like = 1", "SELECT 'A' LIKE 'a' AS v"],
    [
      "foreign_keys",
      "PRAGMA foreign_keys = 1",
      "SELECT foreign_keys AS v FROM pragma_foreign_keys",
    ],
    [
      "recursive_triggers",
      "PRAGMA recursive_triggers = 1",
      "SELECT recursive_triggers AS v FROM pragma_recursive_triggers",
    ],
    [
      "defer_foreign_keys",
      "PRAGMA defer_foreign_keys = 1",
      "SELECT defer_foreign_keys AS v FROM pragma_defer_foreign_keys",
    ],
  ])("PRAGMA %s", async (_, pragma, look) => {
    const before = await rows(look);
    expect((await run({ statement: pragma })).status).toBe(200);
    expect(await rows(look)).toEqual(before);
    expect((await run({ query: look })).body.results[0]?.resultSet).toEqual(before);
  });

  test("an open transaction, after each way to fail", async () => {
    for (const broken of ["SELECT nothing", "INSERT INTO mine VALUES(1), (abs('x'), 2)", "COMMIT"])
      await run({ statement: "INSERT INTO mine VALUES('open')" }, { statement: broken });
    expect(await rows("SELECT count(*) AS n FROM mine WHERE a = 'open'")).toEqual([{ n: 0 }]);
    expect(
      (await server.api("/kv/after?db=t&timeout=1", { method: "PUT", body: "x" })).status,
    ).toBe(200);
  });

  test("changes(), total_changes() and last_insert_rowid()", async () => {
    await run({ statement: "INSERT INTO mine VALUES(1), (2)" });
    expect(
      await rows("SELECT changes() AS c, total_changes() AS t, last_insert_rowid() AS r"),
    ).toEqual([{ c: 0, t: 0, r: 0 }]);
  });
});

describe("functions", () => {
  test("fts3_tokenizer is refused with a bound parameter too, where SQLite has no switch for it", async () => {
    for (const item of [
      { query: "SELECT hex(fts3_tokenizer(?))", values: ["simple"] },
      { query: "SELECT fts3_tokenizer('evil', ?)", values: ["AAAAAAAA"] },
    ])
      expect((await run(item)).status).toBe(400);
    const values = encodeURIComponent('["simple"]');
    const sql = encodeURIComponent("SELECT hex(fts3_tokenizer(?))");
    expect((await server.api(`/query?db=t&sql=${sql}&values=${values}`)).status).toBe(400);
  });

  test("are all known: a new one of a new SQLite is judged before it is served", async () => {
    const names = (await rows("SELECT DISTINCT name FROM pragma_function_list ORDER BY name")).map(
      ({ name }) => name,
    );
    expect(names.join(" ")).toBe(KNOWN_FUNCTIONS);
  });

  test("modules, too", async () => {
    const names = (await rows("SELECT name FROM pragma_module_list ORDER BY name"))
      .map(({ name }) => String(name))
      // These come into the list only when they have been used.
      .filter((name) => !/^(pragma|json)_/.test(name));
    expect(names.join(" ")).toBe(
      "dbstat fts3 fts3tokenize fts4 fts4aux fts5 fts5vocab geopoly rtree rtree_i32",
    );
  });
});

describe("an R-Tree, which prepares its own writing statements when it is first used", () => {
  beforeAll(async () => {
    await run(
      { statement: "CREATE VIRTUAL TABLE boxes USING rtree(id, low, high)" },
      { statement: "INSERT INTO boxes VALUES (1, 2, 3)" },
    );
  });
  afterAll(async () => {
    await run({ statement: "DROP TABLE boxes" });
  });

  test("is read by a query, and by a request that only reads", async () => {
    const { status, body } = await query("SELECT * FROM boxes");
    expect(status).toBe(200);
    expect(body.resultSet).toEqual([{ id: 1, low: 2, high: 3 }]);
    expect(await rows("SELECT count(*) AS n FROM boxes WHERE low > 1")).toEqual([{ n: 1 }]);
  });

  test("is still not written by a query", async () => {
    for (const sql of [
      "DELETE FROM boxes RETURNING id",
      "UPDATE boxes SET low = 1 RETURNING id",
      "SELECT 1 FROM boxes, (SELECT 1); DELETE FROM boxes",
    ])
      expect((await query(sql)).status).toBe(400);
    expect(await rows("SELECT count(*) AS n FROM boxes")).toEqual([{ n: 1 }]);
  });

  test("can be tried: a dry run counts no rows of it, nor of the tables it keeps them in", async () => {
    const response = await server.api("/db?db=t&dry_run=true", {
      method: "POST",
      body: JSON.stringify({ transaction: [{ statement: "UPDATE boxes SET low = 1" }] }),
    });
    expect(await response.json()).toMatchObject({ changes: {}, uncounted: ["boxes"] });
  });
});

describe("the file system", () => {
  test.each<[string, string]>([
    ["readfile", "SELECT readfile('/etc/passwd')"],
    ["writefile", "SELECT writefile('target.db', 'x')"],
    ["fsdir", "SELECT * FROM fsdir('/')"],
    ["edit", "SELECT edit('x')"],
    ["a csv virtual table", "CREATE VIRTUAL TABLE x USING csv(filename='/etc/passwd')"],
    ["dbpage", "SELECT * FROM sqlite_dbpage"],
    ["fts3_tokenizer", "SELECT fts3_tokenizer('x', x'00')"],
  ])("is not reached through %s", async (_, sql) => {
    expect((await query(sql)).status).toBe(400);
    expect((await run({ query: sql })).status).toBe(400);
  });

  test("has no file that these tests did not make", () => {
    const names = readdirSync(server.folder.path).map((name) => name.replace(/-(wal|shm)$/, ""));
    expect([...new Set(names)].sort()).toEqual([".chronolite", "secret.db", "t.db"]);
  });
});
