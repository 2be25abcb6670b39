/** What happened to one key: its operations, and its value after each. */
import type { Row } from "../engine/plan.ts";
import { ApiError } from "../errors.ts";
import { MAX_RESPONSE_BYTES } from "../limits.ts";
import { gapError, prunedError } from "./moment.ts";
import { keyNotFound } from "./read.ts";
import type { KvTable } from "./table.ts";
import type { StoredValue } from "./value.ts";

/** A value as an operation found or left it; null where the key did not exist. */
export interface RecordedValue {
  value: StoredValue;
  isJson: boolean;
  contentType: string;
  expireAtMs: number | null;
}

/** A recorded operation. */
export interface RecordedOperation {
  opNumber: number;
  atMs: number;
  op: string;
  path: string | null;
  /** Decimal digits. */
  delta: string | null;
  /** Undefined where nobody knows what it found. */
  before: RecordedValue | null | undefined;
  after: RecordedValue | null;
  /** Whether a later rollback undid it. */
  undone: boolean;
  /** The operation whose state a rollback brought back; 0 for none. */
  targetOpNumber: number | null;
  actor: string | null;
  clientAddress: string | null;
}

/** A time in which the key was changed and nobody recorded how. */
export interface Gap {
  op: "UNRECORDED";
  /** Where writes with `history=false` make it; null where somebody's own SQL does. */
  opNumber: number | null;
  sinceMs: number;
  /** Null while it lasts. */
  untilMs: number | null;
}

export interface KeyHistory {
  /** Newest first. */
  entries: (RecordedOperation | Gap)[];
  /** Where the next page begins, if there is one. */
  nextBefore: number | null;
  /** Whether older operations were dropped. */
  isPruned: boolean;
}

/** @param before only operations with smaller numbers, if given */
export async function keyHistory(
  table: KvTable,
  key: string,
  page: { limit: number; before: number | null },
  nowMs: number,
): Promise<KeyHistory> {
  const { history, lastHolds } = table.time;
  const params = {
    key,
    before: page.before ?? Number.MAX_SAFE_INTEGER,
    // One more, for what the last of the page found.
    limit: page.limit + 1,
    max_bytes: MAX_RESPONSE_BYTES,
    now_ms: nowMs,
  };
  const [rows = [], [last] = []] = await table.engine.read({
    relation: table.relation,
    steps: [
      { statement: history, params },
      { statement: lastHolds, params },
    ],
  });
  const oldest = rows.at(-1);
  const isWhole = oldest?.["op_number"] === oldest?.["first_number"] && rows.length <= page.limit;
  // Else the last row is only there for what the one before it found.
  const shown = isWhole ? rows.length : rows.length - 1;
  const entries = rows.slice(0, shown).flatMap((row, index) => describe(row, rows[index + 1]));
  const isFirstPage = page.before === null;
  if (isFirstPage && last !== undefined && last["holds"] !== 1)
    entries.unshift({
      op: "UNRECORDED",
      opNumber: null,
      sinceMs: Number(last["at_ms"]),
      untilMs: null,
    });
  return {
    entries,
    nextBefore: isWhole ? null : Number(rows[shown - 1]?.["op_number"]),
    isPruned: isWhole && Number(oldest?.["first_number"] ?? 1) > 1,
  };
}

function describe(row: Row, previous: Row | undefined): (RecordedOperation | Gap)[] {
  const opNumber = Number(row["op_number"]);
  const atMs = Number(row["at_ms"]);
  const sinceMs = row["since_ms"] as number | null;
  if (row["op"] === "UNRECORDED")
    return [{ op: "UNRECORDED", opNumber, sinceMs: sinceMs ?? atMs, untilMs: atMs }];
  const operation: RecordedOperation = {
    opNumber,
    atMs,
    op: row["op"] as string,
    path: row["path"] as string | null,
    delta: row["delta"] as string | null,
    before: sinceMs === null ? foundBy(opNumber, atMs, previous) : undefined,
    after: recordedValue(row),
    undone: row["undone"] === 1,
    targetOpNumber: row["target_op_number"] as number | null,
    actor: row["actor"] as string | null,
    clientAddress: row["client_address"] as string | null,
  };
  if (sinceMs === null) return [operation];
  return [operation, { op: "UNRECORDED", opNumber: null, sinceMs, untilMs: atMs }];
}

/** What an operation found: what the one before it left, unless that had expired. */
function foundBy(
  opNumber: number,
  atMs: number,
  previous: Row | undefined,
): RecordedValue | null | undefined {
  if (opNumber === 1) return null;
  if (previous === undefined || previous["op"] === "UNRECORDED") return undefined;
  const before = recordedValue(previous);
  const expired = before !== null && before.expireAtMs !== null && before.expireAtMs <= atMs;
  return expired ? null : before;
}

function recordedValue(row: Row): RecordedValue | null {
  const contentType = row["content_type"] as string | null;
  if (contentType === null) return null;
  return {
    value: row["value"] as StoredValue,
    isJson: row["is_json"] === 1,
    contentType,
    expireAtMs: row["expire_at_ms"] as number | null,
  };
}

/**
 * A key's value right after one of its operations.
 * @throws ApiError HISTORY_ENTRY_NOT_FOUND, KEY_NOT_FOUND after a deletion, TIME_TRAVEL_CHAIN_GAP,
 *   HISTORY_PRUNED
 */
export async function valueAfter(
  table: KvTable,
  key: string,
  opNumber: number,
): Promise<RecordedValue> {
  const [[row] = []] = await table.engine.read({
    relation: table.relation,
    steps: [{ statement: table.time.operation, params: { key, op_number: opNumber } }],
  });
  checkOperation(row, key, opNumber);
  const value = recordedValue({ expire_at_ms: null, ...row });
  if (value === null) throw keyNotFound();
  return value;
}

/** @throws ApiError where there is no such operation, or its state is not known */
export function checkOperation(
  row: Row | undefined,
  key: string,
  opNumber: number,
): asserts row is Row {
  const first = row?.["first_number"] as number | null | undefined;
  if (row === undefined || first === null || first === undefined)
    throw new ApiError("HISTORY_ENTRY_NOT_FOUND", `${key} has no history`);
  if (row["op"] === "UNRECORDED") throw gapError(key);
  if (row["op"] !== null) return;
  if (opNumber < first) throw prunedError(null);
  throw new ApiError(
    "HISTORY_ENTRY_NOT_FOUND",
    `${key} has no operation ${opNumber}; its last is ${row["last_number"]}`,
  );
}
