/**
 * Plans on tables at which somebody else's SQL runs: a trigger, a CHECK, a generated column, an index
 * on an expression. Their statements are ours, what they set off is not, so they run in a runner
 * process, where they can be stopped.
 */
import { constants, type DatabaseSync, type StatementSync } from "node:sqlite";
import { ApiError } from "../errors.ts";
import type { JobHandlers } from "../runner/child.ts";
import { confine, openFile } from "./open-file.ts";
import type { Rows } from "./plan.ts";
import { type PlanResult, type PlanStep, prepareStep, rowsOfStep, runSteps } from "./plan-job.ts";
import { FORBIDDEN_FUNCTIONS, ProtectedObjects } from "./protected.ts";
import { notUsable } from "./relations.ts";

export interface ForeignJob {
  path: string;
  /** The table people name, for errors. */
  relation: string;
  access: "read" | "write";
  busyTimeoutMs: number;
  durability: "full" | "relaxed";
  steps: PlanStep[];
}

export const foreignJobs = {
  /** Runs a plan in one transaction; with durability full it is on disk afterwards. */
  async "engine.foreign"(job: ForeignJob, turn: () => Promise<void>): Promise<PlanResult> {
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
    const result = runSteps(job.steps, stepRunner(database, job.relation));
    database.exec(result.undoneBy === null ? "commit" : "rollback");
    return result;
  },
} satisfies JobHandlers;

function stepRunner(database: DatabaseSync, relation: string): (step: PlanStep) => Rows {
  const prepared = new Map<string, StatementSync>();
  return ({ sql, params }) => {
    let statement = prepared.get(sql);
    if (statement === undefined) {
      statement = compile(database, sql, relation);
      prepared.set(sql, statement);
    }
    return run(statement, params);
  };
}

/** @throws ApiError CONFLICT: the statements are right, so it is the table that does not fit */
function compile(database: DatabaseSync, sql: string, relation: string): StatementSync {
  try {
    return prepareStep(database, sql);
  } catch (error) {
    if (!isOneOf(error, [SQLITE_ERROR, SQLITE_AUTH])) throw error;
    throw notUsable(relation, (error as Error).message);
  }
}

/** @throws ApiError SQL_CONSTRAINT with the words of whoever made the constraint, or what SQLite says */
function run(statement: StatementSync, params: PlanStep["params"]): Rows {
  try {
    return rowsOfStep(statement, params);
  } catch (error) {
    if (!isOneOf(error, [SQLITE_ERROR, SQLITE_CONSTRAINT, SQLITE_MISMATCH])) throw error;
    throw new ApiError("SQL_CONSTRAINT", (error as Error).message);
  }
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
