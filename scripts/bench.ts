/**
 * Compares chronolite with bare servers that do the same work, all in one run and taking turns, so that
 * the ratios hold on a busy machine too. The figures themselves are worth nothing elsewhere.
 *
 *     npm run bench -- [--rounds 5] [--seconds 2] [--connections 64] [--only throughput|latency|sql|past|large]
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measureLargeTable } from "./bench/large-table.ts";
import { keyName, type LoadPlan, type LoadResult, smallValue } from "./bench/load.ts";
import { DIFF_LARGE, DIFF_SMALL, STATE_LONG, STATE_SHORT, timePast } from "./bench/past.ts";
import { SQL_SETUP, SQL_WORKLOADS, timeOneByOne } from "./bench/sql.ts";
import { type ServerProcess, startChronolite, startProcess } from "./server-process.ts";

const KEYS = 1000;
const API = "/api/v1/sqlite";
const CHRONOLITE_PATH = `${API}/kv/KEY?db=bench`;
const UNRECORDED_PATH = `${CHRONOLITE_PATH}&table=unrecorded&history=false`;
const BARE_PATH = "/kv/KEY";
/** So slow a load that a request seldom waits for another: what is left is the server's own delay. */
const QUIET = { connections: 16, pauseMs: 10 };
const RUNAWAY =
  "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";

interface Target {
  name: string;
  pid: number;
  plan: Pick<LoadPlan, "method" | "origin" | "path">;
}

interface Options {
  rounds: number;
  seconds: number;
  connections: number;
}

interface Comparison {
  name: string;
  ours: string;
  theirs: string;
  aim: string;
}

const { values: flags } = parseArgs({
  strict: true,
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    connections: { type: "string", default: "64" },
    only: { type: "string" },
  },
});

async function main(options: Options): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "chronolite-bench-"));
  try {
    await using full = await startChronolite(["--data-dir", folder]);
    await using relaxed = await startChronolite([
      "--data-dir",
      mkdtempSync(join(folder, "relaxed-")),
      "--durability",
      "relaxed",
    ]);
    await using bare = await startProcess([
      join(import.meta.dir, "bench", "bare.ts"),
      join(folder, "bare.db"),
    ]);
    for (const { origin } of [full, relaxed]) await fill(origin, CHRONOLITE_PATH);
    await fill(bare.origin, BARE_PATH);
    console.log(
      `bun ${Bun.version}, ${process.platform} ${process.arch}, ${availableParallelism()} cores shared with the load; ` +
        `${options.rounds} rounds of ${options.seconds} s, ${options.connections} connections, ${KEYS} keys`,
    );
    const wanted = (part: string) => flags.only === undefined || flags.only === part;
    if (wanted("sql")) {
      await using bareSql = await startProcess([
        join(import.meta.dir, "bench", "bare-sql.ts"),
        join(folder, "bare-sql.db"),
      ]);
      await compareSql(options, full, bareSql);
    }
    if (wanted("throughput"))
      await compareThroughput(options, [
        target("bare GET", "GET", bare, BARE_PATH),
        target("GET", "GET", full, CHRONOLITE_PATH),
        target("bare PUT", "PUT", bare, BARE_PATH),
        target("PUT", "PUT", full, CHRONOLITE_PATH),
        target("PUT relaxed", "PUT", relaxed, CHRONOLITE_PATH),
        target("PUT history=false", "PUT", full, UNRECORDED_PATH),
      ]);
    if (wanted("latency")) await compareLatency(options, full);
    if (wanted("past")) await comparePast(options, full.origin, join(folder, "past.db"));
    if (wanted("large")) await measureLargeTable(full.origin, options.rounds);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function target(
  name: string,
  method: LoadPlan["method"],
  { origin, pid }: ServerProcess,
  path: string,
): Target {
  return { name, pid, plan: { method, origin, path } };
}

/** Writes every key once. */
async function fill(origin: string, path: string): Promise<void> {
  if (path === CHRONOLITE_PATH)
    await expectOk(fetch(`${origin}${API}/db/create?path=bench`, { method: "POST" }));
  for (let index = 0; index < KEYS; index += 1)
    await expectOk(
      fetch(origin + path.replace("KEY", encodeURIComponent(keyName(index))), {
        method: "PUT",
        body: smallValue(index),
        headers: { "content-type": "application/json" },
      }),
    );
}

async function expectOk(answer: Promise<Response>): Promise<void> {
  const response = await answer;
  const body = await response.text();
  if (!response.ok) throw new Error(`${response.status} from ${response.url}: ${body}`);
}

async function compareThroughput(options: Options, targets: readonly Target[]): Promise<void> {
  const rates = new Map(targets.map(({ name }) => [name, [] as number[]]));
  const costs = new Map(targets.map(({ name }) => [name, [] as number[]]));
  for (let round = 1; round <= options.rounds; round += 1) {
    // Every other round backwards, so that nobody always comes after the same neighbour.
    for (const { name, plan, pid } of round % 2 === 0 ? targets.toReversed() : targets) {
      const beforeUs = processorTimeUs(pid);
      const result = await load({ ...plan, ...options, keys: KEYS, pauseMs: 0 });
      rates.get(name)?.push(result.requestsPerSecond);
      costs.get(name)?.push((processorTimeUs(pid) - beforeUs) / result.answers);
    }
    console.error(
      `round ${round}: ${[...rates].map(([name, all]) => `${name} ${Math.round(all.at(-1) ?? 0)}/s`).join(", ")}`,
    );
  }
  console.log("\n| requests per second | median | lowest | highest |\n|---|---:|---:|---:|");
  for (const [name, all] of rates)
    console.log(
      `| ${name} | ${[median(all), Math.min(...all), Math.max(...all)].map(Math.round).join(" | ")} |`,
    );
  if (existsSync("/proc/self/stat")) {
    console.log("\n| processor time of the server, µs per request | median |\n|---|---:|");
    for (const [name, all] of costs) console.log(`| ${name} | ${median(all).toFixed(1)} |`);
    const name = "GET / bare lookup, by processor time";
    printRatios(costs, [{ name, ours: "bare GET", theirs: "GET", aim: "at least 0.8" }]);
  }
  printRatios(rates, [
    { name: "GET / bare lookup", ours: "GET", theirs: "bare GET", aim: "at least 0.8" },
    {
      name: "durable PUT / one commit per PUT",
      ours: "PUT",
      theirs: "bare PUT",
      aim: "at least 3",
    },
    { name: "relaxed PUT / one commit per PUT", ours: "PUT relaxed", theirs: "bare PUT", aim: "" },
    {
      name: "PUT without history / PUT",
      ours: "PUT history=false",
      theirs: "PUT",
      aim: "at most 1.6",
    },
  ]);
}

async function compareLatency(options: Options, server: ServerProcess): Promise<void> {
  const p99 = new Map<string, number[]>();
  const targets = [
    target("GET", "GET", server, CHRONOLITE_PATH),
    target("PUT", "PUT", server, CHRONOLITE_PATH),
  ];
  for (let round = 1; round <= options.rounds; round += 1)
    for (const { name, plan } of targets)
      for (const runaway of round % 2 === 0 ? [true, false] : [false, true]) {
        const label = runaway ? `${name} beside runaway SQL` : `${name} alone`;
        const run = () => load({ ...plan, ...options, ...QUIET, keys: KEYS });
        const result = runaway
          ? await besideRunaway(server.origin, options.seconds, run)
          : await run();
        p99.set(label, [...(p99.get(label) ?? []), result.p99Ms]);
      }
  console.log(
    "\n| p99, ms, 16 connections that pause 10 ms | median | lowest | highest |\n|---|---:|---:|---:|",
  );
  for (const [name, all] of p99)
    console.log(
      `| ${name} | ${[median(all), Math.min(...all), Math.max(...all)].map((ms) => ms.toFixed(2)).join(" | ")} |`,
    );
  printRatios(p99, [
    {
      name: "p99 of GET beside runaway SQL / alone",
      ours: "GET beside runaway SQL",
      theirs: "GET alone",
      aim: "at most 3",
    },
    {
      name: "p99 of PUT beside runaway SQL / alone",
      ours: "PUT beside runaway SQL",
      theirs: "PUT alone",
      aim: "at most 3",
    },
  ]);
}

/** Callers' SQL in processes of its own, compared with the same inline. */
async function compareSql(
  options: Options,
  ours: ServerProcess,
  theirs: ServerProcess,
): Promise<void> {
  const api = `${ours.origin}${API}`;
  await expectOk(fetch(`${api}/db/create?path=sql`, { method: "POST" }));
  for (const origin of [api, theirs.origin])
    await expectOk(fetch(`${origin}/db?db=sql`, { method: "POST", body: SQL_SETUP }));
  const sides = [
    { prefix: "bare ", origin: theirs.origin, path: "", pid: theirs.pid },
    { prefix: "", origin: ours.origin, path: API, pid: ours.pid },
  ];
  const measured = new Map<string, number[]>();
  const costs = new Map<string, number[]>();
  for (let round = 1; round <= options.rounds; round += 1)
    for (const workload of SQL_WORKLOADS)
      for (const { prefix, origin, path, pid } of round % 2 === 0 ? sides.toReversed() : sides) {
        const plan = { ...workload.plan, origin, path: path + workload.plan.path };
        const times = plan.method === "GET" ? 41 : 7;
        const beforeUs = familyTimeUs(pid);
        const { requestsPerSecond: rate, answers } = workload.together
          ? await load({ ...options, ...plan, pauseMs: 0 })
          : {
              requestsPerSecond: 1000 / (await timeOneByOne(origin + path, workload, times)),
              answers: times,
            };
        const name = prefix + workload.name;
        measured.set(name, [...(measured.get(name) ?? []), rate]);
        costs.set(name, [...(costs.get(name) ?? []), (familyTimeUs(pid) - beforeUs) / answers]);
        console.error(`round ${round}: ${name} ${rate.toFixed(1)}/s`);
      }
  console.log("\n| SQL, requests per second | median | lowest | highest |\n|---|---:|---:|---:|");
  for (const [name, all] of measured) {
    const figures = [median(all), Math.min(...all), Math.max(...all)];
    console.log(`| ${name} | ${figures.map((figure) => figure.toFixed(1)).join(" | ")} |`);
  }
  const ratios = (suffix: string, flip: boolean) =>
    SQL_WORKLOADS.map(({ name }) => ({
      name: `${name} / bare process, inline${suffix}`,
      ours: flip ? `bare ${name}` : name,
      theirs: flip ? name : `bare ${name}`,
      aim: "",
    }));
  printRatios(measured, ratios("", false));
  if (!existsSync("/proc/self/stat")) return;
  console.log("\n| processor time with runners, µs per request | median |\n|---|---:|");
  for (const [name, all] of costs) console.log(`| ${name} | ${median(all).toFixed(0)} |`);
  printRatios(costs, ratios(", by processor time", true));
}

/** Processor time of a process and its children, those that have ended too. */
function familyTimeUs(pid: number): number {
  if (!existsSync("/proc/self/stat")) return Number.NaN;
  const children = readdirSync("/proc").filter(
    (name) => /^\d+$/.test(name) && statFields(name)[1] === String(pid),
  );
  // Children that have ended and were waited for are the 16th and 17th field of their parent.
  const [, , , , , , , , , , , , , user, system] = statFields(pid);
  const endedUs = (Number(user) + Number(system)) * 10_000;
  return (
    children.reduce((sumUs, child) => sumUs + processorTimeUs(Number(child)), endedUs) +
    processorTimeUs(pid)
  );
}

/** From the third field on; the name before the last parenthesis may hold spaces. */
function statFields(pid: number | string): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  } catch {
    return []; // It has ended meanwhile.
  }
}

/** Reads of the past, of long histories and of short ones. */
async function comparePast(options: Options, origin: string, file: string): Promise<void> {
  const timings = await timePast(origin, "past", file, options.rounds);
  console.log("\n| the past, ms | median | lowest | highest |\n|---|---:|---:|---:|");
  for (const [name, all] of timings)
    console.log(
      `| ${name} | ${[median(all), Math.min(...all), Math.max(...all)].map((ms) => ms.toFixed(2)).join(" | ")} |`,
    );
  printRatios(timings, [
    {
      name: "state at a time, of 100,000 operations / of 10",
      ours: STATE_LONG,
      theirs: STATE_SHORT,
      aim: "at most 2",
    },
    {
      name: "diff, among 1,000,000 operations / 1,000",
      ours: DIFF_LARGE,
      theirs: DIFF_SMALL,
      aim: "at most 3",
    },
  ]);
}

/** Runs the load while a statement without end runs into its deadline, which it must. */
async function besideRunaway(
  origin: string,
  seconds: number,
  run: () => Promise<LoadResult>,
): Promise<LoadResult> {
  const timeout = Math.ceil(seconds) + 1;
  const url = `${origin}${API}/query?db=bench&timeout=${timeout}&sql=${encodeURIComponent(RUNAWAY)}`;
  const runaway = fetch(url);
  await Bun.sleep(100);
  const result = await run();
  const answer = await runaway;
  if (answer.status !== 503) throw new Error(`the runaway statement answered ${answer.status}`);
  await answer.text();
  return result;
}

/**
 * What a process and its threads used so far: Linux tells, in ticks of 10 ms. Where others use the
 * machine too, this is steadier than requests per second.
 */
function processorTimeUs(pid: number): number {
  if (!existsSync("/proc/self/stat")) return Number.NaN;
  // User and system time are the 14th and 15th field.
  const fields = statFields(pid);
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10_000;
}

/** Loads a server from another process, and lets it come to rest. */
async function load(plan: LoadPlan): Promise<LoadResult> {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "bench", "load.ts"), JSON.stringify(plan)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const printed = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error("the load generator failed");
  const result = JSON.parse(printed) as LoadResult;
  if (result.failures > 0)
    throw new Error(`${result.failures} requests failed, the first: ${result.firstFailure}`);
  await Bun.sleep(200);
  return result;
}

/** Medians of the ratios of each round: what slows one server in a round mostly slows its neighbour. */
function printRatios(
  measured: ReadonlyMap<string, readonly number[]>,
  comparisons: readonly Comparison[],
): void {
  console.log("\n| ratio | median of rounds | of medians | aim |\n|---|---:|---:|---|");
  for (const { name, ours, theirs, aim } of comparisons) {
    const [a, b] = [measured.get(ours) ?? [], measured.get(theirs) ?? []];
    const ofRounds = median(a.map((value, round) => value / (b[round] ?? Number.NaN)));
    console.log(
      `| ${name} | ${ofRounds.toFixed(2)} | ${(median(a) / median(b)).toFixed(2)} | ${aim} |`,
    );
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

await main({
  rounds: Number(flags.rounds),
  seconds: Number(flags.seconds),
  connections: Number(flags.connections),
});
