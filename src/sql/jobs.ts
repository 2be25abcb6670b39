/** Callers' SQL as jobs of a runner process. */

import { includesLevel, requireWholeDatabases } from "../access/grant.ts";
import type { DatabaseTarget } from "../engine/database.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import type { JobChannel, JobHandlers } from "../runner/child.ts";
import { type BindValues, parseJsonExactly, toBindValues } from "./bind.ts";
import type { CellFormat } from "./encode.ts";
import type { RowFormatName, RowsContext } from "./formats/format.ts";
import {
  type ItemReport,
  ItemReporter,
  type ReportedItem,
  type ReportOptions,
} from "./item-report.ts";
import type { Past } from "./past-tables.ts";
import { decodeSql, openQuery, type QueryOptions, queryError, runQuery } from "./query.ts";
import { streamRows } from "./rows-stream.ts";
import { SandboxedConnection } from "./sandbox.ts";
import {
  isVacuum,
  onlyReads,
  runTransaction,
  runVacuum,
  type TransactionOptions,
} from "./transaction.ts";
import { parseTransaction, type TransactionRequest } from "./transaction-request.ts";

export interface SqlJob extends DatabaseTarget {
  /** How long to wait for another program's lock. */
  busyTimeoutMs: number;
}

export interface TransactionJob extends SqlJob {
  /** The request's body, parsed here and not on the server's thread. */
  body: string;
  options: TransactionOptions;
  report: ReportOptions;
}

/** What the items of a body are, without running them. */
export interface ItemsJob {
  body: string;
  report: ReportOptions;
}

export interface SqlResult {
  /** The body of the answer. */
  json: string;
  reports: ItemReport[];
}

export interface QueryJob extends SqlJob {
  sql: string;
  /** JSON array or object of parameter values, or null. */
  values: string | null;
  options: QueryOptions;
  report: ReportOptions;
}

export type CheckJob = Omit<QueryJob, "options" | "report">;

/** A stream: the head is a RowsHead. */
export interface RowsJob extends SqlJob {
  sql: string;
  values: string | null;
  integers: CellFormat["integers"];
  format: RowFormatName;
  maxChars: number;
  links: RowsContext["links"];
  past: Past | null;
  report: ReportOptions;
}

export const sqlJobs = {
  /** @throws ApiError with the reports `aside` */
  async "sql.transaction"(job: TransactionJob, turn: () => Promise<void>): Promise<SqlResult> {
    const request = parseBody(job.body);
    const reporter = new ItemReporter(request.items, job.report);
    const reported = (run: () => string): SqlResult => {
      try {
        return { json: run(), reports: reporter.reports };
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        throw withReports(error, reporter.failed(error.message));
      }
    };
    const run = (connection: SandboxedConnection) =>
      reported(() => runTransaction(connection, request, job.options, reporter));
    let vacuum = false;
    {
      using reader = new SandboxedConnection(job.path, "read", job);
      const mayWrite = job.grant === null || includesLevel(job.grant, "write");
      if (!mayWrite || onlyReads(reader, request)) {
        const result = run(reader);
        reader.endsWell();
        return result;
      }
      vacuum = isVacuum(reader, request);
      if (vacuum && job.grant !== null) requireWholeDatabases(job.grant);
      reader.endsWell();
    }
    if (vacuum && job.options.dryRun) throw invalidParameter("dry_run", "cannot undo VACUUM");
    await turn();
    using writer = new SandboxedConnection(job.path, "write", job);
    return vacuum ? reported(() => runVacuum(writer, request, reporter)) : run(writer);
  },

  "sql.query"(job: QueryJob): SqlResult {
    const values = parseValues(job.values);
    using reader = new SandboxedConnection(job.path, "read", job);
    const sql = decodeSql(job.sql);
    const reporter = new ItemReporter([queryItem(sql, values)], job.report);
    const { text } = reporter.measure(0, () => runQuery(reader, sql, values, job.options));
    reader.endsWell();
    return { json: text, reports: reporter.reports };
  },

  /** That a query compiles, only reads and takes its values; it is not run. */
  "sql.check"(job: CheckJob): void {
    const values = parseValues(job.values);
    using reader = new SandboxedConnection(job.path, "read", job);
    openQuery(reader, decodeSql(job.sql), values, null);
  },

  /** For a transaction that was ended before it could report. */
  "sql.items"(job: ItemsJob): ItemReport[] {
    const { items } = parseTransaction(job.body);
    return new ItemReporter(items, job.report).failed("");
  },

  /** @returns the report of the query */
  async "sql.rows"(
    job: RowsJob,
    _turn: () => Promise<void>,
    channel: JobChannel,
  ): Promise<ItemReport[]> {
    const startedMs = performance.now();
    const values = parseValues(job.values);
    using reader = new SandboxedConnection(job.path, "read", job);
    const sql = decodeSql(job.sql);
    const { integers, links, format, maxChars, past } = job;
    const { columns, rows, gapKeys } = openQuery(reader, sql, values, past);
    try {
      const moment =
        past === null
          ? null
          : { ms: Math.min(past.moment.ms, past.moment.nowMs), gaps: gapKeys?.length ?? 0 };
      const context = { columns, integers, sql, links, moment };
      const rowCount = await streamRows(rows, format, context, maxChars, channel);
      const reporter = new ItemReporter([queryItem(sql, values)], job.report);
      reporter.add(0, performance.now() - startedMs, rowCount, null);
      return reporter.reports;
    } catch (error) {
      throw queryError(reader, error);
    }
  },
} satisfies JobHandlers;

function queryItem(sql: string, values: BindValues): ReportedItem {
  return { kind: "query", sql, values, batch: null };
}

/** Malformed bodies have no items to report. */
function parseBody(body: string): TransactionRequest {
  try {
    return parseTransaction(body);
  } catch (error) {
    throw error instanceof ApiError ? withReports(error, []) : error;
  }
}

function withReports(error: ApiError, reports: ItemReport[]): ApiError {
  return new ApiError(error.kind, error.message, { ...error.details, aside: reports });
}

function parseValues(text: string | null): BindValues {
  if (text === null) return [];
  let json: unknown;
  try {
    json = parseJsonExactly(text);
  } catch {
    throw invalidParameter("values", "is not JSON");
  }
  try {
    return toBindValues(json, "values");
  } catch (error) {
    throw new ApiError("SQL_BIND_ERROR", (error as Error).message, {
      fields: { parameter: "values" },
    });
  }
}
