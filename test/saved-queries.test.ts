/** Queries kept under a name: who sees them, what they may be, and how long they stay. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { asRoot, makeToken, ROOT_TOKEN, sharedServer, withToken } from "./support/access.ts";
import { parseCsv } from "./support/csv.ts";
import { startTestServer, TestFolder, type TestServer } from "./support/server.ts";

interface Saved {
  name: string;
  sql: string;
  values: unknown;
  chart: string | null;
  created_at: number;
  updated_at: number;
  actor: string | null;
}
interface Answer {
  created?: boolean;
  query?: Saved;
  previous?: Saved | null;
  queries?: Saved[];
  code?: string;
  parameter?: string;
  error?: string;
}
type Body = Record<string, unknown> | string;

const path = (name: string, db = "t") => `/queries/${encodeURIComponent(name)}?db=${db}`;

function put(server: TestServer, name: string, body: Body, init: RequestInit = {}, db = "t") {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return server.json<Answer>(path(name, db), { ...init, method: "PUT", body: text });
}
const remove = (server: TestServer, name: string, init: RequestInit = {}) =>
  server.json<Answer>(path(name), { ...init, method: "DELETE" });
async function list(server: TestServer, init?: RequestInit, db = "t"): Promise<Saved[]> {
  const { status, body } = await server.json<Answer>(`/queries?db=${db}`, init);
  expect(status).toBe(200);
  return body.queries ?? [];
}
const names = async (server: TestServer, init?: RequestInit) =>
  (await list(server, init)).map(({ name }) => name);

describe("a saved query", () => {
  test("is made, listed by name, replaced, and deleted", async () => {
    await using server = await startTestServer();
    expect(await list(server)).toEqual([]);
    // Nothing is made for a look.
    expect(existsSync(server.folder.file(".chronolite/state.db"))).toBe(false);
    const atS = Math.floor(server.clock.nowMs() / 1000);
    const first = { sql: "select :a", values: { a: 1 }, chart: '{"type":"bar"}' };
    const made = await put(server, "b", first, { headers: { "x-actor": "ada" } });
    const b = { name: "b", ...first, created_at: atS, updated_at: atS, actor: "ada" };
    expect(made).toEqual({
      status: 200,
      body: { success: true, created: true, query: b, previous: null } as never,
    });
    await put(server, "a", { sql: "select 1; select 2" });
    expect(await list(server)).toEqual([
      {
        name: "a",
        sql: "select 1; select 2",
        values: null,
        chart: null,
        created_at: atS,
        updated_at: atS,
        actor: null,
      },
      b,
    ]);

    server.clock.advance(60_000);
    const again = await put(server, "b", { sql: "select 3", values: [2] });
    const replaced = {
      name: "b",
      sql: "select 3",
      values: [2],
      chart: null,
      created_at: atS,
      updated_at: atS + 60,
      actor: null,
    };
    expect(again.body as unknown).toEqual({
      success: true,
      created: false,
      query: replaced,
      previous: b,
    });

    const gone = await remove(server, "b");
    expect(gone).toEqual({ status: 200, body: { success: true, query: replaced } as never });
    expect(await names(server)).toEqual(["a"]);
    expect(await remove(server, "b")).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
  });

  test("comes back as it was: any name, any text, every digit", async () => {
    await using server = await startTestServer();
    const odd = [
      "a/b",
      "100 % of “orders” – größe?",
      "a+b & c#d;e",
      "%2F",
      "...",
      "𝄞".repeat(100),
      "constructor",
      "x'; drop table saved_queries; --",
    ];
    const sql = "select 'é𝄞\u0000\r\n\t', ?, ?\n;  ";
    for (const name of odd) {
      const text = `{"sql":${JSON.stringify(sql)},"values":[9223372036854775807,1.0,"\\ud800",1e400]}`;
      const { status, body } = await put(server, name, text);
      expect({ name, status, created: body.created }).toEqual({ name, status: 200, created: true });
      expect(body.query).toMatchObject({ name, sql });
    }
    expect(await names(server)).toEqual(
      odd.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
    const raw = await (await server.api("/queries?db=t")).text();
    expect(raw.split('"values":[9223372036854775807,1.0,"\\ud800",1e400]').length - 1).toBe(
      odd.length,
    );
    for (const name of odd) expect((await remove(server, name)).status).toBe(200);
    expect(await list(server)).toEqual([]);
  });

  test("comes as CSV too", async () => {
    await using server = await startTestServer();
    await put(server, 'a "b"', { sql: "select :a,\n1", values: { a: [1] }, chart: "bar" });
    const atS = Math.floor(server.clock.nowMs() / 1000);
    for (const [address, headers] of [
      ["/queries?db=t&format=csv", {}],
      ["/queries?db=t", { accept: "text/csv" }],
    ] as const) {
      const response = await server.api(address, { headers });
      expect(response.headers.get("content-type")).toStartWith("text/csv");
      expect(parseCsv(await response.text())).toEqual([
        {
          name: 'a "b"',
          sql: "select :a,\n1",
          values: '{"a":[1]}',
          chart: "bar",
          created_at: String(atS),
          updated_at: String(atS),
          actor: null,
        },
      ]);
    }
    expect((await server.api("/queries?db=t&format=pdf")).status).toBe(400);
  });

  test("of that name is left as it is with If-None-Match: *", async () => {
    await using server = await startTestServer();
    const headers = { "if-none-match": "*" };
    expect((await put(server, "a", { sql: "select 1" }, { headers })).body.created).toBe(true);
    expect(await put(server, "a", { sql: "select 2" }, { headers })).toMatchObject({
      status: 412,
      body: { code: "PRECONDITION_FAILED" },
    });
    expect(await list(server)).toMatchObject([{ name: "a", sql: "select 1" }]);
    const other = await put(server, "a", { sql: "x" }, { headers: { "if-none-match": '"1"' } });
    expect(other).toMatchObject({ status: 400, body: { parameter: "If-None-Match" } });
  });

  test.each<[string, string, Body, string]>([
    ["no SQL", "n", {}, "sql"],
    ["blank SQL", "n", { sql: " \n" }, "sql"],
    ["SQL that is no text", "n", { sql: 1 }, "sql"],
    ["half a character", "n", '{"sql":"\\ud800"}', "sql"],
    ["values that are none", "n", { sql: "select ?", values: "x" }, "values"],
    ["a number as values", "n", '{"sql":"x","values":1e400}', "values"],
    ["a chart that is no text", "n", { sql: "x", chart: {} }, "chart"],
    ["a chart too long", "n", { sql: "x", chart: "x".repeat(10_001) }, "chart"],
    ["too much SQL", "n", { sql: "x".repeat(100_001) }, "sql"],
    ["too much SQL with its values", "n", { sql: "x".repeat(99_990), values: ["0123456"] }, "sql"],
    ["no JSON", "n", "{", "body"],
    ["JSON that is no object", "n", "[]", "body"],
    ["a name too long", "n".repeat(201), { sql: "x" }, "name"],
    ["a blank name", "  ", { sql: "x" }, "name"],
    ["a name with a line break", "a\nb", { sql: "x" }, "name"],
  ])("%s: 400 that says where, and nothing is kept", async (_, name, body, parameter) => {
    const server = running();
    const { status, body: answer } = await put(server, name, body, asRoot());
    expect({ status, parameter: answer.parameter }).toEqual({ status: 400, parameter });
    expect(await list(server, asRoot())).toEqual([]);
  });
  const running = sharedServer(async (server) => {
    await server.api("/db/create?path=t", asRoot({ method: "POST" }));
  });

  test("at the bounds is kept", async () => {
    await using server = await startTestServer();
    const body = { sql: "x".repeat(99_990), values: ["012345"], chart: "x".repeat(10_000) };
    expect(await put(server, "n".repeat(200), body)).toMatchObject({ status: 200 });
    expect((await list(server))[0]).toMatchObject(body);
  });

  test("a name that cannot be decoded, or a database that is none, is 4xx", async () => {
    await using server = await startTestServer();
    const init = { method: "PUT", body: '{"sql":"x"}' };
    expect(await server.json("/queries/%FF?db=t", init)).toMatchObject({
      status: 400,
      body: { parameter: "name" },
    });
    expect((await server.api("/queries/a/b?db=t", init)).status).toBe(404);
    expect(await server.json("/queries/a", init)).toMatchObject({ body: { parameter: "db" } });
    for (const method of ["PUT", "DELETE"])
      expect(
        await server.json("/queries/a?db=none", method === "PUT" ? init : { method }),
      ).toMatchObject({ status: 400, body: { code: "DATABASE_NOT_FOUND" } });
    expect((await server.api("/queries?db=none")).status).toBe(400);
    expect(await list(server)).toEqual([]);
  });
});

describe("the saved queries of a database", () => {
  test("are at most 500", async () => {
    await using server = await startTestServer();
    for (let first = 0; first < 500; first += 50)
      await Promise.all(
        Array.from({ length: 50 }, (_, at) => put(server, `q${first + at}`, { sql: "select 1" })),
      );
    expect((await list(server)).length).toBe(500);
    const more = await put(server, "one more", { sql: "select 1" });
    expect(more).toMatchObject({ status: 409, body: { code: "CONFLICT" } });
    expect(more.body.error).toContain("500");
    // One that is there may change; another database has room of its own.
    expect((await put(server, "q0", { sql: "select 2" })).status).toBe(200);
    await server.api("/db/create?path=u", { method: "POST" });
    expect((await put(server, "one more", { sql: "select 1" }, {}, "u")).status).toBe(200);
    await remove(server, "q1");
    expect((await put(server, "one more", { sql: "select 1" })).status).toBe(200);
  });

  test("have at most 4 MiB together, counted in bytes", async () => {
    await using server = await startTestServer();
    // Two bytes for a letter: 21 of these do not fit.
    const large = { sql: "é".repeat(100_000) };
    for (let at = 0; at < 20; at += 1)
      expect((await put(server, `q${at}`, large)).status).toBe(200);
    const left = 4 * 1024 ** 2 - 20 * 200_000;
    expect(await put(server, "last", large)).toMatchObject({
      status: 409,
      body: { code: "CONFLICT" },
    });
    const rest = "x".repeat(left - 100_000);
    expect((await put(server, "last", { sql: "x".repeat(99_997), values: [1] })).status).toBe(200);
    expect((await put(server, "rest", { sql: `${rest}x` })).status).toBe(409);
    expect((await put(server, "rest", { sql: rest })).status).toBe(200);
    // What is replaced makes room.
    expect((await put(server, "rest", { sql: `${rest}x` })).status).toBe(409);
    expect((await put(server, "rest", { sql: rest.replaceAll("x", "y") })).status).toBe(200);
    expect((await put(server, "q0", { sql: "short" })).status).toBe(200);
    expect((await put(server, "rest", { sql: `${rest}x` })).status).toBe(200);
  });

  test("belong to the file, by whatever name, and outlive it and the server", async () => {
    using folder = new TestFolder();
    {
      await using server = await startTestServer({ folder });
      await server.api("/db/create?path=u", { method: "POST" });
      await put(server, "a", { sql: "select 1" });
      expect(await list(server, {}, "t.db")).toMatchObject([{ name: "a" }]);
      expect(await list(server, {}, encodeURIComponent(folder.file("t.db")))).toHaveLength(1);
      expect(await list(server, {}, "u")).toEqual([]);

      // Another server of the folder sees the same.
      await using second = await startTestServer({ folder, empty: true });
      await put(second, "b", { sql: "select 2" });
      expect(await names(server)).toEqual(["a", "b"]);
    }
    await using server = await startTestServer({ folder, empty: true });
    expect(await list(server)).toMatchObject([
      { name: "a", sql: "select 1" },
      { name: "b", sql: "select 2" },
    ]);
    // As with the log and the links: a new file of that name has them again.
    await server.api("/db?db=t&confirm=yes", { method: "DELETE" });
    expect((await server.api("/queries?db=t")).status).toBe(400);
    await server.api("/db/create?path=t", { method: "POST" });
    expect(await names(server)).toEqual(["a", "b"]);
  });
});

describe("with tokens", () => {
  const tokenOf = async (server: TestServer, request: Parameters<typeof makeToken>[1]) =>
    (await makeToken(server, request)).token;
  async function start() {
    const server = await startTestServer({ args: ["--token", ROOT_TOKEN], empty: true });
    await server.api("/db/create?path=t", asRoot({ method: "POST" }));
    return server;
  }

  test("who may read sees them, who may write saves them, under its own name", async () => {
    await using server = await start();
    const databases = "t";
    const reader = await tokenOf(server, { name: "reader", databases, level: "read" });
    const writer = await tokenOf(server, { name: "writer", databases, level: "write" });
    const stranger = await tokenOf(server, { databases: "u", level: "admin" });
    const made = await put(
      server,
      "a",
      { sql: "select 1" },
      withToken(writer, { headers: { "x-actor": "bob" } }),
    );
    expect(made.body.query?.actor).toBe("writer:bob");
    expect(await names(server, withToken(reader))).toEqual(["a"]);
    expect((await put(server, "a", { sql: "select 2" }, asRoot())).status).toBe(200);
    expect((await put(server, "a", { sql: "select 3" }, withToken(writer))).status).toBe(200);
    for (const token of [reader, stranger]) {
      expect((await put(server, "a", { sql: "x" }, withToken(token))).status).toBe(403);
      expect((await remove(server, "a", withToken(token))).status).toBe(403);
    }
    expect((await server.api("/queries?db=t", withToken(stranger))).status).toBe(403);
    expect(await list(server, asRoot())).toMatchObject([{ sql: "select 3", actor: "writer" }]);
  });

  test.each<{ tables?: string[]; prefixes?: string[] }>([
    { tables: ["mine"] },
    { prefixes: ["mine/"] },
  ])("one that is limited to a part sees and changes only its own (%j)", async (limit) => {
    await using server = await start();
    const one = withToken(await tokenOf(server, { databases: "t", level: "write", ...limit }));
    const two = withToken(await tokenOf(server, { databases: "t", level: "write", ...limit }));
    const readOnly = withToken(await tokenOf(server, { databases: "t", level: "read", ...limit }));
    await put(server, "root's", { sql: "select secret" }, asRoot());
    expect((await put(server, "one's", { sql: "select 1" }, one)).body.created).toBe(true);
    expect((await put(server, "one's", { sql: "select 2" }, one)).body.previous?.sql).toBe(
      "select 1",
    );
    expect(await names(server, one)).toEqual(["one's"]);
    expect(await names(server, two)).toEqual([]);
    expect(await names(server, readOnly)).toEqual([]);
    expect(await names(server, asRoot())).toEqual(["one's", "root's"]);
    expect((await put(server, "x", { sql: "x" }, readOnly)).status).toBe(403);

    for (const headers of [{}, { "if-none-match": "*" }]) {
      const init = { ...two, headers: new Headers(two.headers) };
      for (const [name, value] of Object.entries(headers)) init.headers.set(name, value);
      for (const name of ["root's", "one's"]) {
        const refused = await put(server, name, { sql: "mine now" }, init);
        expect(refused).toMatchObject({ status: 409, body: { code: "CONFLICT" } });
        expect(JSON.stringify(refused.body)).not.toContain("select");
      }
    }
    expect((await remove(server, "root's", two)).status).toBe(404);
    expect((await remove(server, "one's", two)).status).toBe(404);
    expect(await list(server, asRoot())).toMatchObject([
      { sql: "select 2" },
      { sql: "select secret" },
    ]);
    expect((await remove(server, "one's", one)).status).toBe(200);
  });
});
