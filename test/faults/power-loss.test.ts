/** Each answered write had been put on disk before the answer left, as the system calls show. */
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { spawnServer, TestFolder } from "../support/server.ts";
import {
  answerWith,
  commitOf,
  isSynced,
  readTrace,
  type SystemCall,
  tornCheckpoints,
  traced,
} from "../support/system-calls.ts";

const canTrace =
  Bun.which("strace") !== null &&
  Bun.spawnSync(["strace", "-o", "/dev/null", "true"], { stderr: "ignore" }).exitCode === 0;
if (!canTrace)
  console.warn(
    "skipped: strace is not installed or may not trace (Debian: apt-get install strace)",
  );

const PUTS = 40;
const TRANSACTIONS = 6;

interface Traced {
  calls: SystemCall[];
  folder: string;
}

/** Writes in every way, several at a time, then stops the server; gives back what it did. */
async function writeEverything(durability: "full" | "relaxed"): Promise<Traced> {
  using folder = new TestFolder();
  using traces = new TestFolder();
  const trace = traces.file("trace");
  mkdirSync(folder.file("values"));
  {
    await using server = await spawnServer(folder, {
      args: ["--durability", durability],
      within: traced(trace),
    });
    const ok = async (path: string, init: RequestInit) => {
      const response = await server.api(path, init);
      const body = await response.text();
      if (!response.ok) throw new Error(`${path}: ${response.status} ${body}`);
    };
    await ok("/db/create?path=made-t.db", { method: "POST" });
    await Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (let index = writer; index < PUTS; index += 4)
          await ok(`/kv/put-${index}-key?db=made-t.db`, {
            method: "PUT",
            body: `put-${index}-value`,
          });
      }),
    );
    await ok("/kv/batch/set?db=made-t.db", {
      method: "POST",
      body: '{"items":[{"key":"batch-key","value":"batch-value"}]}',
    });
    await Promise.all(
      Array.from({ length: TRANSACTIONS }, (_, index) =>
        ok("/db?db=made-t.db", {
          method: "POST",
          body: JSON.stringify({
            transaction: [
              { statement: "create table if not exists x (a)" },
              {
                query: `insert into x values ('sql-${index}-value') returning 'sql-${index}-key' as k`,
              },
            ],
          }),
        }),
      ),
    );
    // A table with somebody's trigger is written by a runner process.
    await ok("/db?db=made-t.db", {
      method: "POST",
      body: '{"transaction":[{"statement":"create trigger t after insert on kv_store begin select 1; end"}]}',
    });
    await ok("/kv/foreign-key?db=made-t.db", { method: "PUT", body: "foreign-value" });
    await ok(`/kv/new-folder%2Ffile-key?db=${encodeURIComponent(folder.file("values"))}`, {
      method: "PUT",
      body: "file-value",
    });
    // strace passes the signal on to nobody: the server is its child.
    const [pid] = readChildren(server.process.pid);
    process.kill(pid ?? 0, "SIGTERM");
    await server.process.exited;
  }
  return { calls: readTrace(trace), folder: folder.path };
}

function readChildren(pid: number): number[] {
  const { stdout } = Bun.spawnSync(["ps", "-o", "pid=", "--ppid", String(pid)]);
  return stdout.toString().trim().split(/\s+/).map(Number);
}

/** The writes that were answered before they were on disk, and those that the trace does not show. */
function judge({ calls, folder }: Traced): { early: string[]; unseen: string[] } {
  const wal = `${folder}/made-t.db-wal`;
  const early: string[] = [];
  const unseen: string[] = [];
  const names = [
    ...Array.from({ length: PUTS }, (_, index) => `put-${index}`),
    "batch",
    ...Array.from({ length: TRANSACTIONS }, (_, index) => `sql-${index}`),
    "foreign",
  ];
  for (const name of names) {
    // The answer to a batch names no key; but it is the only one with results.
    const answer = answerWith(calls, name === "batch" ? '\\"count\\"' : `${name}-key`);
    const commit = commitOf(calls, wal, `${name}-value`, answer?.began ?? 0);
    if (answer === undefined || commit === undefined) unseen.push(name);
    else if (!isSynced(calls, wal, commit, answer.began)) early.push(name);
  }
  return { early, unseen };
}

describe.skipIf(!canTrace)("power loss", () => {
  test("no answer leaves before its write is on disk, with --durability full", async () => {
    const run = await writeEverything("full");
    const { calls, folder } = run;
    expect(judge(run)).toEqual({ early: [], unseen: [] });

    // A new database: the whole file, then its name, then the answer.
    const created = answerWith(calls, "made-t.db");
    const linked = calls.find(
      ({ name, text }) => name.startsWith("link") && text.includes("made-t.db"),
    );
    expect({ created: created !== undefined, linked: linked?.ok }).toEqual({
      created: true,
      linked: true,
    });
    if (created === undefined || linked === undefined) return;
    const wrote = calls.filter(
      ({ name, target, ended }) =>
        name.startsWith("pwrite") && target.endsWith(".creating") && ended < linked.began,
    );
    const last = wrote.at(-1);
    expect(wrote.length).toBeGreaterThan(0);
    if (last !== undefined) expect(isSynced(calls, last.target, last, linked.began)).toBe(true);
    expect(isSynced(calls, folder, linked, created.began)).toBe(true);

    // A value in a folder: the whole file, then its name, and the names of new folders.
    const answer = answerWith(calls, "file-key");
    const renamed = calls.find(
      ({ name, text }) => name.startsWith("rename") && text.includes("file-key"),
    );
    expect(renamed?.ok).toBe(true);
    if (answer === undefined || renamed === undefined) throw new Error("not in the trace");
    const temporary = calls.find(
      ({ name, target, ended }) =>
        name === "fsync" && target.includes(".chronolite-tmp-") && ended < renamed.began,
    );
    expect(temporary?.ok).toBe(true);
    for (const place of [`${folder}/values/new-folder`, `${folder}/values`])
      expect([place, isSynced(calls, place, renamed, answer.began)]).toEqual([place, true]);

    expect(tornCheckpoints(calls, `${folder}/made-t.db`)).toEqual([]);
    expect(
      calls.some(
        ({ name, target }) => name.startsWith("pwrite") && target === `${folder}/made-t.db`,
      ),
    ).toBe(true);
  }, 60_000);

  test("the same trace convicts --durability relaxed", async () => {
    const { early, unseen } = judge(await writeEverything("relaxed"));
    expect(unseen).toEqual([]);
    expect(early.length).toBeGreaterThan(PUTS / 2);
    expect(early).toContain("sql-0");
  }, 60_000);
});
