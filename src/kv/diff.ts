/** What changed in a table between two moments. */
import type { Row } from "../engine/plan.ts";
import { MAX_DIFF_KEYS, MAX_DIFF_OPERATIONS } from "../limits.ts";
import { checkHorizon, isUnknown, type Moment, momentParams } from "./moment.ts";
import type { KvTable } from "./table.ts";
import type { StoredValue } from "./value.ts";

export interface DiffValue {
  value: StoredValue;
  isJson: boolean;
  contentType: string;
  expireAtMs: number | null;
}

export interface KeyDifference {
  key: string;
  change: "created" | "modified" | "deleted";
  from: DiffValue | null;
  to: DiffValue | null;
  /** Oldest first. */
  operations: OperationBetween[];
}

export interface OperationBetween {
  opNumber: number;
  op: string;
  path: string | null;
  atMs: number;
  /** Decimal digits, with a sign. */
  delta: string | null;
}

export interface Difference {
  changes: KeyDifference[];
  /** Keys that were looked at and are as they were. */
  unchanged: number;
  /** Keys of which nobody knows how they were. */
  gapKeys: string[];
  /** Whether there was more than fits one answer. */
  isTruncated: boolean;
}

/**
 * Compares a table at two moments; costs as much as the operations between them.
 * @param keys only these, if given; then also what has no operations between is looked at
 * @throws ApiError HISTORY_PRUNED
 */
export async function difference(
  table: KvTable,
  from: Moment,
  to: Moment,
  keys: readonly string[] | null,
): Promise<Difference> {
  const { diff, diffOfKeys, horizon, operationsBetween } = table.time;
  const { t_ms: to_ms, is_now, now_ms } = momentParams(to);
  const params = {
    from_ms: from.ms,
    to_ms: to_ms ?? null,
    is_now: is_now ?? null,
    now_ms: now_ms ?? null,
    keys: keys === null ? null : JSON.stringify(keys),
  };
  const [horizons, rows = [], operations = []] = await table.engine.readElsewhere({
    relation: table.relation,
    steps: [
      { statement: horizon, params },
      {
        statement: keys === null ? diff : diffOfKeys,
        params: { ...params, limit: MAX_DIFF_KEYS + 1 },
      },
      { statement: operationsBetween, params: { ...params, limit: MAX_DIFF_OPERATIONS + 1 } },
    ],
  });
  checkHorizon(horizons, from);
  const byKey = Map.groupBy(operations.slice(0, MAX_DIFF_OPERATIONS), (row) => row["key"]);
  const result: Difference = {
    changes: [],
    unchanged: 0,
    gapKeys: [],
    isTruncated: rows.length > MAX_DIFF_KEYS || operations.length > MAX_DIFF_OPERATIONS,
  };
  for (const row of rows.slice(0, MAX_DIFF_KEYS)) {
    const key = row["key"] as string;
    if (isUnknown(row["from_verdict"]) || isUnknown(row["to_verdict"])) {
      result.gapKeys.push(key);
      continue;
    }
    const [before, after] = [sideValue(row, "from"), sideValue(row, "to")];
    if (isSame(before, after)) result.unchanged += 1;
    else
      result.changes.push({
        key,
        change: before === null ? "created" : after === null ? "deleted" : "modified",
        from: before,
        to: after,
        operations: (byKey.get(key) ?? []).map(operationOf),
      });
  }
  return result;
}

function sideValue(row: Row, side: "from" | "to"): DiffValue | null {
  const verdict = row[`${side}_verdict`];
  if (verdict !== "recorded" && verdict !== "current") return null;
  return {
    value: row[`${side}_value`] as StoredValue,
    isJson: row[`${side}_is_json`] === 1,
    contentType: row[`${side}_type`] as string,
    expireAtMs: row[`${side}_expire_at_ms`] as number | null,
  };
}

function isSame(a: DiffValue | null, b: DiffValue | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.contentType === b.contentType &&
    a.expireAtMs === b.expireAtMs &&
    (typeof a.value === "string" || typeof b.value === "string"
      ? a.value === b.value
      : Buffer.compare(a.value, b.value) === 0)
  );
}

function operationOf(row: Row): OperationBetween {
  return {
    opNumber: Number(row["op_number"]),
    op: row["op"] as string,
    path: row["path"] as string | null,
    atMs: Number(row["at_ms"]),
    delta: row["delta"] as string | null,
  };
}
