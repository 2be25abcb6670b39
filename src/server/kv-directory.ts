/** Answers in directory mode, where `?db=` is a folder: contracts/hoody.md 4.3. */
import { invalidParameter } from "../errors.ts";
import {
  type Directory,
  deleteFile,
  type FileEntry,
  type FileListRequest,
  fileSegments,
  getFile,
  headFile,
  listFiles,
  putFile,
  setFileMember,
} from "../kv/directory.ts";
import type { JsonPath } from "../kv/json-path.ts";
import type { StoredValue } from "../kv/value.ts";
import { MAX_RESPONSE_BYTES } from "../limits.ts";
import { ifMatch } from "./conditions.ts";
import type { ServerDeps } from "./deps.ts";
import { describeType, type Headers, toSeconds } from "./kv-answer.ts";
import { flag, history, optionalText, table, ttl } from "./parameters.ts";
import type { Query } from "./query.ts";

/** A request that turned out to be about a folder. */
export interface DirectoryCall {
  readonly deps: ServerDeps;
  readonly request: Request;
  readonly query: Query;
  /** Real path. */
  readonly folder: string;
}

export const rebuild = flag(
  "rebuild",
  "Forget what is known about the folder first. Nothing is kept, so nothing changes.",
);
const atTimestamp = optionalText("at_timestamp", "");

/** What only databases have. */
const REFUSED_HEADERS = [
  "If-Match",
  "If-None-Match",
  "If-Modified-Since",
  "If-Unmodified-Since",
  "If-Range",
  "Idempotency-Key",
] as const;

/** Answers with the value, and describes it in the headers. */
export async function getInDirectory(
  call: DirectoryCall,
  key: string,
  path: JsonPath | null,
  headers: Headers,
): Promise<Uint8Array | StoredValue> {
  const found = await getFile(openDirectory(call), key, path);
  describeFile(headers, found);
  if (found.hash !== null) headers["x-file-hash"] = found.hash;
  if (path !== null) headers["x-json-path"] = encodeURI(path.text);
  return found.value;
}

/** The headers of a value. Its hash is not among them: it would take reading the file. */
export async function headInDirectory(call: DirectoryCall, key: string): Promise<Headers> {
  const headers: Headers = {};
  const entry = await headFile(openDirectory(call), key);
  describeFile(headers, entry);
  headers["content-length"] = String(entry.sizeBytes);
  return headers;
}

/** @param body of the request; with a path, the member's new value as JSON text */
export async function putInDirectory(
  call: DirectoryCall,
  key: string,
  body: { bytes: Uint8Array } | { path: JsonPath; leaf: string },
): Promise<Record<string, unknown>> {
  const directory = openDirectory(call);
  const written = await ("path" in body
    ? setFileMember(directory, key, body.path, body.leaf)
    : putFile(directory, key, body.bytes));
  return {
    success: true,
    status: "ok",
    key,
    created: written.created,
    size: written.sizeBytes,
    ...("path" in body ? { path: body.path.text } : {}),
    directory_mode: true,
    file_path: written.path,
  };
}

export async function deleteInDirectory(
  call: DirectoryCall,
  key: string,
): Promise<Record<string, unknown>> {
  await deleteFile(openDirectory(call), key);
  return { success: true, status: "ok", key, deleted: true, directory_mode: true };
}

/** A page of keys as an answer. */
export interface ListedPage {
  keys: string[];
  /** JSON array. */
  items: string;
  hasMore: boolean;
  /** Where the next page begins. */
  lastKey: string | null;
  /** What else the answer tells. */
  more: { directory_mode?: true; total?: number; change_cursor?: number };
}

export async function listInDirectory(
  call: DirectoryCall,
  page: FileListRequest & { values: boolean },
): Promise<ListedPage> {
  if (page.values) throw notInDirectories("values");
  const { entries, hasMore, lastKey, total } = await listFiles(openDirectory(call), page);
  return {
    keys: entries.map(({ key }) => key),
    items: JSON.stringify(
      entries.map((entry) => ({
        key: entry.key,
        content_type: entry.contentType,
        size: entry.sizeBytes,
        created_at: toSeconds(entry.modifiedAtMs),
        updated_at: toSeconds(entry.modifiedAtMs),
      })),
    ),
    hasMore,
    lastKey,
    more: { directory_mode: true, total },
  };
}

/**
 * The folder to work on.
 * @throws ApiError INVALID_PARAMETERS for what directory mode does not have
 */
function openDirectory({ deps, request, query, folder }: DirectoryCall): Directory {
  for (const name of REFUSED_HEADERS)
    if (request.headers.get(name) !== null) throw notInDirectories(name);
  if (ttl.read(query) !== null) throw notInDirectories("ttl");
  if (ifMatch.read(query) !== undefined) throw notInDirectories("if_match");
  if (!["", "0"].includes(atTimestamp.read(query) ?? "")) throw notInDirectories("at_timestamp");
  rebuild.read(query);
  history.read(query);
  const subfolder = table.read(query) ?? "";
  return {
    path: folder,
    table: subfolder === "" ? [] : fileSegments(subfolder, "table"),
    durable: deps.config.durability === "full",
    maxReadBytes: Math.max(deps.config.maxValueBytes, MAX_RESPONSE_BYTES),
    maxValueBytes: deps.config.maxValueBytes,
    isDatabase: (path, stats) => deps.registry.uses(path, stats),
  };
}

function notInDirectories(name: string) {
  return invalidParameter(
    name,
    "is not there in directory mode, which keeps plain files",
    "Leave it out, or use a database file.",
  );
}

function describeFile(headers: Headers, entry: FileEntry): void {
  describeType(headers, entry.contentType);
  const modifiedAt = String(toSeconds(entry.modifiedAtMs));
  headers["x-created-at"] = modifiedAt;
  headers["x-updated-at"] = modifiedAt;
  headers["x-directory-mode"] = "true";
  headers["x-kv-nesting-depth"] = String(entry.key.split("/").length);
}
