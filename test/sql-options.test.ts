import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { renameSync, rmSync } from "node:fs";
import { KEPT_READER_MS } from "../src/limits.ts";
import { startTestServer, TestFolder, type TestServer } from "./support/server.ts";
import { type PlanNode, SqlClient } from "./support/sql.ts";

let server: TestServer;
let sql: SqlClient;
beforeAll(async () => {
  // One runner: what one request leaves behind, the next would meet.
  server = await startTestServer({ args: ["--runners", "1"] });
  sql = new SqlClient(server);
  await sql.run(
    "CREATE TABLE parent(id INTEGER PRIMARY KEY)",
    "CREATE TABLE child(id INTEGER PRIMARY KEY, parent REFERENCES parent)",
    "CREATE INDEX child_parent ON child(parent)",
  );
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function query(text: string, more = ""): Promise<{ status: number; text: string }> {
  const response = await server.api(`/query?db=t&sql=${encodeURIComponent(text)}${more}`);
  return { status: response.status, text: await response.text() };
}

const ORPHAN = { statement: "INSERT INTO child(parent) VALUES(404)" };

describe("POST /db: PRAGMA foreign_keys", () => {
  test.each<[string, object[]]>([
    ["as the first item", [{ statement: "PRAGMA foreign_keys = ON" }, ORPHAN]],
    ["as a query", [{ query: "PRAGMA foreign_keys(1)" }, ORPHAN]],
    [
      "in front of the statement in one item",
      [{ statement: `PRAGMA foreign_keys=yes; ${ORPHAN.statement}` }],
    ],
    ["twice", [{ statement: "PRAGMA foreign_keys=0; PRAGMA foreign_keys=1" }, ORPHAN]],
    ["in an item that may fail", [{ statement: "PRAGMA foreign_keys=ON", noFail: true }, ORPHAN]],
    [
      "after a look at it",
      [{ statement: "PRAGMA foreign_keys=ON" }, { query: "PRAGMA foreign_keys" }, ORPHAN],
    ],
  ])("%s is in force for the request, and not for the next", async (_, items) => {
    const { status, body } = await sql.post(items);
    expect({ status, code: body.code, reqIdx: body.reqIdx }).toEqual({
      status: 409,
      code: "SQL_CONSTRAINT",
      reqIdx: items.length - 1,
    });
    await sql.commit([ORPHAN, { statement: "DELETE FROM child" }]);
    expect(await sql.rows("PRAGMA foreign_keys")).toEqual([{ foreign_keys: 0 }]);
  });

  test("after another statement would do nothing: 400, and nothing is changed", async () => {
    const items = [ORPHAN, { statement: "PRAGMA foreign_keys = ON" }];
    const { status, body } = await sql.post(items);
    expect({ status, code: body.code, reqIdx: body.reqIdx }).toEqual({
      status: 400,
      code: "SQL_ERROR",
      reqIdx: 1,
    });
    expect(await sql.rows("SELECT * FROM child")).toEqual([]);
    await sql.commit([
      { statement: "PRAGMA foreign_keys = ON" },
      { statement: "INSERT INTO parent VALUES(1)" },
      // It is what it is already: dumps and careful clients say so again.
      { statement: "PRAGMA foreign_keys = ON" },
      { statement: "DELETE FROM parent" },
    ]);
  });
});

describe("POST /db: VACUUM", () => {
  test.each(["statement", "query"])(
    "as the only item, a %s, gives free pages back",
    async (kind) => {
      await sql.run(
        "CREATE TABLE bulk(a)",
        "INSERT INTO bulk VALUES(zeroblob(1000000))",
        "DROP TABLE bulk",
      );
      const free = async () => (await sql.rows("PRAGMA freelist_count"))[0]?.["freelist_count"];
      expect(await free()).toBeGreaterThan(200);
      const { results } = await sql.commit([{ [kind]: " -- tidy\n vacuum main; " }]);
      expect(results).toEqual([
        kind === "query"
          ? { success: true, resultHeaders: [], resultSet: [] }
          : { success: true, rowsUpdated: 0 },
      ]);
      expect(await free()).toBe(0);
      using database = new Database(server.folder.file("t.db"), { readonly: true });
      expect(database.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    },
  );

  test.each<[string, object[]]>([
    ["beside another item", [{ statement: "VACUUM" }, { query: "SELECT 1" }]],
    ["once per value set", [{ statement: "VACUUM", valuesBatch: [[]] }]],
    ["after another statement", [{ statement: "SELECT 1; VACUUM" }]],
  ])("%s is 400 SQL_ERROR with what to do", async (_, items) => {
    const { status, body } = await sql.post(items);
    expect({ status, code: body.code }).toEqual({ status: 400, code: "SQL_ERROR" });
    expect(body).toMatchObject({ hint: expect.stringContaining("only item") });
  });
});

describe("POST /db: blobs=object", () => {
  const item = { query: "SELECT x'00ff' AS bytes, x'6869' AS words, 'AP8=' AS text, NULL AS none" };

  test("tells BLOBs from text", async () => {
    const { body } = await sql.post([item], "&blobs=object");
    expect(body.results?.[0]?.resultSet).toEqual([
      {
        bytes: { value_base64: "AP8=" },
        words: { value_base64: "aGk=" },
        text: "AP8=",
        none: null,
      },
    ]);
  });

  test("is not the default, and other words are refused", async () => {
    const { body } = await sql.post([item]);
    expect(body.results?.[0]?.resultSet).toEqual([
      { bytes: "AP8=", words: "aGk=", text: "AP8=", none: null },
    ]);
    const refused = await sql.post([item], "&blobs=hex");
    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject({ parameter: "blobs" });
  });
});

describe("cells", () => {
  const SELECT =
    "SELECT 2.0 AS a, 2 AS b, 0.5 AS c, -0.0 AS d, 9e999 AS e, -9e999 AS f, 1e20 AS g, '2.0' AS h, x'6869' AS i, zeroblob(16384) AS j, zeroblob(16385) AS k, NULL AS l, 9007199254740993 AS m";
  const EXACT =
    '"a":{"real":"2.0"},"b":2,"c":0.5,"d":{"real":"-0.0"},"e":{"real":"Infinity"},"f":{"real":"-Infinity"},"g":{"real":"100000000000000000000.0"},"h":"2.0","i":{"value_base64":"aGk="}';

  test("exact: no value can be taken for another", async () => {
    const posted = await sql.post([{ query: SELECT }], "&cells=exact");
    for (const text of [
      (await query(SELECT, "&cells=exact")).text,
      JSON.stringify(posted.body.results).replace("9007199254740992", "9007199254740993"),
    ]) {
      expect(text).toContain(EXACT);
      expect(text).toContain('"l":null,"m":9007199254740993');
      expect(text.match(/value_base64/g)).toHaveLength(3);
    }
  });

  test("brief: of BLOBs beyond 16 KiB only the size", async () => {
    const { text } = await query(SELECT, "&cells=brief");
    expect(text).toContain(EXACT);
    expect(text).toContain('"k":{"blob_bytes":16385}');
    expect(text.match(/value_base64/g)).toHaveLength(2);
  });

  test("is plain by default, where infinite numbers are refused with a way out", async () => {
    const plain = await sql.post([{ query: "SELECT 2.0 AS a" }]);
    expect(plain.body.results?.[0]?.resultSet).toEqual([{ a: 2 }]);
    const refused = await sql.post([{ query: "SELECT 9e999" }]);
    expect(refused.body).toMatchObject({ hint: expect.stringContaining("cells=exact") });
    expect((await sql.post([{ query: "SELECT 1" }], "&cells=all")).body).toMatchObject({
      parameter: "cells",
    });
  });
});

describe("integers=string", () => {
  const SELECT =
    "SELECT 9007199254740991 AS a, 9007199254740992 AS b, -9007199254740991 AS c, -9007199254740992 AS d, 9223372036854775807 AS e, 5 AS f, '7' AS g, 1e300 AS h";
  const EXPECTED =
    '"a":9007199254740991,"b":"9007199254740992","c":-9007199254740991,"d":"-9007199254740992","e":"9223372036854775807","f":5,"g":"7","h":1e+300';

  test.each<[string, () => Promise<{ text: string }>]>([
    ["POST /db", () => sql.post([{ query: SELECT }], "&integers=string")],
    ["GET /query", () => query(SELECT, "&integers=String")],
    ["GET /query as NDJSON", () => query(SELECT, "&integers=string&format=ndjson")],
  ])("makes strings of the integers that a number would round: %s", async (_, ask) => {
    expect((await ask()).text).toContain(`{${EXPECTED}}`);
  });

  test("is one of two words; number is the default", async () => {
    const { text } = await query(SELECT, "&integers=number");
    expect(text).toBe((await query(SELECT)).text);
    expect(text).toContain('"e":9223372036854775807');
    for (const answer of [await query(SELECT, "&integers=big"), await sql.post([], "&integers=1")])
      expect([answer.status, JSON.parse(answer.text).parameter]).toEqual([400, "integers"]);
  });
});

describe("max_chars", () => {
  const rows = (count: number) =>
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT i, 'some text' AS t FROM n`;

  test.each([200, 230, 500, 5000])(
    "=%d bounds GET /query: as many whole rows as fit",
    async (maxChars) => {
      const { status, text } = await query(rows(100), `&max_chars=${maxChars}`);
      if (maxChars === 200) {
        expect([status, JSON.parse(text).code]).toEqual([413, "RESPONSE_TOO_LARGE"]);
        return;
      }
      const answer = JSON.parse(text);
      expect(text.length).toBeLessThanOrEqual(maxChars);
      expect(answer.resultSet).toHaveLength(answer.rowCount);
      expect(answer.truncated).toBe(answer.rowCount < 100);
      if (answer.truncated) {
        const next = `,{"i":${answer.rowCount + 1},"t":"some text"}`;
        expect(text.length + next.length).toBeGreaterThan(maxChars - 5);
      }
      expect(answer.rowCount > 90).toBe(maxChars === 5000);
    },
  );

  test("cuts nothing from an answer that is exactly as long", async () => {
    const { text } = await query("SELECT 'abc' AS a");
    expect((await query("SELECT 'abc' AS a", `&max_chars=${text.length}`)).text).toBe(text);
  });

  test("bounds POST /db as a whole: the longest result loses rows, and says so", async () => {
    const items = [{ query: rows(10) }, { query: rows(100) }, { statement: "SELECT 1 AS one" }];
    const whole = await sql.post(items);
    for (const maxChars of [whole.text.length, 2000, 1000, 600]) {
      const { text, body } = await sql.post(items, `&max_chars=${maxChars}`);
      expect(text.length).toBeLessThanOrEqual(maxChars);
      const counts = body.results.map(({ resultSet }) => resultSet?.length ?? -1);
      expect(counts[0] === 10).toBe(maxChars > 600);
      if (maxChars < whole.text.length) {
        expect(body.results[1]?.truncated).toBe(true);
        expect(counts[1]).toBeWithin(1, 100);
        expect(counts[1]).toBeGreaterThanOrEqual(counts[0] ?? 0);
        expect(counts[2]).toBe(1);
      } else expect(body).toEqual(whole.body);
    }
    const small = await sql.post(items, "&max_chars=100");
    expect([small.status, small.body.code]).toEqual([413, "RESPONSE_TOO_LARGE"]);
  });

  test("that is too small for a write's answer keeps the write from happening", async () => {
    const items = Array.from({ length: 10 }, () => ORPHAN);
    expect((await sql.post(items, "&max_chars=100")).status).toBe(413);
    expect(await sql.rows("SELECT * FROM child")).toEqual([]);
  });

  test("lets RETURNING change every row, whatever is answered of it", async () => {
    const insert = `INSERT INTO parent ${rows(500).replace(", 'some text' AS t", "")} RETURNING id`;
    const { body } = await sql.post([{ statement: insert }], "&max_chars=200");
    expect(body.results[0]).toMatchObject({ truncated: true, rowsUpdated: 500 });
    expect(await sql.rows("SELECT count(*) AS n FROM parent")).toEqual([{ n: 500 }]);
    await sql.run("DELETE FROM parent");
  });

  test.each(["99", "-1", "x", "1.5", "67108865"])("=%s is 400 that names it", async (text) => {
    for (const answer of [
      await query("SELECT 1", `&max_chars=${text}`),
      await sql.post([], `&max_chars=${text}`),
    ])
      expect([answer.status, JSON.parse(answer.text).parameter]).toEqual([400, "max_chars"]);
  });
});

describe("explain", () => {
  const details = (plan: PlanNode[] = []): unknown[] =>
    plan.map(({ detail, children }) =>
      children.length === 0 ? detail : [detail, details(children)],
    );
  const UNION =
    "SELECT id FROM parent WHERE id IN (SELECT parent FROM child WHERE parent = :p) UNION ALL SELECT 1";
  const UNION_PLAN = [
    [
      "COMPOUND QUERY",
      [
        [
          "LEFT-MOST SUBQUERY",
          [
            "SEARCH parent USING INTEGER PRIMARY KEY (rowid=?)",
            ["LIST SUBQUERY 1", ["SEARCH child USING COVERING INDEX child_parent (parent=?)"]],
          ],
        ],
        ["UNION ALL", ["SCAN CONSTANT ROW"]],
      ],
    ],
  ];

  test("on an item answers the plan as a tree, and runs nothing", async () => {
    const { results } = await sql.commit([
      { statement: "INSERT INTO parent VALUES(1)" },
      { statement: "DELETE FROM parent", explain: true },
      { query: UNION, explain: true, values: { p: 1 } },
      { query: UNION, explain: true },
      { query: "SELECT id FROM parent" },
    ]);
    expect(results[1]).toEqual({ success: true, plan: [] });
    expect(details(results[2]?.plan)).toEqual(UNION_PLAN);
    expect(details(results[3]?.plan)).toEqual(UNION_PLAN);
    expect(results[4]?.resultSet).toEqual([{ id: 1 }]);
    await sql.run("DELETE FROM parent");
  });

  test("of a write needs no turn: it is answered while another statement writes", async () => {
    const caller = new AbortController();
    const busy = startTestServer({ args: ["--runners", "2"] });
    await using other = await busy;
    const client = new SqlClient(other);
    await client.run("CREATE TABLE a(b)");
    const endless =
      "INSERT INTO a WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n";
    const writing = other
      .api("/db?db=t&timeout=60", {
        method: "POST",
        body: JSON.stringify({ transaction: [{ statement: endless }] }),
        signal: caller.signal,
      })
      .catch(() => null);
    const { results } = await client.commit(
      [{ statement: "UPDATE a SET b = 1", explain: true }],
      "&timeout=5",
    );
    expect(details(results[0]?.plan)).toEqual(["SCAN a"]);
    caller.abort();
    await writing;
  });

  test("on GET /query answers the plan beside the query", async () => {
    const { status, text } = await query(UNION, "&explain=true&format=csv");
    expect(status).toBe(200);
    const answer = JSON.parse(text);
    expect(Object.keys(answer)).toEqual(["success", "query", "plan"]);
    expect(details(answer.plan)).toEqual(UNION_PLAN);
  });

  test.each<[string, object, string]>([
    ["two statements", { statement: "SELECT 1; SELECT 2" }, "SQL_ERROR"],
    ["SQL that SQLite rejects", { query: "SELECT * FROM missing" }, "SQL_ERROR"],
    ["a pragma", { query: "PRAGMA recursive_triggers = 1" }, "SQL_ERROR"],
    ["what is forbidden", { statement: "ATTACH 'x' AS y" }, "SQL_ERROR"],
    ["values that do not fit", { query: "SELECT ?", values: [1, 2] }, "SQL_BIND_ERROR"],
    ["a valuesBatch", { statement: "DELETE FROM child", valuesBatch: [[]] }, "INVALID_PARAMETERS"],
    ["no SQL", { query: " -- nothing" }, "SQL_ERROR"],
    ["a flag that is a word", { query: "SELECT 1", explain: "yes" }, "INVALID_PARAMETERS"],
  ])("of %s is 400", async (_, item, code) => {
    const { status, body } = await sql.post([{ explain: true, ...item }]);
    expect({ status, code: body.code, reqIdx: body.reqIdx }).toEqual({
      status: 400,
      code,
      reqIdx: 0,
    });
  });

  test("on GET /query is for reading queries too", async () => {
    const { status, text } = await query("DELETE FROM child", "&explain=true");
    expect([status, JSON.parse(text).code]).toEqual([400, "INVALID_PARAMETERS"]);
  });
});

describe("a runner that has read from a file", () => {
  test("reads the file that is there now, not the one that was", async () => {
    using folder = new TestFolder();
    await using own = await startTestServer({ folder, args: ["--runners", "1"] });
    const client = new SqlClient(own);
    await client.run("CREATE TABLE which(name)", "INSERT INTO which VALUES('first')");
    expect(await client.rows("SELECT name FROM which")).toEqual([{ name: "first" }]);
    {
      using second = new Database(folder.file("second.db"), { create: true });
      second.run("CREATE TABLE which(name)");
      second.run("INSERT INTO which VALUES('second')");
    }
    for (const suffix of ["-wal", "-shm"]) rmSync(folder.file(`t.db${suffix}`), { force: true });
    renameSync(folder.file("second.db"), folder.file("t.db"));
    expect(await client.rows("SELECT name FROM which")).toEqual([{ name: "second" }]);
  });

  test("shows what others commit meanwhile, tables too", async () => {
    expect(await sql.rows("SELECT count(*) AS n FROM parent")).toEqual([{ n: 0 }]);
    using outside = new Database(server.folder.file("t.db"), { readwrite: true });
    outside.run("INSERT INTO parent VALUES(5)");
    outside.run("CREATE TABLE outside(a)");
    expect(await sql.rows("SELECT id FROM parent")).toEqual([{ id: 5 }]);
    expect(await sql.rows("SELECT * FROM outside")).toEqual([]);
    await sql.run("DELETE FROM parent");
  });

  test("names the columns of a table that was made anew", async () => {
    for (const columns of [["a", "b"], ["c"], ["d", "e", "f"]]) {
      await sql.run("DROP TABLE IF EXISTS anew", `CREATE TABLE anew(${columns.join()})`);
      const { text } = await query("SELECT * FROM anew");
      expect(JSON.parse(text).columns).toEqual(columns);
      const { results } = await sql.commit([{ query: "SELECT * FROM anew" }]);
      expect(results[0]?.resultHeaders).toEqual(columns);
    }
  });

  test("forgets a pragma that a request has set", async () => {
    await sql.commit([{ query: "PRAGMA foreign_keys = ON" }, { query: "SELECT 1" }]);
    expect(await sql.rows("PRAGMA foreign_keys")).toEqual([{ foreign_keys: 0 }]);
  });

  test("lets go of the file soon: a deleted database leaves nothing behind", async () => {
    await server.api("/db/create?path=brief", { method: "POST" });
    expect((await server.api("/query?db=brief&sql=SELECT+1")).status).toBe(200);
    expect((await server.api("/db?db=brief&confirm=yes", { method: "DELETE" })).status).toBe(200);
    expect((await server.api("/db/create?path=brief", { method: "POST" })).status).toBe(201);
    const wrote = await server.api("/db?db=brief", {
      method: "POST",
      body: '{"transaction":[{"statement":"CREATE TABLE a(b)"},{"statement":"INSERT INTO a VALUES(1)"}]}',
    });
    expect(wrote.status).toBe(200);
    await Bun.sleep(2 * KEPT_READER_MS);
    using database = new Database(server.folder.file("brief.db"), { readonly: true });
    expect(database.query("SELECT b FROM a").all()).toEqual([{ b: 1 }]);
  });
});
