/** Opening database files in runner processes. */
import { existsSync, realpathSync } from "node:fs";
import { DatabaseSync, type DatabaseSyncOptions } from "node:sqlite";
import { existingFileUrl } from "./file-url.ts";
import { replaced } from "./resolve.ts";

/** Disposing of it undoes a transaction that is left open, and closes it. */
export type OpenFile = DatabaseSync & Disposable;

/**
 * Opens a file whose path the server has followed: if a link has taken the place of a part of it
 * since, it is refused before anything is read.
 * @param path absolute, without symlinks
 * @throws ApiError DATABASE_NOT_FOUND
 */
export function openFile(path: string, options: DatabaseSyncOptions): OpenFile {
  const database = open(path, options);
  if (realPath(path) !== path) {
    database.close();
    throw replaced();
  }
  return Object.assign(database, {
    [Symbol.dispose]() {
      try {
        // A connection closed inside a transaction can leave the write lock held.
        if (database.isTransaction) database.exec("rollback");
      } finally {
        database.close();
      }
    },
  });
}

/** The same for SQL that meets what others put into the file, with SQLite's own choices, not node's. */
export function openConfined(path: string, options: DatabaseSyncOptions): OpenFile {
  const database = openFile(path, {
    enableDoubleQuotedStringLiterals: true,
    enableForeignKeyConstraints: false,
    ...options,
  });
  try {
    confine(database);
    return database;
  } catch (error) {
    // Left to the garbage collector it would keep hold of the file.
    database.close();
    throw error;
  }
}

/** Bounds what SQL that is not ours may trust and reach. */
export function confine(database: DatabaseSync): void {
  database.exec("pragma trusted_schema = off");
  database.enableDefensive?.(true);
}

function open(path: string, options: DatabaseSyncOptions): DatabaseSync {
  try {
    return new DatabaseSync(
      existingFileUrl(path, options.readOnly === true ? "read" : "write"),
      options,
    );
  } catch (error) {
    throw existsSync(path) ? error : replaced();
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
