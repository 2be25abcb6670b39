/**
 * SQLite connections for callers' SQL. One that writes is made for its job. One that only reads may
 * serve the next job on the same file: opening and closing costs a runner ten times what a short
 * query does. Nothing of a caller stays on it: it has no temporary objects, which only writers can
 * make, no open transaction, no pragma that was set, and no authorizer; whoever takes it brings one.
 */
import { statSync } from "node:fs";
import { type OpenFile, openConfined } from "../engine/open-file.ts";
import { KEPT_READER_MS, MAX_SQL_VALUE_BYTES } from "../limits.ts";

interface KeptReader {
  readonly path: string;
  readonly database: OpenFile;
  readonly file: string;
  readonly idle: NodeJS.Timeout;
}

let kept: KeptReader | undefined;
/** Which file each reader was opened on. */
const files = new WeakMap<OpenFile, string>();

export function openWriter(path: string, busyTimeoutMs: number): OpenFile {
  const database = open(path, "write", busyTimeoutMs);
  // The server puts the commit on disk, in one go with others (Database.syncWrites).
  database.exec("pragma wal_autocheckpoint = 0; pragma synchronous = normal");
  return database;
}

/** Give it back with `returnReader`, or close it. */
export function takeReader(path: string, busyTimeoutMs: number): OpenFile {
  const file = fileAt(path);
  if (kept?.path === path && kept.file === file) {
    const { database, idle } = kept;
    clearTimeout(idle);
    kept = undefined;
    database.exec(`pragma busy_timeout = ${busyTimeoutMs}`);
    return database;
  }
  closeKeptReader();
  const database = open(path, "read", busyTimeoutMs);
  // The file may have been replaced in between.
  if (file !== undefined && fileAt(path) === file) files.set(database, file);
  return database;
}

/** @param database of a job that has ended well, outside of a transaction, with no pragma set */
export function returnReader(path: string, database: OpenFile): void {
  const file = files.get(database);
  if (file === undefined) {
    database.close();
    return;
  }
  closeKeptReader();
  database.setAuthorizer(null);
  const idle = setTimeout(closeKeptReader, KEPT_READER_MS).unref();
  kept = { path, database, file, idle };
}

/** Between jobs: closes the reader that is kept, unless the next job is about the same file. */
export function letGo(nextPayload?: unknown): void {
  const { path } = (nextPayload ?? {}) as { path?: unknown };
  if (kept?.path !== path) closeKeptReader();
}

function closeKeptReader(): void {
  if (kept === undefined) return;
  const { database, idle } = kept;
  clearTimeout(idle);
  kept = undefined;
  database.close();
}

function open(path: string, access: "read" | "write", busyTimeoutMs: number): OpenFile {
  return openConfined(path, {
    readOnly: access === "read",
    timeout: busyTimeoutMs,
    // Newer than the type declarations. (A hard_heap_limit would do nothing: Bun's SQLite is built
    // without memory statistics. The pool watches the whole process instead.)
    ...{ limits: { length: MAX_SQL_VALUE_BYTES } },
  });
}

function fileAt(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}
