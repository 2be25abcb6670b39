import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { childrenOf, isAlive } from "./support/processes.ts";
import { type SpawnedServer, spawnServer, TestFolder } from "./support/server.ts";
import { until } from "./support/until.ts";

const linux = process.platform === "linux";

/** An empty database `t`, made by plain SQLite. */
function makeDatabase(folder: TestFolder): string {
  const path = folder.file("t.db");
  using database = new Database(path, { create: true });
  database.run("PRAGMA user_version = 1");
  return path;
}

const put = (server: SpawnedServer, key: string, body: string, more = "") =>
  server.api(`/kv/${key}?db=t${more}`, { method: "PUT", body });

describe("kill -9 under load", () => {
  test("loses no answered write, tears nothing, and history agrees with the values", async () => {
    using folder = new TestFolder();
    const path = makeDatabase(folder);
    /** Newest answered value of each key, and what was sent after it without an answer. */
    const answered = new Map<string, number>();
    const sent = new Map<string, number>();
    for (let round = 0; round < 5; round += 1) {
      await using server = await spawnServer(folder);
      let answers = 0;
      let killed = false;
      const writers = Array.from({ length: 16 }, async (_, writer) => {
        // One writer per key, so that the newest answered value is known.
        const keys = [`w${writer}/a`, `w${writer}/b`, `w${writer}/c`];
        for (let index = 0; !killed; index += 1) {
          const key = keys[index % keys.length] ?? "";
          const value = (sent.get(key) ?? 0) + 1;
          sent.set(key, value);
          try {
            const response = await put(server, key, String(value));
            if (response.status !== 200) throw new Error(`status ${response.status}`);
            answered.set(key, value);
          } catch (error) {
            if (!killed) throw error;
            return;
          }
          answers += 1;
          if (answers >= 150 + round * 100) {
            killed = true;
            server.process.kill("SIGKILL");
          }
        }
      });
      await Promise.all(writers);
      await server.process.exited;
    }
    expect(answered.size).toBe(48);

    // What the next server says, after it has recovered the log.
    await using server = await spawnServer(folder);
    for (const [key, value] of answered) {
      const stored = Number(await (await server.api(`/kv/${key}?db=t`)).text());
      expect({ key, lost: stored < value, invented: stored > (sent.get(key) ?? 0) }).toEqual({
        key,
        lost: false,
        invented: false,
      });
    }
    using database = new Database(path, { readonly: true });
    expect(database.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    const disagreeing = database
      .query(
        `SELECT s.key FROM kv_store s WHERE s.value IS NOT (
           SELECT h.value FROM kv_store_history h WHERE h.key = s.key ORDER BY h.seq DESC LIMIT 1)`,
      )
      .all();
    expect(disagreeing).toEqual([]);
    // Numbers without holes: as many operations as the newest number says, each value one more.
    const holes = database
      .query(
        `SELECT key FROM kv_store_history GROUP BY key
         HAVING count(*) <> max(op_number) OR min(op_number) <> 1`,
      )
      .all();
    expect(holes).toEqual([]);
    expect(database.query("SELECT count(DISTINCT key) AS n FROM kv_store_history").get()).toEqual({
      n: 48,
    });
  }, 30_000);

  test.skipIf(!linux)(
    "leaves no runner process, not even one inside a statement",
    async () => {
      using folder = new TestFolder();
      makeDatabase(folder);
      await using server = await spawnServer(folder, { args: ["--runners", "2"] });
      const busy = (pids: readonly number[]) =>
        pids.filter((pid) => / R /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))).length;
      await expectNoneLeft(server, 2, (pids) => pids.length >= 3 && busy(pids) >= 1);
    },
    12_000,
  );

  test.skipIf(!linux)(
    "leaves no runner process that was only just started",
    async () => {
      using folder = new TestFolder();
      makeDatabase(folder);
      await using server = await spawnServer(folder, { args: ["--runners", "4"] });
      expect((await server.api("/query?db=t&sql=SELECT+1")).status).toBe(200);
      const known = new Set(childrenOf(server.process.pid));
      await expectNoneLeft(server, 4, (pids) => pids.filter((pid) => !known.has(pid)).length >= 2);
    },
    12_000,
  );

  test.skipIf(!linux)(
    "of a server that writes a long statement undoes it and frees the file",
    async () => {
      using folder = new TestFolder();
      const path = makeDatabase(folder);
      {
        await using server = await spawnServer(folder);
        expect((await put(server, "a", "kept")).status).toBe(200);
        const pending = server
          .api("/db?db=t&timeout=300", {
            method: "POST",
            body: JSON.stringify({
              transaction: [
                { statement: "DELETE FROM kv_store" },
                {
                  statement:
                    "CREATE TABLE endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT sum(i) FROM n",
                },
              ],
            }),
          })
          .catch(() => null);
        using other = new Database(path);
        other.run("PRAGMA busy_timeout = 0");
        await until(() => {
          try {
            other.run("BEGIN IMMEDIATE");
            other.run("ROLLBACK");
            return false;
          } catch {
            return true;
          }
        }, "the statement holds the write lock");
        server.process.kill("SIGKILL");
        await pending;
      }
      await using server = await spawnServer(folder);
      expect(await (await server.api("/kv/a?db=t")).text()).toBe("kept");
      expect((await put(server, "a", "new", "&timeout=5")).status).toBe(200);
    },
  );
});

/** Starts statements that do not end, kills the server when its processes are as wanted, and waits for their end. */
async function expectNoneLeft(
  server: SpawnedServer,
  statements: number,
  isTime: (children: readonly number[]) => boolean,
): Promise<void> {
  const runaway =
    "/query?db=t&timeout=300&sql=WITH+RECURSIVE+n(i)+AS+(SELECT+1+UNION+ALL+SELECT+i+FROM+n)+SELECT+sum(i)+FROM+n";
  const pending = Array.from({ length: statements }, () => server.api(runaway).catch(() => null));
  await until(() => isTime(childrenOf(server.process.pid)), "the statements run");
  const children = childrenOf(server.process.pid);
  server.process.kill("SIGKILL");
  await server.process.exited;
  await Promise.all(pending);
  try {
    await until(() => !children.some(isAlive), "every runner is gone");
  } finally {
    for (const pid of children.filter(isAlive)) process.kill(pid, "SIGKILL");
  }
}

describe("two servers over one folder", () => {
  test("count the same counters exactly", async () => {
    using folder = new TestFolder();
    makeDatabase(folder);
    await using first = await spawnServer(folder);
    await using second = await spawnServer(folder);
    const rounds = 150;
    const workers = [first, second, first, second].map(async (server, worker) => {
      for (let index = 0; index < rounds; index += 1) {
        const response = await server.api(`/kv/c${(index + worker) % 3}/incr?db=t`, {
          method: "POST",
        });
        expect(response.status).toBe(200);
      }
    });
    await Promise.all(workers);
    const sum = async (server: SpawnedServer) => {
      let total = 0;
      for (const key of ["c0", "c1", "c2"])
        total += Number(await (await server.api(`/kv/${key}?db=t`)).text());
      return total;
    };
    expect(await sum(first)).toBe(4 * rounds);
    expect(await sum(second)).toBe(4 * rounds);
    using database = new Database(folder.file("t.db"), { readonly: true });
    expect(
      database
        .query(
          "SELECT count(*) AS n, count(DISTINCT key || '/' || op_number) AS d FROM kv_store_history",
        )
        .get(),
    ).toEqual({ n: 4 * rounds, d: 4 * rounds });
  }, 20_000);

  test("see each other's tables, writes and SQL", async () => {
    using folder = new TestFolder();
    makeDatabase(folder);
    await using first = await spawnServer(folder);
    await using second = await spawnServer(folder);
    expect((await second.api("/kv/a?db=t")).status).toBe(404);
    await put(first, "a", "1");
    expect(await (await second.api("/kv/a?db=t")).text()).toBe("1");
    await second.api("/db?db=t", {
      method: "POST",
      body: '{"transaction":[{"statement":"UPDATE kv_store SET value = \'2\'"}]}',
    });
    expect(await (await first.api("/kv/a?db=t")).text()).toBe("2");
  });

  test("one may stop and start while the other goes on writing", async () => {
    using folder = new TestFolder();
    makeDatabase(folder);
    await using stays = await spawnServer(folder);
    let done = 0;
    for (let round = 0; round < 3; round += 1) {
      await using leaves = await spawnServer(folder);
      const both = [stays, leaves].map(async (server) => {
        for (let index = 0; index < 20; index += 1) {
          expect((await server.api("/kv/n/incr?db=t", { method: "POST" })).status).toBe(200);
          done += 1;
        }
      });
      await Promise.all(both);
      leaves.process.kill("SIGTERM");
      expect(await leaves.process.exited).toBe(0);
    }
    expect(await (await stays.api("/kv/n?db=t")).text()).toBe(String(done));
  }, 20_000);
});

describe("beside another program that holds the write lock", () => {
  test("a PUT waits and then succeeds; GET answers meanwhile", async () => {
    using folder = new TestFolder();
    const path = makeDatabase(folder);
    await using server = await spawnServer(folder);
    expect((await put(server, "a", "before")).status).toBe(200);
    using other = new Database(path);
    other.run("BEGIN IMMEDIATE");
    let answered = false;
    const waiting = put(server, "a", "after").then((response) => {
      answered = true;
      return response.status;
    });
    const untilMs = performance.now() + 400;
    let reads = 0;
    while (performance.now() < untilMs) {
      expect(await (await server.api("/kv/a?db=t")).text()).toBe("before");
      reads += 1;
    }
    expect({ answered, many: reads > 20 }).toEqual({ answered: false, many: true });
    other.run("COMMIT");
    expect(await waiting).toBe(200);
    expect(await (await server.api("/kv/a?db=t")).text()).toBe("after");
  });

  test.each<[string, (server: SpawnedServer) => Promise<Response>]>([
    ["PUT", (server) => put(server, "a", "after", "&timeout=1")],
    [
      "POST /db",
      (server) =>
        server.api("/db?db=t&timeout=1", {
          method: "POST",
          body: '{"transaction":[{"statement":"DELETE FROM kv_store"}]}',
        }),
    ],
  ])(
    "a %s gives up at its deadline: 503 with Retry-After, nothing written",
    async (what, write) => {
      using folder = new TestFolder();
      const path = makeDatabase(folder);
      await using server = await spawnServer(folder);
      expect((await put(server, "a", "before")).status).toBe(200);
      using other = new Database(path);
      other.run("BEGIN IMMEDIATE");
      const startedMs = performance.now();
      const response = await write(server);
      expect(performance.now() - startedMs).toBeWithin(800, 3000);
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).toBe("1");
      const { code } = (await response.json()) as { code: string };
      // The runner's own deadline and SQLite's patience end together.
      expect(what === "PUT" ? ["DATABASE_BUSY"] : ["DATABASE_BUSY", "REQUEST_TIMEOUT"]).toContain(
        code,
      );
      other.run("COMMIT");
      expect(await (await server.api("/kv/a?db=t")).text()).toBe("before");
      expect((await put(server, "a", "after", "&timeout=5")).status).toBe(200);
    },
  );

  test("a reader of its own keeps its snapshot, and holds nobody up", async () => {
    using folder = new TestFolder();
    const path = makeDatabase(folder);
    await using server = await spawnServer(folder);
    await put(server, "a", "1");
    using other = new Database(path, { readonly: true });
    other.run("BEGIN");
    const read = () =>
      other.query<{ value: string }, []>("SELECT value FROM kv_store").get()?.value;
    expect(read()).toBe("1");
    expect((await put(server, "a", "2", "&timeout=1")).status).toBe(200);
    expect(read()).toBe("1");
    other.run("COMMIT");
    expect(read()).toBe("2");
  });
});
