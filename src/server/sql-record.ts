/** What of callers' SQL goes into the query log. */
import type { Database } from "../engine/database.ts";
import { ApiError, toApiError } from "../errors.ts";
import { MAX_LOGGED_ERROR_CHARS, MAX_LOGGED_SQL_CHARS } from "../limits.ts";
import { cut, type ItemReport, type ReportOptions } from "../sql/item-report.ts";
import type { ItemsJob } from "../sql/jobs.ts";
import { decodeSql } from "../sql/query.ts";
import type { LogEntry, LogSource } from "../state/query-log-table.ts";
import { callerOf } from "./caller.ts";
import type { ServerDeps } from "./deps.ts";
import { SOURCE } from "./request-headers.ts";
import { actorOf } from "./write-context.ts";

/** Who sent SQL, and when. */
export interface SqlCaller {
  readonly atMs: number;
  readonly startedMs: number;
  readonly clientAddress: string | null;
  readonly actor: string | null;
  readonly source: LogSource;
  /** The signed token, if it was one. */
  readonly tokenId: string | null;
}

/** Time to find out what the items of an ended transaction were. */
const ITEMS_TIMEOUT_MS = 5000;

export function sqlCaller(deps: ServerDeps, request: Request): SqlCaller {
  return {
    atMs: deps.clock.nowMs(),
    startedMs: performance.now(),
    clientAddress: deps.clientAddress(request),
    tokenId: callerOf(request).token?.id ?? null,
    actor: actorOf(request),
    // Whatever else it says is no source of ours.
    source: request.headers.get(SOURCE.name)?.toLowerCase() === "page" ? "page" : "sql",
  };
}

/** What jobs are asked to report. */
export function reportOptions({ config }: ServerDeps): ReportOptions {
  return { maxItems: config.queryLogMax, values: config.queryLogValues };
}

/** Records what a job reported of its statements. */
export function recordSql(
  deps: ServerDeps,
  database: Database,
  caller: SqlCaller,
  reports: readonly ItemReport[],
): void {
  deps.queryLog.record(toEntries(database, caller, reports));
}

/** Turned away at the door: the log is for what was let in, and must not be crowded out by the rest. */
function neverRan(error: ApiError): boolean {
  return error.kind === "SERVICE_UNAVAILABLE";
}

/** Records a failed query. */
export function recordFailedQuery(
  deps: ServerDeps,
  database: Database,
  caller: SqlCaller,
  failed: { sql: string; values: string | null; error: unknown },
): void {
  const error = toApiError(failed.error);
  if (neverRan(error)) return;
  const report: ItemReport = {
    sql: cut(decodeSql(failed.sql), MAX_LOGGED_SQL_CHARS),
    isStatement: false,
    durationMs: performance.now() - caller.startedMs,
    rowCount: 0,
    error: error.message,
    values: deps.config.queryLogValues ? failed.values : null,
  };
  recordSql(deps, database, caller, [report]);
}

/**
 * Records a failed transaction: what its job reported; where it was ended before it could, what its
 * body says. Nothing for what never came to a job.
 */
export function recordFailedTransaction(
  deps: ServerDeps,
  database: Database,
  caller: SqlCaller,
  failed: { body: string; error: unknown },
): void {
  const error = toApiError(failed.error);
  if (!deps.queryLog.isOn || neverRan(error)) return;
  const reports = error.details.aside as ItemReport[] | undefined;
  if (reports !== undefined) {
    recordSql(deps, database, caller, reports);
    return;
  }
  const durationMs = performance.now() - caller.startedMs;
  const payload: ItemsJob = { body: failed.body, report: reportOptions(deps) };
  const items = deps.runners.run<ItemReport[]>({
    kind: "sql.items",
    payload,
    timeoutMs: ITEMS_TIMEOUT_MS,
  });
  deps.queryLog.expect(
    items.then(
      (known) =>
        toEntries(
          database,
          caller,
          known.map((item) => ({ ...item, durationMs, error: error.message })),
        ),
      (unknown) => {
        // The body has no items: that was its error.
        if (unknown instanceof ApiError && unknown.status === 400) return [];
        throw unknown;
      },
    ),
  );
}

function toEntries(
  database: Database,
  { atMs, clientAddress, actor, tokenId, source }: SqlCaller,
  reports: readonly ItemReport[],
): LogEntry[] {
  return reports.map((report) => ({
    ...report,
    databasePath: database.target.path,
    atMs,
    source,
    error: report.error === null ? null : cut(report.error, MAX_LOGGED_ERROR_CHARS),
    clientAddress,
    actor,
    tokenId,
  }));
}
