/** Importing rows: one transaction, any number of rows, in memory that does not grow. */
import { type ApiError, invalidParameter, toApiError } from "../../errors.ts";
import { IMPORT_CACHE_KIB, IMPORT_PROGRESS_ROWS } from "../../limits.ts";
import type { JobChannel } from "../../runner/child.ts";
import { quoteName } from "../identifier.ts";
import { SandboxedConnection } from "../sandbox.ts";
import { toSqlError } from "../sql-error.ts";
import { readCsv } from "./csv.ts";
import { readNdjson } from "./ndjson.ts";
import type { RowSource, SourceRow } from "./source.ts";
import { type ImportMode, prepareTarget, type Target } from "./target.ts";
import { type Cell, jsonCell, toCell } from "./types.ts";
import { decodeUtf8 } from "./utf8.ts";

export interface ImportRowsJob {
  path: string;
  busyTimeoutMs: number;
  durability: "full" | "relaxed";
  format: "csv" | "ndjson";
  table: string;
  mode: ImportMode;
  types: "detect" | "text";
  header: boolean;
  /** Null to find it. */
  delimiter: string | null;
  empty: "null" | "text";
}

/**
 * Reads the upload into the table. Until the first line of progress an error is an ordinary answer;
 * from then on it is the last line.
 */
export async function importRows(
  job: ImportRowsJob,
  turn: () => Promise<void>,
  channel: JobChannel,
): Promise<void> {
  const startedMs = performance.now();
  const progress = new Progress(channel);
  const fromText = job.format === "csv";
  try {
    const text = decodeUtf8(progress.counting(channel.input));
    const source = fromText ? await readCsv(text, job) : await readNdjson(text);
    await turn();
    using connection = new SandboxedConnection(job.path, "write", job);
    // Its commit is on disk before the last line is sent: nobody else waits for that sync.
    const synchronous = job.durability === "full" ? "full" : "normal";
    connection.control(
      `pragma cache_size = -${IMPORT_CACHE_KIB}; pragma synchronous = ${synchronous}; begin immediate`,
    );
    const target = prepareTarget(connection, job.table, source, { ...job, fromText });
    await insertAll(connection, job, source, target, progress);
    connection.control("commit");
    await progress.tell({
      event: "done",
      success: true,
      table: job.table,
      rows: progress.rows,
      bytes: progress.bytes,
      columns: target.columns,
      duration_ms: Math.round(performance.now() - startedMs),
    });
  } catch (error) {
    const known = toImportError(error);
    if (!progress.told) throw known;
    await progress.tell({ event: "error", ...known.toEnvelope() });
  }
}

async function insertAll(
  connection: SandboxedConnection,
  job: ImportRowsJob,
  source: RowSource,
  target: Target,
  progress: Progress,
): Promise<void> {
  const places = target.columns.map(() => "?").join(", ");
  const { statement } = connection.compile(
    `insert into ${quoteName(job.table)} (${target.columns.map(quoteName).join(", ")}) values (${places})`,
  );
  const fromText = job.format === "csv";
  const cellsOf = ({ values, line }: SourceRow): Cell[] =>
    target.columns.map((column, at) =>
      target.types === null
        ? jsonCell(values[at], "")
        : toCell(values[at], target.types[at] ?? "", fromText, { column, line }),
    );
  const insert = async (rows: readonly SourceRow[]) => {
    for (const row of rows) {
      const cells = cellsOf(row);
      try {
        statement.run(...cells);
      } catch (error) {
        throw atLine(toSqlError(connection.refused(error)), row.line);
      }
      progress.rows += 1;
      if (progress.rows % IMPORT_PROGRESS_ROWS === 0) await progress.tellSoFar();
    }
  };
  await insert(source.sample);
  for await (const rows of source.rest) await insert(rows);
}

/** What the caller sees of an import under way. */
class Progress {
  rows = 0;
  bytes = 0;
  told = false;
  readonly #channel: JobChannel;

  constructor(channel: JobChannel) {
    this.#channel = channel;
  }

  /** The same chunks, counted. */
  async *counting(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of input) {
      this.bytes += chunk.byteLength;
      yield chunk;
    }
  }

  tellSoFar(): Promise<void> {
    return this.tell({ event: "progress", rows: this.rows, bytes: this.bytes });
  }

  tell(line: Record<string, unknown>): Promise<void> {
    this.told = true;
    return this.#channel.write(Buffer.from(`${JSON.stringify(line)}\n`));
  }
}

function atLine(error: ApiError, line: number): ApiError {
  return Object.assign(error, { message: `${error.message} (line ${line} of the upload)` });
}

function toImportError(error: unknown): ApiError {
  const known = toApiError(error);
  return known.kind === "SQL_BIND_ERROR" ? invalidParameter("body", known.message) : known;
}
