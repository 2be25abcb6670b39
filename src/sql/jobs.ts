/** Callers' SQL as jobs of a runner process. */

import { ApiError, invalidParameter } from "../errors.ts";
import type { JobChannel, JobHandlers } from "../runner/child.ts";
import { type BindValues, parseJsonExactly, toBindValues } from "./bind.ts";
import type { CellFormat } from "./encode.ts";
import type { RowFormatName, RowsContext } from "./formats/format.ts";
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
import { parseTransaction } from "./transaction-request.ts";

export interface SqlJob {
  path: string;
  /** How long to wait for another program's lock. */
  busyTimeoutMs: number;
}

export interface TransactionJob extends SqlJob {
  /** The request's body, parsed here and not on the server's thread. */
  body: string;
  options: TransactionOptions;
}

export interface QueryJob extends SqlJob {
  sql: string;
  /** JSON array or object of parameter values, or null. */
  values: string | null;
  options: QueryOptions;
}

/** A stream: the head is a RowsHead. */
export interface RowsJob extends SqlJob {
  sql: string;
  values: string | null;
  integers: CellFormat["integers"];
  format: RowFormatName;
  maxChars: number;
  links: RowsContext["links"];
}

export const sqlJobs = {
  /** @returns the body of the answer */
  async "sql.transaction"(job: TransactionJob, turn: () => Promise<void>): Promise<string> {
    const request = parseTransaction(job.body);
    let vacuum = false;
    {
      using reader = new SandboxedConnection(job.path, "read", job);
      if (onlyReads(reader, request)) {
        const answer = runTransaction(reader, request, job.options);
        reader.endsWell();
        return answer;
      }
      vacuum = isVacuum(reader, request);
      reader.endsWell();
    }
    if (vacuum && job.options.dryRun) throw invalidParameter("dry_run", "cannot undo VACUUM");
    await turn();
    using writer = new SandboxedConnection(job.path, "write", job);
    return vacuum ? runVacuum(writer, request) : runTransaction(writer, request, job.options);
  },

  /** @returns the body of the answer */
  "sql.query"(job: QueryJob): string {
    const values = parseValues(job.values);
    using reader = new SandboxedConnection(job.path, "read", job);
    const answer = runQuery(reader, decodeSql(job.sql), values, job.options);
    reader.endsWell();
    return answer;
  },

  async "sql.rows"(job: RowsJob, _turn: () => Promise<void>, channel: JobChannel): Promise<void> {
    const values = parseValues(job.values);
    using reader = new SandboxedConnection(job.path, "read", job);
    const sql = decodeSql(job.sql);
    const { columns, rows } = openQuery(reader, sql, values);
    const { integers, links, format, maxChars } = job;
    try {
      await streamRows(rows, format, { columns, integers, sql, links }, maxChars, channel);
    } catch (error) {
      throw queryError(reader, error);
    }
  },
} satisfies JobHandlers;

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
