/** The answer to a query that only reads, in the format the caller wants. */
import { basename } from "node:path";
import type { Database } from "../engine/database.ts";
import { toApiError } from "../errors.ts";
import type { CellFormat } from "../sql/encode.ts";
import { PAGE_SECURITY_POLICY } from "../sql/formats/html.ts";
import type { ItemReport } from "../sql/item-report.ts";
import type { CheckJob, QueryJob, RowsJob, SqlResult } from "../sql/jobs.ts";
import type { Past } from "../sql/past-tables.ts";
import type { RowsHead } from "../sql/rows-stream.ts";
import type { ServerDeps } from "./deps.ts";
import { CONTENT_TYPE, type QueryFormat } from "./negotiate.ts";
import { recordFailedQuery, recordSql, reportOptions, type SqlCaller } from "./sql-record.ts";

export interface QueryRequest {
  /** As it is, or in base64. */
  sql: string;
  /** JSON array or object of parameter values, or null. */
  values: string | null;
  format: QueryFormat;
  integers: CellFormat["integers"];
  /** JSON only. */
  cells: CellFormat["cells"];
  /** Infinity for none. */
  maxChars: number;
  /** Answer the plan; JSON only. */
  explain: boolean;
  /** Null for the present. */
  past: Past | null;
  /** Have a browser save it. */
  download: boolean;
  /** On a page: the same query elsewhere. */
  links: RowsJob["links"];
  /**
   * JSON: time for the whole answer. Other formats are streams: time without progress, because the
   * query gives no row or because the caller takes none.
   */
  timeoutMs: number;
  signal?: AbortSignal;
  /** Nobody for the server's own queries, which are not logged. */
  caller?: SqlCaller;
}

/**
 * Runs the query in a runner process. CSV and NDJSON have no bound on their rows and are streamed.
 * After the first bytes an error cuts the connection; in NDJSON it is the last line instead.
 * @throws ApiError
 */
export async function answerQuery(
  deps: ServerDeps,
  database: Database,
  request: QueryRequest,
): Promise<{ body: string | ReadableStream<Uint8Array>; headers: Record<string, string> }> {
  const headers: Record<string, string> = { "content-type": CONTENT_TYPE[request.format] };
  if (request.format === "html") {
    headers["content-security-policy"] = PAGE_SECURITY_POLICY;
    headers["referrer-policy"] = "no-referrer";
  }
  if (request.download) headers["content-disposition"] = attachment(database, request.format);
  if (request.format === "json" || request.explain) {
    headers["content-type"] = CONTENT_TYPE.json;
    return { body: await runQuery(deps, database, request), headers };
  }
  const { head, body } = await streamQuery(deps, database, request, request.format);
  if (head?.truncated !== undefined) headers["x-truncated"] = String(head.truncated);
  if (head?.gaps !== undefined) headers["x-gap-keys"] = String(head.gaps);
  return { body: request.format === "ndjson" ? withErrorLine(body) : body, headers };
}

/** @returns the JSON body of the answer */
export async function runQuery(
  deps: ServerDeps,
  database: Database,
  request: Pick<QueryRequest, "sql" | "values" | "timeoutMs" | "signal" | "caller"> &
    Partial<Pick<QueryRequest, "integers" | "cells" | "maxChars" | "explain" | "past">>,
): Promise<string> {
  const { sql, values, timeoutMs, signal, caller } = request;
  const {
    integers = "number",
    cells = "plain",
    maxChars = Number.POSITIVE_INFINITY,
    explain = false,
  } = request;
  const { past = null } = request;
  const unpin = database.pin();
  try {
    const payload: QueryJob = {
      ...database.target,
      busyTimeoutMs: timeoutMs,
      sql,
      values,
      options: { integers, cells, maxChars, explain, past },
      report: reportOptions(deps),
    };
    const { json, reports } = await deps.runners.run<SqlResult>({
      kind: "sql.query",
      payload,
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
    if (caller !== undefined) recordSql(deps, database, caller, reports);
    return json;
  } catch (error) {
    if (caller !== undefined) recordFailedQuery(deps, database, caller, { sql, values, error });
    throw error;
  } finally {
    unpin();
  }
}

/**
 * That a query could be run: it compiles, only reads and takes its values.
 * @throws ApiError as `runQuery`
 */
export async function checkQuery(
  deps: ServerDeps,
  database: Database,
  request: Pick<QueryRequest, "sql" | "values" | "timeoutMs"> & { signal: AbortSignal },
): Promise<void> {
  const { sql, values, timeoutMs, signal } = request;
  const payload: CheckJob = { ...database.target, busyTimeoutMs: timeoutMs, sql, values };
  const unpin = database.pin();
  try {
    await deps.runners.run<void>({ kind: "sql.check", payload, timeoutMs, signal });
  } finally {
    unpin();
  }
}

function streamQuery(
  deps: ServerDeps,
  database: Database,
  request: QueryRequest,
  format: RowsJob["format"],
): Promise<{ head: RowsHead | undefined; body: ReadableStream<Uint8Array> }> {
  const { sql, values, integers, maxChars, past, links, timeoutMs, signal, caller } = request;
  const unpin = database.pin();
  const payload: RowsJob = {
    ...database.target,
    busyTimeoutMs: timeoutMs,
    sql,
    values,
    integers,
    maxChars,
    past,
    links,
    format,
    report: reportOptions(deps),
  };
  return deps.streams.stream<RowsHead>({
    kind: "sql.rows",
    payload,
    idleTimeoutMs: timeoutMs,
    ...(signal === undefined ? {} : { signal }),
    ended: ({ result, error }) => {
      unpin();
      if (caller === undefined) return;
      if (error === undefined) recordSql(deps, database, caller, result as ItemReport[]);
      else recordFailedQuery(deps, database, caller, { sql, values, error });
    },
  });
}

/**
 * Chunks end with a row, so an error has a line of its own. Then the stream ends in order: a
 * connection that is cut loses what the reader has not taken yet, and with it that line.
 */
function withErrorLine(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        controller.enqueue(Buffer.from(`${JSON.stringify(toApiError(error).toEnvelope())}\n`));
        controller.close();
      }
    },
    cancel: () => reader.cancel(),
  });
}

function attachment(database: Database, format: QueryFormat): string {
  const name = `${basename(database.target.path).replace(/\.(db|sqlite3?)$/i, "")}-query.${format}`;
  // RFC 6266: a plain name for everyone, the exact one for those who read it.
  const plain = name.replace(/[^\w .()-]/g, "_");
  return `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name)}`;
}
