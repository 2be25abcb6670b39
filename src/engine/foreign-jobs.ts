/**
 * Plans on tables at which somebody else's SQL runs: a trigger, a CHECK, a generated column, an index
 * on an expression. Their statements are ours, what they set off is not, so they run in a runner
 * process, where they can be stopped.
 */
import { constants, type DatabaseSync, type StatementSync } from "node:sqlite";
import { ApiError } from "../errors.ts";
import type { JobHandlers } from "../runner/child.ts";
import { confine, openFile } from "./open-file.ts";
import type { Rows, SqlValue } from "./plan.ts";
import { FORBIDDEN_FUNCTIONS, ProtectedObjects } from "./protected.ts";
import { notUsable } from "./relations.ts";

export interface ForeignJob {
  path: string;
  /** The table people name, for errors. */
  relation: string;
  access: "read" | "write";
  busyTimeoutMs: number;
  durability: "full" | "relaxed";
  steps: { sql: string; params: Record<string, SqlValue>; required: boolean }[];
}

export interface ForeignResult {
  rows: Rows[];
  /** The required step that gave no row, so that nothing happened; `rows` are those before it. */
  undoneBy?: number;
}

export const foreignJobs = {
  /** Runs a plan in one transaction; with durability full it is on disk afterwards. */
  async "engine.foreign"(job: ForeignJob, turn: () => Promise<void>): Promise<ForeignResult> {
    const writes = job.access === "write";
    using database = openFile(job.path, { readOnly: !writes, timeout: job.busyTimeoutMs });
    confine(database);
    if (writes) {
      database.exec("pragma wal_autocheckpoint = 0");
      database.exec(`pragma synchronous = ${job.durability === "full" ? "full" : "normal"}`);
    }
    guard(database);
    if (writes) await turn();
    database.exec(writes ? "begin immediate" : "begin");
    const result = runSteps(database, job);
    database.exec(result.undoneBy === undefined ? "commit" : "rollback");
    return result;
  },
} satisfies JobHandlers;

function runSteps(database: DatabaseSync, { relation, steps }: ForeignJob): ForeignResult {
  const prepared = new Map<string, StatementSync>();
  const rows: Rows[] = [];
  for (const [index, { sql, params, required }] of steps.entries()) {
    let statement = prepared.get(sql);
    if (statement === undefined) {
      statement = compile(database, sql, relation);
      prepared.set(sql, statement);
    }
    const given = run(statement, params);
    if (required && given.length === 0) return { rows, undoneBy: index };
    rows.push(given);
  }
  return { rows };
}

/** @throws ApiError CONFLICT: the statements are right, so it is the table that does not fit */
function compile(database: DatabaseSync, sql: string, relation: string): StatementSync {
  try {
    const statement = database.prepare(sql);
    statement.setAllowUnknownNamedParameters(true);
    return statement;
  } catch (error) {
    if (!isOneOf(error, [SQLITE_ERROR, SQLITE_AUTH])) throw error;
    throw notUsable(relation, (error as Error).message);
  }
}

/** @throws ApiError SQL_CONSTRAINT with the words of whoever made the constraint, or what SQLite says */
function run(statement: StatementSync, params: Record<string, SqlValue>): Rows {
  try {
    return statement.all(withIntegers(params)).map((row) => ({ ...row })) as Rows;
  } catch (error) {
    if (!isOneOf(error, [SQLITE_ERROR, SQLITE_CONSTRAINT, SQLITE_MISMATCH])) throw error;
    throw new ApiError("SQL_CONSTRAINT", (error as Error).message);
  }
}

/** node:sqlite binds every number as REAL. */
function withIntegers(params: Record<string, SqlValue>): Record<string, SqlValue> {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [
      name,
      Number.isSafeInteger(value) ? BigInt(value as number) : value,
    ]),
  );
}

const SQLITE_ERROR = 1;
const SQLITE_CONSTRAINT = 19;
const SQLITE_MISMATCH = 20;
const SQLITE_AUTH = 23;

function isOneOf(error: unknown, primaryCodes: readonly number[]): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && primaryCodes.includes(errcode & 0xff);
}

const WRITING_ACTIONS = new Set<number>([
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_DELETE,
]);
const NEVER = new Set<number>([
  constants.SQLITE_ATTACH,
  constants.SQLITE_DETACH,
  constants.SQLITE_PRAGMA,
]);

/** The plan's own statements may do what they do; what they set off, what callers' SQL may. */
function guard(database: DatabaseSync): void {
  const known = new ProtectedObjects(database);
  database.setAuthorizer((action, first, second, _database, inner) => {
    const denied =
      NEVER.has(action) ||
      (action === constants.SQLITE_FUNCTION &&
        FORBIDDEN_FUNCTIONS.has(second?.toLowerCase() ?? "")) ||
      (inner !== null && WRITING_ACTIONS.has(action) && known.isOurs(first ?? ""));
    return denied ? constants.SQLITE_DENY : constants.SQLITE_OK;
  });
}
