import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";
import { type Item, SqlClient } from "./support/sql.ts";

let server: TestServer;
let sql: SqlClient;
beforeAll(async () => {
  server = await startTestServer({ args: ["--runners", "1"] });
  sql = new SqlClient(server);
  await sql.run(
    "CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
    "CREATE TABLE book(title, author REFERENCES author ON DELETE CASCADE)",
    "CREATE TABLE late(author REFERENCES author DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TABLE audit(what)",
    "CREATE TRIGGER author_audit AFTER UPDATE ON author BEGIN INSERT INTO audit VALUES(new.name); END",
    "CREATE TABLE pair(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID",
    'CREATE TABLE "odd ""name"(v)',
    "CREATE VIRTUAL TABLE search USING fts5(body)",
    "CREATE VIEW names AS SELECT name FROM author",
    "CREATE TRIGGER names_insert INSTEAD OF INSERT ON names BEGIN INSERT INTO author(name) VALUES(new.name); END",
    "INSERT INTO author VALUES(1, 'Ada'), (2, 'Bob'), (3, 'Cyd')",
    "INSERT INTO book VALUES('x', 1), ('y', 1), ('z', 2)",
    "INSERT INTO pair VALUES(1, 1), (1, 2)",
  );
  await server.api("/kv/a?db=t", { method: "PUT", body: "1" });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Everything in the file that a caller can see. */
async function state(): Promise<unknown> {
  const { body } = await sql.post([
    { query: "SELECT type, name, sql FROM sqlite_schema" },
    ...["author", "book", "late", "audit", "pair", '"odd ""name"', "search", "kv_store"].map(
      (table) => ({ query: `SELECT * FROM ${table}` }),
    ),
  ]);
  return body;
}

const statements = (...all: string[]): Item[] => all.map((statement) => ({ statement }));
const counts = (inserted: number, updated: number, deleted: number) => ({
  inserted,
  updated,
  deleted,
});

describe("dry_run=true", () => {
  test.each<[string, Item[], object]>([
    ["nothing", statements("SELECT 1"), {}],
    ["nothing, by a write that finds no rows", statements("DELETE FROM author WHERE id = 99"), {}],
    [
      "inserts",
      statements("INSERT INTO author(name) VALUES('Dan'), ('Eve')"),
      { author: counts(2, 0, 0) },
    ],
    [
      "updates, and what a trigger inserts for them",
      statements("UPDATE author SET name = name || '!' WHERE id < 3"),
      { author: counts(0, 2, 0), audit: counts(2, 0, 0) },
    ],
    ["deletes of everything", statements("DELETE FROM book"), { book: counts(0, 0, 3) }],
    [
      "cascades, where foreign keys are enforced",
      statements("PRAGMA foreign_keys = ON", "DELETE FROM author WHERE id = 1"),
      { author: counts(0, 0, 1), book: counts(0, 0, 2) },
    ],
    [
      "no cascades, where they are not",
      statements("DELETE FROM author WHERE id = 1"),
      { author: counts(0, 0, 1) },
    ],
    [
      "REPLACE: the rows that it deletes too",
      statements("REPLACE INTO author VALUES(1, 'Bob')"),
      { author: counts(1, 0, 2) },
    ],
    [
      "UPDATE OR REPLACE",
      statements("UPDATE OR REPLACE author SET name = 'Ada' WHERE id = 3"),
      { author: counts(0, 1, 1), audit: counts(1, 0, 0) },
    ],
    [
      "an upsert",
      statements(
        "INSERT INTO author VALUES(1, 'x'), (9, 'y') ON CONFLICT(id) DO UPDATE SET name = excluded.name",
      ),
      { author: counts(1, 1, 0), audit: counts(1, 0, 0) },
    ],
    [
      "INSERT OR IGNORE",
      statements("INSERT OR IGNORE INTO author VALUES(1, 'x'), (9, 'y')"),
      { author: counts(1, 0, 0) },
    ],
    [
      "a view's INSTEAD OF trigger",
      statements("INSERT INTO names VALUES('Zoe')"),
      { author: counts(1, 0, 0) },
    ],
    [
      "a table WITHOUT ROWID",
      statements("UPDATE pair SET b = b + 10", "DELETE FROM pair WHERE b = 11"),
      { pair: counts(0, 2, 1) },
    ],
    [
      "a table with an odd name",
      statements('INSERT INTO "odd ""name" VALUES(1)'),
      { 'odd "name': counts(1, 0, 0) },
    ],
    [
      "the keys of the key-value table",
      statements("DELETE FROM kv_store"),
      { kv_store: counts(0, 0, 1) },
    ],
    [
      "a valuesBatch",
      [{ statement: "INSERT INTO book VALUES(?, 1)", valuesBatch: [[1], [2], [3]] }],
      { book: counts(3, 0, 0) },
    ],
    [
      "not what a failed noFail item did",
      [
        { statement: "DELETE FROM book; INSERT INTO author VALUES(1, 'again')", noFail: true },
        { statement: "INSERT INTO book VALUES('new', 2)" },
      ],
      { book: counts(1, 0, 0) },
    ],
    [
      "all rows of a table that it makes",
      statements("CREATE TABLE made AS SELECT * FROM author", "DELETE FROM made WHERE id = 1"),
      { made: counts(2, 0, 0) },
    ],
    ["all rows of a table that it drops", statements("DROP TABLE book"), { book: counts(0, 0, 3) }],
    [
      "a table that is replaced",
      statements(
        "INSERT INTO book VALUES('w', 3)",
        "CREATE TABLE book2 AS SELECT title FROM book LIMIT 1",
        "DROP TABLE book",
        "ALTER TABLE book2 RENAME TO book",
      ),
      { book: counts(1, 0, 3) },
    ],
    [
      "nothing, for a table that is only renamed",
      statements("ALTER TABLE audit RENAME TO log"),
      {},
    ],
    [
      "what happens to a table after it was renamed",
      statements("ALTER TABLE audit RENAME TO log", "INSERT INTO log VALUES(1)"),
      { log: counts(1, 0, 0) },
    ],
    [
      "a new table on the page of a dropped one",
      statements("DROP TABLE book", "CREATE TABLE tome(a)", "INSERT INTO tome VALUES(1)"),
      { book: counts(0, 0, 3), tome: counts(1, 0, 0) },
    ],
    [
      "a table under its new name",
      statements("INSERT INTO audit VALUES(1)", "ALTER TABLE audit RENAME TO log"),
      { log: counts(1, 0, 0) },
    ],
    [
      "no rows for a column that is added or dropped",
      statements(
        "ALTER TABLE book ADD COLUMN year DEFAULT 0",
        "ALTER TABLE book DROP COLUMN title",
      ),
      {},
    ],
    [
      "no temporary tables",
      statements("CREATE TEMP TABLE scratch(a)", "INSERT INTO scratch VALUES(1)"),
      {},
    ],
  ])("counts %s, and leaves the file as it was", async (_, items, changes) => {
    const before = await state();
    const body = await sql.commit(items, "&dry_run=true");
    expect(body).toMatchObject({ success: true, dry_run: true });
    expect(body.changes).toEqual(changes as never);
    expect(await state()).toEqual(before);
  });

  test("answers each item as the real run does", async () => {
    const items = [
      { statement: "INSERT INTO audit VALUES('a'), ('b')" },
      { query: "SELECT count(*) AS n, last_insert_rowid() AS id FROM audit" },
      { statement: "UPDATE audit SET what = 'c' RETURNING what" },
      { statement: "INSERT INTO audit VALUES(?)", valuesBatch: [[1], [2]] },
    ];
    const { results: dry } = await sql.commit(items, "&dry_run=yes");
    const { results: real, dry_run } = await sql.commit(items, "&dry_run=no");
    expect(dry).toEqual(real);
    expect(dry_run).toBeUndefined();
    await sql.run("DELETE FROM audit");
  });

  test("says which tables it cannot count: virtual ones", async () => {
    const body = await sql.commit(statements("INSERT INTO search VALUES('word')"), "&dry_run=true");
    expect(body).toMatchObject({ changes: {}, uncounted: ["search"] });
    expect(await sql.rows("SELECT * FROM search")).toEqual([]);
  });

  test("lists what becomes of the schema", async () => {
    const body = await sql.commit(
      statements(
        "CREATE TABLE fresh(a)",
        "CREATE INDEX fresh_a ON fresh(a)",
        "DROP VIEW names",
        "ALTER TABLE late ADD COLUMN note",
      ),
      "&dry_run=true",
    );
    expect(body.changes).toEqual({});
    expect(
      body.schema_changes?.map(({ change, type, name }) => `${change} ${type} ${name}`).sort(),
    ).toEqual([
      "changed table late",
      "created index fresh_a",
      "created table fresh",
      "dropped trigger names_insert",
      "dropped view names",
    ]);
  });

  test.each<[string, Item[], string, number]>([
    ["a constraint", statements("INSERT INTO author VALUES(1, 'x')"), "SQL_CONSTRAINT", 0],
    [
      "SQL that SQLite rejects",
      statements("DELETE FROM audit", "DELETE FROM missing"),
      "SQL_ERROR",
      1,
    ],
    [
      "a deferred foreign key, which only the commit would find",
      statements("PRAGMA foreign_keys = ON", "INSERT INTO late VALUES(77)"),
      "SQL_CONSTRAINT",
      -1,
    ],
    ["VACUUM", statements("VACUUM"), "INVALID_PARAMETERS", -1],
  ])("fails as the real run would: %s", async (_, items, code, reqIdx) => {
    const before = await state();
    const { body } = await sql.post(items, "&dry_run=true");
    expect({ success: body.success, code: body.code, reqIdx: body.reqIdx }).toEqual({
      success: false,
      code,
      reqIdx,
    });
    expect(await state()).toEqual(before);
  });

  test("does not hold the write turn afterwards", async () => {
    await sql.commit(statements("DELETE FROM author"), "&dry_run=true");
    expect((await server.api("/kv/b?db=t&timeout=1", { method: "PUT", body: "2" })).status).toBe(
      200,
    );
  });

  test("must be true or false", async () => {
    const { status, body } = await sql.post(statements("SELECT 1"), "&dry_run=maybe");
    expect({ status, code: body.code }).toEqual({ status: 400, code: "INVALID_PARAMETERS" });
  });
});
