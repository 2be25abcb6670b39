/** Callers' SQL: chronolite's runner processes compared with the same work inline in a bare server. */
import type { LoadPlan } from "./load.ts";

const USERS = 10_000;
const BATCH_ROWS = 100_000;

/** A workload as a request; ID stands for a number below `keys`. */
export interface SqlWorkload {
  name: string;
  plan: Pick<LoadPlan, "method" | "path" | "keys"> & { body?: string };
  /** Sent by many connections at once, or one at a time because each is large. */
  together: boolean;
}

const link = (sql: string, values: string) =>
  `/query?db=sql&sql=${encodeURIComponent(sql)}&values=${values}`;
const post = (...transaction: object[]) => JSON.stringify({ transaction });

export const SQL_WORKLOADS: readonly SqlWorkload[] = [
  {
    name: "point SELECT",
    plan: {
      method: "GET",
      path: link("SELECT id, name, plan FROM users WHERE id = ?", "[ID]"),
      keys: USERS,
    },
    together: true,
  },
  {
    name: "one-row INSERT",
    plan: {
      method: "POST",
      path: "/db?db=sql",
      body: post({ statement: "INSERT INTO log(user, what) VALUES(?, ?)", values: ["ID", "in"] }),
      keys: 1000,
    },
    together: true,
  },
  {
    name: "10,000-row SELECT",
    plan: { method: "GET", path: link("SELECT id, name, plan FROM users", "[]"), keys: 1 },
    together: false,
  },
  {
    name: "100,000-row valuesBatch",
    plan: {
      method: "POST",
      path: "/db?db=sql",
      body: post({
        statement: "INSERT INTO bulk(a, b, c) VALUES(?, ?, ?)",
        valuesBatch: Array.from({ length: BATCH_ROWS }, (_, row) => [row, `row ${row}`, row / 4]),
      }),
      keys: 1,
    },
    together: false,
  },
];

/** What the workloads work on. */
export const SQL_SETUP = post(
  { statement: "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, plan TEXT)" },
  { statement: "CREATE TABLE log(user, what)" },
  { statement: "CREATE TABLE bulk(a, b, c)" },
  {
    statement: "INSERT INTO users VALUES(?, ?, ?)",
    valuesBatch: Array.from({ length: USERS }, (_, id) => [id, `Ada Lovelace ${id}`, "free"]),
  },
);

/** Sends a request one time after the other; the middle of the times, in milliseconds. */
export async function timeOneByOne(
  origin: string,
  { plan }: SqlWorkload,
  times: number,
): Promise<number> {
  const tookMs: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const startedMs = performance.now();
    const response = await fetch(origin + plan.path, {
      method: plan.method,
      ...(plan.body === undefined ? {} : { body: plan.body }),
    });
    const bytes = await response.bytes();
    if (!response.ok) throw new Error(`${response.status}: ${Buffer.from(bytes).toString()}`);
    tookMs.push(performance.now() - startedMs);
  }
  return tookMs.sort((a, b) => a - b)[Math.floor(times / 2)] ?? Number.NaN;
}
