import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { startTestServer, type TestServer } from "./support/server.ts";

const remove = (server: TestServer, db: string, more = "&confirm=yes") =>
  server.json(`/db?db=${encodeURIComponent(db)}${more}`, { method: "DELETE" });
const put = (server: TestServer, db: string, key: string) =>
  server.api(`/kv/${key}?db=${db}&create_db_if_missing=true`, { method: "PUT", body: "x" });
const query = (server: TestServer, sql: string, init?: RequestInit) =>
  server.api(`/query?db=t&sql=${encodeURIComponent(sql)}`, init);

/** SQL that takes about this many steps. */
const counting = (steps: number) =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${steps}) SELECT max(i) AS m FROM n`;

describe("DELETE /db", () => {
  test("removes the file and what belongs to it, and the name is free again", async () => {
    await using server = await startTestServer();
    await put(server, "t", "a");
    writeFileSync(server.folder.file("t.db-journal"), "left over");
    expect(existsSync(server.folder.file("t.db-wal"))).toBe(true);
    const { status, body } = await remove(server, "t");
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: true, path: server.folder.file("t.db") });
    expect(body["files_removed"]).toContain(server.folder.file("t.db"));
    expect(body["files_removed"]).toContain(server.folder.file("t.db-journal"));
    const left = readdirSync(server.folder.path).filter((name) => name !== ".chronolite");
    expect(left).toEqual([]);
    expect((await server.json("/kv/a/entry?db=t")).body).toMatchObject({
      code: "DATABASE_NOT_FOUND",
    });
    expect((await put(server, "t", "b")).status).toBe(200);
    expect((await server.json("/kv?db=t")).body).toMatchObject({ keys: ["b"] });
  });

  test("changes nothing without confirm=yes", async () => {
    await using server = await startTestServer();
    for (const more of ["", "&confirm=", "&confirm=true"]) {
      const { status, body } = await remove(server, "t", more);
      expect([status, body]).toMatchObject([400, { parameter: "confirm" }]);
    }
    expect((await query(server, "SELECT 1")).status).toBe(200);
  });

  test("refuses what is not a database, and touches nothing of it", async () => {
    await using server = await startTestServer();
    const { folder } = server;
    writeFileSync(folder.file("text.db"), "not a database, but long enough to be one");
    writeFileSync(folder.file("empty.db"), "");
    mkdirSync(folder.file("sub"));
    writeFileSync(folder.file("sub/inner.txt"), "x");
    symlinkSync("/etc/passwd", folder.file("away.db"));
    for (const [db, status, code] of [
      ["none", 404, "DATABASE_NOT_FOUND"],
      ["text", 400, "INVALID_SQLITE_HEADER"],
      ["empty", 400, "INVALID_SQLITE_HEADER"],
      [folder.file("sub"), 400, "PATH_IS_DIRECTORY"],
      ["away", 400, "INVALID_DB_PATH"],
      ["../t", 400, "INVALID_DB_PATH"],
      ["t.db-wal", 400, "INVALID_DB_PATH"],
      ["file:t.db", 400, "INVALID_DB_PATH"],
      ["t\0", 400, "INVALID_DB_PATH"],
      [":memory:", 400, "INVALID_DB_PATH"],
      ["", 400, "INVALID_PARAMETERS"],
    ] as const) {
      const answer = await remove(server, db);
      expect([db, answer.status, answer.body["code"]]).toEqual([db, status, code]);
    }
    expect(readdirSync(folder.path).toSorted()).toContain("away.db");
    for (const name of ["text.db", "empty.db", "sub/inner.txt", "t.db"])
      expect(existsSync(folder.file(name))).toBe(true);
  });

  test("removes a link together with the database it leads to", async () => {
    await using server = await startTestServer();
    symlinkSync(server.folder.file("t.db"), server.folder.file("alias.db"));
    await put(server, "t", "a");
    expect((await remove(server, "alias")).status).toBe(200);
    const left = readdirSync(server.folder.path).filter((name) => name !== ".chronolite");
    expect(left).toEqual([]);
  });

  test("waits for what is under way, and whoever comes meanwhile finds no database", async () => {
    await using server = await startTestServer();
    await put(server, "t", "a");
    let answered = false;
    const running = query(server, counting(5_000_000)).then(async (response) => {
      answered = true;
      return response.json();
    });
    // The statement is in its runner once the server counts it.
    while (
      ((await server.json("/health")).body["counters"] as { sql_active: number }).sql_active === 0
    );
    const removed = remove(server, "t").then((answer) => ({ ...answer, answered }));
    // Two connections have no order; once others were answered, the deletion has begun.
    for (let round = 0; round < 3; round += 1) await server.json("/health");
    const late = server.api("/kv/a?db=t");
    expect(await removed).toMatchObject({ status: 200, answered: true });
    expect(await running).toMatchObject({ resultSet: [{ m: 5_000_000 }] });
    expect((await late).headers.get("x-error-code")).toBe("DATABASE_NOT_FOUND");
    const left = readdirSync(server.folder.path).filter((name) => name !== ".chronolite");
    expect(left).toEqual([]);
  });

  test("ends the streams of those who listen for changes", async () => {
    await using server = await startTestServer();
    await put(server, "t", "a");
    const response = await server.api("/changes/stream?db=t");
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toContain("event: ready");
    expect((await remove(server, "t", "&confirm=yes&timeout=3")).status).toBe(200);
    let text = "";
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read())
      text += next.value;
    expect(text).toContain('{"reason":"deleted"}');
  });

  test("gives up at its deadline while a statement still runs, and the database stays in use", async () => {
    await using server = await startTestServer();
    await put(server, "t", "a");
    const caller = new AbortController();
    const running = query(server, counting(1e12), { signal: caller.signal });
    while (
      ((await server.json("/health")).body["counters"] as { sql_active: number }).sql_active === 0
    );
    expect(await remove(server, "t", "&confirm=yes&timeout=1")).toMatchObject({
      status: 503,
      body: { code: "DATABASE_BUSY" },
    });
    expect(await (await server.api("/kv/a?db=t")).text()).toBe("x");
    caller.abort();
    await running.catch(() => {});
  });

  test("refuses while another program has the database open", async () => {
    await using server = await startTestServer();
    await put(server, "t", "a");
    const other = Bun.spawn(
      [
        process.execPath,
        "-e",
        `const { Database } = require("bun:sqlite");
         const database = new Database(${JSON.stringify(server.folder.file("t.db"))});
         database.query("select count(*) from kv_store").get();
         console.log("open");
         await new Response(Bun.stdin.stream()).text();
         database.close();`,
      ],
      { stdin: "pipe", stdout: "pipe" },
    );
    const reader = other.stdout.getReader();
    await reader.read();
    expect(await remove(server, "t")).toMatchObject({
      status: 503,
      body: { code: "DATABASE_BUSY" },
    });
    expect(await (await server.api("/kv/a?db=t")).text()).toBe("x");
    await other.stdin.end();
    await other.exited;
    expect((await remove(server, "t")).status).toBe(200);
    const left = readdirSync(server.folder.path).filter((name) => name !== ".chronolite");
    expect(left).toEqual([]);
  });

  test("says which files went when one could not", async () => {
    await using server = await startTestServer();
    mkdirSync(server.folder.file("t.db-journal"));
    const { status, body } = await remove(server, "t");
    expect([status, body]).toMatchObject([500, { code: "DELETE_INCOMPLETE", files_removed: [] }]);
    expect(existsSync(server.folder.file("t.db"))).toBe(true);
  });

  test("does not race with those who make the database anew", async () => {
    await using server = await startTestServer();
    for (let round = 0; round < 15; round += 1) {
      const answers = await Promise.all([
        put(server, "t", "a"),
        put(server, "t", "b"),
        remove(server, "t").then(({ status }) => ({ status })),
        server.api("/db/create?path=t", { method: "POST" }),
        put(server, "t", "c"),
        remove(server, "t").then(({ status }) => ({ status })),
        put(server, "t", "d"),
      ]);
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => ![200, 201, 404, 409].includes(status))).toEqual([]);
      expect(statuses).toContain(200);
      const check = await query(server, "SELECT * FROM pragma_integrity_check");
      if (check.status === 200)
        expect(await check.json()).toMatchObject({ resultSet: [{ integrity_check: "ok" }] });
      else expect(existsSync(server.folder.file("t.db"))).toBe(false);
    }
    await remove(server, "t");
    const left = readdirSync(server.folder.path).filter((name) => name !== ".chronolite");
    expect(left).toEqual([]);
  });
});
