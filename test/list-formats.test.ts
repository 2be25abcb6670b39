/** Lists of ours as CSV: the same facts as their JSON, for spreadsheets. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { makeToken, ROOT_TOKEN, withToken } from "./support/access.ts";
import { asCsv, parseCsv } from "./support/csv.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

type Entry = Record<string, unknown>;

const CSV = "text/csv; charset=utf-8; header=present";

async function csv(server: TestServer, path: string, init?: RequestInit) {
  const response = await server.api(path, init);
  const text = await response.text();
  expect({ path, status: response.status, text: response.status === 200 ? "" : text }).toEqual({
    path,
    status: 200,
    text: "",
  });
  expect(response.headers.get("content-type")).toBe(CSV);
  return { rows: parseCsv(text), header: text.split("\r\n")[0]?.split(",") ?? [], response, text };
}

async function sql(server: TestServer, ...statements: string[]): Promise<void> {
  const transaction = statements.map((statement) => ({ statement }));
  const body = JSON.stringify({ transaction });
  const answer = await server.json("/db?db=t", { method: "POST", body });
  expect(answer).toMatchObject({ status: 200 });
}

/** The list of an answer: its members that are objects. */
async function listed(server: TestServer, path: string, member: string): Promise<Entry[]> {
  const { status, body } = await server.json<Record<string, Entry[]>>(path);
  expect(status).toBe(200);
  return body[member] ?? [];
}

/** Each list, its member in JSON, and members of an entry that CSV does not have. */
const LISTS = [
  ["/history?db=t", "history"],
  ["/history/statements?db=t", "statements"],
  ["/db/list", "databases"],
  ["/share?db=t", "shares"],
] as const;

describe.each(LISTS)("GET %s", (path, member) => {
  const withFormat = (format: string) => `${path}${path.includes("?") ? "&" : "?"}format=${format}`;

  test("has all members of its entries in CSV, asked for by parameter or by header", async () => {
    await using server = await startTestServer();
    await sql(server, "CREATE TABLE a(x)", `INSERT INTO a VALUES('say "hi", twice')`);
    await server.api("/query?db=t&sql=SELECT+missing");
    const body = JSON.stringify({ sql: "SELECT ?", values: ["a"] });
    await server.api("/share?db=t", { method: "POST", body });
    const entries = await listed(server, path, member);
    const { rows, header } = await csv(server, withFormat("csv"));
    expect(rows.length).toBeGreaterThan(0);
    const members = new Set(entries.flatMap((entry) => Object.keys(entry)));
    // The log has values only where the server is told to log them.
    if (member === "history") members.add("values");
    expect(new Set(header)).toEqual(members);
    const plain = header.filter((name) => name !== "values");
    expect(rows.map((row) => asCsv(row, plain))).toEqual(
      entries.map((entry) => asCsv(entry, plain)),
    );
    if (member === "shares") expect(rows[0]?.["values"]).toBe('["a"]');

    const negotiated = await csv(server, path, { headers: { accept: "text/csv" } });
    expect(negotiated.rows).toEqual(rows);
    expect(negotiated.response.headers.get("vary")).toBe("Accept");
    for (const accept of ["text/html,application/xhtml+xml,*/*;q=0.8", "*/*", "text/html"]) {
      const browser = await server.api(path, { headers: { accept } });
      expect(browser.headers.get("content-type")).toStartWith("application/json");
      await browser.body?.cancel();
    }
    // What is said wins.
    const json = await server.api(withFormat("JSON"), { headers: { accept: "text/csv" } });
    expect(json.headers.get("content-type")).toStartWith("application/json");
    expect(json.headers.get("vary")).toBeNull();
    await json.body?.cancel();
    expect(await server.json(withFormat("ndjson"))).toMatchObject({
      status: 400,
      body: { parameter: "format" },
    });
  });
});

describe("GET /history?format=csv", () => {
  test("holds to filters and pages, says how many there are, and keeps NULL from empty text", async () => {
    await using server = await startTestServer({ args: ["--query-log-values"] });
    for (const n of [1, 2, 3]) await server.api(`/query?db=t&sql=SELECT+${n}+AS+pear`);
    await server.api("/query?db=t&sql=SELECT+apple", { headers: { "x-actor": 'ada, "b"' } });
    const page = await csv(server, "/history?db=t&q=pear&success=true&limit=1&offset=1&format=csv");
    expect(page.rows.map(({ sql }) => sql)).toEqual(["SELECT 2 AS pear"]);
    expect(page.response.headers.get("x-total-count")).toBe("3");
    const { rows } = await csv(server, "/history?db=t&success=no&format=csv");
    expect(rows).toEqual([
      expect.objectContaining({
        sql: "SELECT apple",
        success: "false",
        actor: 'ada, "b"',
        values: null,
        error: "no such column: apple",
      }),
    ]);
  });
});

describe("GET /db/schema?format=csv", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
    await sql(
      server,
      "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'a, b') STRICT",
      "CREATE TABLE rooms(house, no, wide AS (no > 3) STORED, PRIMARY KEY(house, no)) WITHOUT ROWID",
      `CREATE TABLE stays(
         user REFERENCES users(id) ON DELETE CASCADE, house, no, note,
         FOREIGN KEY(house, no) REFERENCES rooms ON UPDATE SET NULL,
         FOREIGN KEY(user) REFERENCES "old; users")`,
      "CREATE UNIQUE INDEX stays_note ON stays(note, lower(house)) WHERE note IS NOT NULL",
      "CREATE VIEW broken AS SELECT * FROM gone",
      "INSERT INTO users(name) VALUES('x'), ('y')",
    );
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("has a row per column of every table and view", async () => {
    const { rows } = await csv(server, "/db/schema?db=t&format=csv");
    expect(rows.map(({ object, position, column }) => `${object} ${position} ${column}`)).toEqual([
      "broken null null",
      "rooms 1 house",
      "rooms 2 no",
      "rooms 3 wide",
      "stays 1 user",
      "stays 2 house",
      "stays 3 no",
      "stays 4 note",
      "users 1 id",
      "users 2 name",
    ]);
    const row = (object: string, column: string | null) =>
      rows.find((each) => each["object"] === object && each["column"] === column);
    expect(row("users", "name")).toEqual({
      object: "users",
      object_type: "table",
      role: "user",
      position: "2",
      column: "name",
      type: "TEXT",
      not_null: "true",
      default_value: "'a, b'",
      primary_key: "0",
      generated: null,
      hidden: "false",
      references: null,
      on_update: null,
      on_delete: null,
      indexes: null,
      strict: "true",
      without_rowid: "false",
      row_count: "2",
      row_count_exact: "true",
      error: null,
    });
    // A declared type that is not there is an empty text, not nothing.
    expect(row("rooms", "no")).toMatchObject({ type: "", primary_key: "2", without_rowid: "true" });
    expect(row("rooms", "wide")).toMatchObject({ generated: "stored" });
    expect(row("stays", "no")).toMatchObject({ references: "rooms(no)", on_update: "SET NULL" });
    expect(row("stays", "user")).toMatchObject({
      references: "old; users; users(id)",
      on_delete: "NO ACTION; CASCADE",
    });
    expect(row("stays", "note")).toMatchObject({ indexes: "stays_note" });
    expect(row("broken", null)).toMatchObject({
      object_type: "view",
      not_null: null,
      error: "no such table: main.gone",
    });
  });

  test("has a row per object, per column of a foreign key, or of an index", async () => {
    const objects = (await csv(server, "/db/schema?db=t&format=csv&rows=objects")).rows;
    expect(objects.map(({ object }) => object)).toEqual(["broken", "rooms", "stays", "users"]);
    expect(objects[2]).toMatchObject({
      columns: "4",
      indexes: "1",
      triggers: "0",
      row_count: "0",
      size: null,
      references: "old; users; rooms; users",
      sql: expect.stringMatching(/^CREATE TABLE stays\(\n/),
    });
    const keys = (await csv(server, "/db/schema?db=t&format=csv&rows=foreign_keys")).rows;
    const words = keys.map(
      (row) =>
        `${row["object"]} ${row["key"]}.${row["position"]} ${row["column"]} -> ${row["referenced_object"]} ${row["referenced_column"]}`,
    );
    expect(words.sort()).toEqual([
      "stays 1.1 user -> old; users null",
      "stays 2.1 house -> rooms house",
      "stays 2.2 no -> rooms no",
      "stays 3.1 user -> users id",
    ]);
    const indexes = (await csv(server, "/db/schema?db=t&format=csv&rows=indexes")).rows;
    expect(indexes.filter(({ object }) => object === "stays")).toEqual([
      expect.objectContaining({ position: "1", column: "note", unique: "true", partial: "true" }),
      expect.objectContaining({ index: "stays_note", position: "2", column: null, origin: "c" }),
    ]);
    expect(await server.json("/db/schema?db=t&rows=rows")).toMatchObject({
      status: 400,
      body: { parameter: "rows" },
    });
  });

  test("and the JSON may be of one table or view, whose ETag is that of its format", async () => {
    const { rows, response } = await csv(server, "/db/schema?db=t&object=USERS&format=csv");
    expect(rows.map(({ column }) => column)).toEqual(["id", "name"]);
    const one = await server.json<{ objects: Entry[] }>("/db/schema?db=t&object=users");
    expect(one.body.objects.map(({ name }) => name)).toEqual(["users"]);
    const whole = await server.json<{ objects: Entry[] }>("/db/schema?db=t");
    expect(one.body.objects[0]).toEqual(whole.body.objects.find(({ name }) => name === "users"));
    for (const format of ["csv", "json"])
      expect(await server.json(`/db/schema?db=t&object=nothing&format=${format}`)).toMatchObject({
        status: 404,
        body: { code: "NOT_FOUND" },
      });
    const etag = response.headers.get("etag") ?? "";
    const again = (accept: string) =>
      server.api("/db/schema?db=t", { headers: { accept, "if-none-match": etag } });
    expect((await again("text/csv")).status).toBe(304);
    expect((await again("application/json")).status).toBe(200);
  });
});

test("a limited token sees in CSV what it sees in JSON", async () => {
  await using server = await startTestServer({ args: ["--token", ROOT_TOKEN], empty: true });
  const root = { headers: { authorization: `Bearer ${ROOT_TOKEN}` } };
  for (const name of ["t", "u"])
    await server.api(`/db/create?path=${name}`, { method: "POST", ...root });
  const body = JSON.stringify({
    transaction: [{ statement: "CREATE TABLE a(x)" }, { statement: "CREATE TABLE b(y)" }],
  });
  await server.api("/db?db=t", { method: "POST", body, ...root });
  const { token } = await makeToken(server, { databases: ["t"], tables: ["a"], level: "read" });
  const of = async (path: string) => (await csv(server, path, withToken(token))).rows;
  expect((await of("/db/list?format=csv")).map(({ name }) => name)).toEqual(["t.db"]);
  expect((await of("/db/schema?db=t&format=csv")).map(({ object }) => object)).toEqual(["a"]);
  expect(await of("/history?db=t&format=csv")).toEqual([]);
  expect(await of("/history/statements?db=t&format=csv")).toEqual([]);
  const hidden = await server.json("/db/schema?db=t&object=b", withToken(token));
  expect(hidden).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
});

test("what depends on the origin and on the Accept header says both", async () => {
  const origin = "https://page.example";
  await using server = await startTestServer({ args: ["--cors-origin", origin] });
  for (const path of ["/db/list", "/query?db=t&sql=SELECT+1"]) {
    const { headers } = await server.api(path, { headers: { origin } });
    expect({ path, vary: headers.get("vary") }).toEqual({ path, vary: "Origin, Accept" });
  }
});
