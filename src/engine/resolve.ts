/** From `?db=` to a file: contracts/hoody.md 0.3 with decisions 9 and 13. */
import {
  closeSync,
  constants,
  openSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, extname, isAbsolute, join, normalize, sep } from "node:path";
import { ApiError, invalidParameter } from "../errors.ts";

/** What tells a file from all others, whatever its names. */
export interface FileNumbers {
  readonly dev: number;
  readonly ino: number;
}

export interface DataRoot {
  /** Absolute path without symlinks. */
  readonly dataDir: string;
  readonly allowAnyAbsoluteDbPath: boolean;
  /** The server's own database (see state/state-database.ts), absolute; callers cannot name it. */
  readonly ownFile: string;
}

/** First bytes of every SQLite file, https://www.sqlite.org/fileformat.html section 1.3. */
export const SQLITE_MAGIC = "SQLite format 3\0";
/** Files beside a database that SQLite itself owns. */
export const SIDE_FILE = /-(wal|shm|journal)$/i;
/** Folder of the server's own files, inside the data folder. Callers cannot name what is in it. */
export const OWN_FOLDER = ".chronolite";
/** No name of a database or folder has these: SQLite and URLs read them as something else. */
const STRANGE_LETTERS = /[\0?#\\]/;

/**
 * The absolute path that a name means, by its letters alone.
 * @param parameter that the name came in
 * @throws ApiError INVALID_DB_PATH
 */
export function databasePath(name: string, root: DataRoot, parameter = "db"): string {
  const invalid = (problem: string, hint?: string) =>
    new ApiError("INVALID_DB_PATH", problem, {
      fields: { parameter },
      ...(hint === undefined ? {} : { hint }),
    });
  if (name.trim() === "") throw invalid(`${parameter} is empty`);
  if (name === ":memory:") throw invalid("in-memory databases are not supported");
  if (STRANGE_LETTERS.test(name))
    throw invalid(`${parameter} must not contain a backslash, ?, # or NUL`);
  if (name.toLowerCase().startsWith("file:"))
    throw invalid(`${parameter} is a name, not a file: URI`);
  if (Buffer.byteLength(name) > 4096) throw invalid(`${parameter} is too long`);

  if (isAbsolute(name)) {
    if (hasDotSegment(name)) throw invalid(`${parameter} must not contain . or .. segments`);
    const path = normalize(name);
    if (path.endsWith(sep)) throw invalid(`${parameter} names a folder`);
    if (!root.allowAnyAbsoluteDbPath && !isInside(path, root.dataDir))
      throw invalid(
        "absolute database paths outside the data folder are disallowed",
        "Use a bare name, or start the server with --allow-any-absolute-db-path.",
      );
    if (SIDE_FILE.test(path))
      throw invalid(`${parameter} names a file that belongs to another database`);
    return path;
  }

  const bare = name.startsWith("./") ? name.slice(2) : name;
  if (bare.includes("/")) throw invalid(`${parameter} must be a bare name without slashes`);
  if (bare === "" || bare === "." || bare === "..") throw invalid(`${parameter} must name a file`);
  if (Buffer.byteLength(bare) > 240) throw invalid(`${parameter} is too long for a file name`);
  if (SIDE_FILE.test(bare))
    throw invalid(`${parameter} names a file that belongs to another database`);
  return join(root.dataDir, extname(bare) === "" ? `${bare}.db` : bare);
}

/**
 * What rights may call the database at a path: its name in the data folder, with and without `.db`,
 * and its absolute path.
 * @param path absolute; of a folder, with a slash at its end
 */
export function namesOfPath(path: string, root: DataRoot): string[] {
  const plain = path.replaceAll(sep, "/");
  const folder = `${root.dataDir.replaceAll(sep, "/").replace(/\/$/, "")}/`;
  if (!plain.startsWith(folder) || plain === folder) return [plain];
  const name = plain.slice(folder.length);
  const withoutExtension = name.endsWith(".db") ? [name.slice(0, -".db".length)] : [];
  // A file without an extension has the name of another one, of which `.db` is left out.
  const ambiguous = !name.endsWith("/") && extname(name) === "";
  return ambiguous ? [plain] : [name, ...withoutExtension, plain];
}

/**
 * The same for a `?db=`, by its letters alone; for an absolute path also as the folder it may be.
 * @throws ApiError INVALID_DB_PATH
 */
export function namesOfDatabase(name: string, root: DataRoot): string[] {
  if (!isAbsolute(name) || STRANGE_LETTERS.test(name) || hasDotSegment(name))
    return namesOfPath(databasePath(name, root), root);
  const path = normalize(name).replace(/[\\/]+$/, "");
  return [...namesOfPath(path, root), ...namesOfPath(`${path}/`, root)];
}

/**
 * The real path of an existing database file, symlinks resolved and still within bounds.
 * @throws ApiError DATABASE_NOT_FOUND, INVALID_DB_PATH, PATH_IS_DIRECTORY
 */
export function existingFile(path: string, root: DataRoot): string {
  let real: string;
  let stats: Stats;
  try {
    real = realpathSync(path);
    stats = statSync(real);
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === "ENOENT" || code === "ENOTDIR")
      throw new ApiError("DATABASE_NOT_FOUND", `There is no database ${basename(path)}`);
    throw new ApiError("INVALID_DB_PATH", "The database path cannot be followed", { cause: error });
  }
  if (!root.allowAnyAbsoluteDbPath && !isInside(real, root.dataDir))
    throw new ApiError("INVALID_DB_PATH", "The database is a link that leaves the data folder");
  if (stats.isDirectory()) throw new ApiError("PATH_IS_DIRECTORY", "The database path is a folder");
  if (!stats.isFile())
    throw new ApiError("INVALID_DB_PATH", "The database path is not a regular file");
  if (SIDE_FILE.test(real))
    throw new ApiError("INVALID_DB_PATH", "The database is a link to a part of another database");
  refuseOwnFile(real, stats, root);
  return real;
}

/**
 * The real path of the folder that a name means, if it does: only an absolute path can. Undefined for
 * anything else, of which `databasePath` and `existingFile` know more.
 * @throws ApiError FORBIDDEN for a folder out of bounds
 */
export function existingFolder(name: string, root: DataRoot): string | undefined {
  if (!isAbsolute(name) || STRANGE_LETTERS.test(name) || hasDotSegment(name)) return undefined;
  return folderWithin(name, root, "db");
}

/**
 * The real path of a folder, undefined if there is none.
 * @param parameter that named it
 * @throws ApiError FORBIDDEN for a folder out of bounds
 */
function folderWithin(path: string, root: DataRoot, parameter: string): string | undefined {
  let real: string;
  try {
    real = realpathSync(path);
    if (!statSync(real).isDirectory()) return undefined;
  } catch {
    return undefined;
  }
  if (!root.allowAnyAbsoluteDbPath && real !== root.dataDir && !isInside(real, root.dataDir))
    throw new ApiError("FORBIDDEN", "The folder is outside the data folder", {
      fields: { parameter },
      hint: "Use a folder of the data folder, or start the server with --allow-any-absolute-db-path.",
    });
  if (isOwnFolder(real, root))
    throw new ApiError("FORBIDDEN", "The folder is the server's own", { fields: { parameter } });
  return real;
}

/**
 * The real path of a folder whose databases are to be listed.
 * @param dir absolute path; the data folder if not given
 * @throws ApiError INVALID_PARAMETERS, FORBIDDEN
 */
export function databaseFolder(dir: string | undefined, root: DataRoot): string {
  if (dir === undefined) return root.dataDir;
  if (!isAbsolute(dir)) throw invalidParameter("dir", "must be an absolute path");
  if (STRANGE_LETTERS.test(dir) || hasDotSegment(dir))
    throw invalidParameter("dir", "must not contain backslashes, ?, #, NUL, or . and .. segments");
  const folder = folderWithin(dir, root, "dir");
  if (folder === undefined) throw invalidParameter("dir", "is not a folder");
  return folder;
}

/**
 * The path at which a new database may be made: its folder exists, and is within bounds.
 * @throws ApiError INVALID_DB_PATH, FORBIDDEN for a folder link that leaves the data folder
 */
export function newFile(path: string, root: DataRoot): string {
  let folder: string;
  try {
    folder = realpathSync(dirname(path));
  } catch {
    throw new ApiError("INVALID_DB_PATH", "The folder of the database does not exist");
  }
  if (!root.allowAnyAbsoluteDbPath && folder !== root.dataDir && !isInside(folder, root.dataDir))
    throw new ApiError(
      "FORBIDDEN",
      "The folder of the database is a link that leaves the data folder",
    );
  const real = join(folder, basename(path));
  refuseOwnFile(real, null, root);
  return real;
}

/**
 * Whether a file is the server's own database or a part of it, by any of its names.
 * @param path absolute, without symlinks
 * @param file null when nothing is there
 */
export function isOwnFile(path: string, file: FileNumbers | null, root: DataRoot): boolean {
  // Without regard to case, which some file systems have none for.
  const main = path.replace(SIDE_FILE, "").toLowerCase();
  if (main === realPathOf(root.ownFile).toLowerCase()) return true;
  if (file === null) return false;
  try {
    const own = statSync(root.ownFile);
    return own.dev === file.dev && own.ino === file.ino;
  } catch {
    return false; // It is not there.
  }
}

function refuseOwnFile(path: string, file: FileNumbers | null, root: DataRoot): void {
  if (isOwnFolder(path, root))
    throw new ApiError("INVALID_DB_PATH", "The path is in the server's own folder");
  if (isOwnFile(path, file, root))
    throw new ApiError("INVALID_DB_PATH", "This is the server's own database", {
      fields: { parameter: "db" },
    });
}

/** The path without symlinks, as far as it exists. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const folder = dirname(path);
    return folder === path ? path : join(realPathOf(folder), basename(path));
  }
}

/** Whether a path without symlinks is the server's own folder or leads into it. */
function isOwnFolder(path: string, root: DataRoot): boolean {
  if (!isInside(path, root.dataDir)) return false;
  const [first = ""] = path.slice(root.dataDir.length).split(sep).filter(Boolean);
  // Without regard to case, which some file systems have none for.
  return first.toLowerCase() === OWN_FOLDER;
}

/**
 * Refuses a file that is not a SQLite database. Only for files that this process does not have open:
 * closing a descriptor drops all of a process's POSIX locks on that file, SQLite's too.
 * @throws ApiError INVALID_SQLITE_HEADER
 */
export async function checkHeader(path: string): Promise<void> {
  const file = await open(path, constants.O_RDONLY).catch((error) => {
    throw (error as { code?: string }).code === "ENOENT" ? replaced() : error;
  });
  try {
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(SQLITE_MAGIC.length),
      0,
      SQLITE_MAGIC.length,
      0,
    );
    if (bytesRead < SQLITE_MAGIC.length || buffer.toString("latin1") !== SQLITE_MAGIC)
      throw notSqlite(bytesRead === 0);
  } finally {
    await file.close();
  }
}

/**
 * The first bytes of a file. Only in a process that does not have it open, as above.
 * @throws Error of the file system
 */
export function readMagic(path: string): string {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    const bytes = Buffer.alloc(SQLITE_MAGIC.length);
    const read = readSync(fd, bytes, 0, bytes.length, 0);
    return bytes.toString("latin1", 0, read);
  } finally {
    closeSync(fd);
  }
}

/** What to say of a file that does not begin with the magic. */
export function notSqlite(isEmpty: boolean): ApiError {
  return new ApiError(
    "INVALID_SQLITE_HEADER",
    isEmpty ? "The file is empty" : "The file is not a SQLite database",
  );
}

/** The file that was meant is not the one at its path any more. */
export function replaced(): ApiError {
  return new ApiError("DATABASE_NOT_FOUND", "The database file was removed or replaced", {
    hint: "Try again: the file now at this path, if any, will be opened.",
  });
}

function hasDotSegment(path: string): boolean {
  return path.split(/[\\/]/).some((segment) => segment === ".." || segment === ".");
}

function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
