/** The past of a key and of a table: what was there at a moment. */
import type { Row, Rows } from "../engine/plan.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import { MAX_RESPONSE_BYTES } from "../limits.ts";
import type { JsonPath } from "./json-path.ts";
import { keyNotFound, prefixEnd } from "./read.ts";
import { ABOVE_ALL_KEYS, type KvTable, type Params } from "./table.ts";
import type { StoredValue } from "./value.ts";
import { pathParams } from "./write-plan.ts";

/** A moment that is asked for. What happened in its last millisecond counts. */
export interface Moment {
  /** Unix milliseconds, its end. */
  readonly ms: number;
  /** Whether it is the present, so that the state so far is meant. */
  readonly isNow: boolean;
  /** The present, Unix milliseconds. */
  readonly nowMs: number;
}

/** Whether a state is known, and what it is. */
export type Verdict = "recorded" | "current" | "absent" | "expired" | "gap" | "pruned";

export interface PastValue {
  value: StoredValue;
  isJson: boolean;
  contentType: string;
  /** The operation that made it; 0 where no recorded one did, null where the key has no history. */
  opNumber: number | null;
  /** When, Unix milliseconds; 0 and null as above. */
  opAtMs: number | null;
}

export interface PastKey extends Omit<PastValue, "opAtMs" | "value"> {
  key: string;
  sizeBytes: number;
  /** Null where values were not asked for. */
  value: StoredValue | null;
}

export interface PastTable {
  keys: PastKey[];
  /** How many keys there were in all, as far as is known. */
  total: number;
  /** Keys of which nobody knows whether and as what they were there. */
  gapKeys: string[];
}

export interface PastRange {
  prefix: string;
  suffix: string | null;
  contains: string | null;
  offset: number;
  limit: number;
  values: boolean;
}

/** Beyond every time and number. */
export const ENDLESS = Number.MAX_SAFE_INTEGER;

/** How the statements of time travel are told of a moment. */
export function momentParams(moment: Moment): Params {
  return {
    t_ms: moment.isNow ? ENDLESS : moment.ms,
    is_now: moment.isNow ? 1 : 0,
    now_ms: moment.nowMs,
  };
}

/**
 * A key's value at a moment, or the part of it at a path as JSON text.
 * @throws ApiError KEY_NOT_FOUND, KEY_EXPIRED, TIME_TRAVEL_CHAIN_GAP, HISTORY_PRUNED, NOT_FOUND,
 *   INVALID_PARAMETERS for a path in what is not JSON
 */
export async function valueAt(
  table: KvTable,
  key: string,
  path: JsonPath | null,
  moment: Moment,
): Promise<PastValue> {
  const { horizon, keyAt, keyPathAt } = table.time;
  const params = { key, ...momentParams(moment), ...(path === null ? {} : pathParams(path)) };
  const [horizons, rows = []] = await table.engine.read({
    relation: table.relation,
    steps: [
      { statement: horizon, params: {} },
      { statement: path === null ? keyAt : keyPathAt, params },
    ],
  });
  checkHorizon(horizons, moment);
  const row = rows[0];
  checkKnown(row);
  if (path !== null && row["is_json"] !== 1)
    throw invalidParameter("path", "needs a JSON value, and this one is not JSON");
  if (path !== null && row["value"] === null)
    throw new ApiError("NOT_FOUND", `There is nothing at path ${path.text}`);
  return {
    value: row["value"] as StoredValue,
    isJson: row["is_json"] === 1,
    contentType: row["content_type"] as string,
    opNumber: row["op_number"] as number | null,
    opAtMs: row["op_at_ms"] as number | null,
  };
}

/**
 * The keys of a table at a moment. Read in another process: every key is looked at.
 * @throws ApiError HISTORY_PRUNED, RESPONSE_TOO_LARGE
 */
export async function tableAt(
  table: KvTable,
  range: PastRange,
  moment: Moment,
): Promise<PastTable> {
  const [horizons, rows = []] = await table.engine.readElsewhere({
    relation: table.relation,
    steps: [
      { statement: table.time.horizon, params: {} },
      {
        statement: table.time.tableAt,
        params: {
          ...momentParams(moment),
          from: range.prefix,
          below: prefixEnd(range.prefix) ?? ABOVE_ALL_KEYS,
          suffix: range.suffix,
          contains: range.contains,
          offset: range.offset,
          limit: range.limit,
          values: range.values ? 1 : 0,
          max_bytes: MAX_RESPONSE_BYTES,
        },
      },
    ],
  });
  checkHorizon(horizons, moment);
  if (range.values && rows.at(-1)?.["too_much"] === 1)
    throw new ApiError("RESPONSE_TOO_LARGE", "The values are too large for one answer", {
      hint: "Ask for fewer keys at once, with prefix or limit.",
    });
  const known = rows.filter((row) => !isUnknown(row["verdict"]));
  return {
    keys: known.map((row) => ({
      key: row["key"] as string,
      sizeBytes: Number(row["size"]),
      value: row["value"] as StoredValue | null,
      isJson: row["is_json"] === 1,
      contentType: row["content_type"] as string,
      opNumber: row["op_number"] as number | null,
    })),
    total: Number(rows[0]?.["total"] ?? (await totalOf(table, range, moment))),
    gapKeys: rows.filter((row) => isUnknown(row["verdict"])).map((row) => row["key"] as string),
  };
}

/** How many there were, where the page is empty and so does not tell. */
async function totalOf(table: KvTable, range: PastRange, moment: Moment): Promise<number> {
  if (range.offset === 0 && range.limit > 0) return 0;
  return (await tableAt(table, { ...range, offset: 0, limit: 1, values: false }, moment)).total;
}

export function isUnknown(verdict: unknown): boolean {
  return verdict === "gap" || verdict === "pruned";
}

/**
 * The present is never before the horizon, even where the clock was set back since.
 * @throws ApiError HISTORY_PRUNED where everything of that time was dropped
 */
export function checkHorizon(rows: Rows | undefined, moment: Moment): void {
  const horizonMs = rows?.[0]?.["horizon_ms"] ?? null;
  if (!moment.isNow && horizonMs !== null && moment.ms < Number(horizonMs))
    throw prunedError(Number(horizonMs));
}

/** @param horizonMs from when on everything is known, where one time says it */
export function prunedError(horizonMs: number | null): ApiError {
  return new ApiError("HISTORY_PRUNED", "The history does not reach back that far", {
    fields:
      horizonMs === null ? {} : { horizon: Math.ceil(horizonMs / 1000), horizon_ms: horizonMs },
  });
}

export function gapError(key: string): ApiError {
  return new ApiError(
    "TIME_TRAVEL_CHAIN_GAP",
    `time-travel chain gap: ${key} was changed without a record`,
    { fields: { gap_keys: [key] } },
  );
}

function checkKnown(row: Row | undefined): asserts row is Row {
  switch (row?.["verdict"] as Verdict | undefined) {
    case "recorded":
    case "current":
      return;
    case "gap":
      throw new ApiError(
        "TIME_TRAVEL_CHAIN_GAP",
        "time-travel chain gap: the key was changed around then without a record",
      );
    case "pruned":
      throw prunedError(null);
    case "expired":
      throw new ApiError("KEY_EXPIRED", "Key not found");
    default:
      throw keyNotFound();
  }
}
