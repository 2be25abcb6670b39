import { Database as Connection } from "bun:sqlite";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { IMPORT_PROGRESS_ROWS, IMPORT_SAMPLE_ROWS } from "../src/limits.ts";
import { decodeUtf8 } from "../src/sql/import/utf8.ts";
import { startTestServer, TestFolder, type TestServer } from "./support/server.ts";

type Line = Record<string, unknown>;

async function upload(
  server: TestServer,
  query: string,
  body: RequestInit["body"],
): Promise<{ status: number; lines: Line[]; last: Line }> {
  const response = await server.api(`/db/import?${query}`, { method: "POST", body: body ?? null });
  const text = await response.text();
  const lines = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
  return { status: response.status, lines, last: lines.at(-1) ?? {} };
}

/** Imports CSV into a table of its own, and gives its rows with the type of each value. */
async function csv(server: TestServer, text: string | Uint8Array, more = "") {
  const { status, last } = await upload(server, `db=t&table=c&mode=replace${more}`, text as string);
  if (status !== 200) return { ...last, status };
  const { columns, rows } = await rowsOf(server, "c");
  await sql(server, "drop table c");
  return { columns, rows };
}

async function sql(server: TestServer, ...statements: string[]): Promise<void> {
  const { status, body } = await server.json("/db?db=t", {
    method: "POST",
    body: JSON.stringify({ transaction: statements.map((statement) => ({ statement })) }),
  });
  expect({ status, body: status === 200 ? "" : body }).toEqual({ status: 200, body: "" });
}

async function rowsOf(server: TestServer, table: string) {
  const { body } = await server.json("/db?db=t", {
    method: "POST",
    body: JSON.stringify({
      transaction: [{ query: `select * from "${table}"` }],
      resultFormat: "list",
    }),
  });
  const [result] = body["results"] as { resultHeaders: string[]; resultSetList: unknown[][] }[];
  return { columns: result?.resultHeaders, rows: result?.resultSetList };
}

async function declared(server: TestServer, table: string): Promise<unknown> {
  const { body } = await server.json("/db/schema?db=t");
  const objects = body["objects"] as { name: string; columns: { name: string; type: string }[] }[];
  return objects
    .find(({ name }) => name === table)
    ?.columns.map(({ name, type }) => `${name} ${type}`.trim());
}

const tables = async (server: TestServer) =>
  ((await server.json("/db/schema?db=t")).body["objects"] as { name: string }[]).map(
    ({ name }) => name,
  );

/** One server for the tests of a group; each begins without tables. */
function sharedServer(): () => TestServer {
  let server: TestServer | undefined;
  const running = () => {
    if (server === undefined) throw new Error("not started");
    return server;
  };
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterEach(async () => {
    for (const table of await tables(running()))
      await sql(running(), `drop table "${table.replaceAll('"', '""')}"`);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  return running;
}

describe("CSV into a new table", () => {
  const shared = sharedServer();

  test("finds types that lose nothing: leading zeros, phone numbers and long numbers are text", async () => {
    const server = shared();
    const text = [
      "int,neg,big,zero,phone,real,exp,long,mixed,dec,blank,over,word",
      "1,-5,9223372036854775807,007,+49 30 123,1.5,1e3,12345678901234567890,1,0.1234567890123456789,,1,a",
      "2,0,-9223372036854775808,12,0171,2,-2.5E-3,1,x,1.5,,99999999999999999999,true",
    ].join("\n");
    const { last } = await upload(server, "db=t&table=c", text);
    expect(last).toMatchObject({ event: "done", success: true, table: "c", rows: 2 });
    expect(await declared(server, "c")).toEqual([
      "int INTEGER",
      "neg INTEGER",
      "big INTEGER",
      "zero TEXT",
      "phone TEXT",
      "real REAL",
      "exp REAL",
      "long TEXT",
      "mixed TEXT",
      "dec TEXT",
      "blank TEXT",
      "over TEXT",
      "word TEXT",
    ]);
    const response = await server.api(
      `/query?db=t&sql=${encodeURIComponent("select big, zero, phone, long, dec, blank, over, mixed from c")}&integers=string`,
    );
    expect(await response.json()).toMatchObject({
      resultSet: [
        {
          big: "9223372036854775807",
          zero: "007",
          phone: "+49 30 123",
          long: "12345678901234567890",
          dec: "0.1234567890123456789",
          blank: null,
          over: "1",
          mixed: "1",
        },
        { big: "-9223372036854775808", zero: "12", over: "99999999999999999999", mixed: "x" },
      ],
    });
  });

  test("types=text takes every value as it is", async () => {
    const server = shared();
    expect(await csv(server, "a,b\n1,1.50\n", "&types=text")).toEqual({
      columns: ["a", "b"],
      rows: [["1", "1.50"]],
    });
  });

  test("reads quotes, line breaks in them, CRLF, a byte order mark, a missing last line break", async () => {
    const server = shared();
    const expected = {
      columns: ["ä", "b"],
      rows: [
        ['say "hi", you', "two\nlines"],
        ["", "x"],
        [null, "y"],
      ],
    };
    const text = 'ä,b\n"say ""hi"", you","two\nlines"\n"",x\n,y';
    expect(await csv(server, text)).toEqual(expected);
    expect(await csv(server, `\uFEFF${text}\n\n`)).toEqual(expected);
    expect(await csv(server, text.replaceAll("\n", "\r\n").replace("two\r\n", "two\n"))).toEqual(
      expected,
    );
  });

  test("empty=text keeps empty fields as empty text", async () => {
    const server = shared();
    expect(await csv(server, "a,b\n,x\n", "&empty=text&types=text")).toMatchObject({
      rows: [["", "x"]],
    });
    expect(await csv(server, "a,b\n,x\n", "&empty=null")).toMatchObject({ rows: [[null, "x"]] });
  });

  test.each([
    [",", ""],
    [";", ""],
    ["\t", ""],
    ["|", ""],
    [";", "&delimiter=semicolon"],
    ["\t", "&delimiter=tab"],
    ["^", "&delimiter=%5E"],
  ])("separated by %j finds its fields (%s)", async (delimiter, more) => {
    const server = shared();
    const line = (...cells: string[]) => cells.join(delimiter);
    // Commas inside of fields must not count.
    const text = [line("a", "b", "c"), line("1,5", '"x;,|\t"', "z, z"), line("2", "y", "w")];
    expect(
      await csv(server, delimiter === "," ? `${text[0]}\n1,2,3` : text.join("\n"), more),
    ).toEqual({
      columns: ["a", "b", "c"],
      rows:
        delimiter === ","
          ? [[1, 2, 3]]
          : [
              ["1,5", "x;,|\t", "z, z"],
              ["2", "y", "w"],
            ],
    });
  });

  test("without a header numbers the columns; a nameless one gets its number too", async () => {
    const server = shared();
    expect(await csv(server, "1,a\n2,b\n", "&header=no")).toEqual({
      columns: ["column_1", "column_2"],
      rows: [
        [1, "a"],
        [2, "b"],
      ],
    });
    expect(await csv(server, ",b\n1,2\n")).toMatchObject({ columns: ["column_1", "b"] });
    expect(await csv(server, "only,names\n")).toEqual({ columns: ["only", "names"], rows: [] });
  });

  test("strange names of tables and columns are only names", async () => {
    const server = shared();
    const name = 'x"); drop table t; --';
    const { status } = await upload(
      server,
      `db=t&table=${encodeURIComponent(name)}`,
      '"a"") --",select\n1,2\n',
    );
    expect(status).toBe(200);
    expect(await tables(server)).toEqual([name]);
    expect(await declared(server, name)).toEqual(['a") -- INTEGER', "select INTEGER"]);
  });

  test.each<[string, string | Uint8Array, string, RegExp]>([
    ["nothing", "", "", /empty/],
    ["a row too short", "a,b\n1,2\n3\n", "", /line 3/],
    ["a row too long", "a,b\n1,2,3\n", "", /line 2/],
    ["an open quote", 'a,b\n1,"2\n3,4\n', "", /Quote Not Closed/],
    ["a quote in a field", 'a,b\n1,x"y\n', "", /Quote/],
    ["two columns of a name", "a,A\n1,2\n", "", /two columns/],
    [
      "bytes that are not UTF-8",
      Buffer.from("a,b\n1,2\n3,\xff\n", "latin1"),
      "",
      /not UTF-8 on line 3/,
    ],
    [
      "half a letter at the end",
      Buffer.from([0x61, 0x0a, 0x31, 0x0a, 0xc3]),
      "",
      /not UTF-8 on line 3/,
    ],
    ["NUL in a name", "a\0b\n1\n", "", /NUL/],
  ])("%s: 400, and there is no table", async (_, text, more, message) => {
    const server = shared();
    const answer = await csv(server, text, more);
    expect(answer).toMatchObject({ status: 400, code: "INVALID_PARAMETERS", parameter: "body" });
    expect((answer as { error?: string }).error).toMatch(message);
    expect(await tables(server)).toEqual([]);
  });

  test("a value that the type found does not hold, after the sample, undoes everything", async () => {
    const server = shared();
    const rows = Array.from({ length: IMPORT_SAMPLE_ROWS + 100 }, (_, index) => `${index},x`);
    rows.push("007,x");
    const text = `id,b\n${rows.join("\n")}\n`;
    const { lines, last } = await upload(server, "db=t&table=c", text);
    expect(lines[0]).toMatchObject({ event: "progress", rows: IMPORT_PROGRESS_ROWS });
    expect(last).toMatchObject({ event: "error", code: "INVALID_PARAMETERS", statusCode: 400 });
    expect(last["error"]).toContain(`"007" in column id on line ${rows.length + 1}`);
    expect(await tables(server)).toEqual([]);
    expect((await upload(server, "db=t&table=c&types=text", text)).last).toMatchObject({
      event: "done",
      rows: rows.length,
    });
  });

  test("bytes that are not UTF-8, far behind, are named by their line", async () => {
    const server = shared();
    // Letters of several bytes lie across the pieces in which an upload comes.
    const lines = Array.from({ length: 60_000 }, (_, index) => `${index},ü€😀`);
    const good = Buffer.from(`a,b\n${lines.join("\n")}\n`);
    const { last } = await upload(
      server,
      "db=t&table=c",
      Buffer.concat([good, Buffer.from([0x31, 0x2c, 0xe2, 0x82, 0x0a])]),
    );
    expect(last["error"]).toContain(`line ${lines.length + 2}`);
    expect((await upload(server, "db=t&table=c", good)).last).toMatchObject({ rows: lines.length });
  });
});

test("bytes that are not UTF-8 are found on their line, wherever the pieces of an upload meet", async () => {
  const bytes = Buffer.concat([Buffer.from("a\nü€😀\n€\n"), Buffer.from([0xe2, 0x82, 0x0a, 0x62])]);
  const decode = async (...pieces: Uint8Array[]) => {
    async function* chunks() {
      yield* pieces;
    }
    let text = "";
    for await (const piece of decodeUtf8(chunks())) text += piece;
    return text;
  };
  for (let first = 0; first < bytes.length; first += 1)
    for (let second = first; second < bytes.length; second += 1)
      await expect(
        decode(bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)),
      ).rejects.toThrow("not UTF-8 on line 4");
  const good = bytes.subarray(0, -4);
  for (let at = 0; at <= good.length; at += 1)
    expect(await decode(good.subarray(0, at), good.subarray(at))).toBe("a\nü€😀\n€\n");
});

describe("CSV into a table that exists", () => {
  test("matches columns by name, whatever their order and case; others get their defaults", async () => {
    await using server = await startTestServer();
    await sql(
      server,
      "create table c(id integer primary key, name text not null, note default 'none', twice as (id * 2))",
      "insert into c values (1, 'first', null)",
    );
    expect(
      (await upload(server, "db=t&table=C", "NAME,Id\nten,10\neleven,11\n")).last,
    ).toMatchObject({
      event: "done",
      rows: 2,
      columns: ["name", "id"],
    });
    expect((await rowsOf(server, "c")).rows).toEqual([
      [1, "first", null, 2],
      [10, "ten", "none", 20],
      [11, "eleven", "none", 22],
    ]);
  });

  test("a column it has not, or a generated one, is 400 before anything is written", async () => {
    await using server = await startTestServer();
    await sql(server, "create table c(a, twice as (a * 2))", "insert into c values (1)");
    for (const [text, more] of [
      ["a,b\n1,2\n", ""],
      ["a,twice\n1,2\n", ""],
      ["1,2\n", "&header=no"],
      ["a,b\n1,2\n", "&mode=replace"],
    ]) {
      const { status, last } = await upload(server, `db=t&table=c${more}`, text ?? "");
      expect([status, last]).toMatchObject([
        400,
        { code: "INVALID_PARAMETERS", parameter: "body" },
      ]);
    }
    expect((await rowsOf(server, "c")).rows).toEqual([[1, 2]]);
  });

  test("mode decides about what is there", async () => {
    await using server = await startTestServer();
    const load = (mode: string) => upload(server, `db=t&table=c&mode=${mode}`, "a\n1\n");
    expect((await load("create")).status).toBe(200);
    expect(await load("create")).toMatchObject({ status: 409, last: { code: "CONFLICT" } });
    expect((await load("append")).status).toBe(200);
    expect((await rowsOf(server, "c")).rows).toEqual([[1], [1]]);
    expect((await load("replace")).status).toBe(200);
    expect((await rowsOf(server, "c")).rows).toEqual([[1]]);
  });

  test("a row that breaks a rule of the table undoes all of them, and names its line", async () => {
    await using server = await startTestServer();
    await sql(
      server,
      "create table c(a integer unique, b check (b <> 'bad'))",
      "insert into c values (5, 'x')",
    );
    for (const text of ["a,b\n1,x\n5,y\n", "a,b\n1,x\n2,bad\n"]) {
      const { status, last } = await upload(server, "db=t&table=c", text);
      expect([status, last]).toMatchObject([409, { code: "SQL_CONSTRAINT" }]);
      expect(last["error"]).toContain("line 3");
    }
    expect((await rowsOf(server, "c")).rows).toEqual([[5, "x"]]);
  });

  test("triggers act, and reach no history table", async () => {
    using folder = new TestFolder();
    {
      await using first = await startTestServer({ folder });
      await first.api("/kv/a?db=t", { method: "PUT", body: "1" });
    }
    const connection = new Connection(folder.file("t.db"));
    connection.run("create table log(what); create table c(a); create table d(a)");
    connection.run(
      "create trigger c_log after insert on c begin insert into log values (new.a); end",
    );
    connection.run(
      "create trigger d_forges after insert on d begin delete from kv_store_history; end",
    );
    connection.close(true);
    await using server = await startTestServer({ folder, empty: true });
    expect((await upload(server, "db=t&table=c", "a\n1\n2\n")).status).toBe(200);
    expect((await rowsOf(server, "log")).rows).toHaveLength(2);
    const { status, last } = await upload(server, "db=t&table=d", "a\n1\n");
    expect([status, last]).toMatchObject([400, { code: "SQL_ERROR" }]);
    expect((await rowsOf(server, "kv_store_history")).rows).toHaveLength(1);
  });

  test("tables of keys, their history, bookkeeping and views are refused", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t&table=mine", { method: "PUT", body: "1" });
    await sql(
      server,
      "create view v as select 1 as a",
      "create table i(a integer primary key autoincrement)",
    );
    for (const table of [
      "mine",
      "MINE",
      "mine_history",
      "kv_store",
      "kv_store_history",
      "chronolite_relations",
      "chronolite_new",
      "sqlite_sequence",
      "sqlite_schema",
      "v",
    ])
      expect([table, await upload(server, `db=t&table=${table}`, "a\n1\n")]).toMatchObject([
        table,
        { status: 409, last: { code: "CONFLICT" } },
      ]);
    expect((await server.json("/kv?db=t&table=mine")).body["keys"]).toEqual(["a"]);
  });
});

describe("NDJSON", () => {
  const shared = sharedServer();
  const ndjson = (server: TestServer, text: string, more = "") =>
    upload(server, `db=t&table=n&format=ndjson${more}`, text);

  test("makes columns of all keys of the sample, with exact values", async () => {
    const server = shared();
    const text = [
      '{"i":1,"r":1.5,"s":"007","b":true,"mixed":1,"o":{"x":[1,12345678901234567]},"none":null}',
      "",
      '{"i":9223372036854775807,"r":2,"s":"ü\\n","b":false,"mixed":"a","late":[1,2]}\r',
    ].join("\n");
    expect((await ndjson(server, text)).last).toMatchObject({
      event: "done",
      rows: 2,
      columns: ["i", "r", "s", "b", "mixed", "o", "none", "late"],
    });
    expect(await declared(server, "n")).toEqual([
      "i INTEGER",
      "r REAL",
      "s TEXT",
      "b INTEGER",
      "mixed",
      "o TEXT",
      "none TEXT",
      "late TEXT",
    ]);
    const response = await server.api("/query?db=t&sql=select+*+from+n&integers=string");
    expect(await response.json()).toMatchObject({
      resultSet: [
        { i: 1, r: 1.5, s: "007", b: 1, mixed: 1, o: '{"x":[1,12345678901234567]}', late: null },
        { i: "9223372036854775807", r: 2, s: "ü\n", b: 0, mixed: "a", o: null, late: "[1,2]" },
      ],
    });
  });

  test("fills a table that exists by its column names", async () => {
    const server = shared();
    await sql(server, "create table n(a, b default 7)");
    expect((await ndjson(server, '{"A":"x"}\n{"A":null,"b":{"c":1}}\n')).status).toBe(200);
    expect((await rowsOf(server, "n")).rows).toEqual([
      ["x", null],
      [null, '{"c":1}'],
    ]);
    expect((await ndjson(server, '{"other":1}')).last).toMatchObject({ parameter: "body" });
  });

  test.each([
    ["no JSON", '{"a":1}\n{"a":\n', /not JSON on line 2/],
    ["an array", '{"a":1}\n\n[1]\n', /not a JSON object on line 3/],
    ["null", "null\n", /line 1/],
    ["nothing", "\n\n", /empty/],
    ["no members", "{}\n{}\n", /without members/],
    ["two keys of a name", '{"a":1,"A":2}\n', /two columns/],
  ])("%s: 400, and there is no table", async (_, text, message) => {
    const server = shared();
    const { status, last } = await ndjson(server, text);
    expect([status, last]).toMatchObject([400, { parameter: "body" }]);
    expect(last["error"]).toMatch(message);
    expect(await tables(server)).toEqual([]);
  });

  test("a key or a value after the sample that does not fit undoes everything", async () => {
    const server = shared();
    const rows = Array.from({ length: IMPORT_SAMPLE_ROWS + 5000 }, (_, id) => `{"id":${id}}`);
    for (const odd of ['{"id":1,"new":2}', '{"id":"007"}']) {
      const { last } = await ndjson(server, [...rows, odd].join("\n"));
      expect(last).toMatchObject({ event: "error", code: "INVALID_PARAMETERS" });
      expect(last["error"]).toContain(`line ${rows.length + 1}`);
      expect(await tables(server)).toEqual([]);
    }
  });
});

describe("an import under way", () => {
  /** A body that goes on until it is told to end. */
  function endless(): { body: ReadableStream<Uint8Array>; end: () => void } {
    let ended = false;
    let id = 0;
    return {
      end: () => {
        ended = true;
      },
      body: new ReadableStream({
        async pull(controller) {
          if (ended) return controller.close();
          const rows = Array.from({ length: 500 }, () => `${id++},some text`);
          controller.enqueue(Buffer.from(`${id === 500 ? "id,b\n" : ""}${rows.join("\n")}\n`));
          await Bun.sleep(1);
        },
      }),
    };
  }

  async function begin(server: TestServer, init: RequestInit = {}) {
    const { body, end } = endless();
    const response = await server.api("/db/import?db=t&table=c", { method: "POST", body, ...init });
    expect(response.status).toBe(200);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const first = (await reader?.read())?.value ?? "";
    expect(JSON.parse(first.split("\n")[0] ?? "")).toMatchObject({ event: "progress" });
    return { end, reader };
  }

  test("tells its progress; reads go on, writers wait for their turn", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t", { method: "PUT", body: "before" });
    const { end, reader } = await begin(server);
    let written = false;
    const write = server.api("/kv/a?db=t", { method: "PUT", body: "after" }).then((response) => {
      written = true;
      return response.status;
    });
    for (let round = 0; round < 5; round += 1)
      expect(await (await server.api("/kv/a?db=t")).text()).toBe("before");
    expect(await tables(server)).not.toContain("c");
    expect(written).toBe(false);
    end();
    let text = "";
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read())
      text += next.value;
    expect(JSON.parse(text.trim().split("\n").at(-1) ?? "")).toMatchObject({ event: "done" });
    expect(await write).toBe(200);
    expect(await tables(server)).toContain("c");
  }, 20_000);

  test("whose caller hangs up is undone, and the next writer has its turn", async () => {
    await using server = await startTestServer();
    const caller = new AbortController();
    const { reader } = await begin(server, { signal: caller.signal });
    caller.abort();
    await reader?.cancel().catch(() => {});
    expect((await server.api("/kv/a?db=t", { method: "PUT", body: "x" })).status).toBe(200);
    expect(await tables(server)).not.toContain("c");
  }, 20_000);

  test("larger than --max-import-bytes is 413, told or untold; the usual limit does not count", async () => {
    await using server = await startTestServer({
      args: ["--max-body-bytes", "1024", "--max-import-bytes", "100000"],
    });
    const csvOf = (bytes: number) => `a\n${"x\n".repeat((bytes - 2) / 2)}`;
    expect((await upload(server, "db=t&table=c", csvOf(100_000))).last).toMatchObject({
      event: "done",
    });
    let begun = false;
    // Without a length: nobody can know before it has come.
    const untold = new ReadableStream({
      async pull(controller) {
        if (begun) await Bun.sleep(5);
        controller.enqueue(Buffer.from(begun ? "x\n" : csvOf(100_000)));
        if (begun) controller.close();
        begun = true;
      },
    });
    for (const body of [csvOf(100_002), untold])
      expect(await upload(server, "db=t&table=d", body)).toMatchObject({
        status: 413,
        last: { code: "PAYLOAD_TOO_LARGE" },
      });
    expect(await tables(server)).toEqual(["c"]);
  });

  test("that is refused early answers, though most of the upload has not come", async () => {
    await using server = await startTestServer();
    await sql(server, "create table c(other)");
    const { body, end } = endless();
    const response = await server.api("/db/import?db=t&table=c", { method: "POST", body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ parameter: "body" });
    end();
    const other = endless();
    const refused = await server.api("/db/import?db=new&format=sqlite", {
      method: "POST",
      body: other.body,
    });
    expect(await refused.json()).toMatchObject({ code: "INVALID_SQLITE_HEADER" });
    other.end();
  });

  test("into a file with a rollback journal takes it into WAL mode first, as every write does", async () => {
    using folder = new TestFolder();
    const connection = new Connection(folder.file("old.db"), { create: true });
    connection.run("create table c(a)");
    connection.close(true);
    await using server = await startTestServer({ folder, empty: true });
    expect((await upload(server, "db=old&table=c", "a\n1\n")).status).toBe(200);
    const { body } = await server.json("/maintenance?db=old", {
      method: "POST",
      body: '{"op":"stats"}',
    });
    expect(body["result"]).toMatchObject({ journal_mode: "wal" });
  });
});

describe("a database file", () => {
  function databaseBytes(rows: number): Buffer {
    using folder = new TestFolder();
    const connection = new Connection(folder.file("x.db"), { create: true });
    connection.run("pragma journal_mode = wal");
    connection.run("create table big(a)");
    connection.run(
      `insert into big with recursive n(i) as (select 1 union all select i + 1 from n where i < ${rows}) select hex(randomblob(100)) from n`,
    );
    connection.close(true);
    return readFileSync(folder.file("x.db"));
  }

  test("becomes a database of the server, byte for byte in content", async () => {
    await using server = await startTestServer();
    const bytes = databaseBytes(100_000);
    const { status, lines, last } = await upload(server, "db=new&format=sqlite", bytes as never);
    expect(status).toBe(200);
    expect(lines[0]).toMatchObject({ event: "progress" });
    expect(last).toMatchObject({
      event: "done",
      success: true,
      db: "new",
      bytes: bytes.byteLength,
      path: server.folder.file("new.db"),
    });
    expect(
      (await server.json("/query?db=new&sql=select+count(*)+as+n+from+big")).body["resultSet"],
    ).toEqual([{ n: 100_000 }]);
    expect((await server.api("/kv/a?db=new", { method: "PUT", body: "1" })).status).toBe(200);
    expect(readdirSync(server.folder.file(".chronolite"))).toEqual([]);
  });

  test("is refused where one is already, or where none can be", async () => {
    await using server = await startTestServer();
    const bytes = databaseBytes(10);
    const size = statSync(server.folder.file("t.db")).size;
    mkdirSync(server.folder.file("sub"));
    for (const [db, status, code] of [
      ["t", 409, "DATABASE_EXISTS"],
      ["../x", 400, "INVALID_DB_PATH"],
      ["a/b", 400, "INVALID_DB_PATH"],
      ["", 400, "INVALID_PARAMETERS"],
      ["/tmp/x.db", 400, "INVALID_DB_PATH"],
      [server.folder.file("none/x.db"), 400, "INVALID_DB_PATH"],
      [server.folder.file("sub"), 409, "DATABASE_EXISTS"],
      ["x&table=a", 400, "INVALID_PARAMETERS"],
    ] as const) {
      const query = `db=${db.startsWith("x&") ? db : encodeURIComponent(db)}&format=sqlite`;
      expect([db, await upload(server, query, bytes as never)]).toMatchObject([
        db,
        { status, last: { code } },
      ]);
    }
    expect(statSync(server.folder.file("t.db")).size).toBe(size);
  });

  test("that is none, or is damaged or cut off, leaves nothing", async () => {
    await using server = await startTestServer();
    const bytes = databaseBytes(2000);
    const damaged = Buffer.from(bytes);
    damaged.fill(0xff, 4096 + 12, 8192);
    for (const body of [
      "",
      "SQLite",
      "a,b\n1,2\n",
      damaged,
      bytes.subarray(0, 50_000),
      Buffer.alloc(100),
    ]) {
      const { status, last } = await upload(server, "db=new&format=sqlite", body as never);
      expect([status, last]).toMatchObject([400, { code: "INVALID_SQLITE_HEADER" }]);
    }
    expect(existsSync(server.folder.file("new.db"))).toBe(false);
    expect(readdirSync(server.folder.file(".chronolite"))).toEqual([]);
  });

  test("of two at once for one name, one wins whole", async () => {
    await using server = await startTestServer();
    const answers = await Promise.all(
      [10, 20, 30].map((rows) =>
        upload(server, "db=new&format=sqlite", databaseBytes(rows) as never),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409]);
  });
});

test("parameters are checked before the body is read", async () => {
  await using server = await startTestServer();
  for (const [query, status, parameter] of [
    ["db=t", 400, "table"],
    ["db=t&table=", 400, "table"],
    [`db=t&table=${"x".repeat(201)}`, 400, "table"],
    ["db=t&table=a%00b", 400, "table"],
    ["db=t&table=a&format=xlsx", 400, "format"],
    ["db=t&table=a&mode=drop", 400, "mode"],
    ["db=t&table=a&types=guess", 400, "types"],
    ["db=t&table=a&header=maybe", 400, "header"],
    ["db=t&table=a&empty=zero", 400, "empty"],
    ["db=t&table=a&delimiter=ab", 400, "delimiter"],
    ["db=t&table=a&delimiter=%22", 400, "delimiter"],
    ["db=t&table=a&format=ndjson&header=no", 400, "header"],
    ["table=a", 400, "db"],
  ] as const) {
    const { status: answered, last } = await upload(server, query, "a\n1\n");
    expect([query, answered, last["parameter"]]).toEqual([query, status, parameter]);
  }
  expect((await upload(server, "db=none&table=a", "a\n1\n")).last).toMatchObject({
    code: "DATABASE_NOT_FOUND",
  });
  const made = await upload(server, "db=none&table=a&create_db_if_missing=true", "a\n1\n");
  expect(made.last).toMatchObject({ event: "done", rows: 1 });
  writeFileSync(server.folder.file("text.db"), "not a database, but long enough to be one");
  expect((await upload(server, "db=text&table=a", "a\n1\n")).last).toMatchObject({
    code: "INVALID_SQLITE_HEADER",
  });
});
