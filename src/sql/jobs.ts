/** Callers' SQL as jobs of a runner process. */

import { ApiError, invalidParameter } from "../errors.ts";
import type { JobHandlers } from "../runner/child.ts";
import { type BindValues, parseJsonExactly, toBindValues } from "./bind.ts";
import { decodeSql, runQuery } from "./query.ts";
import { SandboxedConnection } from "./sandbox.ts";
import { onlyReads, runTransaction } from "./transaction.ts";
import { parseTransaction } from "./transaction-request.ts";

export interface SqlJob {
  path: string;
  /** How long to wait for another program's lock. */
  busyTimeoutMs: number;
  durability: "full" | "relaxed";
}

export interface TransactionJob extends SqlJob {
  /** The request's body, parsed here and not on the server's thread. */
  body: string;
}

export interface QueryJob extends SqlJob {
  sql: string;
  /** JSON array or object of parameter values, or null. */
  values: string | null;
}

export const sqlJobs = {
  /** @returns the body of the answer */
  async "sql.transaction"(job: TransactionJob, turn: () => Promise<void>): Promise<string> {
    const request = parseTransaction(job.body);
    {
      using reader = new SandboxedConnection(job.path, "read", job);
      if (onlyReads(reader, request)) return runTransaction(reader, request, "read");
    }
    await turn();
    using writer = new SandboxedConnection(job.path, "write", job);
    return runTransaction(writer, request, "write");
  },

  /** @returns the body of the answer */
  "sql.query"(job: QueryJob): string {
    const values = parseValues(job.values);
    using reader = new SandboxedConnection(job.path, "read", job);
    return runQuery(reader, decodeSql(job.sql), values);
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
