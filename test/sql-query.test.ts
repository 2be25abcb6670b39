import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { startTestServer, TestFolder, type TestServer } from "./support/server.ts";

interface Answer {
  success: boolean;
  query: string;
  columns: string[];
  resultSet: Record<string, unknown>[];
  rowCount: number;
  truncated: boolean;
  code: string;
  error: string;
  parameter?: string;
}

const READ_ONLY =
  "GET /query only accepts read-only SELECT/WITH queries; use POST /db for mutating SQL";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.json("/db?db=t", {
    method: "POST",
    body: JSON.stringify({
      transaction: [
        { statement: "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)" },
        { statement: "INSERT INTO users(name) VALUES('Ada'), ('Grace')" },
      ],
    }),
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Runs a link whose `sql` is put in as it is. */
async function link(
  sql: string,
  more = "",
): Promise<{ status: number; body: Answer; text: string }> {
  const response = await server.api(`/query?db=t&sql=${sql}${more}`);
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text) as Answer, text };
}

const ask = (sql: string, more = "") => link(encodeURIComponent(sql), more);

async function countUsers(): Promise<unknown> {
  return (await ask("SELECT count(*) AS n FROM users")).body.resultSet[0]?.["n"];
}

describe("GET /query: the SQL", () => {
  // Its base64 has +, / and = in it.
  const sql = "SELECT '>>>???~~~' AS a, 'ÿþ~?>' AS bbb";
  const base64 = Buffer.from(sql).toString("base64");

  test("the example really has every special character of base64", () => {
    expect(base64).toMatch(/\+/);
    expect(base64).toMatch(/\//);
    expect(base64).toMatch(/=$/);
  });

  test.each<[string, string]>([
    ["as it is, escaped", encodeURIComponent(sql)],
    ["as it is, spaces as +", encodeURIComponent(sql).replaceAll("%20", "+")],
    ["in base64, escaped", encodeURIComponent(base64)],
    ["in base64, btoa() output unescaped", base64],
    ["in base64 without padding", encodeURIComponent(base64.replace(/=+$/, ""))],
    ["in base64url", Buffer.from(sql).toString("base64url")],
    ["in base64url, padded", `${Buffer.from(sql).toString("base64url")}%3D`],
  ])("%s", async (_, encoded) => {
    const { status, body } = await link(encoded);
    expect(status).toBe(200);
    expect<unknown>(body).toEqual({
      success: true,
      query: sql,
      columns: ["a", "bbb"],
      resultSet: [{ a: ">>>???~~~", bbb: "ÿþ~?>" }],
      rowCount: 1,
      truncated: false,
    });
  });

  test("lower case in base64, as the SDK's README sends it", async () => {
    const { body } = await ask(btoa("select count(*) from users"));
    expect(body.resultSet).toEqual([{ "count(*)": 2 }]);
  });

  test("btoa() with each of its 3 paddings, unescaped", async () => {
    for (const text of ["SELECT 1 AS a", "SELECT 1 AS aa", "SELECT 1 AS aaa"])
      expect((await link(btoa(text))).body.query).toBe(text);
  });

  test.each<[string, string]>([
    ["comments in front", "/* a */ -- b\n SELECT 1 AS a"],
    ["WITH", "WITH x(a) AS (SELECT 1) SELECT a FROM x"],
    ["WITH RECURSIVE", "WITH RECURSIVE x(a) AS (SELECT 1 UNION SELECT a FROM x) SELECT a FROM x"],
    ["one trailing ;", "SELECT 1 AS a;"],
    ["a trailing ; and a comment", "SELECT 1 AS a; -- the end"],
    ["a ; in a literal", "SELECT 1 AS a WHERE ';' = ';'"],
    ["the words of writes in a literal", "SELECT 1 AS a WHERE 'DELETE FROM users' <> 'PRAGMA'"],
  ])("may have %s", async (_, text) => {
    const { status, body } = await ask(text);
    expect({ status, rows: body.resultSet }).toEqual({ status: 200, rows: [{ a: 1 }] });
  });

  test.each<[string, string]>([
    ["INSERT", "INSERT INTO users(name) VALUES('x')"],
    ["INSERT … RETURNING", "INSERT INTO users(name) VALUES('x') RETURNING id"],
    ["UPDATE", "UPDATE users SET name = 'x'"],
    ["DELETE", "DELETE FROM users"],
    ["DELETE … RETURNING", "DELETE FROM users RETURNING id"],
    ["REPLACE", "REPLACE INTO users VALUES(1, 'x')"],
    ["WITH … INSERT", "WITH x AS (SELECT 'x' AS n) INSERT INTO users(name) SELECT n FROM x"],
    ["WITH … UPDATE", "WITH x AS (SELECT 'x' AS n) UPDATE users SET name = (SELECT n FROM x)"],
    ["WITH … DELETE … RETURNING", "WITH x AS (SELECT 1) DELETE FROM users RETURNING *"],
    ["a comment before a DELETE", "/* SELECT */ DELETE FROM users"],
    ["a line comment before a DELETE", "-- SELECT 1\nDELETE FROM users"],
    ["; before a DELETE", "; DELETE FROM users"],
    ["two SELECTs", "SELECT 1; SELECT 2"],
    ["a DELETE after a SELECT", "SELECT 1; DELETE FROM users"],
    ["CREATE TABLE", "CREATE TABLE more(a)"],
    ["CREATE TEMP TABLE", "CREATE TEMP TABLE more(a)"],
    ["CREATE TABLE … AS", "CREATE TABLE more AS SELECT 1"],
    ["DROP", "DROP TABLE users"],
    ["ALTER", "ALTER TABLE users ADD COLUMN more"],
    ["PRAGMA that reads", "PRAGMA table_info(users)"],
    ["PRAGMA that writes", "PRAGMA user_version = 9"],
    ["PRAGMA journal_mode", "PRAGMA journal_mode = DELETE"],
    ["PRAGMA query_only", "PRAGMA query_only = 0"],
    ["VACUUM", "VACUUM"],
    ["ATTACH", "ATTACH 't.db' AS other"],
    ["DETACH", "DETACH main"],
    ["BEGIN", "BEGIN"],
    ["SAVEPOINT", "SAVEPOINT s"],
    ["REINDEX", "REINDEX"],
    ["ANALYZE", "ANALYZE"],
  ])("may not be %s: 400 with the contract's words, nothing changed", async (_, text) => {
    for (const encoded of [encodeURIComponent(text), encodeURIComponent(btoa(text))]) {
      const { status, body } = await link(encoded);
      expect(status).toBe(400);
      if (encoded === encodeURIComponent(text)) {
        expect(body).toMatchObject({ code: "INVALID_PARAMETERS", parameter: "sql" });
        expect(body.error).toBe(READ_ONLY);
      }
    }
    expect(await countUsers()).toBe(2);
  });

  test("may not VACUUM INTO a file", async () => {
    const target = server.folder.file("stolen.db");
    const { status } = await ask(`VACUUM INTO '${target}'`);
    expect(status).toBe(400);
    expect(await Bun.file(target).exists()).toBe(false);
  });

  test.each<[string, string, string]>([
    ["missing", "", "INVALID_PARAMETERS"],
    ["empty", "&sql=", "INVALID_PARAMETERS"],
    ["blank", "&sql=%20%20", "INVALID_PARAMETERS"],
    ["only a comment", "&sql=--%20SELECT", "INVALID_PARAMETERS"],
    ["not SQL", "&sql=SELEC%201", "SQL_ERROR"],
    ["about a missing table", "&sql=SELECT%201%20FROM%20missing", "SQL_ERROR"],
    ["with NUL", "&sql=SELECT%201%00", "SQL_ERROR"],
    ["a malformed escape", "&sql=SELECT%2", "INVALID_PARAMETERS"],
  ])("that is %s is 400", async (_, more, code) => {
    const { status, body } = await server.json<Answer>(`/query?db=t${more}`);
    expect({ status, code: body.code }).toEqual({ status: 400, code });
  });
});

describe("GET /query: values", () => {
  const values = (json: string) => `&values=${encodeURIComponent(json)}`;

  test.each<[string, string, string, string]>([
    ["an array", "SELECT ? AS v, ? AS w", '[1,"x"]', '[{"v":1,"w":"x"}]'],
    ["an object", "SELECT :v AS v, @w AS w", '{"v":null,"w":1.5}', '[{"v":null,"w":1.5}]'],
    ["64-bit integers", "SELECT ? AS v", "[9007199254740993]", '[{"v":9007199254740993}]'],
  ])("binds %s", async (_, sql, json, expected) => {
    const { status, text } = await ask(sql, values(json));
    expect(status).toBe(200);
    expect(text).toContain(`"resultSet":${expected}`);
  });

  test.each<[string, string, string]>([
    ["missing", "", "SQL_BIND_ERROR"],
    ["too few", values("[]"), "SQL_BIND_ERROR"],
    ["too many", values("[1,2]"), "SQL_BIND_ERROR"],
    ["nested", values("[[1]]"), "SQL_BIND_ERROR"],
    ["a number", values("1"), "SQL_BIND_ERROR"],
    ["not JSON", values("[1"), "INVALID_PARAMETERS"],
  ])("that are %s are 400", async (_, more, code) => {
    const { status, body } = await ask("SELECT ? AS v", more);
    expect({ status, code: body.code }).toEqual({ status: 400, code });
  });
});

describe("GET /query: the answer", () => {
  test("is [] with the columns when there are no rows", async () => {
    const { body } = await ask("SELECT id, name FROM users WHERE 0");
    expect(body).toMatchObject({
      columns: ["id", "name"],
      resultSet: [],
      rowCount: 0,
      truncated: false,
    });
  });

  test("is application/json", async () => {
    const response = await server.api("/query?db=t&sql=SELECT+1");
    expect(response.headers.get("content-type")).toBe("application/json");
  });

  test("gives a BLOB as text where it is UTF-8, else as value_base64", async () => {
    const { body } = await ask("SELECT x'68c3a9' AS text, x'ff00' AS bytes, x'' AS empty");
    expect(body.resultSet).toEqual([{ text: "hé", bytes: { value_base64: "/wA=" }, empty: "" }]);
  });

  test("keeps every digit of a 64-bit integer", async () => {
    const { text } = await ask("SELECT 9223372036854775807 AS a, -9007199254740993 AS b");
    expect(text).toContain('[{"a":9223372036854775807,"b":-9007199254740993}]');
  });

  test("names repeated columns name:2", async () => {
    const { body } = await ask("SELECT 1 AS a, 2 AS a");
    expect(body.columns).toEqual(["a", "a:2"]);
    expect(body.resultSet).toEqual([{ a: 1, "a:2": 2 }]);
  });

  test.each([
    [10_000, false],
    [10_001, true],
  ])("of %d rows has 10,000, truncated %p", async (count, truncated) => {
    const { body } = await ask(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT i FROM n`,
    );
    expect(body.resultSet).toHaveLength(10_000);
    expect(body).toMatchObject({ rowCount: 10_000, truncated });
  });

  test.each(["1e999", "-1e999"])("is 500 for the infinite number %s", async (literal) => {
    const { status, body } = await ask(`SELECT ${literal} AS v`);
    expect({ status, code: body.code }).toEqual({ status: 500, code: "DATABASE_ERROR" });
  });

  test("is 413 beyond the size of an answer", async () => {
    const { status, body } = await ask(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70) SELECT hex(zeroblob(500000)) AS v FROM n",
    );
    expect({ status, code: body.code }).toEqual({ status: 413, code: "RESPONSE_TOO_LARGE" });
  });

  test("also goes to a link of another page, as frames and links do", async () => {
    const response = await server.api("/query?db=t&sql=SELECT+1", {
      headers: { "sec-fetch-site": "cross-site" },
    });
    expect(response.status).toBe(200);
  });
});

describe("a database made elsewhere", () => {
  /** A rollback-journal database with a key-value-like table, as plain SQLite makes it. */
  function makePlain(folder: TestFolder): string {
    const path = folder.file("plain.db");
    using database = new Database(path, { create: true });
    database.run("CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT)");
    database.run("INSERT INTO notes(body) VALUES('one'), ('two')");
    return path;
  }

  const bytesOf = async (path: string) => Buffer.from(await Bun.file(path).arrayBuffer());
  /** Bytes 18 and 19 of the header: 1 rollback journal, 2 WAL. */
  const journalMode = async (path: string) => [...(await bytesOf(path)).subarray(18, 20)];

  test("stays byte for byte the same when it is only read", async () => {
    using folder = new TestFolder();
    const path = makePlain(folder);
    const before = await bytesOf(path);
    {
      await using reader = await startTestServer({ folder, empty: true });
      const query = await reader.json<Answer>(
        "/query?db=plain&sql=SELECT+count(*)+AS+n+FROM+notes",
      );
      expect(query.body.resultSet).toEqual([{ n: 2 }]);
      expect((await reader.api("/kv?db=plain")).status).toBe(200);
      expect((await reader.api("/kv/some?db=plain")).status).toBe(404);
      expect((await reader.api("/kv/some?db=plain", { method: "HEAD" })).status).toBe(404);
      const only = await reader.json("/db?db=plain", {
        method: "POST",
        body: '{"transaction":[{"query":"SELECT * FROM notes"}]}',
      });
      expect(only.status).toBe(200);
      expect((await bytesOf(path)).equals(before)).toBe(true);
    }
    expect((await bytesOf(path)).equals(before)).toBe(true);
    expect(readdirSync(folder.path).sort()).toEqual([".chronolite", "plain.db"]);
  });

  test.each<[string, string, RequestInit]>([
    ["PUT", "/kv/a?db=plain", { method: "PUT", body: "x" }],
    [
      "POST /db",
      "/db?db=plain",
      { method: "POST", body: '{"transaction":[{"statement":"DELETE FROM notes"}]}' },
    ],
  ])("becomes WAL with the first write, a %s, and keeps its contents", async (_, url, init) => {
    using folder = new TestFolder();
    const path = makePlain(folder);
    {
      await using writer = await startTestServer({ folder, empty: true });
      expect(await journalMode(path)).toEqual([1, 1]);
      expect((await writer.api(url, init)).status).toBe(200);
    }
    expect(await journalMode(path)).toEqual([2, 2]);
    using database = new Database(path, { readonly: true });
    expect(database.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  });
});

test("a link may be long: up to 256 KiB of address and headers", async () => {
  const length = (await link(`SELECT+length('${"x".repeat(200_000)}')+AS+n`)) as { body: Answer };
  expect(length.body.resultSet).toEqual([{ n: 200_000 }]);
  // What Bun itself refuses is in no description, against which the tests' fetch would hold it.
  const longer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${server.origin}/api/v1/sqlite/query?db=t&sql=${"x".repeat(270_000)}`, resolve).on(
      "error",
      reject,
    );
  });
  longer.resume();
  expect(longer.statusCode).toBe(431);
});
