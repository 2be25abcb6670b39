/** Files and disks as they should not be: each its own clear error, and nobody else is disturbed. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { type SpawnedServer, spawnServer, TestFolder } from "../support/server.ts";

const root = process.getuid?.() === 0;
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** The answers of every way to a database: `status CODE`. */
async function everyWay(server: SpawnedServer, db: string): Promise<string[]> {
  const name = encodeURIComponent(db);
  const answers: string[] = [];
  for (const [path, init] of [
    [`/kv/a?db=${name}`, {}],
    [`/kv?db=${name}`, {}],
    [`/query?db=${name}&sql=select+count(*)+from+x`, {}],
    [`/kv/a?db=${name}`, { method: "PUT", body: "1" }],
    [
      `/db?db=${name}`,
      { method: "POST", body: '{"transaction":[{"statement":"insert into x values (1)"}]}' },
    ],
  ] as const) {
    const response = await server.api(path, init);
    const text = await response.text();
    const code = response.status < 400 ? "" : (response.headers.get("x-error-code") ?? text);
    answers.push(`${response.status} ${code}`.trim());
  }
  return answers;
}

/** [GET of an absent key, list, query, PUT, POST /db] of a database without keys. */
const WELL = ["404 KEY_NOT_FOUND", "200", "200", "200", "200"];
const always = (answer: string) => [answer, answer, answer, answer, answer];

describe("one server over many bad files", () => {
  let folder: TestFolder;
  let server: SpawnedServer;

  function make(name: string, rows = 0): string {
    const path = folder.file(name);
    using database = new Database(path, { create: true });
    database.run("pragma journal_mode = wal");
    database.run("create table x (a)");
    for (let row = 0; row < rows; row += 1) database.run("insert into x values (randomblob(4000))");
    chmodSync(path, 0o666);
    return path;
  }

  async function overwrite(path: string, from: number, length: number): Promise<void> {
    const file = await open(path, "r+");
    await file.write(Buffer.alloc(length, 0xff), 0, length, from);
    await file.close();
  }

  beforeAll(async () => {
    folder = new TestFolder();
    chmodSync(folder.path, 0o777);
    make("good.db");
    // As another user, because nothing is forbidden to root.
    server = await spawnServer(folder, root ? { within: NOBODY } : {});
    expect(await everyWay(server, "good")).toEqual(WELL);
  });
  afterAll(async () => {
    // One bad database never disturbs another, nor the server.
    expect(await everyWay(server, "good")).toEqual(["200", ...WELL.slice(1)]);
    expect(server.process.exitCode).toBeNull();
    await server[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  test("a file without permission to write can be read", async () => {
    chmodSync(make("readonly.db"), 0o444);
    expect(await everyWay(server, "readonly")).toEqual([
      ...WELL.slice(0, 3),
      "409 DATABASE_READONLY",
      "409 DATABASE_READONLY",
    ]);
  });

  test("a file without permission to read is forbidden", async () => {
    chmodSync(make("secret.db"), 0);
    expect(await everyWay(server, "secret")).toEqual(always("403 FORBIDDEN"));
  });

  test("in a folder without permission to write, what is no log can be read", async () => {
    mkdirSync(folder.file("shut"));
    const path = folder.file("shut/x.db");
    {
      using database = new Database(path, { create: true });
      database.run("create table x (a)");
    }
    chmodSync(folder.file("shut"), 0o555);
    expect(await everyWay(server, path)).toEqual([
      ...WELL.slice(0, 3),
      "409 DATABASE_READONLY",
      "409 DATABASE_READONLY",
    ]);
    const created = await server.api(
      `/db/create?path=${encodeURIComponent(folder.file("shut/new.db"))}`,
      { method: "POST" },
    );
    expect([created.status, created.headers.get("x-error-code")]).toEqual([
      409,
      "DATABASE_READONLY",
    ]);
  });

  test("text, an empty file, a folder, a broken header", async () => {
    writeFileSync(folder.file("text.db"), "this is not a database at all");
    writeFileSync(folder.file("empty.db"), "");
    mkdirSync(folder.file("folder.db"));
    await overwrite(make("header.db"), 16, 84);
    for (const name of ["text", "empty", "header"])
      expect(await everyWay(server, name)).toEqual(always("400 INVALID_SQLITE_HEADER"));
    expect(await everyWay(server, "folder")).toEqual(always("400 PATH_IS_DIRECTORY"));
    expect(await everyWay(server, "missing")).toEqual(always("400 DATABASE_NOT_FOUND"));
  });

  test("a damaged page fails those who need it, and nobody else", async () => {
    await overwrite(make("damaged.db", 50), 4096, 4096);
    expect(await everyWay(server, "damaged")).toEqual([
      "404 KEY_NOT_FOUND",
      "200",
      "500 DATABASE_ERROR",
      "200",
      "500 DATABASE_ERROR",
    ]);
  });

  test("a file that was cut off", async () => {
    truncateSync(make("short.db", 50), 8192);
    expect(await everyWay(server, "short")).toEqual(always("500 DATABASE_ERROR"));
  });

  test("a file that is cut off, emptied, removed or replaced while it is open", async () => {
    for (const name of ["cut", "emptied", "removed", "replaced"]) {
      make(`${name}.db`, 50);
      expect((await everyWay(server, name))[3]).toBe("200");
    }
    // A name is followed anew after a moment; until then the open file is what it means.
    const later = () => Bun.sleep(300);
    truncateSync(folder.file("cut.db"), 4096);
    truncateSync(folder.file("emptied.db"), 0);
    rmSync(folder.file("removed.db"));
    copyFileSync(make("other.db"), folder.file("copy.db"));
    renameSync(folder.file("copy.db"), folder.file("replaced.db"));
    for (const name of ["emptied", "removed", "replaced"])
      for (const answer of (await everyWay(server, name)).slice(3))
        expect({ name, answer }).toEqual({
          name,
          answer: expect.stringMatching(
            /^(200|400 DATABASE_NOT_FOUND|400 INVALID_SQLITE_HEADER|409 DATABASE_READONLY)$/,
          ),
        });
    await later();
    expect((await everyWay(server, "cut"))[2]).toBe("500 DATABASE_ERROR");
    expect(await everyWay(server, "emptied")).toEqual(always("400 INVALID_SQLITE_HEADER"));
    expect(await everyWay(server, "removed")).toEqual(always("400 DATABASE_NOT_FOUND"));
    expect((await everyWay(server, "replaced")).slice(1, 3)).toEqual(["200", "200"]);
  });

  test("a log that is removed while it is open: the write that needs it fails", async () => {
    make("log.db");
    expect((await everyWay(server, "log"))[3]).toBe("200");
    rmSync(folder.file("log.db-wal"));
    expect((await everyWay(server, "log"))[3]).toBe("500 DATABASE_ERROR");
    // Those who have the old log open let go of it, then the next starts anew from the file.
    let answers: string[] = [];
    for (let tries = 0; tries < 20 && answers[3] !== "200"; tries += 1)
      answers = await everyWay(server, "log");
    expect(answers.slice(1)).toEqual(WELL.slice(1));
  });
});

describe("a full disk", () => {
  const MIB = 1024 * 1024;

  /** A file system of its own that is this large, where that is allowed. */
  function smallDisk(folder: TestFolder, bytes: number): boolean {
    return (
      root &&
      Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder.path])
        .exitCode === 0
    );
  }

  test("is 507 DISK_FULL; reads go on, and writes work again when there is room", async () => {
    using folder = new TestFolder();
    if (!smallDisk(folder, 3 * MIB)) {
      console.warn("skipped: no tmpfs can be mounted here");
      return;
    }
    try {
      await using server = await spawnServer(folder);
      for (const name of ["t", "u"])
        expect((await server.api(`/db/create?path=${name}`, { method: "POST" })).status).toBe(201);
      const put = (key: string, body: string | Uint8Array<ArrayBuffer>, db = "t") =>
        server.api(`/kv/${key}?db=${db}`, { method: "PUT", body });
      expect((await put("small", "kept")).status).toBe(200);
      expect((await put("small", "kept", "u")).status).toBe(200);
      const filler = folder.file("filler");
      writeFileSync(filler, new Uint8Array(1 * MIB));

      const answered: string[] = [];
      let full: Response | undefined;
      for (let index = 0; full === undefined; index += 1) {
        expect(index).toBeLessThan(100);
        const response = await put(`key${index}`, new Uint8Array(100_000).fill(index + 1));
        if (response.status === 200) answered.push(`key${index}`);
        else full = response;
      }
      expect([full.status, full.headers.get("x-error-code")]).toEqual([507, "DISK_FULL"]);
      expect(answered.length).toBeGreaterThan(2);
      const sql = (statement: string) =>
        server.api("/db?db=t", {
          method: "POST",
          body: JSON.stringify({ transaction: [{ statement }] }),
        });
      const bySql = await sql("create table big as select randomblob(2000000) as b");
      expect([bySql.status, bySql.headers.get("x-error-code")]).toEqual([507, "DISK_FULL"]);
      const batch = await server.api("/kv/batch/set?db=t", {
        method: "POST",
        body: JSON.stringify({
          items: [
            { key: "half", value: 1 },
            { key: "big", value: "x".repeat(1_500_000) },
          ],
        }),
      });
      expect(batch.status).toBe(507);
      const created = await server.api("/db/create?path=v", { method: "POST" });
      expect([201, 507]).toContain(created.status);

      // Reads go on, of what was answered and of other databases; nothing is half there.
      for (const key of ["small", ...answered])
        expect([key, (await server.api(`/kv/${key}?db=t`)).status]).toEqual([key, 200]);
      expect((await server.api("/kv/half?db=t")).status).toBe(404);
      expect(await (await server.api("/kv/small?db=u")).text()).toBe("kept");

      rmSync(filler);
      expect((await put("again", new Uint8Array(100_000))).status).toBe(200);
      expect((await put("again", "1", "u")).status).toBe(200);
      expect((await sql("create table small as select 1")).status).toBe(200);
      server.process.kill("SIGKILL");
      await server.process.exited;
      using database = new Database(folder.file("t.db"));
      expect(database.query("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
      expect(
        database
          .query(
            `select s.key from kv_store s where s.value is not (
               select h.value from kv_store_history h where h.key = s.key order by seq desc limit 1)`,
          )
          .all(),
      ).toEqual([]);
      const keys = database.query<{ key: string }, []>("select key from kv_store").all();
      expect(keys.map(({ key }) => key).sort()).toEqual(["small", "again", ...answered].sort());
    } finally {
      Bun.spawnSync(["umount", "-l", folder.path]);
    }
  }, 30_000);

  test("in directory mode: 507, the old value stays, and no unfinished file", async () => {
    using folder = new TestFolder();
    if (!smallDisk(folder, 1 * MIB)) {
      console.warn("skipped: no tmpfs can be mounted here");
      return;
    }
    try {
      await using server = await spawnServer(folder);
      const url = `/kv/a?db=${encodeURIComponent(folder.path)}`;
      expect((await server.api(url, { method: "PUT", body: "old" })).status).toBe(200);
      const full = await server.api(url, { method: "PUT", body: new Uint8Array(2 * MIB) });
      expect([full.status, full.headers.get("x-error-code")]).toEqual([507, "DISK_FULL"]);
      expect(await (await server.api(url)).text()).toBe("old");
      expect([...new Bun.Glob("*").scanSync({ cwd: folder.path, dot: true })]).toEqual(["a"]);
    } finally {
      Bun.spawnSync(["umount", "-l", folder.path]);
    }
  });
});

test("files that a crash left half written go with the first write; young ones may be another server's", async () => {
  using folder = new TestFolder();
  const [old, young] = [".chronolite-tmp-old", ".chronolite-tmp-young"];
  for (const name of [old, young]) writeFileSync(folder.file(name), "half");
  const hoursAgo = Date.now() / 1000 - 2 * 3600;
  utimesSync(folder.file(old), hoursAgo, hoursAgo);
  await using server = await spawnServer(folder);
  const url = `/kv/a?db=${encodeURIComponent(folder.path)}`;
  expect((await server.api(url, { method: "PUT", body: "1" })).status).toBe(200);
  const names = [...new Bun.Glob("*").scanSync({ cwd: folder.path, dot: true })];
  expect(names.filter((name) => !name.endsWith(".db")).sort()).toEqual([young, "a"]);
});
