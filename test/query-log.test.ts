/** The log of callers' SQL: contracts/hoody.md 1.23 to 1.26. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import type { Engine, Plan } from "../src/engine/plan.ts";
import {
  MAX_LOGGED_PAGE_READS,
  QUERY_LOG_BUFFER_CHARS,
  QUERY_LOG_RETRY_MS,
} from "../src/limits.ts";
import { silentLog } from "../src/log.ts";
import { QueryLog } from "../src/state/query-log.ts";
import type { LogEntry } from "../src/state/query-log-table.ts";
import {
  spawnServer,
  startTestServer,
  TestClock,
  TestFolder,
  type TestServer,
} from "./support/server.ts";

interface Entry {
  id: number;
  sql: string;
  values?: string;
  timestamp: string;
  execution_time_ms: number;
  row_count: number;
  is_statement: boolean;
  success: boolean;
  source: string;
  client_ip: string;
  actor: string | null;
  error?: string;
  db: string;
  duration_ms: number;
  rows_affected: number;
  status: string;
}

interface Page {
  history: Entry[];
  entries: Entry[];
  count: number;
  total: number;
  limit: number;
  offset: number;
}

async function history(server: TestServer, query = ""): Promise<Page> {
  const { status, body } = await server.json<Page>(`/history?db=t${query}`);
  expect(status).toBe(200);
  return body;
}

async function logged(server: TestServer, query = ""): Promise<string[]> {
  return (await history(server, query)).history.map(({ sql }) => sql);
}

function post(server: TestServer, transaction: object[], headers: Record<string, string> = {}) {
  const body = JSON.stringify({ transaction });
  return server.json("/db?db=t", { method: "POST", body, headers });
}

function get(server: TestServer, sql: string, more = "") {
  return server.json(`/query?db=t&sql=${encodeURIComponent(sql)}${more}`);
}

describe("the query log", () => {
  test("has every item of a transaction and every query, newest first, at once", async () => {
    await using server = await startTestServer();
    const atMs = server.clock.nowMs();
    await post(
      server,
      [
        { statement: "CREATE TABLE x (a)" },
        { statement: "INSERT INTO x VALUES (?)", valuesBatch: [[1], [2], [3]] },
        { query: "SELECT a FROM x WHERE a > 1" },
      ],
      { "X-Actor": "ada" },
    );
    server.clock.advance(1000);
    await get(server, "SELECT count(*) FROM x");
    const page = await history(server);
    expect(page).toMatchObject({ count: 4, total: 4, limit: 100, offset: 0 });
    expect(page.entries).toEqual(page.history);
    const [newest, select, insert, create] = page.history;
    expect(newest).toEqual({
      id: expect.any(Number),
      sql: "SELECT count(*) FROM x",
      timestamp: new Date(atMs + 1000).toISOString(),
      execution_time_ms: expect.any(Number),
      row_count: 1,
      is_statement: false,
      success: true,
      source: "sql",
      client_ip: expect.stringMatching(/127\.0\.0\.1$/),
      actor: null,
      db: "t.db",
      duration_ms: expect.any(Number),
      rows_affected: 1,
      status: "ok",
    });
    expect(select).toMatchObject({ row_count: 2, is_statement: false, actor: "ada" });
    expect(insert).toMatchObject({ row_count: 3, is_statement: true });
    expect(create).toMatchObject({ row_count: 0, timestamp: new Date(atMs).toISOString() });
    expect(page.history.map(({ id }) => id)).toEqual(
      page.history.map(({ id }) => id).sort((a, b) => b - a),
    );
  });

  test("has what failed, what was undone with it, and what did not run any more", async () => {
    await using server = await startTestServer();
    await post(server, [
      { statement: "CREATE TABLE x (a)" },
      { query: "SELECT * FROM missing", noFail: true },
      { statement: "INSERT INTO nowhere VALUES (1)" },
      { query: "SELECT 1" },
    ]);
    const { history: entries } = await history(server);
    expect(entries.map(({ success, status }) => `${success} ${status}`)).toEqual(
      Array(4).fill("false error"),
    );
    expect(entries.map(({ error }) => error)).toEqual([
      "not run: no such table: nowhere",
      "no such table: nowhere",
      "no such table: missing",
      "undone: no such table: nowhere",
    ]);
    await get(server, "SELECT * FROM missing");
    expect((await history(server)).history[0]).toMatchObject({
      sql: "SELECT * FROM missing",
      success: false,
      error: "no such table: missing",
    });
  });

  test("has what ran into its deadline", async () => {
    await using server = await startTestServer();
    const endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n";
    const body = JSON.stringify({ transaction: [{ query: "SELECT 1" }, { query: endless }] });
    const [posted, got] = await Promise.all([
      server.api("/db?db=t&timeout=1", { method: "POST", body }),
      get(server, endless, "&timeout=1"),
    ]);
    expect([posted.status, got.status]).toEqual([503, 503]);
    const { history: entries } = await history(server);
    expect(entries.map(({ sql, error }) => `${sql} ${error}`).sort()).toEqual(
      [`SELECT 1`, endless, endless].map((sql) => `${sql} Not done within 1 s`),
    );
    for (const { execution_time_ms } of entries) expect(execution_time_ms).toBeGreaterThan(900);
  });

  test("has streams, whole and cut short, dry runs, plans and VACUUM", async () => {
    await using server = await startTestServer();
    const csv = await server.api(
      "/query?db=t&format=csv&sql=SELECT+value+FROM+json_each('[1,2,3]')",
    );
    await csv.text();
    expect((await history(server)).history[0]).toMatchObject({ row_count: 3, success: true });
    const failing = "SELECT abs(value) FROM json_each('[1,-9223372036854775808]')";
    const broken = await get(server, failing, "&format=csv");
    expect(broken.status).toBe(400);
    const aborted = new AbortController();
    const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n";
    const stream = await fetch(
      `${server.origin}/api/v1/sqlite/query?db=t&format=ndjson&sql=${encodeURIComponent(endless)}`,
      { signal: aborted.signal },
    );
    await stream.body?.getReader().read();
    aborted.abort();
    await post(server, [{ query: "SELECT 1", explain: true }]);
    await post(server, [{ statement: "VACUUM" }]);
    const wanted = ["VACUUM", "SELECT 1", failing];
    let entries: Entry[] = [];
    for (const startedMs = performance.now(); performance.now() - startedMs < 5000; ) {
      entries = (await history(server)).history;
      if (entries.some(({ sql }) => sql === endless)) break;
    }
    expect(entries.map(({ sql }) => sql).filter((sql) => wanted.includes(sql))).toEqual(wanted);
    expect(entries.find(({ sql }) => sql === endless)).toMatchObject({
      success: false,
      error: "The caller hung up",
    });
    expect(entries.find(({ sql }) => sql === failing)).toMatchObject({
      success: false,
      error: "integer overflow",
    });
  });

  test("has nothing of malformed bodies, of missing databases and of the server's own queries", async () => {
    await using server = await startTestServer();
    await server.api("/db?db=t", { method: "POST", body: "{" });
    await server.api("/db?db=t", { method: "POST", body: '{"transaction":[{}]}' });
    await server.api("/query?db=none&sql=SELECT+1");
    await server.api("/kv/a?db=t&create_db_if_missing=true", { method: "PUT", body: "1" });
    expect(await history(server)).toMatchObject({ count: 0, total: 0, history: [] });
    expect((await server.json("/history?db=none")).body["code"]).toBe("DATABASE_NOT_FOUND");
  });

  test("has SQL of links decoded, and cut where it is long", async () => {
    await using server = await startTestServer();
    await get(server, btoa("SELECT 1 AS decoded"));
    await post(server, [{ query: `SELECT '${"x".repeat(20_000)}'` }]);
    const [long, decoded] = await logged(server);
    expect(decoded).toBe("SELECT 1 AS decoded");
    expect(long?.length).toBe(10_001);
    expect(long?.endsWith("x…")).toBe(true);
  });

  test("has no values of parameters, unless it is told to", async () => {
    for (const [args, values] of [
      [[], undefined],
      [["--query-log-values"], '["secret",9007199254740993]'],
    ] as const) {
      await using server = await startTestServer({ args });
      const body = '{"transaction":[{"query":"SELECT ?, ?","values":["secret",9007199254740993]}]}';
      await server.api("/db?db=t", { method: "POST", body });
      const [entry] = (await history(server)).history;
      expect(entry?.values).toBe(values as string);
      expect(JSON.stringify(entry).includes("secret")).toBe(values !== undefined);
    }
  });

  test("is one per database, and survives a restart", async () => {
    using folder = new TestFolder();
    {
      await using server = await startTestServer({ folder });
      await server.api("/db/create?path=u", { method: "POST" });
      await get(server, "SELECT 1 AS of_t");
      await server.api("/query?db=u&sql=SELECT+2+AS+of_u");
    }
    await using server = await startTestServer({ folder, empty: true });
    expect(await logged(server)).toEqual(["SELECT 1 AS of_t"]);
    // The log is never inside the database itself.
    using database = new Database(folder.file("t.db"));
    expect(database.query("select count(*) as n from sqlite_schema").get()).toEqual({ n: 0 });
  });

  test("keeps the newest --query-log-max entries of each database, and ids are not given again", async () => {
    await using server = await startTestServer({ args: ["--query-log-max", "3"] });
    await server.api("/db/create?path=u", { method: "POST" });
    await server.api("/query?db=u&sql=SELECT+'u'");
    await post(
      server,
      [1, 2, 3, 4].map((n) => ({ query: `SELECT ${n}` })),
    );
    expect(await logged(server)).toEqual(["SELECT 4", "SELECT 3", "SELECT 2"]);
    const [{ id = 0 } = {}] = (await history(server)).history;
    expect((await server.json("/history?db=t", { method: "DELETE" })).body["success"]).toBe(true);
    await get(server, "SELECT 5");
    const { history: rest, total } = await history(server);
    expect(total).toBe(1);
    expect(rest[0]?.id).toBeGreaterThan(id);
    const other = await server.json<Page>("/history?db=u");
    expect(other.body.total).toBe(1);
  });

  test("is off with --query-log-max 0, and then leaves nothing behind", async () => {
    using folder = new TestFolder();
    {
      await using server = await startTestServer({ folder, args: ["--query-log-max", "0"] });
      await get(server, "SELECT 1");
      expect(await logged(server)).toEqual([]);
    }
    expect(readdirSync(folder.path)).toEqual(["t.db"]);
  });

  test("is made with the first statement only, for its owner alone", async () => {
    using folder = new TestFolder();
    await using server = await startTestServer({ folder });
    expect(await logged(server)).toEqual([]);
    expect(existsSync(folder.file(".chronolite"))).toBe(false);
    await get(server, "SELECT 1");
    expect(await logged(server)).toEqual(["SELECT 1"]);
    expect(existsSync(folder.file(".chronolite/state.db"))).toBe(true);
  });

  test("that cannot be written is dropped with one line, and everything else works", async () => {
    using folder = new TestFolder();
    // No folder can be made where a file is.
    writeFileSync(folder.file(".chronolite"), "");
    await using server = await spawnServer(folder, { args: ["--create-missing"] });
    const put = await server.api("/kv/a?db=t", { method: "PUT", body: "1" });
    expect(put.status).toBe(200);
    for (let n = 0; n < 3; n += 1) {
      expect((await server.api(`/query?db=t&sql=SELECT+${n}`)).status).toBe(200);
      const answer = await server.api("/history?db=t");
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject({ total: 0, history: [] });
    }
    server.process.kill("SIGTERM");
    const lines = (await new Response(server.process.stderr).text()).trim().split("\n");
    expect(lines.filter((line) => line.includes("query_log_unavailable"))).toHaveLength(1);
    expect(await server.process.exited).toBe(0);
  });

  test("starts anew when its file is removed under the server", async () => {
    await using server = await startTestServer();
    await get(server, "SELECT 1");
    expect(await logged(server)).toEqual(["SELECT 1"]);
    for (const name of readdirSync(server.folder.file(".chronolite")))
      await Bun.file(server.folder.file(`.chronolite/${name}`)).delete();
    expect(await logged(server)).toEqual([]);
    await get(server, "SELECT 2");
    expect(await logged(server)).toEqual(["SELECT 2"]);
  });
});

describe("what cannot be written fast enough", () => {
  test("is dropped beyond a bound, oldest first, and counted", async () => {
    const written: string[] = [];
    const gate = Promise.withResolvers<void>();
    const state = {
      write: async ({ steps }: Plan) => {
        await gate.promise;
        const entries = JSON.parse(String(steps[0]?.params["entries"])) as [string, number][];
        written.push(...entries.map(([db]) => db));
        return [];
      },
    } as unknown as Engine;
    const clock = new TestClock();
    const log = new QueryLog({ state, clock, log: silentLog, maxEntries: 1000 });
    const chars = QUERY_LOG_BUFFER_CHARS / 4;
    const record = (databasePath: string) =>
      log.record([{ ...ENTRY, databasePath, sql: "x".repeat(chars) }]);
    for (const name of ["a", "b", "c", "d", "e"]) record(name);
    // Four texts of a quarter and what each entry takes beside them are more than the whole.
    expect(log.counters).toEqual({ written: 0, dropped: 2 });
    gate.resolve();
    await log.flush();
    expect(written).toEqual(["c", "d", "e"]);
    expect(log.counters).toEqual({ written: 3, dropped: 2 });
  });

  test("after a failure is tried again later, and said once more if it fails again", async () => {
    let works = false;
    let tries = 0;
    const state = {
      write: () => {
        tries += 1;
        return works ? Promise.resolve([]) : Promise.reject(new Error("no disk"));
      },
    } as unknown as Engine;
    const said: string[] = [];
    const clock = new TestClock();
    const log = new QueryLog({
      state,
      clock,
      log: { info: () => {}, error: (event) => said.push(event) },
      maxEntries: 1,
    });
    const recorded = async () => {
      log.record([ENTRY]);
      await log.flush();
    };
    await recorded();
    await recorded();
    expect(tries).toBe(1);
    clock.advance(QUERY_LOG_RETRY_MS);
    await recorded();
    expect({ tries, said }).toEqual({ tries: 2, said: ["query_log_unavailable"] });
    works = true;
    clock.advance(QUERY_LOG_RETRY_MS);
    await recorded();
    expect(log.counters).toEqual({ written: 1, dropped: 3 });
    works = false;
    await recorded();
    expect(said).toHaveLength(2);
  });
});

const ENTRY: LogEntry = {
  databasePath: "/t.db",
  atMs: 0,
  sql: "SELECT 1",
  values: null,
  source: "sql",
  isStatement: false,
  durationMs: 1,
  rowCount: 1,
  error: null,
  clientAddress: null,
  actor: null,
  tokenId: null,
};

describe("GET /history", () => {
  test("pages, searches and filters", async () => {
    await using server = await startTestServer();
    await post(
      server,
      [1, 2, 3].map((n) => ({ query: `SELECT ${n} AS Apple` })),
    );
    await get(server, "SELECT * FROM pear");
    expect(await logged(server, "&limit=2")).toEqual(["SELECT * FROM pear", "SELECT 3 AS Apple"]);
    expect(await logged(server, "&limit=2&offset=2")).toEqual([
      "SELECT 2 AS Apple",
      "SELECT 1 AS Apple",
    ]);
    expect(await history(server, "&limit=0")).toMatchObject({ limit: 100, count: 4 });
    expect(await history(server, "&limit=2000")).toMatchObject({ limit: 1000 });
    expect(await history(server, "&q=aPPle&limit=1")).toMatchObject({ count: 1, total: 3 });
    expect(await logged(server, "&q=no+such+table")).toEqual(["SELECT * FROM pear"]);
    expect(await logged(server, "&q=%25")).toEqual([]);
    expect(await logged(server, "&success=no")).toEqual(["SELECT * FROM pear"]);
    expect(await history(server, "&success=true")).toMatchObject({ total: 3 });
    expect(await history(server, "&source=sql")).toMatchObject({ total: 4 });
    expect(await history(server, "&source=kv")).toMatchObject({ total: 0 });
  });

  test.each([
    ["limit", "-1"],
    ["limit", "x"],
    ["offset", "-1"],
    ["source", "web"],
    ["success", "maybe"],
  ])("refuses %s=%s by name", async (name, value) => {
    await using server = await startTestServer();
    const { status, body } = await server.json(`/history?db=t&${name}=${value}`);
    expect(status).toBe(400);
    expect(body["parameter"]).toBe(name);
  });
});

/** As the page reads what it shows. */
const BY_PAGE = { headers: { "chronolite-source": "Page" } };

describe("what a page reads by itself", () => {
  test("is an entry of another source, and any other word of the header is none", async () => {
    await using server = await startTestServer();
    await server.api("/query?db=t&sql=SELECT+1", BY_PAGE);
    await server.api("/query?db=t&sql=SELECT+2&format=csv", BY_PAGE).then((csv) => csv.text());
    await server.api("/query?db=t&sql=SELECT+wrong", BY_PAGE);
    await post(server, [{ query: "SELECT 4" }], BY_PAGE.headers);
    for (const [index, word] of ["kv", "sql", "web", ""].entries())
      await server.api(`/query?db=t&sql=SELECT+${index + 5}`, {
        headers: { "chronolite-source": word },
      });
    expect(await logged(server, "&source=page")).toEqual([
      "SELECT 4",
      "SELECT wrong",
      "SELECT 2",
      "SELECT 1",
    ]);
    expect(await logged(server, "&source=sql")).toEqual(
      [8, 7, 6, 5].map((number) => `SELECT ${number}`),
    );
    expect(await history(server)).toMatchObject({ total: 8 });
    const stats = async (query: string) => (await server.json(`/history/stats?db=t${query}`)).body;
    expect(await stats("")).toMatchObject({ total_queries: 8, failure_count: 1 });
    expect(await stats("&source=page")).toMatchObject({ total_queries: 4, failure_count: 1 });
    expect(await stats("&source=sql")).toMatchObject({ total_queries: 4, failure_count: 0 });
  });

  test("pushes out nothing else, nor is it pushed out by anything else", async () => {
    await using server = await startTestServer({ args: ["--query-log-max", "2"] });
    const read = (number: number) => server.api(`/query?db=t&sql=SELECT+${number}`, BY_PAGE);
    await get(server, "SELECT 'a'");
    for (const number of [1, 2, 3]) await read(number);
    expect(await logged(server)).toEqual(["SELECT 3", "SELECT 2", "SELECT 'a'"]);
    await get(server, "SELECT 'b'");
    await get(server, "SELECT 'c'");
    expect(await logged(server)).toEqual(["SELECT 'c'", "SELECT 'b'", "SELECT 3", "SELECT 2"]);
  });

  test("has a bound of its own", async () => {
    await using server = await startTestServer();
    const items = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ query: `SELECT ${index}` }));
    await post(server, items(MAX_LOGGED_PAGE_READS), BY_PAGE.headers);
    expect(await history(server)).toMatchObject({ total: MAX_LOGGED_PAGE_READS });
    await post(server, items(1), BY_PAGE.headers);
    expect(await history(server)).toMatchObject({ total: MAX_LOGGED_PAGE_READS });
    await post(server, items(MAX_LOGGED_PAGE_READS + 1));
    expect(await history(server)).toMatchObject({ total: 2 * MAX_LOGGED_PAGE_READS + 1 });
  });
});

describe("GET /history/statements", () => {
  test("has the log by its SQL: runs, failures and times, most time first", async () => {
    await using server = await startTestServer();
    const atMs = server.clock.nowMs();
    const slow =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 300000) SELECT max(i) FROM n";
    const body = (value: number) => ({
      query: "SELECT value FROM json_each(?)",
      values: [`[${value},2]`],
    });
    await post(server, [body(1)]);
    server.clock.advance(1000);
    await post(server, [{ ...body(2), query: "  SELECT value FROM json_each(?) ;\n" }]);
    await post(server, [{ query: "SELECT value FROM json_each(?)", values: ["no JSON"] }]);
    await get(server, slow);
    await server.api("/query?db=t&sql=SELECT+1", BY_PAGE);
    const { status, body: found } = await server.json<{
      statements: Record<string, number | string>[];
      total: number;
    }>("/history/statements?db=t&source=sql");
    expect(status).toBe(200);
    expect(found).toMatchObject({ total: 2, count: 2, limit: 100, offset: 0 });
    const [first, second] = found.statements;
    expect(first).toMatchObject({ statement: slow, runs: 1, failures: 0, row_count: 1 });
    expect(second).toMatchObject({
      statement: "SELECT value FROM json_each(?)",
      runs: 3,
      failures: 1,
      row_count: 4,
      first_run: new Date(atMs).toISOString(),
      last_run: new Date(atMs + 1000).toISOString(),
    });
    const entries = (await history(server, "&q=json_each")).history;
    const times = entries.map((entry) => entry.execution_time_ms);
    const total = times.reduce((sum, time) => sum + time, 0);
    // Each is rounded to hundredths.
    expect(Math.abs(Number(second?.["total_ms"]) - total)).toBeLessThan(0.03);
    expect(Math.abs(Number(second?.["avg_ms"]) - total / 3)).toBeLessThan(0.03);
    expect(second?.["max_ms"]).toBe(Math.max(...times));

    // Each leads to its entries, and to no others.
    await get(server, "SELECT value FROM json_each(?) LIMIT 1");
    const text = encodeURIComponent(String(second?.["statement"]));
    expect(await history(server, `&statement=${text}`)).toMatchObject({ total: 3 });
    expect(await history(server, `&statement=%20${text}%3B%0A`)).toMatchObject({ total: 3 });
    expect(await history(server, `&statement=${text}&success=no`)).toMatchObject({ total: 1 });
    const page = await server.json("/history/statements?db=t&limit=1&offset=1");
    expect(page.body).toMatchObject({ count: 1, total: 4, limit: 1, offset: 1 });
    const narrowed = await server.json("/history/statements?db=t&q=json_each&success=false");
    expect(narrowed.body).toMatchObject({ total: 2, statements: [{ failures: 1 }, {}] });
  });

  test("is empty where nothing was run", async () => {
    await using server = await startTestServer();
    expect(await server.json("/history/statements?db=t")).toMatchObject({
      status: 200,
      body: { statements: [], total: 0 },
    });
  });
});

describe("DELETE /history", () => {
  const forget = (server: TestServer, query: string) =>
    server.json(`/history?db=t${query}`, { method: "DELETE" });

  test("forgets what the filters let through, and nothing that came later than it may", async () => {
    await using server = await startTestServer();
    for (const text of ["apple", "'pear'", "'apple pie'"]) await get(server, `SELECT ${text}`);
    await server.api("/query?db=t&sql=SELECT+'apple'", BY_PAGE);
    const all = ["SELECT 'apple'", "SELECT 'apple pie'", "SELECT 'pear'", "SELECT apple"];
    expect(await forget(server, "&q=nowhere")).toMatchObject({ status: 200, body: { deleted: 0 } });
    for (const wrong of ["&source=web", "&success=2", "&through=x"])
      expect((await forget(server, wrong)).status).toBe(400);
    expect(await logged(server)).toEqual(all);

    const [, newest] = (await history(server, "&source=sql&q=apple")).history;
    const seen = `&source=sql&q=apple&through=${newest?.id}`;
    expect((await forget(server, seen)).body).toMatchObject({ deleted: 1 });
    expect(await logged(server)).toEqual(all.slice(0, 3));
    expect((await forget(server, "&statement=SELECT+'apple'")).body).toMatchObject({ deleted: 1 });
    expect((await forget(server, "&success=true&q=PIE")).body).toMatchObject({ deleted: 1 });
    expect(await logged(server)).toEqual(["SELECT 'pear'"]);
    expect((await forget(server, "")).body).toMatchObject({ deleted: 1 });
    expect(await logged(server)).toEqual([]);
  });

  test("of one database leaves the others alone", async () => {
    await using server = await startTestServer();
    await server.api("/db/create?path=u", { method: "POST" });
    await get(server, "SELECT 1");
    await server.api("/query?db=u&sql=SELECT+1");
    expect((await forget(server, "")).body).toMatchObject({ deleted: 1 });
    expect((await server.json<Page>("/history?db=u")).body.total).toBe(1);
  });
});

describe("DELETE /history/ID", () => {
  test("forgets one entry, of that database only", async () => {
    await using server = await startTestServer();
    await server.api("/db/create?path=u", { method: "POST" });
    await get(server, "SELECT 1");
    await get(server, "SELECT 2");
    const [, first] = (await history(server)).history;
    const forget = (db: string, id: unknown) =>
      server.json(`/history/${id}?db=${db}`, { method: "DELETE" });
    expect(await forget("u", first?.id)).toMatchObject({
      status: 404,
      body: { code: "HISTORY_ENTRY_NOT_FOUND" },
    });
    expect(await forget("t", first?.id)).toMatchObject({ status: 200, body: { success: true } });
    expect(await forget("t", first?.id)).toMatchObject({ status: 404 });
    expect(await logged(server)).toEqual(["SELECT 2"]);
    expect(await forget("t", "x")).toMatchObject({ status: 400, body: { parameter: "id" } });
    const { status } = await server.api(`/history/${first?.id}?db=t`);
    expect(status).toBe(405);
  });
});

describe("GET /history/stats", () => {
  test("counts by outcome and time", async () => {
    await using server = await startTestServer();
    const none = await server.json("/history/stats?db=t");
    expect(none.body).toMatchObject({ total_queries: 0, avg_exec_time_ms: 0, last_hour: 0 });
    await get(server, "SELECT 1");
    server.clock.advance(3_600_000 - 60_000);
    await get(server, "SELECT * FROM missing");
    server.clock.advance(59_999);
    await get(server, "SELECT 2");
    const stats = (await server.json("/history/stats?db=t")).body;
    expect(stats).toMatchObject({
      total_queries: 3,
      success_count: 2,
      failure_count: 1,
      last_hour: 3,
      last_minute: 2,
    });
    server.clock.advance(1);
    expect((await server.json("/history/stats?db=t")).body).toMatchObject({
      last_hour: 2,
      last_minute: 1,
    });
  });
});
