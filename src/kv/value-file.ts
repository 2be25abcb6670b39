/**
 * Files that hold values: found below a folder without following links, read whole, replaced whole.
 * Everything that waits for the disk runs in Bun's thread pool.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstat,
  open,
  readFile,
  readlinkSync,
  type Stats,
} from "node:fs";
import {
  type FileHandle,
  lstat,
  mkdir,
  open as openFile,
  readdir,
  rename,
  unlink,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { Turn } from "../engine/turn.ts";
import { syncFolder } from "../engine/wal-sync.ts";
import { ApiError, invalidParameter, toApiError } from "../errors.ts";
import { MAX_TIDIED_FOLDERS, UNFINISHED_FILE_MAX_AGE_MS } from "../limits.ts";

/** What a file may not be: one that SQLite has open. */
export type IsDatabase = (path: string, stats: Stats | null) => boolean;

export interface ValueFile {
  /** Absolute, without symlinks. */
  readonly path: string;
  /** Null when nothing is there. */
  readonly stats: Stats | null;
  /** The folder that was gone down from, and the names on the way. */
  readonly root: string;
  readonly segments: readonly string[];
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
  return { path, stats, root: folder, segments };
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
    checkPlace(fd, path);
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

/**
 * A folder on the way may have become a link after `locate` looked at it: the kernel knows where an
 * open file really is. (Elsewhere than on Linux that is not told.)
 * @throws ApiError FORBIDDEN
 */
function checkPlace(fd: number, path: string): void {
  if (!HAS_OPEN_FOLDERS) return;
  const place = readlinkSync(`/proc/self/fd/${fd}`);
  // A file that is replaced or removed while it is read is still the one that was meant.
  if (place.replace(/ \(deleted\)$/, "") !== path) throw linkRefused();
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
  const folderPath = dirname(file.path);
  try {
    await using folder = await openFolder(file.root, file.segments.slice(0, -1), "make");
    await removeUnfinished(folder.base, folderPath);
    const temporary = join(folder.base, TEMPORARY_PREFIX + crypto.randomUUID());
    try {
      await using handle = await openFile(temporary, "wx");
      await handle.writeFile(replacement.bytes);
      if (file.stats !== null) await handle.chmod(file.stats.mode & 0o777);
      if (durableUpTo !== null) await handle.sync();
      replacement.check();
      await rename(temporary, join(folder.base, basename(file.path)));
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    }
    if (durableUpTo === null) return;
    await syncFolder(folder.base);
    if (file.stats !== null) return;
    for (let above = folderPath; above !== durableUpTo; ) {
      above = dirname(above);
      await syncFolder(above);
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT")
      throw new ApiError("CONFLICT", "A folder of the key was removed meanwhile", { cause: error });
    throw fileError(error);
  }
}

/**
 * Removes a file.
 * @returns false when it has gone
 * @throws ApiError FORBIDDEN, FILE_SYSTEM_ERROR
 */
export async function removeFile(file: ValueFile, durable: boolean): Promise<boolean> {
  try {
    await using folder = await openFolder(file.root, file.segments.slice(0, -1), "find");
    await unlink(join(folder.base, basename(file.path)));
    if (durable) await syncFolder(folder.base);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileError(error);
  }
}

/** Folders in which this process has looked for what a crash left. */
const tidied = new Set<string>();

/** Before the first write to a folder: a server that was killed may have left files half written there. */
async function removeUnfinished(base: string, folderPath: string): Promise<void> {
  if (tidied.has(folderPath)) return;
  if (tidied.size >= MAX_TIDIED_FOLDERS) tidied.clear();
  tidied.add(folderPath);
  const names = (await readdir(base)).filter((name) => name.startsWith(TEMPORARY_PREFIX));
  for (const name of names) {
    const stats = await statsOf(join(base, name));
    // Another server may be writing to the same folder right now.
    if (stats?.isFile() === true && Date.now() - stats.mtimeMs > UNFINISHED_FILE_MAX_AGE_MS)
      await unlink(join(base, name)).catch(() => {});
  }
}

interface OpenFolder extends AsyncDisposable {
  /** What paths of its files begin with. */
  readonly base: string;
}

/**
 * Goes down to a folder and holds on to it. Between the look of `locate` and now a folder on the way
 * may have become a link, so on Linux each step starts from the folder before it and not from its
 * name (`/proc/self/fd/N/name` is openat(2)). Elsewhere there is no such way.
 * @throws ApiError FORBIDDEN for a link, or what the file system says
 */
async function openFolder(
  root: string,
  segments: readonly string[],
  missing: "make" | "find",
): Promise<OpenFolder> {
  if (!HAS_OPEN_FOLDERS) {
    const base = join(root, ...segments);
    if (missing === "make") await mkdir(base, { recursive: true });
    return { base, [Symbol.asyncDispose]: async () => {} };
  }
  let handle = await openFile(root, FOLDER_FLAGS);
  try {
    if (readlinkSync(openFolderPath(handle)) !== root) throw linkRefused();
    for (const segment of segments) {
      const path = join(openFolderPath(handle), segment);
      if (missing === "make")
        await mkdir(path).catch((error) => {
          if (codeOf(error) !== "EEXIST") throw error;
        });
      const next = await openFile(path, FOLDER_FLAGS).catch(async (error) => {
        throw (await statsOf(path))?.isSymbolicLink() === true ? linkRefused() : error;
      });
      await handle.close();
      handle = next;
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { base: openFolderPath(handle), [Symbol.asyncDispose]: () => handle.close() };
}

const HAS_OPEN_FOLDERS = process.platform === "linux" && existsSync("/proc/self/fd");
const FOLDER_FLAGS =
  constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0);

function openFolderPath(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`;
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
    case "EROFS":
      return new ApiError("FORBIDDEN", "The file system cannot be written to", { cause: thrown });
    case "EEXIST":
    case "EISDIR":
    case "ENOTDIR":
      return new ApiError("CONFLICT", "A part of the key is a value, so it cannot be a folder", {
        cause: thrown,
        hint: "A key cannot begin with another key and a slash.",
      });
    case "ENAMETOOLONG":
      return invalidParameter("key", "is too long for a path of this folder");
    default: {
      const known = toApiError(thrown);
      return known.kind !== "INTERNAL_ERROR"
        ? known
        : new ApiError("FILE_SYSTEM_ERROR", "The file system could not do this", {
            cause: thrown,
          });
    }
  }
}

export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code;
}
