import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { startTestServer, TestFolder, type TestServer } from "./support/server.ts";

interface Envelope {
  success: boolean;
  code: string;
  error: string;
  parameter?: string;
  path?: string;
  exists?: boolean;
  tables?: string[];
  kv_table?: string;
  size?: number;
}

const named = (db: string) => `db=${encodeURIComponent(db)}`;

/** A SQLite file made by another program. */
function makeFile(path: string): void {
  using database = new Database(path, { create: true });
  database.run("CREATE TABLE mark(a)");
}

const statusOf = async (server: TestServer, db: string) =>
  (await server.api(`/query?${named(db)}&sql=SELECT+1`)).status;

/** Every call that takes `db`, with what it should answer for a name that is refused. */
const CALLS: readonly [string, string, RequestInit][] = [
  ["GET /kv/{key}", "/kv/a?", {}],
  ["PUT /kv/{key}", "/kv/a?create_db_if_missing=true&", { method: "PUT", body: "x" }],
  ["DELETE /kv/{key}", "/kv/a?", { method: "DELETE" }],
  ["POST incr", "/kv/a/incr?create_db_if_missing=true&", { method: "POST" }],
  ["GET /kv", "/kv?", {}],
  ["GET /query", "/query?sql=SELECT+1&", {}],
  [
    "POST /db",
    "/db?create_db_if_missing=true&",
    { method: "POST", body: '{"transaction":[{"query":"SELECT 1"}]}' },
  ],
];

describe("?db= as a bare name", () => {
  test.each<[string, string]>([
    ["notes", "notes.db"],
    ["app.db", "app.db"],
    ["app.sqlite", "app.sqlite"],
    ["app.v2", "app.v2"],
    ["./notes", "notes.db"],
    ["./app.db", "app.db"],
    ["with space", "with space.db"],
    ["Ünï-çødé 🎈", "Ünï-çødé 🎈.db"],
    ["100%", "100%.db"],
    ["a&b=c+d", "a&b=c+d.db"],
    ["..a", "..a"],
    ["-rf", "-rf.db"],
  ])("%p is the file %p", async (db, file) => {
    await using server = await startTestServer({ empty: true });
    const put = await server.api(`/kv/a?${named(db)}&create_db_if_missing=true`, {
      method: "PUT",
      body: "x",
    });
    expect(put.status).toBe(200);
    expect(existsSync(server.folder.file(file))).toBe(true);
    expect(await (await server.api(`/kv/a?${named(file)}`)).text()).toBe("x");
  });

  test("may have its space sent as +", async () => {
    await using server = await startTestServer({ empty: true });
    expect((await server.api("/db/create?path=a+b", { method: "POST" })).status).toBe(201);
    expect(existsSync(server.folder.file("a b.db"))).toBe(true);
  });

  test.each<[string, string]>([
    ["an absolute path", "/data/app.db"],
    ["Hoody's folder", "/hoody/databases/x.db"],
    ["a file that exists elsewhere", "/etc/passwd"],
    ["a path with a slash", "a/b"],
    ["a path with a backslash", "a\\b"],
    ["the folder above", "../x"],
    ["the folder above, later", "./../x"],
    ["..", ".."],
    [".", "."],
    ["./", "./"],
    ["memory", ":memory:"],
    ["a question mark", "a?mode=memory"],
    ["a hash", "a#b"],
    ["blank", "   "],
    ["NUL", "a\0b"],
    ["a file: URI", "file:app.db"],
    ["a file: URI in other letters", "FILE:app.db"],
    ["a file: URI of memory", "file::memory:"],
    ["a write-ahead log", "x.db-wal"],
    ["a shared-memory file", "x.db-shm"],
    ["a journal", "x.db-journal"],
    ["a write-ahead log in other letters", "x.db-WAL"],
    ["too long", "x".repeat(300)],
    ["far too long", "x".repeat(5000)],
  ])("refuses %s: 400 INVALID_DB_PATH, on every call, and makes nothing", async (_, db) => {
    await using server = await startTestServer({ empty: true });
    for (const [call, url, init] of CALLS) {
      const { status, body } = await server.json<Envelope>(`${url}${named(db)}`, init);
      expect({ call, status, code: body.code, parameter: body.parameter }).toEqual({
        call,
        status: 400,
        code: "INVALID_DB_PATH",
        parameter: "db",
      });
    }
    const created = await server.json<Envelope>(`/db/create?path=${encodeURIComponent(db)}`, {
      method: "POST",
    });
    expect(created.status).toBe(400);
    expect(created.body).toMatchObject({ code: "INVALID_DB_PATH", path: db });
    expect(readdirSync(server.folder.path)).toEqual([]);
  });

  test("is needed: 400 that names db", async () => {
    await using server = await startTestServer({ empty: true });
    for (const [call, url, init] of CALLS)
      for (const db of ["", "db="]) {
        const { status, body } = await server.json<Envelope>(`${url}${db}`, init);
        expect({ call, status, parameter: body.parameter }).toEqual({
          call,
          status: 400,
          parameter: "db",
        });
      }
  });

  test("given twice is 400 that names db", async () => {
    await using server = await startTestServer();
    const { status, body } = await server.json<Envelope>("/kv/a?db=t&db=t");
    expect({ status, parameter: body.parameter }).toEqual({ status: 400, parameter: "db" });
  });

  test("accepts an absolute path that lies in the data folder, and no further", async () => {
    await using server = await startTestServer();
    expect(await statusOf(server, server.folder.file("t.db"))).toBe(200);
    expect(await statusOf(server, `${server.folder.path}/../x.db`)).toBe(400);
    expect(await statusOf(server, `${server.folder.path}-beside/x.db`)).toBe(400);
    expect(await statusOf(server, server.folder.path)).toBe(400);
  });

  test("two names of one file are one database", async () => {
    await using server = await startTestServer();
    symlinkSync(server.folder.file("t.db"), server.folder.file("alias.db"));
    for (const db of ["t", "./t", "t.db", "alias", server.folder.file("t.db")])
      expect((await server.api(`/kv/n/incr?${named(db)}`, { method: "POST" })).status).toBe(200);
    expect(await (await server.api("/kv/n?db=t")).text()).toBe("5");
    const { body } = await server.json<{ size: number }>("/health/cache");
    expect(body.size).toBe(1);
  });
});

describe("?db= with --allow-any-absolute-db-path", () => {
  const args = ["--allow-any-absolute-db-path"];

  test("takes an absolute path as it is, without adding .db", async () => {
    using elsewhere = new TestFolder();
    makeFile(elsewhere.file("app.db"));
    makeFile(elsewhere.file("plain"));
    await using server = await startTestServer({ args });
    for (const name of ["app.db", "plain"]) {
      expect(await statusOf(server, elsewhere.file(name))).toBe(200);
      const put = await server.api(`/kv/a?${named(elsewhere.file(name))}`, {
        method: "PUT",
        body: name,
      });
      expect(put.status).toBe(200);
    }
    const created = await server.json<Envelope>(
      `/db/create?path=${encodeURIComponent(elsewhere.file("new.db"))}`,
      { method: "POST" },
    );
    expect(created.status).toBe(201);
    expect(existsSync(elsewhere.file("new.db"))).toBe(true);
  });

  test("still takes bare names, and still refuses what is neither", async () => {
    await using server = await startTestServer({ args });
    expect(await statusOf(server, "t")).toBe(200);
    for (const db of [
      "a/b",
      "../x",
      ":memory:",
      "file:/tmp/x",
      "/tmp/a?b",
      "/tmp/../etc/x",
      "/tmp/x.db-wal",
      "/tmp/",
    ])
      expect({ db, status: await statusOf(server, db) }).toEqual({ db, status: 400 });
  });

  test("follows a link out of the data folder", async () => {
    using elsewhere = new TestFolder();
    makeFile(elsewhere.file("app.db"));
    await using server = await startTestServer({ args });
    symlinkSync(elsewhere.file("app.db"), server.folder.file("link.db"));
    expect(await statusOf(server, "link")).toBe(200);
  });
});

describe("?db= of something that is no database", () => {
  test("a missing file: 400 DATABASE_NOT_FOUND, and none is made", async () => {
    await using server = await startTestServer({ empty: true });
    for (const [call, url, init] of CALLS) {
      const plain = url.replace("create_db_if_missing=true&", "");
      const { status, body } = await server.json<Envelope>(`${plain}db=missing`, init);
      expect({ call, status, code: body.code }).toEqual({
        call,
        status: 400,
        code: "DATABASE_NOT_FOUND",
      });
    }
    expect(readdirSync(server.folder.path)).toEqual([]);
  });

  test("--create-missing lets writes make it, and reads still not", async () => {
    await using server = await startTestServer({ empty: true, args: ["--create-missing"] });
    expect((await server.api("/kv/a?db=m")).status).toBe(400);
    expect((await server.api("/query?db=m&sql=SELECT+1")).status).toBe(400);
    const refused = await server.api("/kv/a?db=m&create_db_if_missing=false", {
      method: "PUT",
      body: "x",
    });
    expect(refused.status).toBe(400);
    expect(readdirSync(server.folder.path)).toEqual([]);
    expect((await server.api("/kv/a?db=m", { method: "PUT", body: "x" })).status).toBe(200);
  });

  test.each<[string, (path: string) => void, string]>([
    ["an empty file", (path) => writeFileSync(path, ""), "INVALID_SQLITE_HEADER"],
    [
      "a text file",
      (path) => writeFileSync(path, "hello, this is no database at all"),
      "INVALID_SQLITE_HEADER",
    ],
    [
      "a file shorter than the header",
      (path) => writeFileSync(path, "SQLite"),
      "INVALID_SQLITE_HEADER",
    ],
    ["a folder", (path) => mkdirSync(path), "PATH_IS_DIRECTORY"],
    ["a device", (path) => symlinkSync("/dev/null", path), "INVALID_DB_PATH"],
    [
      "a link that leaves the data folder",
      (path) => symlinkSync("/etc/passwd", path),
      "INVALID_DB_PATH",
    ],
    ["a link to nowhere", (path) => symlinkSync("/nowhere/at/all.db", path), "DATABASE_NOT_FOUND"],
    ["a link to itself", (path) => symlinkSync(path, path), "INVALID_DB_PATH"],
  ])("%s: 400, and it stays as it was", async (what, make, code) => {
    await using server = await startTestServer({ empty: true });
    const path = server.folder.file("odd.db");
    make(path);
    for (const [call, url, init] of CALLS) {
      // A link to nowhere is not a wish to create its target.
      if (what === "a link to nowhere" && url.includes("create_db_if_missing")) continue;
      const { status, body } = await server.json<Envelope>(`${url}db=odd`, init);
      expect({ call, status, code: body.code }).toEqual({ call, status: 400, code });
    }
    expect(readdirSync(server.folder.path)).toEqual(["odd.db"]);
  });

  test("a link to a missing file outside is not created through", async () => {
    using elsewhere = new TestFolder();
    await using server = await startTestServer({ empty: true });
    symlinkSync(elsewhere.file("planted.db"), server.folder.file("odd.db"));
    const put = await server.api("/kv/a?db=odd&create_db_if_missing=true", {
      method: "PUT",
      body: "x",
    });
    expect(put.status).toBeWithin(400, 500);
    const created = await server.api("/db/create?path=odd", { method: "POST" });
    expect(created.status).toBeWithin(400, 500);
    expect(readdirSync(elsewhere.path)).toEqual([]);
  });

  test("a link inside the data folder is followed", async () => {
    await using server = await startTestServer();
    symlinkSync(server.folder.file("t.db"), server.folder.file("link.db"));
    symlinkSync("t.db", server.folder.file("relative.db"));
    expect([await statusOf(server, "link"), await statusOf(server, "relative")]).toEqual([
      200, 200,
    ]);
  });

  test("a folder inside the data folder that links out is refused", async () => {
    using elsewhere = new TestFolder();
    makeFile(elsewhere.file("app.db"));
    await using server = await startTestServer();
    symlinkSync(elsewhere.path, server.folder.file("out"));
    expect(await statusOf(server, join(server.folder.path, "out", "app.db"))).toBe(400);
    const { status, body } = await server.json<Envelope>(
      `/db/create?path=${encodeURIComponent(join(server.folder.path, "out", "new.db"))}`,
      { method: "POST" },
    );
    expect({ status, code: body.code }).toEqual({ status: 403, code: "FORBIDDEN" });
    expect(readdirSync(elsewhere.path)).toEqual(["app.db"]);
  });
});

describe("POST /db/create", () => {
  test("answers 201 with path, size and the tables of the file", async () => {
    await using server = await startTestServer({ empty: true });
    const { status, body } = await server.json<Envelope>("/db/create?path=new", { method: "POST" });
    expect(status).toBe(201);
    expect(body).toMatchObject({ success: true, path: "new", kv_table: "kv_store", tables: [] });
    expect(body.size).toBeGreaterThan(0);
    expect(await statusOf(server, "new")).toBe(200);
  });

  test("with init_kv has the key-value table, and its bookkeeping", async () => {
    await using server = await startTestServer({ empty: true });
    const { body } = await server.json<Envelope>(
      "/db/create?path=new&init_kv=true&kv_table=cache",
      {
        method: "POST",
        headers: { "content-type": "application/json" },
      },
    );
    expect(body.kv_table).toBe("cache");
    expect(body.tables).toEqual(["cache", "cache_history", "chronolite_relations"]);
  });

  test("of a database that exists is 409 with path and exists, and leaves it alone", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t", { method: "PUT", body: "kept" });
    for (const path of ["t", "t.db", "./t"]) {
      const { status, body } = await server.json<Envelope>(`/db/create?path=${path}`, {
        method: "POST",
      });
      expect(status).toBe(409);
      expect(body).toMatchObject({ code: "DATABASE_EXISTS", path, exists: true });
    }
    expect(await (await server.api("/kv/a?db=t")).text()).toBe("kept");
  });

  test("many times at once makes it once", async () => {
    await using server = await startTestServer({ empty: true });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => server.api("/db/create?path=race", { method: "POST" })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
  });

  test.each<[string, string]>([
    ["without path", ""],
    ["with an empty path", "path="],
    ["with a bad table name", "path=bad&init_kv=true&kv_table=a-b"],
    ["with a bad flag", "path=bad&init_kv=maybe"],
  ])("%s is 400, and makes no file", async (_, more) => {
    await using server = await startTestServer({ empty: true });
    const { status, body } = await server.json<Envelope>(`/db/create?${more}`, { method: "POST" });
    expect({ status, code: body.code }).toEqual({ status: 400, code: "INVALID_PARAMETERS" });
    expect(readdirSync(server.folder.path)).toEqual([]);
  });
});

describe("many databases", () => {
  test("300 files within 10 open ones: all writable, all readable, few descriptors", async () => {
    await using server = await startTestServer({
      empty: true,
      args: ["--max-open-databases", "10"],
    });
    const health = async () =>
      (
        await server.json<{ fds: number | null; cache: { size: number; max_size: number } }>(
          "/health",
        )
      ).body;
    const before = await health();
    // Made by plain SQLite: 300 calls of db/create would measure those.
    for (let index = 0; index < 300; index += 1) makeFile(server.folder.file(`n${index}.db`));
    let mostOpen = 0;
    let mostFds = 0;
    const round = async (each: (index: number) => Promise<void>) => {
      let next = 0;
      await Promise.all(
        Array.from({ length: 6 }, async () => {
          while (next < 300) {
            next += 1;
            await each(next - 1);
            if (next % 20 === 0) {
              const { fds, cache } = await health();
              mostOpen = Math.max(mostOpen, cache.size);
              mostFds = Math.max(mostFds, fds ?? 0);
            }
          }
        }),
      );
    };
    await round(async (index) => {
      const put = await server.api(`/kv/a?db=n${index}`, { method: "PUT", body: String(index) });
      expect(put.status).toBe(200);
    });
    await round(async (index) => {
      expect(await (await server.api(`/kv/a?db=n${index}`)).text()).toBe(String(index));
    });
    expect(mostOpen).toBeLessThanOrEqual(10);
    // A database has up to four descriptors (file, log, its index, our own on the log).
    if (before.fds !== null) expect(mostFds - before.fds).toBeLessThan(10 * 4 + 40);
  }, 30_000);

  test("one open database at a time serves two in turn", async () => {
    await using server = await startTestServer({ args: ["--max-open-databases", "1"] });
    await server.api("/db/create?path=u", { method: "POST" });
    for (let index = 0; index < 5; index += 1)
      for (const db of ["t", "u"])
        expect((await server.api(`/kv/n/incr?db=${db}`, { method: "POST" })).status).toBe(200);
    expect(await (await server.api("/kv/n?db=t")).text()).toBe("5");
    expect(await (await server.api("/kv/n?db=u")).text()).toBe("5");
  });
});

describe("a file that changes under the server", () => {
  const removeAll = (server: TestServer) => {
    for (const suffix of ["", "-wal", "-shm"])
      rmSync(server.folder.file(`t.db${suffix}`), { force: true });
  };
  /** Until the answer is the wished one, at most three seconds. */
  const becomes = async (
    server: TestServer,
    url: string,
    wished: (response: Response) => Promise<boolean>,
  ) => {
    const giveUp = performance.now() + 3000;
    for (;;) {
      if (await wished(await server.api(url))) return;
      if (performance.now() > giveUp) throw new Error("the change was not noticed");
      await Bun.sleep(10);
    }
  };

  test("deleted: a write is refused at once, reads soon", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t", { method: "PUT", body: "old" });
    removeAll(server);
    const put = await server.json<Envelope>("/kv/a?db=t", { method: "PUT", body: "lost" });
    expect({ status: put.status, code: put.body.code }).toEqual({
      status: 400,
      code: "DATABASE_NOT_FOUND",
    });
    await becomes(server, "/kv/a?db=t", async (response) => response.status === 400);
    expect(await statusOf(server, "t")).toBe(400);
    expect(existsSync(server.folder.file("t.db"))).toBe(false);
  });

  test("deleted and made anew: the new one is served", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t", { method: "PUT", body: "old" });
    removeAll(server);
    expect((await server.api("/db/create?path=t", { method: "POST" })).status).toBe(201);
    await becomes(server, "/kv/a?db=t", async (response) => response.status === 404);
    expect((await server.api("/kv/a?db=t", { method: "PUT", body: "new" })).status).toBe(200);
    expect(await (await server.api("/kv/a?db=t")).text()).toBe("new");
  });

  test("replaced by another database: the other one is served, written and unharmed", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t", { method: "PUT", body: "old" });
    await server.api("/kv/a?db=u&create_db_if_missing=true", { method: "PUT", body: "new" });
    {
      // All of it in one file, as a backup would be.
      using other = new Database(server.folder.file("u.db"));
      other.run(`VACUUM INTO '${server.folder.file("copy")}'`);
    }
    removeAll(server);
    renameSync(server.folder.file("copy"), server.folder.file("t.db"));
    await becomes(server, "/kv/a?db=t", async (response) => (await response.text()) === "new");
    expect((await server.api("/kv/b?db=t", { method: "PUT", body: "more" })).status).toBe(200);
    expect(await (await server.api("/kv/b?db=t")).text()).toBe("more");
    using check = new Database(server.folder.file("t.db"), { readonly: true });
    expect(check.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  });
});
