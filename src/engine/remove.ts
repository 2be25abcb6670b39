/** Deleting a database file, in a process that does not have it open. */
import { closeSync, existsSync, fsyncSync, lstatSync, openSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { ApiError, sqliteCode } from "../errors.ts";
import { openFile } from "./open-file.ts";
import { notSqlite, readMagic, SQLITE_MAGIC } from "./resolve.ts";

/**
 * Deletes a database and what belongs to it. The database itself goes last: a log or journal without
 * its database would be taken for that of the next one of the same name.
 * @param path real path
 * @param namedPath the path by which it was named; a link there goes too
 * @returns the paths that were removed
 * @throws ApiError INVALID_SQLITE_HEADER, DATABASE_BUSY, DELETE_INCOMPLETE
 */
export function removeDatabase(path: string, namedPath: string, busyTimeoutMs: number): string[] {
  const magic = readMagic(path);
  if (magic !== SQLITE_MAGIC) throw notSqlite(magic === "");
  const isLink = lstatSync(namedPath).isSymbolicLink();
  const names = [`${path}-journal`, `${path}-wal`, `${path}-shm`, path];
  if (isLink) names.push(namedPath);
  const present = names.filter((name) => existsSync(name));
  const removed: string[] = [];
  refuseInUse(path, busyTimeoutMs);
  try {
    for (const name of names) {
      rmSync(name, { force: true });
      if (present.includes(name)) removed.push(name);
    }
    for (const folder of new Set([dirname(path), ...(isLink ? [dirname(namedPath)] : [])]))
      syncFolder(folder);
  } catch (error) {
    throw new ApiError("DELETE_INCOMPLETE", "Not all files of the database could be deleted", {
      cause: error,
      fields: { path, files_removed: removed },
      hint: "Check the permissions of the folder and of what lies beside the database, then try again.",
    });
  }
  return removed;
}

/**
 * Another program that has the database open would go on writing to a file without a name, and to a
 * log that has the name of the next one's.
 */
function refuseInUse(path: string, busyTimeoutMs: number): void {
  let database: DatabaseSync | undefined;
  try {
    database = openFile(path, { timeout: busyTimeoutMs });
    // Leaving WAL mode needs the file for itself alone.
    const mode = database.prepare("pragma journal_mode = delete").get()?.["journal_mode"];
    if (mode !== "delete") throw inUse();
    database.exec("begin exclusive; rollback");
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (sqliteCode(error) === "SQLITE_BUSY") throw inUse();
    // Damaged, or not ours to write: it can be deleted all the same.
  } finally {
    database?.close();
  }
}

function inUse(): ApiError {
  return new ApiError("DATABASE_BUSY", "Another program has the database open", {
    hint: "Close it there, then try again.",
  });
}

function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
