/**
 * Directory mode (contracts/hoody.md 4.3): a folder instead of a database, in which each key is a
 * file and slashes in keys are sub-folders. No history, no time to live, no tags.
 */
import type { Stats } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { OWN_FOLDER } from "../engine/resolve.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import { MAX_FILE_NAME_BYTES, MAX_KEY_BYTES, MAX_LISTED_FILES } from "../limits.ts";
import { memberOf, withMember } from "./document.ts";
import type { JsonPath } from "./json-path.ts";
import { byteOrder, keyNotFound, type ListRequest } from "./read.ts";
import { checkValueSize, type StoredValue, toBytes, toStored } from "./value.ts";
import {
  fileError,
  type IsDatabase,
  inTurn,
  isMissing,
  locate,
  readWhole,
  removeFile,
  replaceWhole,
  statsOf,
  TEMPORARY_PREFIX,
  type ValueFile,
} from "./value-file.ts";

export interface Directory {
  /** Absolute, without symlinks. */
  readonly path: string;
  /** The sub-folder that has the keys; none for the folder itself. */
  readonly table: readonly string[];
  /** Whether a write resolves only when it is on disk. */
  readonly durable: boolean;
  /** Larger files are not read. */
  readonly maxReadBytes: number;
  /** Larger values are not written. */
  readonly maxValueBytes: number;
  /** Files that SQLite has open must be left alone: see Registry.uses. */
  readonly isDatabase: IsDatabase;
}

/** A key without its value. */
export interface FileEntry {
  key: string;
  sizeBytes: number;
  contentType: string;
  modifiedAtMs: number;
}

export interface FileFound extends FileEntry {
  value: Uint8Array | StoredValue;
  /** SHA-256 of the file in hex; null for a part of it. */
  hash: string | null;
}

export interface FileWritten {
  created: boolean;
  sizeBytes: number;
  /** Absolute path of the file. */
  path: string;
}

/**
 * The folders and the file that a key means.
 * @param name what to call it in the error
 * @throws ApiError INVALID_PARAMETERS for a key that would lead somewhere else, or to no file
 */
export function fileSegments(key: string, name = "key"): string[] {
  const segments = key.split("/");
  for (const segment of segments) {
    if (segment === "") throw invalidParameter(name, "must not begin or end with /, or have //");
    if (segment === "." || segment === "..")
      throw invalidParameter(name, "must not have . or .. segments");
    if (/[\0\\]/.test(segment)) throw invalidParameter(name, "must not contain a backslash or NUL");
    // Windows: drives and streams.
    if (process.platform === "win32" && segment.includes(":"))
      throw invalidParameter(name, "must not contain a colon");
    if (Buffer.byteLength(segment) > MAX_FILE_NAME_BYTES)
      throw invalidParameter(name, `has a part of more than ${MAX_FILE_NAME_BYTES} bytes`);
    if (segment.startsWith(TEMPORARY_PREFIX))
      throw invalidParameter(name, `must not have parts that begin with ${TEMPORARY_PREFIX}`);
    if (segment.toLowerCase() === OWN_FOLDER)
      throw invalidParameter(name, `must not have parts named ${OWN_FOLDER}`);
  }
  return segments;
}

/** The type of a value, which only the extension of its key can tell. */
function fileContentType(key: string): string {
  const { type } = Bun.file(key);
  // JSON has one encoding, and everywhere else its type is plain.
  return type.startsWith("application/json") ? "application/json" : type;
}

/**
 * The file of a key, or the part of its JSON at a path.
 * @throws ApiError KEY_NOT_FOUND, NOT_FOUND for a path that is not there, CONFLICT for an open
 *   database, FORBIDDEN for a link, INVALID_PARAMETERS
 */
export async function getFile(
  directory: Directory,
  key: string,
  path: JsonPath | null,
): Promise<FileFound> {
  const { path: file } = await existing(directory, key);
  const found = await readWhole(file, directory.maxReadBytes, directory.isDatabase);
  if (found === null) throw keyNotFound();
  const { bytes } = found;
  const entry = toEntry(key, found.stats);
  if (path === null) return { ...entry, value: bytes, hash: await sha256(bytes) };
  const value = await memberOf(toStored(bytes), path);
  return { ...entry, contentType: "application/json", value, hash: null };
}

/**
 * What is known about a key without reading it.
 * @throws ApiError KEY_NOT_FOUND, CONFLICT, FORBIDDEN
 */
export async function headFile(directory: Directory, key: string): Promise<FileEntry> {
  return toEntry(key, (await existing(directory, key)).stats);
}

/**
 * Writes the file of a key, with the folders on the way.
 * @throws ApiError CONFLICT when folder and value meet or a database is there, FORBIDDEN, DISK_FULL
 */
export function putFile(
  directory: Directory,
  key: string,
  bytes: Uint8Array,
): Promise<FileWritten> {
  return write(directory, key, async () => bytes);
}

/**
 * Sets one member of the JSON in a key's file; an absent key becomes a document with just that.
 * @param leaf the member's new value, JSON text
 * @throws ApiError as `putFile`, and INVALID_PARAMETERS when the path cannot be set
 */
export function setFileMember(
  directory: Directory,
  key: string,
  path: JsonPath,
  leaf: string,
): Promise<FileWritten> {
  return write(directory, key, async (file) => {
    const { maxReadBytes, isDatabase } = directory;
    const found = file.stats === null ? null : await readWhole(file.path, maxReadBytes, isDatabase);
    const document = found === null ? null : toStored(found.bytes);
    return toBytes(await withMember(key, document, path, leaf));
  });
}

/**
 * Removes the file of a key. Folders stay, as empty as they may be.
 * @throws ApiError KEY_NOT_FOUND, CONFLICT, FORBIDDEN
 */
export async function deleteFile(directory: Directory, key: string): Promise<void> {
  const path = join(directory.path, ...directory.table, ...fileSegments(key));
  await inTurn(path, async () => {
    const file = await existing(directory, key);
    if (!(await removeFile(file, directory.durable))) throw keyNotFound();
  });
}

export type FileListRequest = Omit<ListRequest, "values" | "nowMs">;

export interface FileList {
  entries: FileEntry[];
  hasMore: boolean;
  /** The last key of the page, which may have gone since. */
  lastKey: string | null;
  /** Keys that there are, on all pages. */
  total: number;
}

/**
 * A page of keys in byte order.
 * @throws ApiError RESPONSE_TOO_LARGE when there are too many files to look at
 */
export async function listFiles(directory: Directory, request: FileListRequest): Promise<FileList> {
  const { prefix, suffix, contains, start, end, after, limit, offset } = request;
  const all = (await keysBelow(directory, prefix)).filter(
    (key) =>
      key.startsWith(prefix) &&
      (suffix === null || key.endsWith(suffix)) &&
      (contains === null || key.includes(contains)) &&
      (start === null || byteOrder(key, start) >= 0) &&
      (end === null || byteOrder(key, end) < 0),
  );
  const direction = request.reverse ? -1 : 1;
  const ordered = inByteOrder(all);
  if (request.reverse) ordered.reverse();
  const rest =
    after === null ? ordered : ordered.filter((key) => byteOrder(key, after) * direction > 0);
  const page = rest.slice(offset, offset + limit);
  const folder = join(directory.path, ...directory.table);
  const entries = await Promise.all(
    page.map(async (key) => {
      const stats = await statsOf(join(folder, key));
      return stats?.isFile() === true ? toEntry(key, stats) : null;
    }),
  );
  return {
    entries: entries.filter((entry) => entry !== null),
    hasMore: limit > 0 && rest.length > offset + limit,
    lastKey: page.at(-1) ?? null,
    total: all.length,
  };
}

/** All keys below the deepest folder that the prefix names. Links are passed over. */
async function keysBelow(directory: Directory, prefix: string): Promise<string[]> {
  const top = join(directory.path, ...directory.table);
  const within = prefix.split("/").slice(0, -1);
  if (!within.every(isName)) return [];
  if (!(await isPlainFolder(directory, within))) return [];
  const keys: string[] = [];
  const folders = [within.map((name) => `${name}/`).join("")];
  let looked = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const children = await childrenOf(join(top, folder));
    looked += children.length;
    if (looked > MAX_LISTED_FILES)
      throw new ApiError("RESPONSE_TOO_LARGE", `There are more than ${MAX_LISTED_FILES} files`, {
        hint: "List a part: prefix=FOLDER/, or a sub-folder with table=FOLDER.",
      });
    for (const child of children) {
      const key = folder + child.name;
      if (!isName(child.name)) continue;
      if (child.isDirectory()) folders.push(`${key}/`);
      else if (child.isFile() && isKey(key)) keys.push(key);
    }
  }
  return keys;
}

/** Whether a folder of the table is there, and no link on the way to it. */
async function isPlainFolder(directory: Directory, within: readonly string[]): Promise<boolean> {
  const segments = [...directory.table, ...within];
  if (segments.length === 0) return true;
  const { stats } = await locate(directory.path, segments);
  return stats?.isDirectory() === true;
}

async function childrenOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    // Somebody has just removed it.
    if (isMissing(error)) return [];
    throw fileError(error);
  }
}

/** Whether a part of a key can have this name: what no key reaches is not listed. */
function isName(name: string): boolean {
  try {
    return fileSegments(name).length === 1;
  } catch {
    return false;
  }
}

function isKey(key: string): boolean {
  return key.trim() !== "" && (key.length * 3 <= MAX_KEY_BYTES || isShort(key));
}

function isShort(key: string): boolean {
  return Buffer.byteLength(key) <= MAX_KEY_BYTES;
}

/** UTF-16 orders as UTF-8 does, unless there are surrogates: only then is the slow way needed. */
function inByteOrder(keys: string[]): string[] {
  return keys.some((key) => /[\ud800-\udfff]/.test(key)) ? keys.sort(byteOrder) : keys.sort();
}

/**
 * The file of a key that exists, and may be touched.
 * @throws ApiError KEY_NOT_FOUND, CONFLICT, FORBIDDEN
 */
async function existing(directory: Directory, key: string): Promise<ValueFile & { stats: Stats }> {
  const file = await locate(directory.path, [...directory.table, ...fileSegments(key)]);
  const { stats } = file;
  if (stats?.isFile() !== true) throw keyNotFound();
  refuseDatabase(directory, file.path, stats);
  return { ...file, stats };
}

async function write(
  directory: Directory,
  key: string,
  content: (file: ValueFile) => Promise<Uint8Array>,
): Promise<FileWritten> {
  const segments = [...directory.table, ...fileSegments(key)];
  const path = join(directory.path, ...segments);
  return inTurn(path, async () => {
    const file = await locate(directory.path, segments);
    const { stats } = file;
    if (stats?.isFile() === false)
      throw new ApiError("CONFLICT", `${key} is a folder`, {
        hint: "A key cannot be the beginning of other keys, up to a slash.",
      });
    const check = () => refuseDatabase(directory, path, stats);
    check();
    const bytes = checkValueSize(await content(file), directory.maxValueBytes);
    const durableUpTo = directory.durable ? directory.path : null;
    await replaceWhole(file, { bytes, durableUpTo, check });
    return { created: stats === null, sizeBytes: bytes.byteLength, path };
  });
}

/** @throws ApiError CONFLICT for a file that SQLite has open, and for its side files to be */
function refuseDatabase(directory: Directory, path: string, stats: Stats | null): void {
  if (!directory.isDatabase(path, stats)) return;
  throw new ApiError("CONFLICT", "The file is a database that the server has open", {
    hint: "Use it as a database: db=NAME.",
  });
}

function toEntry(key: string, stats: Stats): FileEntry {
  return {
    key,
    sizeBytes: stats.size,
    contentType: fileContentType(key),
    modifiedAtMs: stats.mtimeMs,
  };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex");
}
