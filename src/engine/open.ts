/** Making and opening database files: what may take long happens in another process. */
import { OPEN_BUSY_MS, OPEN_TIMEOUT_MS } from "../limits.ts";
import { type EngineDeps, OpenDatabase } from "./database.ts";
import type { CreateJob, PrepareJob } from "./jobs.ts";
import { checkHeader } from "./resolve.ts";

/**
 * Makes a new database file, complete and on disk.
 * @throws ApiError DATABASE_EXISTS, INVALID_DB_PATH, DATABASE_READONLY
 */
export async function createDatabaseFile(path: string, deps: EngineDeps): Promise<void> {
  const payload: CreateJob = { path };
  await deps.housekeepers.run({ kind: "engine.create", payload, timeoutMs: OPEN_TIMEOUT_MS });
}

/**
 * Opens a file that exists, and that this process does not have open.
 * @throws ApiError INVALID_SQLITE_HEADER, DATABASE_BUSY, …
 */
export async function openDatabaseFile(path: string, deps: EngineDeps): Promise<OpenDatabase> {
  await checkHeader(path);
  const payload: PrepareJob = { path, wal: false, busyTimeoutMs: OPEN_BUSY_MS };
  await deps.housekeepers.run({ kind: "engine.prepare", payload, timeoutMs: OPEN_TIMEOUT_MS });
  return new OpenDatabase(path, deps);
}
