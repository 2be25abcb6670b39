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
  saveFile(new Blob(parts, { type }), `query.${format}`);
  return bytes;
}
