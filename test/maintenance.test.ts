import { Database as Connection } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { startTestServer, TestFolder, type TestServer } from "./support/server.ts";

type Body = Record<string, unknown>;

const maintain = (server: TestServer, body: unknown, db = "t", more = "") =>
  server.json(`/maintenance?db=${encodeURIComponent(db)}${more}`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

async function sql(server: TestServer, ...statements: string[]): Promise<void> {
  const { status, body } = await server.json("/db?db=t", {
    method: "POST",
    body: JSON.stringify({ transaction: statements.map((statement) => ({ statement })) }),
  });
  expect({ status, body: status === 200 ? "" : body }).toEqual({ status: 200, body: "" });
}

const FILL =
  "insert into big with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000) select i, hex(randomblob(200)) from n";

/** Rows of a table, in this process: nothing else has the file open. */
function countIn(path: string, table: string): unknown {
  const connection = new Connection(path, { readonly: true });
  const row = connection.query(`select count(*) as n from ${table}`).get() as { n: number };
  connection.close(true);
  return row.n;
}

/** Another program with a database open, in a transaction that reads. */
async function startReader(path: string): Promise<AsyncDisposable> {
  const other = Bun.spawn(
    [
      process.execPath,
      "-e",
      `const { Database } = require("bun:sqlite");
       const database = new Database(${JSON.stringify(path)});
       database.run("begin");
       database.query("select count(*) from sqlite_schema").get();
       console.log("open");
       await new Response(Bun.stdin.stream()).text();
       database.close();`,
    ],
    { stdin: "pipe", stdout: "pipe" },
  );
  await other.stdout.getReader().read();
  return {
    async [Symbol.asyncDispose]() {
      await other.stdin.end();
      await other.exited;
    },
  };
}

/** What is in the server's own folder, but for its database, which the query log makes in its own time. */
const ownFiles = (folder: string): string[] =>
  readdirSync(folder).filter((name) => !name.startsWith("state.db"));

describe("POST /maintenance", () => {
  test("wal_checkpoint_truncate empties the log", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t", { method: "PUT", body: "1" });
    await sql(server, "create table big(a, b)", FILL);
    const walBytes = () => statSync(server.folder.file("t.db-wal")).size;
    expect(walBytes()).toBeGreaterThan(500_000);
    expect(await maintain(server, { op: "wal_checkpoint_truncate" })).toMatchObject({
      status: 200,
      body: { op: "wal_checkpoint_truncate", result: "ok" },
    });
    expect(walBytes()).toBeLessThan(20_000);
    expect((await server.api("/kv/a?db=t", { method: "PUT", body: "2" })).status).toBe(200);
  });

  test("a checkpoint that a reader blocks is 409 with Retry-After", async () => {
    await using server = await startTestServer();
    await sql(server, "create table big(a, b)");
    await using _reader = await startReader(server.folder.file("t.db"));
    await sql(server, FILL);
    const response = await server.api("/maintenance?db=t", {
      method: "POST",
      body: '{"op":"wal_checkpoint_truncate"}',
    });
    expect([response.status, response.headers.get("retry-after")]).toEqual([409, "1"]);
    expect(await response.json()).toMatchObject({ code: "CONFLICT", reqIdx: -1 });
  });

  test("quick_check and integrity_check tell a sound file from a damaged one", async () => {
    using folder = new TestFolder();
    for (const name of ["sound.db", "wrong.db"]) {
      const connection = new Connection(folder.file(name), { create: true });
      connection.run("create table big(a, b)");
      connection.run("create index by_b on big(b)");
      connection.run(FILL);
      connection.run("insert into big values (1, '0123456789abcdef')");
      connection.close(true);
    }
    const bytes = readFileSync(folder.file("wrong.db"));
    // One letter of one row, which its index has as it was.
    const at = bytes.indexOf("0123456789abcdef");
    bytes.write("X", at);
    writeFileSync(folder.file("wrong.db"), bytes);
    // The cells of the root page, not its header.
    bytes.fill(0xff, 4096 + 12, 2 * 4096);
    writeFileSync(folder.file("damaged.db"), bytes);
    await using server = await startTestServer({ folder, empty: true });
    const check = async (db: string, op: string) => {
      const { status, body } = await maintain(server, { op }, db);
      expect({ status, op: body["op"] }).toEqual({ status: 200, op });
      const { result, problems } = body;
      expect(problems ?? "none").toEqual(result === "ok" ? "none" : expect.any(Array));
      return result;
    };
    expect(await check("sound", "quick_check")).toBe("ok");
    expect(await check("sound", "integrity_check")).toBe("ok");
    expect(await check("wrong", "quick_check")).toBe("ok");
    expect(await check("wrong", "integrity_check")).toContain("index by_b");
    expect(await check("damaged", "quick_check")).toContain("Tree 2 page 2");
  });

  test("optimize gathers statistics, vacuum gives free pages back, stats tells sizes", async () => {
    await using server = await startTestServer();
    await sql(server, "create table big(a, b)", "create index by_a on big(a)", FILL);
    expect((await maintain(server, { op: "optimize" })).body).toMatchObject({ result: "ok" });
    const { body: schema } = await server.json("/db/schema?db=t");
    expect((schema["objects"] as Body[]).map(({ name }) => name)).toContain("sqlite_stat1");
    await sql(server, "delete from big where a > 100");
    const before = (await maintain(server, { op: "stats" })).body["result"] as Body;
    expect(before).toMatchObject({ page_size: 4096, journal_mode: "wal", encoding: "UTF-8" });
    expect(before["free_pages"]).toBeGreaterThan(100);
    expect(before["wal_size"]).toBeGreaterThan(0);
    const objects = before["objects"] as Body[];
    expect(objects.find(({ name }) => name === "big")).toMatchObject({ type: "table" });
    expect(objects.find(({ name }) => name === "by_a")).toMatchObject({
      type: "index",
      table: "big",
    });
    const pages = objects.reduce((sum, { pages: more }) => sum + Number(more), 0);
    expect(pages + Number(before["free_pages"])).toBe(Number(before["page_count"]));
    const { body: vacuum } = await maintain(server, { op: "vacuum" });
    expect(vacuum).toMatchObject({ op: "vacuum", result: "ok", size_before: before["size"] });
    expect(vacuum["size_after"]).toBeLessThan(Number(vacuum["size_before"]) / 2);
    const after = (await maintain(server, { op: "stats" })).body["result"] as Body;
    expect(after).toMatchObject({ free_pages: 0, size: vacuum["size_after"] });
  });

  test("vacuum_into writes a whole copy while others write, and makes folders on the way", async () => {
    await using server = await startTestServer();
    await sql(server, "create table big(a, b)", FILL);
    let writing = true;
    let written = 0;
    const writer = (async () => {
      while (writing) {
        const { status } = await server.api(`/kv/k${written}?db=t`, { method: "PUT", body: "x" });
        expect(status).toBe(200);
        written += 1;
      }
    })();
    const path = server.folder.file("a/b c/copy.db");
    const { status, body } = await maintain(server, { op: "vacuum_into", dest_path: path });
    writing = false;
    await writer;
    expect([status, body]).toMatchObject([
      200,
      { op: "vacuum_into", result: "ok", dest_path: path, path, size: statSync(path).size },
    ]);
    expect(countIn(path, "big")).toBe(3000);
    expect((await maintain(server, { op: "vacuum_into", dest_path: "bare" })).body).toMatchObject({
      path: server.folder.file("bare.db"),
    });
    expect((await server.json("/kv?db=bare&limit=1000")).body["count"]).toBe(written);
    expect((await maintain(server, { op: "integrity_check" }, "bare")).body).toMatchObject({
      result: "ok",
    });
    expect(ownFiles(server.folder.file(".chronolite"))).toEqual([]);
  });

  test("vacuum_into overwrites nothing", async () => {
    await using server = await startTestServer();
    writeFileSync(server.folder.file("mine.db"), "mine");
    writeFileSync(server.folder.file("log.db-wal"), "left over");
    symlinkSync(server.folder.file("nothing"), server.folder.file("dangling.db"));
    mkdirSync(server.folder.file("folder.db"));
    for (const dest_path of ["mine", "t", "log", "dangling", "folder"]) {
      const { status, body } = await maintain(server, { op: "vacuum_into", dest_path });
      expect([dest_path, status, body]).toMatchObject([
        dest_path,
        409,
        { code: "CONFLICT", reqIdx: -1 },
      ]);
    }
    expect(readFileSync(server.folder.file("mine.db"), "utf8")).toBe("mine");
    expect(existsSync(server.folder.file("log.db"))).toBe(false);
    expect(existsSync(server.folder.file("nothing"))).toBe(false);
    expect(ownFiles(server.folder.file(".chronolite"))).toEqual([]);
  });

  test("vacuum_into cannot leave the data folder", async () => {
    using outside = new TestFolder();
    await using server = await startTestServer();
    symlinkSync(outside.path, server.folder.file("away"));
    for (const [dest_path, status, code] of [
      [server.folder.file("away/x.db"), 403, "FORBIDDEN"],
      [server.folder.file("away/deep/x.db"), 403, "FORBIDDEN"],
      [outside.file("x.db"), 400, "INVALID_DB_PATH"],
      ["../x.db", 400, "INVALID_DB_PATH"],
      [`${server.folder.path}/../x.db`, 400, "INVALID_DB_PATH"],
      ["sub/x.db", 400, "INVALID_DB_PATH"],
      [`file:${outside.file("x.db")}`, 400, "INVALID_DB_PATH"],
      [`file:x.db?mode=memory`, 400, "INVALID_DB_PATH"],
      ["x\0.db", 400, "INVALID_DB_PATH"],
      [":memory:", 400, "INVALID_DB_PATH"],
      ["", 400, "INVALID_DB_PATH"],
      ["t.db-wal", 400, "INVALID_DB_PATH"],
      [7, 400, "INVALID_PARAMETERS"],
      [undefined, 400, "INVALID_PARAMETERS"],
    ] as const) {
      const answer = await maintain(server, { op: "vacuum_into", dest_path });
      expect([dest_path, answer.status, answer.body]).toMatchObject([
        dest_path,
        status,
        { code, reqIdx: -1 },
      ]);
    }
    expect(readdirSync(outside.path)).toEqual([]);
    // Percent escapes are letters of the name here, not another way to write a slash.
    expect(
      (await maintain(server, { op: "vacuum_into", dest_path: "%2e%2e%2Fy" })).body,
    ).toMatchObject({ path: server.folder.file("%2e%2e%2Fy.db") });
  });

  test("vacuum_into goes anywhere with --allow-any-absolute-db-path", async () => {
    using outside = new TestFolder();
    await using server = await startTestServer({ args: ["--allow-any-absolute-db-path"] });
    await sql(server, "create table big(a, b)", FILL);
    const dest_path = outside.file("new/copy.db");
    expect((await maintain(server, { op: "vacuum_into", dest_path })).status).toBe(200);
    expect(countIn(dest_path, "big")).toBe(3000);
  });

  test("errors carry reqIdx -1; a missing database is 404", async () => {
    await using server = await startTestServer();
    for (const [body, db, status, code] of [
      [{ op: "quick_check" }, "none", 404, "DATABASE_NOT_FOUND"],
      [{ op: "vacuum_into", dest_path: "x" }, "none", 404, "DATABASE_NOT_FOUND"],
      [{ op: "quick_check" }, server.folder.path, 400, "PATH_IS_DIRECTORY"],
      [{ op: "quick_check" }, "../t", 400, "INVALID_DB_PATH"],
      [{ op: "quick_check" }, "", 400, "INVALID_PARAMETERS"],
      [{ op: "toString" }, "t", 400, "INVALID_PARAMETERS"],
      [{ op: "reindex" }, "t", 400, "INVALID_PARAMETERS"],
      [{ op: 1 }, "t", 400, "INVALID_PARAMETERS"],
      [{ op: "vacuum", dest_path: "x" }, "t", 400, "INVALID_PARAMETERS"],
      [{}, "t", 400, "INVALID_PARAMETERS"],
      ["[]", "t", 400, "INVALID_PARAMETERS"],
      ["", "t", 400, "INVALID_PARAMETERS"],
    ] as const) {
      const answer = await maintain(server, body, db);
      expect([body, answer.status, answer.body]).toMatchObject([
        body,
        status,
        { code, reqIdx: -1 },
      ]);
    }
    expect(existsSync(server.folder.file("x.db"))).toBe(false);
  });

  test("copies that a crashed server left unfinished are removed at the next start", async () => {
    using folder = new TestFolder();
    const gone = Bun.spawn(["true"]);
    await gone.exited;
    mkdirSync(folder.file(".chronolite"));
    for (const name of [`work-${gone.pid}-a`, `work-${process.pid}-b`, "work-1-c", "state.db"])
      writeFileSync(folder.file(`.chronolite/${name}`), "x");
    await using _server = await startTestServer({ folder, empty: true });
    // Process 1 is another one, and alive.
    expect(readdirSync(folder.file(".chronolite")).toSorted()).toEqual(["state.db", "work-1-c"]);
  });

  test("the server's own folder cannot be named", async () => {
    await using server = await startTestServer();
    await sql(server, "create table a(b)");
    const own = server.folder.file(".chronolite");
    mkdirSync(own);
    const inside = `${own}/inside.db`;
    const connection = new Connection(inside, { create: true });
    connection.run("create table secret(a)");
    connection.close(true);
    symlinkSync(inside, server.folder.file("link.db"));
    const name = encodeURIComponent(inside);
    const refused = [400, "INVALID_DB_PATH"];
    const answer = async (path: string, init?: RequestInit) => {
      const { status, body } = await server.json<Body>(path, init);
      return [status, body["code"]];
    };
    for (const db of [name, "link"]) {
      expect(await answer(`/query?db=${db}&sql=select+1`)).toEqual(refused);
      expect(await answer(`/db/export?db=${db}`)).toEqual(refused);
      expect(await answer(`/db?db=${db}&confirm=yes`, { method: "DELETE" })).toEqual(refused);
    }
    const post = { method: "POST", body: "" };
    expect(await answer(`/db/create?path=${encodeURIComponent(`${own}/new.db`)}`, post)).toEqual(
      refused,
    );
    expect(
      await answer(`/db/import?db=${encodeURIComponent(`${own}/new.db`)}&format=sqlite`, post),
    ).toEqual(refused);
    for (const dest_path of [`${own}/new.db`, `${own}/deeper/new.db`])
      expect((await maintain(server, { op: "vacuum_into", dest_path })).body).toMatchObject({
        code: "INVALID_DB_PATH",
        reqIdx: -1,
      });
    expect(await answer(`/db/list?dir=${encodeURIComponent(own)}`)).toEqual([403, "FORBIDDEN"]);
    expect(await answer(`/kv?db=${encodeURIComponent(own)}`)).toEqual([403, "FORBIDDEN"]);
    const folder = encodeURIComponent(server.folder.path);
    expect((await server.api(`/kv/.chronolite/inside.db?db=${folder}`)).status).toBe(400);
    const { body: listed } = await server.json(`/kv?db=${folder}`);
    expect(JSON.stringify(listed)).not.toContain("inside.db");
    expect(ownFiles(own)).toEqual(["inside.db"]);
  });
});
