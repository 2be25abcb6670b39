/**
 * Files that hold values: found below a folder without following links, read whole, replaced whole.
 * Everything that waits for the disk runs in Bun's thread pool.
 */
import { closeSync, constants, fstat, open, readFile, type Stats } from "node:fs";
import { lstat, mkdir, open as openFile, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { Turn } from "../engine/turn.ts";
import { syncFolder } from "../engine/wal-sync.ts";
import { ApiError, invalidParameter } from "../errors.ts";

/** What a file may not be: one that SQLite has open. */
export type IsDatabase = (path: string, stats: Stats | null) => boolean;

export interface ValueFile {
  /** Absolute, without symlinks. */
  readonly path: string;
  /** Null when nothing is there. */
  readonly stats: Stats | null;
}

/** Names of files that are being written. They are nobody's keys. */
export const TEMPORARY_PREFIX = ".chronolite-tmp-";

/**
 * Goes down from a folder, looking at each name on the way. No link is followed, wherever it leads:
 * what a key means can then not depend on anything outside the folder.
 * @throws ApiError FORBIDDEN for a link
 */
export async function locate(folder: string, segments: readonly string[]): Promise<ValueFile> {
  const path = join(folder, ...segments);
  let at = folder;
  let stats: Stats | null = null;
  for (const segment of segments) {
    at = join(at, segment);
    stats = await statsOf(at);
    if (stats === null) break;
    if (stats.isSymbolicLink()) throw linkRefused();
  }
  return { path, stats };
}

/** Null when nothing is there. */
export async function statsOf(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw fileError(error);
  }
}

/**
 * @returns null when the file has gone
 * @throws ApiError CONFLICT, RESPONSE_TOO_LARGE, FORBIDDEN
 */
export async function readWhole(
  path: string,
  maxBytes: number,
  isDatabase: IsDatabase,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; stats: Stats } | null> {
  let fd: number;
  try {
    // NONBLOCK: opening a pipe must not wait for somebody to write to it.
    fd = await opened(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return null;
    throw codeOf(error) === "ELOOP" ? linkRefused() : fileError(error);
  }
  let stats: Stats | undefined;
  try {
    stats = await statsOfOpen(fd);
    if (!stats.isFile()) return null;
    if (stats.size > maxBytes)
      throw new ApiError("RESPONSE_TOO_LARGE", `The file is larger than ${maxBytes} bytes`, {
        hint: "Raise --max-body-bytes.",
      });
    return { bytes: new Uint8Array(await contentOf(fd)), stats };
  } catch (error) {
    throw fileError(error);
  } finally {
    release(fd, path, stats, isDatabase);
  }
}

const opened = promisify(open) as (path: string, flags: number) => Promise<number>;
const statsOfOpen = promisify(fstat) as (fd: number) => Promise<Stats>;
const contentOf = promisify(readFile) as (fd: number) => Promise<Buffer<ArrayBuffer>>;
const NONBLOCK = constants.O_NONBLOCK ?? 0;

/**
 * Descriptors of files that SQLite opened while they were being read. Closing one would take SQLite's
 * locks off the file, so they stay open for as long as the database is.
 */
const held = new Set<() => boolean>();

/** Looks and closes without a pause in between, in which the database could be opened. */
/** How many descriptors are held so. */
export function heldFiles(): number {
  return held.size;
}

function release(fd: number, path: string, stats: Stats | undefined, isDatabase: IsDatabase): void {
  const close = () => {
    if (stats !== undefined && isDatabase(path, stats)) return false;
    closeSync(fd);
    return true;
  };
  if (!close()) held.add(close);
  for (const retry of held) if (retry !== close && retry()) held.delete(retry);
}

export interface Replacement {
  readonly bytes: Uint8Array;
  /** Resolve only when the file is on disk, and the names of all folders up to this one. */
  readonly durableUpTo: string | null;
  /** Called right before the file takes its place; may throw. */
  readonly check: () => void;
}

/**
 * Puts a new file in the place of what is there, or of nothing; whoever reads sees the one or the
 * other. Makes the folders on the way.
 * @throws ApiError CONFLICT, FORBIDDEN, DISK_FULL, FILE_SYSTEM_ERROR
 */
export async function replaceWhole(file: ValueFile, replacement: Replacement): Promise<void> {
  const { durableUpTo } = replacement;
  const folder = dirname(file.path);
  const temporary = join(folder, TEMPORARY_PREFIX + crypto.randomUUID());
  try {
    await mkdir(folder, { recursive: true });
    const handle = await openFile(temporary, "wx");
    try {
      await handle.writeFile(replacement.bytes);
      if (file.stats !== null) await handle.chmod(file.stats.mode & 0o777);
      if (durableUpTo !== null) await handle.sync();
    } finally {
      await handle.close();
    }
    replacement.check();
    await rename(temporary, file.path);
    if (durableUpTo === null) return;
    await syncFolder(folder);
    if (file.stats !== null) return;
    for (let above = folder; above !== durableUpTo; ) {
      above = dirname(above);
      await syncFolder(above);
    }
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw fileError(error);
  }
}

/**
 * Removes a file.
 * @returns false when it has gone
 * @throws ApiError FORBIDDEN, FILE_SYSTEM_ERROR
 */
export async function removeFile(path: string, durable: boolean): Promise<boolean> {
  try {
    await unlink(path);
    if (durable) await syncFolder(dirname(path));
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileError(error);
  }
}

/** By path: for the whole process, as files are. */
const turns = new Map<string, Turn>();

/** Writers of one file go one after the other. */
export async function inTurn<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  const turn = turns.get(path) ?? new Turn();
  turns.set(path, turn);
  await turn.take();
  try {
    return await work();
  } finally {
    turn.release();
    if (turn.isFree) turns.delete(path);
  }
}

function linkRefused(): ApiError {
  return new ApiError("FORBIDDEN", "A part of the key is a symbolic link", {
    hint: "Links below the folder are not followed.",
  });
}

/** What the file system said, as an error for the caller. */
export function fileError(thrown: unknown): ApiError | Error {
  if (thrown instanceof ApiError) return thrown;
  switch (codeOf(thrown)) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new ApiError("FORBIDDEN", "The server has no permission for this file or folder", {
        cause: thrown,
      });
    case "EEXIST":
    case "EISDIR":
    case "ENOTDIR":
      return new ApiError("CONFLICT", "A part of the key is a value, so it cannot be a folder", {
        cause: thrown,
        hint: "A key cannot begin with another key and a slash.",
      });
    case "ENAMETOOLONG":
      return invalidParameter("key", "is too long for a path of this folder");
    case "ENOSPC":
    case "EDQUOT":
      return new ApiError("DISK_FULL", "The disk is full", { cause: thrown });
    case "EMFILE":
    case "ENFILE":
      return new ApiError("SERVICE_UNAVAILABLE", "Too many files are open", { cause: thrown });
    default:
      return new ApiError("FILE_SYSTEM_ERROR", "The file system could not do this", {
        cause: thrown,
      });
  }
}

export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code;
}
