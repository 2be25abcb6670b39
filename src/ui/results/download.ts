/** All rows of a query as a file, streamed: the server sets no bound on them here. */
import { send } from "../api/client.ts";
import { ApiFailure } from "../api/failure.ts";
import { type Moment, pastQuery } from "../api/moment.ts";
import { saveFile } from "../parts/save-file.ts";

export interface QueryDownload {
  readonly db: string;
  readonly sql: string;
  readonly values: string | null;
  readonly at: Moment;
  readonly format: "csv" | "ndjson";
  readonly signal: AbortSignal;
  onProgress(bytes: number): void;
}

/** @returns bytes of the file */
export async function downloadQuery(download: QueryDownload): Promise<number> {
  const rows = await fetchQuery(download);
  saveFile(rows, `query.${download.format}`);
  return rows.size;
}

/**
 * All rows of a query as text.
 * @throws ApiFailure also when the server failed half way: nothing that is cut is taken for whole
 */
export async function fetchQuery(download: QueryDownload): Promise<Blob> {
  const { db, sql, values, at, format, signal, onProgress } = download;
  const response = await send("/query", {
    query: { db, sql, values, format, ...pastQuery(at) },
    signal,
  });
  const reader = response.body?.getReader();
  if (reader === undefined) throw new ApiFailure(0, "NO_ANSWER", "The server sent no rows");
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    bytes += value.byteLength;
    onProgress(bytes);
  }
  const type = response.headers.get("content-type") ?? "text/plain";
  const rows = new Blob(parts, { type });
  if (format === "ndjson") await failOnErrorLine(rows);
  return rows;
}

const MAX_ERROR_LINE_BYTES = 64 * 1024;

/** A stream that began well can only tell of its end in its last line. */
async function failOnErrorLine(rows: Blob): Promise<void> {
  const end = await rows.slice(-MAX_ERROR_LINE_BYTES).text();
  const last = end.trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith('{"success":false,"status":"error"')) return;
  const { statusCode, code, error, hint } = JSON.parse(last) as {
    statusCode: number;
    code: string;
    error: string;
    hint?: string;
  };
  throw new ApiFailure(statusCode, code, error, hint);
}
