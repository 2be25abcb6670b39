import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";

type Item = Record<string, unknown>;

interface Result {
  success: boolean;
  rowsUpdated?: number;
  rowsUpdatedBatch?: number[];
  resultHeaders?: string[];
  resultSet?: Record<string, unknown>[];
  resultSetList?: unknown[][];
  truncated?: true;
  rowErrors?: string[];
  error?: string;
  code?: string;
}

interface Answer {
  success: boolean;
  results: Result[];
  statusCode: number;
  code: string;
  error: string;
  message: string;
  reqIdx: number;
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Posts a raw body. */
async function post(body: string, query = "db=t"): Promise<{ status: number; text: string }> {
  const response = await server.api(`/db?${query}`, { method: "POST", body });
  return { status: response.status, text: await response.text() };
}

/** Posts items; the answer as JSON. */
async function transaction(
  items: unknown,
  extra: Item = {},
): Promise<{ status: number; body: Answer }> {
  const { status, text } = await post(JSON.stringify({ transaction: items, ...extra }));
  return { status, body: JSON.parse(text) as Answer };
}

/** Posts items that must succeed. */
async function commit(items: readonly Item[], extra: Item = {}): Promise<Result[]> {
  const { status, body } = await transaction(items, extra);
  expect(body).toMatchObject({ success: true });
  expect(status).toBe(200);
  return body.results;
}

/** Rows of one query. */
async function rows(query: string, values?: unknown): Promise<Record<string, unknown>[]> {
  const [result] = await commit([{ query, ...(values === undefined ? {} : { values }) }]);
  return result?.resultSet ?? [];
}

/** A name that no other test uses. */
let tables = 0;
async function freshTable(columns: string): Promise<string> {
  tables += 1;
  const name = `t${tables}`;
  await commit([{ statement: `CREATE TABLE ${name}(${columns})` }]);
  return name;
}

const numbersUpTo = (count: number) =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT i FROM n`;

describe("POST /db: documented examples", () => {
  test("inserts and selects in one request", async () => {
    const table = await freshTable("id INTEGER PRIMARY KEY, name TEXT, email TEXT");
    const results = await commit([
      {
        statement: `INSERT INTO ${table}(name, email) VALUES(?, ?)`,
        values: ["Ada", "ada@example.com"],
      },
      { query: `SELECT email FROM ${table} WHERE name = :name`, values: { name: "Ada" } },
    ]);
    expect(results).toEqual([
      { success: true, rowsUpdated: 1 },
      {
        success: true,
        resultHeaders: ["email"],
        resultSet: [{ email: "ada@example.com" }],
      },
    ]);
  });

  test.each<[string, Record<string, string>]>([
    ["application/json", { "content-type": "application/json" }],
    ["application/json with charset", { "content-type": "application/json; charset=utf-8" }],
    ["no header given to fetch", {}],
    ["curl -d", { "content-type": "application/x-www-form-urlencoded" }],
    ["multipart without a boundary", { "content-type": "multipart/form-data" }],
    ["octets", { "content-type": "application/octet-stream" }],
    ["nonsense", { "content-type": "no type at all" }],
  ])("parses a JSON body sent as %s", async (_, headers) => {
    const { status, body } = await server.json<Answer>("/db?db=t", {
      method: "POST",
      headers,
      body: '{"transaction":[{"query":"SELECT 1 AS one"}]}',
    });
    expect({ status, rows: body.results[0]?.resultSet }).toEqual({
      status: 200,
      rows: [{ one: 1 }],
    });
  });

  test("parses a JSON body that comes without any Content-Type", async () => {
    const { status, body } = await server.json<Answer>("/db?db=t", {
      method: "POST",
      body: Buffer.from('{"transaction":[{"query":"SELECT 1 AS one"}]}'),
    });
    expect({ status, rows: body.results[0]?.resultSet }).toEqual({
      status: 200,
      rows: [{ one: 1 }],
    });
  });

  test("answers with Content-Type application/json", async () => {
    const response = await server.api("/db?db=t", {
      method: "POST",
      body: '{"transaction":[{"query":"SELECT 1"}]}',
    });
    expect(response.headers.get("content-type")).toBe("application/json");
  });

  test("takes text in double quotes as a literal where no column has that name", async () => {
    const table = await freshTable("status TEXT");
    await commit([{ statement: `INSERT INTO ${table} VALUES('pending'), ('done')` }]);
    expect(await rows(`SELECT COUNT(*) AS n FROM ${table} WHERE status = "pending"`)).toEqual([
      { n: 1 },
    ]);
  });

  test("lists the keys of the key-value table", async () => {
    await server.api("/kv/user:1?db=t", { method: "PUT", body: "x" });
    expect(
      await rows("SELECT key FROM kv_store WHERE key LIKE 'user:%' ORDER BY key LIMIT 100"),
    ).toEqual([{ key: "user:1" }]);
  });
});

describe("POST /db: values", () => {
  test.each<[string, string, unknown, unknown]>([
    ["positional ?", "SELECT ? AS a, ? AS b", [1, "x"], { a: 1, b: "x" }],
    ["numbered ?NNN", "SELECT ?2 AS a, ?1 AS b, ?2 AS c", ["one", 2], { a: 2, b: "one", c: 2 }],
    ["? after ?NNN", "SELECT ?1 AS a, ? AS b", [1, 2], { a: 1, b: 2 }],
    ["? before ?NNN", "SELECT ? AS a, ?1 AS b, ? AS c", [1, 2], { a: 1, b: 1, c: 2 }],
    ["? beside a name, by place", "SELECT :a AS a, ? AS b", [1, 2], { a: 1, b: 2 }],
    [":a", "SELECT :a AS v", { a: 7 }, { v: 7 }],
    ["@a", "SELECT @a AS v", { a: 7 }, { v: 7 }],
    ["$a", "SELECT $a AS v", { a: 7 }, { v: 7 }],
    ["a name with its prefix", "SELECT :a AS v", { ":a": 7 }, { v: 7 }],
    ["one name twice", "SELECT :a AS v, :a + 1 AS w", { a: 7 }, { v: 7, w: 8 }],
    [
      "one name, three prefixes",
      "SELECT :a AS v, @a AS w, $a AS x",
      { a: 7 },
      { v: 7, w: 7, x: 7 },
    ],
    ["names by place", "SELECT :a AS v, :b AS w", [1, 2], { v: 1, w: 2 }],
    ["names like parts of objects", "SELECT :toString AS v", { toString: 1 }, { v: 1 }],
    ["__proto__ as a name", "SELECT :__proto__ AS v", JSON.parse('{"__proto__":1}'), { v: 1 }],
    ["true and false", "SELECT ? AS t, ? AS f", [true, false], { t: 1, f: 0 }],
    ["null", "SELECT ? IS NULL AS v", [null], { v: 1 }],
    ["an integer as INTEGER", "SELECT typeof(?) AS v", [1], { v: "integer" }],
    ["a fraction as REAL", "SELECT typeof(?) AS v", [1.5], { v: "real" }],
    ["text", "SELECT ? AS v", ["Ünï 🎈 'quoted'"], { v: "Ünï 🎈 'quoted'" }],
    ["null for the whole set", "SELECT 1 AS v", null, { v: 1 }],
    ["a ? inside a literal", "SELECT '?' || ? AS v", ["!"], { v: "?!" }],
    ["a :name inside a comment", "SELECT /* :no */ :a AS v -- :no", { a: 1 }, { v: 1 }],
    ["a :name inside a quoted name", 'SELECT :a AS ":b"', { a: 1 }, { ":b": 1 }],
    ["[brackets] with a ?", "SELECT ? AS [a?]", [1], { "a?": 1 }],
  ])("binds %s", async (_, query, values, row) => {
    expect(await rows(query, values)).toEqual([row as Record<string, unknown>]);
  });

  test("understands params as another name of values, and sql of statement", async () => {
    const table = await freshTable("a");
    const results = await commit([
      { sql: `INSERT INTO ${table} VALUES(?)`, params: [5] },
      { query: `SELECT a FROM ${table} WHERE a = :a`, params: { a: 5 } },
    ]);
    expect(results[0]).toEqual({ success: true, rowsUpdated: 1 });
    expect(results[1]?.resultSet).toEqual([{ a: 5 }]);
  });

  test("shares named values between the statements of an item", async () => {
    const table = await freshTable("a, b");
    await commit([
      {
        statement: `INSERT INTO ${table} VALUES(:a, 0); UPDATE ${table} SET b = :b WHERE a = :a`,
        values: { a: 1, b: 2 },
      },
    ]);
    expect(await rows(`SELECT * FROM ${table}`)).toEqual([{ a: 1, b: 2 }]);
  });

  test("deals positional values out to the statements of an item in order", async () => {
    const table = await freshTable("a, b");
    await commit([
      {
        statement: `INSERT INTO ${table} VALUES(?, ?); UPDATE ${table} SET b = ? WHERE a = ?`,
        values: [1, 2, 3, 1],
      },
    ]);
    expect(await rows(`SELECT * FROM ${table}`)).toEqual([{ a: 1, b: 3 }]);
  });

  test.each<[string, string, unknown]>([
    ["a nested array", "SELECT ?", [[1]]],
    ["a nested object", "SELECT :a", { a: { b: 1 } }],
    ["a missing positional value", "SELECT ?, ?", [1]],
    ["a missing named value", "SELECT :a, :b", { a: 1 }],
    ["no values at all", "SELECT ?", undefined],
    ["a surplus positional value", "SELECT ?", [1, 2]],
    ["a surplus named value", "SELECT :a", { a: 1, b: 2 }],
    ["values without a parameter", "SELECT 1", [1]],
    ["a name in other letters", "SELECT :a", { A: 1 }],
    ["an object for a plain ?", "SELECT ?", { a: 1 }],
    ["values that are a number", "SELECT 1", 5],
    ["values that are a string", "SELECT 1", "a"],
    ["values that are a boolean", "SELECT 1", false],
    ["values missing for the second statement", "SELECT ?; SELECT ?", [1]],
  ])("answers 400 SQL_BIND_ERROR for %s", async (_, query, values) => {
    const { status, body } = await transaction([{ query: "SELECT 1" }, { query, values }]);
    expect({ status, code: body.code, reqIdx: body.reqIdx }).toEqual({
      status: 400,
      code: "SQL_BIND_ERROR",
      reqIdx: 1,
    });
  });

  test("runs nothing of an item with several statements when a value is missing or left over", async () => {
    const table = await freshTable("a");
    for (const values of [[1], [1, 2, 3]]) {
      const { status } = await transaction([
        { statement: `INSERT INTO ${table} VALUES(?); INSERT INTO ${table} VALUES(?)`, values },
      ]);
      expect(status).toBe(400);
    }
    expect(await rows(`SELECT count(*) AS n FROM ${table}`)).toEqual([{ n: 0 }]);
  });
});

describe("POST /db: exact values", () => {
  test.each([
    "9007199254740993",
    "-9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "1234567890123456789",
  ])("keeps every digit of %s, in and out", async (digits) => {
    const { text } = await post(
      `{"transaction":[{"query":"SELECT ? AS v, typeof(?) AS t, :n AS n","values":[${digits},${digits},${digits}]}]}`,
    );
    expect(text).toContain(`[{"v":${digits},"t":"integer","n":${digits}}]`);
    const literal = await post(`{"transaction":[{"query":"SELECT ${digits} AS v"}]}`);
    expect(literal.text).toContain(`[{"v":${digits}}]`);
  });

  test("keeps every digit in a valuesBatch and in a list", async () => {
    const table = await freshTable("a");
    await post(
      `{"transaction":[{"statement":"INSERT INTO ${table} VALUES(?)","valuesBatch":[[9007199254740993],[-9007199254740995]]}]}`,
    );
    const { text } = await post(
      `{"transaction":[{"query":"SELECT a FROM ${table} ORDER BY a"}],"resultFormat":"list"}`,
    );
    expect(text).toContain('"resultSetList":[[-9007199254740995],[9007199254740993]]');
  });

  test("binds a whole number beyond 64 bits as REAL, as SQLite reads such a literal", async () => {
    expect(
      (
        await post(
          '{"transaction":[{"query":"SELECT typeof(?) AS t","values":[9223372036854775808]}]}',
        )
      ).text,
    ).toContain('"t":"real"');
  });

  test("does not touch digits inside strings", async () => {
    expect(await rows("SELECT ? AS v", ['9007199254740993 "9007199254740993"'])).toEqual([
      { v: '9007199254740993 "9007199254740993"' },
    ]);
  });

  test("names repeated columns name:2, name:3 in headers and rows", async () => {
    const [result] = await commit([{ query: "SELECT 1 AS a, 2 AS a, 3 AS b, 4 AS a" }]);
    expect(result?.resultHeaders).toEqual(["a", "a:2", "b", "a:3"]);
    expect(result?.resultSet).toEqual([{ a: 1, "a:2": 2, b: 3, "a:3": 4 }]);
  });

  test("keeps all values when a column is really called name:2", async () => {
    const [result] = await commit([{ query: 'SELECT 1 AS a, 2 AS "a:2", 3 AS a' }]);
    const headers = result?.resultHeaders ?? [];
    expect(new Set(headers).size).toBe(3);
    expect(Object.values(result?.resultSet?.[0] ?? {})).toEqual([1, 2, 3]);
  });

  test("keeps the order of the columns, numeric names included", async () => {
    const { text } = await post(
      '{"transaction":[{"query":"SELECT 1 AS z, 2 AS a, 3 AS \\"1\\""}]}',
    );
    expect(text).toContain('[{"z":1,"a":2,"1":3}]');
  });

  test("writes a BLOB as base64, even where it is text", async () => {
    expect(await rows("SELECT x'00ff10' AS a, x'6869' AS b, x'' AS c")).toEqual([
      { a: "AP8Q", b: "aGk=", c: "" },
    ]);
  });

  test("gives back text with NUL, quotes and line ends", async () => {
    const value = 'a\0b"\\\n\r\u2028c';
    expect(await rows("SELECT ? AS v", [value])).toEqual([{ v: value }]);
  });

  test.each(["1e999", "-1e999"])("answers 500 for the infinite number %s", async (literal) => {
    const { status, body } = await transaction([{ query: `SELECT ${literal} AS v` }]);
    expect({ status, code: body.code, reqIdx: body.reqIdx }).toEqual({
      status: 500,
      code: "DATABASE_ERROR",
      reqIdx: 0,
    });
  });
});

describe("POST /db: results", () => {
  test.each(["list", "LIST", "List"])(
    "answers resultSetList for resultFormat %p",
    async (resultFormat) => {
      expect(await commit([{ query: "SELECT 1 AS a, 'x' AS b" }], { resultFormat })).toEqual([
        { success: true, resultHeaders: ["a", "b"], resultSetList: [[1, "x"]] },
      ]);
    },
  );

  test.each(["map", "", "lists", null, 5])(
    "answers resultSet for resultFormat %p",
    async (resultFormat) => {
      expect(await commit([{ query: "SELECT 1 AS a" }], { resultFormat })).toEqual([
        { success: true, resultHeaders: ["a"], resultSet: [{ a: 1 }] },
      ]);
    },
  );

  test("answers an empty array, and the headers, when there are no rows", async () => {
    const query = "SELECT 1 AS a WHERE 0";
    expect(await commit([{ query }])).toEqual([
      { success: true, resultHeaders: ["a"], resultSet: [] },
    ]);
    expect(await commit([{ query }], { resultFormat: "list" })).toEqual([
      { success: true, resultHeaders: ["a"], resultSetList: [] },
    ]);
  });

  test.each([
    [10_000, undefined],
    [10_001, true],
  ])("of %d rows answers 10,000, truncated: %p", async (count, truncated) => {
    const [result] = await commit([{ query: numbersUpTo(count) }], { resultFormat: "list" });
    expect(result?.resultSetList).toHaveLength(10_000);
    expect(result?.truncated).toBe(truncated as true);
  });

  test("counts the rows that a truncated RETURNING really changed", async () => {
    const table = await freshTable("a");
    const [result] = await commit([
      { statement: `INSERT INTO ${table} ${numbersUpTo(10_001)} RETURNING a` },
    ]);
    expect(result?.truncated).toBe(true);
    expect(result?.rowsUpdated).toBe(10_001);
    expect(await rows(`SELECT count(*) AS n FROM ${table}`)).toEqual([{ n: 10_001 }]);
  });

  test("answers for the last of several statements in an item", async () => {
    const table = await freshTable("a");
    const results = await commit([
      { query: "SELECT 1 AS one; SELECT 2 AS two; -- the end" },
      { statement: `INSERT INTO ${table} VALUES(1); INSERT INTO ${table} VALUES(2), (3);` },
      { query: `SELECT count(*) AS n FROM ${table}` },
    ]);
    expect(results[0]?.resultSet).toEqual([{ two: 2 }]);
    expect(results[1]?.rowsUpdated).toBe(2);
    expect(results[2]?.resultSet).toEqual([{ n: 3 }]);
  });

  test("runs a trigger with semicolons in it as one statement", async () => {
    const table = await freshTable("a");
    await commit([
      {
        statement: `CREATE TRIGGER ${table}_i AFTER INSERT ON ${table} WHEN new.a < 3 BEGIN
          INSERT INTO ${table} VALUES(new.a + 10); UPDATE ${table} SET a = a + 100 WHERE a = 11; END;
          INSERT INTO ${table} VALUES(1)`,
      },
    ]);
    expect(await rows(`SELECT a FROM ${table} ORDER BY a`)).toEqual([{ a: 1 }, { a: 111 }]);
  });

  test.each<[string, string, number]>([
    ["CREATE TABLE", "CREATE TABLE ddl_a(x)", 0],
    ["CREATE TABLE AS", "CREATE TABLE ddl_b AS SELECT 1 AS x UNION SELECT 2", 0],
    ["CREATE INDEX", "CREATE INDEX ddl_i ON ddl_a(x)", 0],
    ["ALTER TABLE", "ALTER TABLE ddl_a ADD COLUMN y", 0],
    ["INSERT of two rows", "INSERT INTO ddl_a(x) VALUES(1), (2)", 2],
    ["UPDATE of no row", "UPDATE ddl_a SET x = 1 WHERE x = 99", 0],
    ["UPDATE of two rows", "UPDATE ddl_a SET x = 1", 2],
    ["DELETE of all rows", "DELETE FROM ddl_a", 2],
    ["DROP TABLE", "DROP TABLE ddl_a", 0],
  ])("counts rows: %s", async (_, statement, rowsUpdated) => {
    // The insert in front leaves changes() at 3; a statement that changes nothing must not repeat it.
    const results = await commit([
      { statement: "CREATE TABLE IF NOT EXISTS ddl_before(x)" },
      { statement: "INSERT INTO ddl_before VALUES(1), (2), (3)" },
      { statement },
    ]);
    expect(results[2]).toEqual({ success: true, rowsUpdated });
  });

  test("counts zero for DDL in the same transaction after an INSERT", async () => {
    const results = await commit([
      { statement: "CREATE TABLE after_insert(a)" },
      { statement: "INSERT INTO after_insert VALUES(1), (2)" },
      { statement: "CREATE INDEX after_insert_i ON after_insert(a)" },
    ]);
    expect(results.map((result) => result.rowsUpdated)).toEqual([0, 2, 0]);
  });

  test.each(["statement", "query"])("gives the rows of RETURNING as a %s", async (kind) => {
    const table = await freshTable("id INTEGER PRIMARY KEY, a");
    const [result] = await commit([
      { [kind]: `INSERT INTO ${table}(a) VALUES('x'), ('y') RETURNING id, a` },
    ]);
    expect(result?.resultSet).toEqual([
      { id: 1, a: "x" },
      { id: 2, a: "y" },
    ]);
    expect(result?.rowsUpdated).toBe(kind === "statement" ? 2 : undefined);
    expect(await rows(`SELECT count(*) AS n FROM ${table}`)).toEqual([{ n: 2 }]);
  });

  test("writes through a query without RETURNING too, and answers no rows", async () => {
    const table = await freshTable("a");
    expect(await commit([{ query: `INSERT INTO ${table} VALUES(1)` }])).toEqual([
      { success: true, resultHeaders: [], resultSet: [] },
    ]);
    expect(await rows(`SELECT a FROM ${table}`)).toEqual([{ a: 1 }]);
  });
});

describe("POST /db: pragmas", () => {
  test.each(["query", "statement"])("PRAGMA journal_mode=WAL as a %s answers wal", async (kind) => {
    const [result] = await commit([{ [kind]: "PRAGMA journal_mode=WAL" }]);
    expect(result?.resultSet).toEqual([{ journal_mode: "wal" }]);
  });

  test("PRAGMA table_info lists the columns", async () => {
    const table = await freshTable("id INTEGER PRIMARY KEY, name TEXT");
    const found = await rows(`PRAGMA table_info(${table})`);
    expect(found.map(({ name, type, pk }) => ({ name, type, pk }))).toEqual([
      { name: "id", type: "INTEGER", pk: 1 },
      { name: "name", type: "TEXT", pk: 0 },
    ]);
  });

  test("user_version is the user's: set, read in the same and in a later request", async () => {
    const results = await commit([
      { statement: "PRAGMA user_version = 42" },
      { query: "PRAGMA user_version" },
    ]);
    expect(results[1]?.resultSet).toEqual([{ user_version: 42 }]);
    expect(await rows("PRAGMA user_version")).toEqual([{ user_version: 42 }]);
    await commit([{ statement: "PRAGMA user_version = 0" }]);
  });

  test("user_version is not touched by key-value writes", async () => {
    await commit([{ statement: "PRAGMA user_version = 7; PRAGMA application_id = 9" }]);
    await server.api("/kv/version?db=t&table=versioned", { method: "PUT", body: "x" });
    expect(await rows("PRAGMA user_version")).toEqual([{ user_version: 7 }]);
    expect(await rows("PRAGMA application_id")).toEqual([{ application_id: 9 }]);
  });

  test("a failed transaction undoes user_version", async () => {
    await commit([{ statement: "PRAGMA user_version = 1" }]);
    await transaction([{ statement: "PRAGMA user_version = 2" }, { query: "SELECT nothing" }]);
    expect(await rows("PRAGMA user_version")).toEqual([{ user_version: 1 }]);
  });
});

describe("POST /db: valuesBatch", () => {
  test("runs the statement once per set, 10,000 sets in one request", async () => {
    const table = await freshTable("a INTEGER, b TEXT");
    const valuesBatch = Array.from({ length: 10_000 }, (_, index) => [index, `row ${index}`]);
    const [result] = await commit([
      { statement: `INSERT INTO ${table} VALUES(?, ?)`, valuesBatch },
    ]);
    expect(result?.rowsUpdatedBatch).toHaveLength(10_000);
    expect(new Set(result?.rowsUpdatedBatch)).toEqual(new Set([1]));
    expect(await rows(`SELECT count(*) AS n, sum(a) AS s FROM ${table}`)).toEqual([
      { n: 10_000, s: 49_995_000 },
    ]);
  });

  test("takes sets of both kinds, and reports each count", async () => {
    const table = await freshTable("a");
    await commit([{ statement: `INSERT INTO ${table} VALUES(1), (1), (2)` }]);
    const [result] = await commit([
      { statement: `UPDATE ${table} SET a = a WHERE a = :a`, valuesBatch: [{ a: 1 }, [2], [3]] },
    ]);
    expect(result).toEqual({ success: true, rowsUpdatedBatch: [2, 1, 0] });
  });

  test("of no sets runs nothing and answers []", async () => {
    const table = await freshTable("a");
    expect(
      await commit([{ statement: `INSERT INTO ${table} VALUES(?)`, valuesBatch: [] }]),
    ).toEqual([{ success: true, rowsUpdatedBatch: [] }]);
    expect(await rows(`SELECT count(*) AS n FROM ${table}`)).toEqual([{ n: 0 }]);
  });

  test.each<[string, Item, string]>([
    ["with a query", { query: "SELECT ?", valuesBatch: [[1]] }, "INVALID_PARAMETERS"],
    [
      "beside values",
      { statement: "SELECT ?", values: [1], valuesBatch: [[1]] },
      "VALUES_CONFLICT",
    ],
    ["that is an object", { statement: "SELECT ?", valuesBatch: { a: 1 } }, "INVALID_PARAMETERS"],
    [
      "with a set that is a number",
      { statement: "SELECT ?", valuesBatch: [[1], 5] },
      "SQL_BIND_ERROR",
    ],
    ["with a set that is null", { statement: "SELECT 1", valuesBatch: [null] }, "SQL_BIND_ERROR"],
    [
      "with a set too short",
      { statement: "SELECT ?, ?", valuesBatch: [[1, 2], [1]] },
      "SQL_BIND_ERROR",
    ],
    [
      "with a set too long",
      { statement: "SELECT ?", valuesBatch: [[1], [1, 2]] },
      "SQL_BIND_ERROR",
    ],
    ["for two statements", { statement: "SELECT ?; SELECT ?", valuesBatch: [[1]] }, "SQL_ERROR"],
  ])("is refused %s", async (_, item, code) => {
    const { status, body } = await transaction([item]);
    expect({ status, code: body.code, reqIdx: body.reqIdx }).toEqual({
      status: 400,
      code,
      reqIdx: 0,
    });
  });

  test("undoes the sets before the one that fails", async () => {
    const table = await freshTable("a UNIQUE");
    const { status, body } = await transaction([
      { statement: `INSERT INTO ${table} VALUES(?)`, valuesBatch: [[1], [2], [1]] },
    ]);
    expect({ status, code: body.code, reqIdx: body.reqIdx }).toEqual({
      status: 409,
      code: "SQL_CONSTRAINT",
      reqIdx: 0,
    });
    expect(await rows(`SELECT count(*) AS n FROM ${table}`)).toEqual([{ n: 0 }]);
  });
});

describe("POST /db: limits", () => {
  const manyItems = (count: number) =>
    `{"transaction":[${Array(count).fill('{"query":"SELECT 1"}').join(",")}]}`;
  const manySets = (...counts: number[]) =>
    `{"transaction":[${counts
      .map(
        (count) =>
          `{"statement":"UPDATE limits SET a = 1 WHERE 0","valuesBatch":[${Array(count).fill("[]").join(",")}]}`,
      )
      .join(",")}]}`;
  const full = Array<number>(10).fill(100_000);

  beforeAll(async () => {
    await commit([{ statement: "CREATE TABLE limits(a)" }]);
  });

  test.each<[string, string, number, string | undefined]>([
    ["10,000 items", manyItems(10_000), 200, undefined],
    ["10,001 items", manyItems(10_001), 413, "PAYLOAD_TOO_LARGE"],
    ["100,000 sets in an item", manySets(100_000), 200, undefined],
    ["100,001 sets in an item", manySets(100_001), 413, "PAYLOAD_TOO_LARGE"],
    ["1,000,000 sets in a request", manySets(...full), 200, undefined],
    ["1,000,001 sets in a request", manySets(...full, 1), 413, "PAYLOAD_TOO_LARGE"],
  ])(
    "%s",
    async (_, body, status, code) => {
      const answer = await post(body);
      expect(answer.status).toBe(status);
      expect((JSON.parse(answer.text) as Answer).code).toBe(code as string);
    },
    20_000,
  );

  test("a result beyond the size of an answer is 413 RESPONSE_TOO_LARGE, and changes nothing", async () => {
    const { status, body } = await transaction([
      { statement: "INSERT INTO limits VALUES(1)" },
      {
        query: `${numbersUpTo(70).replace("SELECT i FROM n", "SELECT hex(zeroblob(500000)) FROM n")}`,
      },
    ]);
    expect({ status, code: body.code, reqIdx: body.reqIdx }).toEqual({
      status: 413,
      code: "RESPONSE_TOO_LARGE",
      reqIdx: 1,
    });
    expect(await rows("SELECT count(*) AS n FROM limits")).toEqual([{ n: 0 }]);
  });
});

describe("POST /db: errors", () => {
  test("name the item, and undo the whole request", async () => {
    const table = await freshTable("a UNIQUE");
    const { status, body } = await transaction([
      { statement: `INSERT INTO ${table} VALUES(1)` },
      { statement: `CREATE TABLE ${table}_more(a)` },
      { statement: `INSERT INTO ${table} VALUES(1)` },
      { statement: `INSERT INTO ${table} VALUES(2)` },
    ]);
    expect(status).toBe(409);
    expect(body).toMatchObject({
      success: false,
      statusCode: 409,
      code: "SQL_CONSTRAINT",
      reqIdx: 2,
      error: `UNIQUE constraint failed: ${table}.a`,
      message: `UNIQUE constraint failed: ${table}.a`,
    });
    expect(await rows(`SELECT count(*) AS n FROM ${table}`)).toEqual([{ n: 0 }]);
    expect(await rows(`SELECT name FROM sqlite_schema WHERE name = '${table}_more'`)).toEqual([]);
  });

  test.each<[string, string, string]>([
    ["UNIQUE", "a UNIQUE", "(1), (1)"],
    ["PRIMARY KEY", "a PRIMARY KEY", "(1), (1)"],
    ["NOT NULL", "a NOT NULL", "(NULL)"],
    ["CHECK", "a CHECK(a > 0)", "(0)"],
    ["rowid type", "a INTEGER PRIMARY KEY, b DEFAULT (1)", "('x', 1)"],
    ["RAISE(ABORT)", "a", "('raise')"],
  ])("a failed %s is named as such", async (what, columns, values) => {
    const table = await freshTable(columns);
    await commit([
      {
        statement: `CREATE TRIGGER ${table}_r BEFORE INSERT ON ${table} WHEN new.a = 'raise' BEGIN SELECT RAISE(ABORT, 'no'); END`,
      },
    ]);
    const { status, body } = await transaction([
      { query: "SELECT 1" },
      { statement: `INSERT INTO ${table} VALUES${values}` },
    ]);
    // SQLite calls a text in a rowid a mismatch, not a constraint.
    const expected =
      what === "rowid type"
        ? { status: 400, code: "SQL_ERROR" }
        : { status: 409, code: "SQL_CONSTRAINT" };
    expect({ status, ...pick(body) }).toEqual({ ...expected, reqIdx: 1 });
  });

  test.each<[string, string, string]>([
    ["not JSON", "{nope", "INVALID_PARAMETERS"],
    ["cut short", '{"transaction":[{"query":"SELECT 1"}', "INVALID_PARAMETERS"],
    ["empty", "", "INVALID_PARAMETERS"],
    ["null", "null", "INVALID_PARAMETERS"],
    ["an array", '[{"query":"SELECT 1"}]', "INVALID_PARAMETERS"],
    ["a string", '"SELECT 1"', "INVALID_PARAMETERS"],
    ["without transaction", "{}", "INVALID_PARAMETERS"],
    ["transaction null", '{"transaction":null}', "INVALID_PARAMETERS"],
    ["transaction an object", '{"transaction":{}}', "INVALID_PARAMETERS"],
    ["no items", '{"transaction":[]}', "INVALID_PARAMETERS"],
  ])("a body that is %s is 400 of the request", async (_, body, code) => {
    const { status, text } = await post(body);
    expect({ status, ...pick(JSON.parse(text) as Answer) }).toEqual({
      status: 400,
      code,
      reqIdx: -1,
    });
  });

  test("a body that is not UTF-8 is 400", async () => {
    const { status, body } = await server.json<Answer>("/db?db=t", {
      method: "POST",
      body: new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]),
    });
    expect({ status, ...pick(body) }).toEqual({
      status: 400,
      code: "INVALID_PARAMETERS",
      reqIdx: -1,
    });
  });

  test.each<[string, unknown, string]>([
    ["null", null, "INVALID_PARAMETERS"],
    ["a string", "SELECT 1", "INVALID_PARAMETERS"],
    ["empty", {}, "INVALID_PARAMETERS"],
    [
      "both query and statement",
      { query: "SELECT 1", statement: "SELECT 1" },
      "INVALID_PARAMETERS",
    ],
    ["both query and sql", { query: "SELECT 1", sql: "SELECT 1" }, "INVALID_PARAMETERS"],
    ["both statement and sql", { statement: "SELECT 1", sql: "SELECT 1" }, "INVALID_PARAMETERS"],
    ["a query that is a number", { query: 1 }, "INVALID_PARAMETERS"],
    ["a noFail that is text", { query: "SELECT 1", noFail: "yes" }, "INVALID_PARAMETERS"],
    ["an expectRows that is negative", { statement: "X", expectRows: -1 }, "INVALID_PARAMETERS"],
    ["an expectRows with a part", { statement: "X", expectRows: 0.5 }, "INVALID_PARAMETERS"],
    ["an expectRows that is text", { statement: "X", expectRows: "1" }, "INVALID_PARAMETERS"],
    ["an expectRows of a query", { query: "SELECT 1", expectRows: 1 }, "INVALID_PARAMETERS"],
    [
      "an expectRows of a plan",
      { statement: "SELECT 1", explain: true, expectRows: 0 },
      "INVALID_PARAMETERS",
    ],
    ["an empty query", { query: "" }, "SQL_ERROR"],
    ["only a comment", { query: "-- nothing\n /* here */ ;" }, "SQL_ERROR"],
    ["bad SQL", { query: "SELEC 1" }, "SQL_ERROR"],
    ["bad SQL after good", { query: "SELECT 1; SELEC 2" }, "SQL_ERROR"],
    ["a missing table", { query: "SELECT * FROM missing" }, "SQL_ERROR"],
    ["an open literal", { query: "SELECT 'open" }, "SQL_ERROR"],
    ["NUL in the SQL", { query: "SELECT 1\0" }, "SQL_ERROR"],
    ["NUL inside a literal", { query: "SELECT 'a\0b'" }, "SQL_ERROR"],
  ])("an item that is %s is 400 of that item", async (_, item, code) => {
    const { status, body } = await transaction([{ query: "SELECT 1" }, item]);
    expect({ status, ...pick(body) }).toEqual({ status: 400, code, reqIdx: 1 });
  });

  test("ignores members that it does not know", async () => {
    expect(await commit([{ query: "SELECT 1 AS a", comment: "hello" }], { other: 1 })).toEqual([
      { success: true, resultHeaders: ["a"], resultSet: [{ a: 1 }] },
    ]);
  });

  test("a malformed item at the end keeps the ones before it from running", async () => {
    const table = await freshTable("a");
    const { status } = await transaction([{ statement: `INSERT INTO ${table} VALUES(1)` }, {}]);
    expect(status).toBe(400);
    expect(await rows(`SELECT count(*) AS n FROM ${table}`)).toEqual([{ n: 0 }]);
  });
});

describe("POST /db: expectRows", () => {
  test.each<[string, number, number, number]>([
    ["UPDATE $ SET b = b + 1 WHERE a = 1", 1, 0, 1],
    ["UPDATE $ SET b = b + 1 WHERE a = 7", 0, 1, 0],
    ["UPDATE $ SET b = b + 1 WHERE a < 3 RETURNING a", 2, 1, 2],
    ["DELETE FROM $", 3, 2, 3],
    ["INSERT INTO $ VALUES (9, 9); DELETE FROM $ WHERE a = 7", 0, 1, 0],
    ["CREATE INDEX IF NOT EXISTS $_b ON $ (b)", 0, 1, 0],
  ])("%s: %d fit, %d do not and undo all", async (sql, fits, other, changed) => {
    const table = await freshTable("a, b");
    await commit([{ statement: `INSERT INTO ${table} VALUES (1, 0), (2, 0), (3, 0)` }]);
    const statement = sql.replaceAll("$", table);
    const before = await rows(`SELECT * FROM ${table}`);
    const first = { statement: `INSERT INTO ${table} VALUES (4, 4)` };
    const failed = await transaction([
      first,
      {
        statement: sql.startsWith("DELETE") ? `${statement} WHERE a < 4` : statement,
        expectRows: other,
      },
    ]);
    expect({ status: failed.status, ...pick(failed.body) }).toEqual({
      status: 409,
      code: "CONFLICT",
      reqIdx: 1,
    });
    expect(failed.body).toMatchObject({ rows_updated: changed });
    expect(await rows(`SELECT * FROM ${table}`)).toEqual(before);
    expect(await commit([{ statement, expectRows: fits }])).toMatchObject([{ success: true }]);
  });

  test("counts rows of the statement alone, not those of its triggers", async () => {
    const table = await freshTable("a");
    await commit([
      { statement: `CREATE TABLE ${table}_log (a)` },
      {
        statement: `CREATE TRIGGER ${table}_noted AFTER INSERT ON ${table} BEGIN INSERT INTO ${table}_log VALUES (1), (2); END`,
      },
    ]);
    const statement = `INSERT INTO ${table} VALUES (1)`;
    expect(await commit([{ statement, expectRows: 1 }])).toEqual([
      { success: true, rowsUpdated: 1 },
    ]);
  });

  test("with noFail undoes only its item; of a valuesBatch every set must fit", async () => {
    const table = await freshTable("a");
    await commit([{ statement: `INSERT INTO ${table} VALUES (1), (2)` }]);
    const gone = { statement: `DELETE FROM ${table}`, expectRows: 1, noFail: true };
    const [forgiven] = await commit([gone]);
    expect(forgiven).toMatchObject({ success: false, code: "CONFLICT" });
    expect(await rows(`SELECT count(*) AS n FROM ${table}`)).toEqual([{ n: 2 }]);
    const batch = (...sets: number[][]) => ({
      statement: `UPDATE ${table} SET a = a + 10 WHERE a = ?`,
      valuesBatch: sets,
      expectRows: 1,
    });
    expect((await transaction([batch([1], [7], [2])])).status).toBe(409);
    expect(await rows(`SELECT a FROM ${table} ORDER BY a`)).toEqual([{ a: 1 }, { a: 2 }]);
    expect(await commit([batch([1], [2])])).toMatchObject([{ rowsUpdatedBatch: [1, 1] }]);
  });
});

describe("POST /db: noFail", () => {
  test("goes on after a failed item, and undoes only that item", async () => {
    const table = await freshTable("a UNIQUE");
    const results = await commit([
      { statement: `INSERT INTO ${table} VALUES(1)` },
      { statement: `INSERT INTO ${table} VALUES(2); INSERT INTO ${table} VALUES(1)`, noFail: true },
      { statement: `INSERT INTO ${table} VALUES(3)` },
    ]);
    expect(results).toEqual([
      { success: true, rowsUpdated: 1 },
      {
        success: false,
        error: `UNIQUE constraint failed: ${table}.a`,
        code: "SQL_CONSTRAINT",
      },
      { success: true, rowsUpdated: 1 },
    ]);
    expect(await rows(`SELECT a FROM ${table} ORDER BY a`)).toEqual([{ a: 1 }, { a: 3 }]);
  });

  test.each<[string, Item, string]>([
    ["SQL that SQLite rejects", { query: "SELECT * FROM missing" }, "SQL_ERROR"],
    ["values that do not fit", { query: "SELECT ?", values: [[1]] }, "SQL_BIND_ERROR"],
    ["a missing value", { query: "SELECT ?" }, "SQL_BIND_ERROR"],
    ["BEGIN", { statement: "BEGIN" }, "SQL_ERROR"],
    ["COMMIT", { statement: "COMMIT" }, "SQL_ERROR"],
    ["ROLLBACK", { statement: "ROLLBACK" }, "SQL_ERROR"],
    ["NUL", { query: "SELECT '\0'" }, "SQL_ERROR"],
    ["empty SQL", { query: "" }, "SQL_ERROR"],
  ])("forgives %s", async (_, item, code) => {
    const results = await commit([{ ...item, noFail: true }, { query: "SELECT 1 AS a" }]);
    expect(results[0]).toMatchObject({ success: false, code });
    expect(typeof results[0]?.error).toBe("string");
    expect(results[1]?.resultSet).toEqual([{ a: 1 }]);
  });

  test("skips the sets of a valuesBatch that cannot be bound, and says which", async () => {
    const table = await freshTable("a");
    const [result] = await commit([
      {
        statement: `INSERT INTO ${table} VALUES(?)`,
        valuesBatch: [[1], [{ nested: 1 }], [2], "text"],
        noFail: true,
      },
    ]);
    expect(result?.success).toBe(true);
    expect(result?.rowsUpdatedBatch).toEqual([1, 1]);
    expect(result?.rowErrors).toHaveLength(2);
    expect(result?.rowErrors?.[0]).toContain("valuesBatch[1]");
    expect(result?.rowErrors?.[1]).toContain("valuesBatch[3]");
    expect(await rows(`SELECT a FROM ${table} ORDER BY a`)).toEqual([{ a: 1 }, { a: 2 }]);
  });

  test("undoes all sets of a valuesBatch when one violates a constraint", async () => {
    const table = await freshTable("a UNIQUE");
    const results = await commit([
      { statement: `INSERT INTO ${table} VALUES(?)`, valuesBatch: [[1], [1]], noFail: true },
      { statement: `INSERT INTO ${table} VALUES(9)` },
    ]);
    expect(results[0]).toMatchObject({ success: false, code: "SQL_CONSTRAINT" });
    expect(await rows(`SELECT a FROM ${table}`)).toEqual([{ a: 9 }]);
  });

  test.each<[string, (table: string) => string]>([
    ["INSERT OR ROLLBACK", (table) => `INSERT OR ROLLBACK INTO ${table} VALUES(1)`],
    ["RAISE(ROLLBACK)", (table) => `INSERT INTO ${table} VALUES('raise')`],
  ])("%s ends the request all the same, and nothing stays", async (_, statement) => {
    const table = await freshTable("a UNIQUE");
    await commit([
      {
        statement: `CREATE TRIGGER ${table}_r BEFORE INSERT ON ${table} WHEN new.a = 'raise' BEGIN SELECT RAISE(ROLLBACK, 'all of it'); END`,
      },
    ]);
    const { status, body } = await transaction([
      { statement: `INSERT INTO ${table} VALUES(1)` },
      { statement: statement(table), noFail: true },
      { statement: `INSERT INTO ${table} VALUES(2)` },
    ]);
    expect({ status, ...pick(body) }).toEqual({ status: 409, code: "SQL_CONSTRAINT", reqIdx: 1 });
    expect(await rows(`SELECT count(*) AS n FROM ${table}`)).toEqual([{ n: 0 }]);
  });
});

describe("POST /db: the database", () => {
  test("is made on request, by either name of the flag", async () => {
    for (const flag of ["create_db_if_missing", "auto_create"]) {
      const body = '{"transaction":[{"statement":"CREATE TABLE a(x)"}]}';
      expect((await post(body, `db=made_${flag}`)).status).toBe(400);
      expect((await post(body, `db=made_${flag}&${flag}=false`)).status).toBe(400);
      expect((await post(body, `db=made_${flag}&${flag}=true`)).status).toBe(200);
      expect((await post(body.replace(" a(", " b("), `db=made_${flag}`)).status).toBe(200);
    }
  });

  test("is not made without the flag: 400 DATABASE_NOT_FOUND", async () => {
    const { status, text } = await post('{"transaction":[{"query":"SELECT 1"}]}', "db=missing");
    expect({ status, ...pick(JSON.parse(text) as Answer) }).toEqual({
      status: 400,
      code: "DATABASE_NOT_FOUND",
      reqIdx: -1,
    });
    expect(await Bun.file(server.folder.file("missing.db")).exists()).toBe(false);
  });

  test("is 400 when the two names of the flag disagree, and agrees when they agree", async () => {
    const body = '{"transaction":[{"query":"SELECT 1"}]}';
    const clash = await post(body, "db=clash&create_db_if_missing=true&auto_create=false");
    expect(clash.status).toBe(400);
    expect((JSON.parse(clash.text) as Answer).error).toContain(
      "conflicting flags: create_db_if_missing and auto_create must match",
    );
    expect(await Bun.file(server.folder.file("clash.db")).exists()).toBe(false);
    expect((await post(body, "db=agree&create_db_if_missing=true&auto_create=1")).status).toBe(200);
  });

  test("must be named: 400 that names the parameter", async () => {
    const { status, text } = await post('{"transaction":[{"query":"SELECT 1"}]}', "");
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({
      code: "INVALID_PARAMETERS",
      parameter: "db",
      reqIdx: -1,
    });
  });
});

describe("POST /db beside key-value operations", () => {
  test("reads what a key-value write wrote, and the other way round", async () => {
    await server.api("/kv/shared?db=t", { method: "PUT", body: '{"n":1}' });
    expect(await rows("SELECT value ->> 'n' AS n FROM kv_store WHERE key = 'shared'")).toEqual([
      { n: 1 },
    ]);
  });

  test("writers of both kinds take turns: none is refused, all are counted", async () => {
    const table = await freshTable("n INTEGER");
    await commit([{ statement: `INSERT INTO ${table} VALUES(0)` }]);
    const updates = Array.from({ length: 20 }, () =>
      transaction([{ statement: `UPDATE ${table} SET n = n + 1` }]),
    );
    const increments = Array.from({ length: 100 }, () =>
      server.api("/kv/both/incr?db=t", { method: "POST" }),
    );
    expect((await Promise.all(updates)).map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect((await Promise.all(increments)).map(({ status }) => status)).toEqual(
      Array(100).fill(200),
    );
    expect(await rows(`SELECT n FROM ${table}`)).toEqual([{ n: 20 }]);
    expect(await (await server.api("/kv/both?db=t")).json()).toBe(100);
  });
});

function pick({ code, reqIdx }: Answer): { code: string; reqIdx: number } {
  return { code, reqIdx };
}

describe("POST /db: durability", () => {
  const syncs = async (of: TestServer) => {
    const { body } = await of.json<{ counters: { syncs: number } }>("/health");
    return body.counters.syncs;
  };
  const write = async (to: TestServer) =>
    to.api("/db?db=t", {
      method: "POST",
      body: JSON.stringify({ transaction: [{ statement: "INSERT INTO durable VALUES(1)" }] }),
    });

  test.each([
    ["full", 1],
    ["relaxed", 0],
  ])("%s: %d sync before a write is answered, none for reads", async (durability, least) => {
    await using own = await startTestServer({ args: ["--durability", durability] });
    await own.api("/db?db=t", {
      method: "POST",
      body: '{"transaction":[{"statement":"CREATE TABLE durable(a)"}]}',
    });
    for (let round = 0; round < 3; round += 1) {
      const before = await syncs(own);
      expect((await write(own)).status).toBe(200);
      expect((await syncs(own)) - before).toBe(least);
    }
    const before = await syncs(own);
    await own.api("/db?db=t", {
      method: "POST",
      body: '{"transaction":[{"query":"SELECT * FROM durable"}]}',
    });
    expect(await syncs(own)).toBe(before);
  });
});
