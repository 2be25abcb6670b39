/** Importing a whole database file: written aside, examined, then put in its place. */
import { closeSync, openSync, writeSync } from "node:fs";
import { placeDatabase } from "../../engine/place.ts";
import { type DataRoot, notSqlite, SQLITE_MAGIC } from "../../engine/resolve.ts";
import { removeWorkFile } from "../../engine/work-file.ts";
import { ApiError, sqliteCode, toApiError } from "../../errors.ts";
import { IMPORT_PROGRESS_BYTES } from "../../limits.ts";
import type { JobChannel } from "../../runner/child.ts";
import { openOwn } from "../own-connection.ts";

export interface ImportFileJob {
  /** Where the upload is written. Removed at the end; by whoever runs the job if that is killed. */
  workFile: string;
  /** Where it gets its name, as `databasePath` gave it. */
  target: string;
  root: DataRoot;
  db: string;
}

/** Errors are ordinary answers until the first line of progress, as for rows. */
export async function importDatabaseFile(job: ImportFileJob, channel: JobChannel): Promise<void> {
  const startedMs = performance.now();
  let bytes = 0;
  let told = false;
  const tell = (line: Record<string, unknown>) => {
    told = true;
    return channel.write(Buffer.from(`${JSON.stringify(line)}\n`));
  };
  try {
    const fd = openSync(job.workFile, "wx", 0o600);
    try {
      let toldBytes = 0;
      let head = Buffer.alloc(0);
      for await (const chunk of channel.input) {
        if (head.byteLength < SQLITE_MAGIC.length) {
          head = Buffer.concat([head, chunk.subarray(0, SQLITE_MAGIC.length)]);
          // What cannot be a database is refused before the rest of it comes.
          checkMagic(head, false);
        }
        writeAll(fd, chunk);
        bytes += chunk.byteLength;
        if (bytes - toldBytes >= IMPORT_PROGRESS_BYTES) {
          toldBytes = bytes;
          await tell({ event: "progress", rows: 0, bytes });
        }
      }
      checkMagic(head, true);
    } finally {
      closeSync(fd);
    }
    examine(job.workFile);
    const path = placeDatabase(job.workFile, job.target, job.root);
    await removeWorkFile(job.workFile);
    const duration_ms = Math.round(performance.now() - startedMs);
    await tell({ event: "done", success: true, db: job.db, path, bytes, duration_ms });
  } catch (error) {
    if (!told) throw error;
    await tell({ event: "error", ...toApiError(error).toEnvelope() });
  } finally {
    await removeWorkFile(job.workFile);
  }
}

function checkMagic(head: Buffer, whole: boolean): void {
  const magic = head.toString("latin1", 0, SQLITE_MAGIC.length);
  if (whole ? magic !== SQLITE_MAGIC : !SQLITE_MAGIC.startsWith(magic))
    throw notSqlite(head.byteLength === 0);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at);
}

/**
 * Only a sound database becomes one of the server's.
 * @throws ApiError INVALID_SQLITE_HEADER
 */
function examine(path: string): void {
  let problem: unknown;
  try {
    using database = openOwn(path, { access: "write", busyTimeoutMs: 0 });
    const row = database.prepare("pragma integrity_check(1)").get();
    problem = row?.["integrity_check"];
  } catch (error) {
    if (sqliteCode(error) === undefined) throw error;
    problem = (error as Error).message;
  }
  if (problem !== "ok")
    throw new ApiError(
      "INVALID_SQLITE_HEADER",
      `The upload is a damaged database: ${String(problem)}`,
      {
        hint: "Make a new copy of it, for instance with VACUUM INTO, and send that.",
      },
    );
}
