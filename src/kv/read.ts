/** Reading keys: one, several, a page. */
import type { Plan, Row, Rows, Statement } from "../engine/plan.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import { LARGE_PLAN_BYTES, MAX_OFFSET_HERE_KEYS } from "../limits.ts";
import type { JsonPath } from "./json-path.ts";
import { ABOVE_ALL_KEYS, type KvTable, readOne } from "./table.ts";
import { type StoredValue, toEtag } from "./value.ts";
import { pathParams } from "./write-plan.ts";

/** A key without its value. Times are Unix milliseconds. */
export interface Entry {
  key: string;
  sizeBytes: number;
  contentType: string;
  createdAtMs: number;
  updatedAtMs: number;
  expireAtMs: number | null;
  etag: string;
}

export interface Found extends Omit<Entry, "key" | "sizeBytes"> {
  value: StoredValue;
  /** Whether the value is JSON text, whatever its type says; only `getEntry` looks. */
  isJson: boolean;
}

export interface FoundOfMany {
  value: StoredValue;
  /** Whether the value is JSON text, whatever its type says. */
  isJson: boolean;
  contentType: string;
  etag: string;
}

export interface ListRequest {
  prefix: string;
  /** Only keys that end in this text. */
  suffix: string | null;
  /** Only keys that have this text in them. */
  contains: string | null;
  /** Only keys from here on, and only keys before there. */
  start: string | null;
  end: string | null;
  /** Keys after this one only, in the order of the list. */
  after: string | null;
  reverse: boolean;
  values: boolean;
  limit: number;
  offset: number;
  nowMs: number;
}

export interface ListedEntry extends Entry {
  value?: StoredValue;
  isJson?: boolean;
}

/**
 * The value of a key, or the part of it at a path as JSON text.
 * @throws ApiError KEY_NOT_FOUND, KEY_EXPIRED, NOT_FOUND for a path that is not there
 */
export function getValue(
  table: KvTable,
  key: string,
  path: JsonPath | null,
  nowMs: number,
): Found | Promise<Found> {
  const { get, getPath } = table.statements;
  return path === null
    ? find(table, get, { key, now_ms: nowMs }, null)
    : find(table, getPath, { key, now_ms: nowMs, ...pathParams(path) }, path);
}

/**
 * A key with its value, and whether that is JSON.
 * @throws ApiError KEY_NOT_FOUND, KEY_EXPIRED
 */
export function getEntry(table: KvTable, key: string, nowMs: number): Found | Promise<Found> {
  return find(table, table.statements.entry, { key, now_ms: nowMs }, null);
}

function find(
  table: KvTable,
  statement: Statement,
  params: { key: string; now_ms: number },
  path: JsonPath | null,
): Found | Promise<Found> {
  const found = (rows: Rows): Found | Promise<Found> => {
    const row = rows[0];
    if (row === undefined) return absent(table, params.key, params.now_ms);
    if (path !== null) checkPathFound(row, path);
    return {
      value: row["value"] as StoredValue,
      isJson: row["is_json"] === 1,
      contentType: path === null ? (row["content_type"] as string) : "application/json",
      createdAtMs: row["created_at_ms"] as number,
      updatedAtMs: row["updated_at_ms"] as number,
      expireAtMs: row["expire_at_ms"] as number | null,
      etag: toEtag(row["seq"]),
    };
  };
  if (statement === table.statements.get) return readOne(table, statement, params, found);
  // To look into a long document takes time.
  return readOne(table, table.statements.head, params, (head) => {
    if (Number(head[0]?.["size"] ?? 0) <= LARGE_PLAN_BYTES)
      return readOne(table, statement, params, found);
    const plan: Plan = { relation: table.relation, steps: [{ statement, params }] };
    return table.engine.readElsewhere(plan).then(([rows = []]) => found(rows));
  });
}

/**
 * What is known about a key.
 * @throws ApiError KEY_NOT_FOUND, KEY_EXPIRED
 */
export function headKey(table: KvTable, key: string, nowMs: number): Entry | Promise<Entry> {
  return readOne(table, table.statements.head, { key, now_ms: nowMs }, (rows) =>
    rows[0] === undefined ? absent(table, key, nowMs) : toEntry({ ...rows[0], key }),
  );
}

/** Several keys of one moment, in the order asked; null for those that are absent. */
export async function getMany(
  table: KvTable,
  keys: readonly string[],
  nowMs: number,
): Promise<(FoundOfMany | null)[]> {
  const params = { keys: JSON.stringify(keys), now_ms: nowMs };
  const rows = await readOne(table, table.statements.getMany, params, (all) => all);
  if (rows.length === 0) return keys.map(() => null);
  return rows.map((row) =>
    row["content_type"] === null
      ? null
      : {
          value: row["value"] as StoredValue,
          isJson: row["is_json"] === 1,
          contentType: row["content_type"] as string,
          etag: toEtag(row["seq"]),
        },
  );
}

/** A page of keys in byte order, whether there are more, and from where on to follow their changes. */
export async function listKeys(
  table: KvTable,
  request: ListRequest,
): Promise<{ entries: ListedEntry[]; hasMore: boolean; changeCursor: number }> {
  const { list, listValues, listReverse, listReverseValues } = table.statements;
  const [keysOnly, withValues] = request.reverse
    ? [listReverse, listReverseValues]
    : [list, listValues];
  const after = request.reverse ? "" : (request.after ?? "");
  const uppers = [prefixEnd(request.prefix), request.end, request.reverse ? request.after : null];
  const plan: Plan = {
    relation: table.relation,
    steps: [
      {
        statement: request.values ? withValues : keysOnly,
        params: {
          from: greatest([request.prefix, request.start ?? "", after]),
          after,
          below: least(uppers) ?? ABOVE_ALL_KEYS,
          suffix: request.suffix,
          contains: request.contains,
          now_ms: request.nowMs,
          limit: request.limit + 1,
          offset: request.offset,
        },
      },
      { statement: table.time.newest, params: {} },
    ],
  };
  // What has to look at many keys to find a few must not hold up the thread.
  const far =
    request.offset > MAX_OFFSET_HERE_KEYS || request.suffix !== null || request.contains !== null;
  const [rows = [], [newest] = []] = far
    ? await table.engine.readElsewhere(plan)
    : await table.engine.read(plan);
  const entries = rows.slice(0, request.limit).map((row) => ({
    ...toEntry(row),
    ...(request.values ? { value: row["value"] as StoredValue, isJson: row["is_json"] === 1 } : {}),
  }));
  return {
    entries,
    hasMore: request.limit > 0 && rows.length > request.limit,
    changeCursor: Number(newest?.["seq"] ?? 0),
  };
}

/** Keys compare by their UTF-8 bytes, as SQLite compares them. */
export function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function greatest(keys: string[]): string {
  return keys.reduce((a, b) => (byteOrder(a, b) >= 0 ? a : b));
}

function least(keys: (string | null)[]): string | null {
  return keys.reduce((a, b) => (a === null || (b !== null && byteOrder(b, a) < 0) ? b : a), null);
}

/** Never returns: tells apart what expired from what is not there. */
function absent(table: KvTable, key: string, nowMs: number): never | Promise<never> {
  return readOne(table, table.statements.lastOperation, { key }, (rows): never => {
    const expireAtMs = rows[0]?.["expire_at_ms"];
    if (typeof expireAtMs === "number" && expireAtMs <= nowMs)
      throw new ApiError("KEY_EXPIRED", "Key not found");
    throw keyNotFound();
  });
}

export function keyNotFound(): ApiError {
  return new ApiError("KEY_NOT_FOUND", "Key not found");
}

function toEntry(row: Row): Entry {
  return {
    key: row["key"] as string,
    sizeBytes: row["size"] as number,
    contentType: row["content_type"] as string,
    createdAtMs: row["created_at_ms"] as number,
    updatedAtMs: row["updated_at_ms"] as number,
    expireAtMs: row["expire_at_ms"] as number | null,
    etag: toEtag(row["seq"]),
  };
}

function checkPathFound(row: Row, path: JsonPath): void {
  if (row["is_json"] !== 1)
    throw invalidParameter("path", "needs a JSON value, and this one is not JSON");
  if (row["value"] === null)
    throw new ApiError("NOT_FOUND", `There is nothing at path ${path.text}`);
}

/** The least text that is greater than every text with this prefix, in byte order; null for none. */
export function prefixEnd(prefix: string): string | null {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (points.length > 0) {
    const last = points.pop() ?? 0;
    if (last >= 0x10ffff) continue;
    // The surrogates between D7FF and E000 are not characters.
    points.push(last === 0xd7ff ? 0xe000 : last + 1);
    return String.fromCodePoint(...points);
  }
  return null;
}
