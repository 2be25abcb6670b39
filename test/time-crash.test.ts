/** A rollback of many keys that is cut off happens whole, or not at all. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { childrenOf } from "./support/processes.ts";
import { type SpawnedServer, spawnServer, TestFolder } from "./support/server.ts";

const KEYS = 3000;

/** Writes the same value to all keys. */
async function setAll(server: SpawnedServer, value: string): Promise<void> {
  for (let from = 0; from < KEYS; from += 1000)
    await Promise.all(
      Array.from({ length: 10 }, async (_, batch) => {
        const items = Array.from({ length: 100 }, (_, index) => ({
          key: `k${from + batch * 100 + index}`,
          value,
        }));
        const response = await server.api("/kv/batch/set?db=t", {
          method: "POST",
          body: JSON.stringify({ items }),
        });
        expect(response.status).toBe(200);
      }),
    );
}

/** What there is: values by how many keys have them, and rows of the rollback; the file is whole. */
function look(path: string): { values: Record<string, number>; rollbacks: number } {
  using database = new Database(path);
  expect(database.query("pragma quick_check").get()).toEqual({ quick_check: "ok" });
  const values = database
    .query<{ value: string; n: number }, []>("select value, count(*) as n from kv_store group by 1")
    .all();
  // Every row is what its last operation left.
  const torn = database
    .query(
      `select count(*) as n from kv_store s join kv_store_history h on h.seq = s.seq
       where h.value is not s.value or h.op_number is not s.op_number`,
    )
    .get();
  expect(torn).toEqual({ n: 0 });
  const rollbacks = database
    .query<{ n: number }, []>("select count(*) as n from kv_store_history where op = 'ROLLBACK'")
    .get();
  return {
    values: Object.fromEntries(values.map(({ value, n }) => [value, n])),
    rollbacks: rollbacks?.n ?? 0,
  };
}

const kill = (pid: number) => {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
};

describe.skipIf(process.platform !== "linux")("kill -9 during a table's rollback", () => {
  test.each(["server", "runner"] as const)(
    "of the %s leaves all or nothing",
    async (victim) => {
      using folder = new TestFolder();
      const path = folder.file("t.db");
      let server = await spawnServer(folder);
      try {
        await server.api("/db/create?path=t", { method: "POST" });
        await setAll(server, "old");
        await Bun.sleep(5);
        const then = Date.now();
        await Bun.sleep(5);
        await setAll(server, "new");
        const outcomes: string[] = [];
        // Ever later, from before it begins until after it is done.
        for (let delayMs = 0; outcomes.at(-1) !== "all"; delayMs += delayMs < 20 ? 6 : 40) {
          const rollback = server
            .api(`/kv/rollback?db=t&confirm=yes&to_timestamp=${then}`, { method: "POST" })
            .then((response) => response.status)
            .catch(() => 0);
          await Bun.sleep(delayMs);
          if (victim === "runner") for (const pid of childrenOf(server.process.pid)) kill(pid);
          else server.process.kill("SIGKILL");
          const status = await rollback;
          if (victim === "server") {
            await server.process.exited;
            server = await spawnServer(folder);
          }
          // The file is free again, and the next write goes.
          const put = await server.api("/kv/a?db=t&table=other", { method: "PUT", body: "1" });
          expect(put.status).toBe(200);
          const { values, rollbacks } = look(path);
          const isDone = rollbacks > 0;
          expect<object>({ delayMs, status, ...values, rollbacks }).toEqual({
            delayMs,
            status,
            [isDone ? "old" : "new"]: KEYS,
            rollbacks: isDone ? KEYS : 0,
          });
          // What was answered is there.
          if (status === 200) expect(isDone).toBeTrue();
          outcomes.push(isDone ? "all" : "nothing");
          if (outcomes.length > 40) throw new Error("the rollback never came to its end");
        }
        // A runner may be killed before it has the job, and another one then does it.
        if (victim === "server") expect(outcomes[0]).toBe("nothing");
      } finally {
        await server[Symbol.asyncDispose]();
      }
    },
    90_000,
  );
});
