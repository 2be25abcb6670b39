/** What a file is, and how it becomes rows or a database. */
import type { CallOptions } from "../api/client.ts";
import { ApiFailure } from "../api/failure.ts";
import { upload } from "../api/upload.ts";

export const FORMATS = {
  csv: "CSV (comma, semicolon, tab …)",
  ndjson: "NDJSON (one JSON object a line)",
  sqlite: "SQLite database",
} as const;
export type ImportFormat = keyof typeof FORMATS;

export const MODES = {
  append: "Add to the table, or make it",
  create: "Only into a new table",
  replace: "In place of the rows it has",
} as const;
export type ImportMode = keyof typeof MODES;

export interface ImportChoices {
  readonly format: ImportFormat;
  /** The table, or for SQLite the new database. */
  readonly name: string;
  readonly mode: ImportMode;
  readonly header: boolean;
  /** Empty: found by itself. */
  readonly delimiter: string;
  readonly types: "detect" | "text";
  readonly empty: "null" | "text";
}

export interface ImportProgress {
  readonly sentBytes: number;
  readonly rows: number;
}

export interface ImportDone {
  readonly table: string | null;
  readonly rows: number;
  readonly durationMs: number;
}

export interface ImportCall {
  readonly db: string;
  readonly file: Blob;
  readonly choices: ImportChoices;
  readonly signal: AbortSignal;
  onProgress(progress: ImportProgress): void;
}

/**
 * Sends the file. All of it comes in, or nothing.
 * @throws ApiFailure; DOMException AbortError
 */
export async function importFile(call: ImportCall): Promise<ImportDone> {
  const { db, file, choices, signal, onProgress } = call;
  let progress: ImportProgress = { sentBytes: 0, rows: 0 };
  const tell = (next: Partial<ImportProgress>) => {
    progress = { ...progress, ...next };
    onProgress(progress);
  };
  let last: Record<string, unknown> = {};
  await upload("/db/import", {
    query: queryOf(db, choices),
    body: file,
    signal,
    onSent: (sentBytes) => tell({ sentBytes }),
    onLine: (line) => {
      last = line as Record<string, unknown>;
      if (typeof last["rows"] === "number") tell({ rows: last["rows"] });
    },
  });
  const { event, error, code, hint, table, rows, duration_ms: durationMs } = last;
  if (event === "done")
    return {
      table: typeof table === "string" ? table : null,
      rows: Number(rows ?? 0),
      durationMs: Number(durationMs ?? 0),
    };
  throw new ApiFailure(
    200,
    typeof code === "string" ? code : "NO_ANSWER",
    typeof error === "string" ? error : "The server did not say how it ended",
    typeof hint === "string" ? hint : undefined,
    last,
  );
}

function queryOf(db: string, choices: ImportChoices): NonNullable<CallOptions["query"]> {
  const { format, name, mode, header, delimiter, types, empty } = choices;
  if (format === "sqlite") return { db: name, format };
  const common = { db, format, table: name, mode, types };
  if (format === "ndjson") return common;
  return { ...common, header, delimiter: delimiter === "" ? null : delimiter, empty };
}

/** By its first bytes, then by its name. */
export async function guessFormat(file: File): Promise<ImportFormat> {
  const start = await file.slice(0, 4096).text();
  if (start.startsWith("SQLite format 3\u0000")) return "sqlite";
  if (/\.(ndjson|jsonl)$/i.test(file.name) || /^\s*\{"/.test(start)) return "ndjson";
  return "csv";
}

/** A name for the table, or the database, from that of the file. */
export function guessName(file: File, format: ImportFormat): string {
  const base = file.name.replace(/\.[^.]*$/, "");
  const plain = base
    .normalize("NFC")
    .replaceAll(/[^\p{L}\p{N}_-]+/gu, "_")
    .replaceAll(/^_+|_+$/g, "");
  const name = plain === "" ? "imported" : plain;
  return format === "sqlite" ? `${name}.db` : name;
}
