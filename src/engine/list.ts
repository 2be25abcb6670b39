/**
 * The databases of a folder. Looks into files, so it runs in a process that has none of them open:
 * closing a descriptor would take SQLite's locks off the file (see `checkHeader`).
 */
import { readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { type DataRoot, existingFile, readMagic, SQLITE_MAGIC } from "./resolve.ts";

export interface ListedDatabase {
  /** File name: what `?db=` takes where the folder is the data folder. */
  name: string;
  path: string;
  sizeBytes: number;
  /** Of the file or of its write-ahead log, whichever changed last. Unix milliseconds. */
  modifiedMs: number;
  /** Whether it begins as a SQLite database does. */
  isValid: boolean;
}

const DATABASE_FILE = /\.(db|sqlite|sqlite3)$/i;

/** Files of the folder that are databases by their name, newest first; links only within bounds. */
export function listDatabases(folder: string, root: DataRoot): ListedDatabase[] {
  const found: ListedDatabase[] = [];
  for (const name of readdirSync(folder)) {
    if (!DATABASE_FILE.test(name)) continue;
    const path = join(folder, name);
    const stats = statsWithin(path, root);
    if (stats === null) continue;
    const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
    found.push({
      name,
      path,
      sizeBytes: stats.size,
      modifiedMs: Math.floor(Math.max(stats.mtimeMs, log?.mtimeMs ?? 0)),
      isValid: hasHeader(path),
    });
  }
  return found.sort((a, b) => b.modifiedMs - a.modifiedMs || (a.name < b.name ? -1 : 1));
}

/** Null for what is not a file, or is a link that leaves the data folder. */
function statsWithin(path: string, root: DataRoot): Stats | null {
  try {
    return statSync(existingFile(path, root));
  } catch {
    return null;
  }
}

function hasHeader(path: string): boolean {
  try {
    return readMagic(path) === SQLITE_MAGIC;
  } catch {
    return false;
  }
}
