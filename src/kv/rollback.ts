/**
 * Going back: an operation of its own that brings back an earlier state. Nothing is taken out of the
 * history; what was undone is marked where it is read (contracts/hoody.md 0.0, decision 4).
 */
import { type Plan, PlanUndone, type Row, type Rows, type Step } from "../engine/plan.ts";
import { ApiError } from "../errors.ts";
import { MAX_DIFF_KEYS, MAX_STEPS_HERE } from "../limits.ts";
import { checkOperation } from "./key-history.ts";
import {
  checkHorizon,
  ENDLESS,
  gapError,
  type Moment,
  momentParams,
  prunedError,
} from "./moment.ts";
import type { KvTable, Params } from "./table.ts";
import { PRUNED } from "./time-statements.ts";
import { type StoredValue, toEtag } from "./value.ts";
import type { WriteContext } from "./write-plan.ts";

/** How far back a key goes. */
export type KeyTarget = { steps: number } | { opNumber: number } | { moment: Moment };

export interface KeyRollback {
  /** Operations that were undone. */
  undone: number;
  /** Null where the key does not exist any more. */
  etag: string | null;
}

/** Which keys of a table go back: those named, or all; but for the excluded. */
export interface KeyChoice {
  keys: readonly string[] | null;
  exclude: readonly string[] | null;
}

/** What going back does to one key. */
export interface KeyChange {
  key: string;
  action: "rollback" | "delete" | "restore";
  undone: number;
  /** Null where there is none. Values only in a preview. */
  current: RolledValue | null;
  wanted: RolledValue | null;
}

export interface RolledValue {
  value: StoredValue;
  isJson: boolean;
  contentType: string;
}

export interface TableRollback {
  /** Keys with operations since the moment. */
  keys: number;
  rolledBack: number;
  restored: number;
  deleted: number;
  /** Operations undone, of all keys together. */
  undone: number;
  /** Key by key, at most MAX_DIFF_KEYS of them, and so many as were asked for. */
  changes: KeyChange[];
  /** Keys that nobody knows how to bring back. */
  gapKeys: string[];
}

/**
 * Takes a key back.
 * @throws ApiError HISTORY_ENTRY_NOT_FOUND where there is nothing to undo or no such operation,
 *   TIME_TRAVEL_CHAIN_GAP, HISTORY_PRUNED; then nothing has changed
 */
export async function rollBackKey(
  table: KvTable,
  key: string,
  target: KeyTarget,
  context: WriteContext,
): Promise<KeyRollback> {
  const { time } = table;
  const params: Params = {
    key,
    steps: "steps" in target ? target.steps : null,
    op_number: "opNumber" in target ? target.opNumber : null,
    ...("moment" in target ? momentParams(target.moment) : { t_ms: ENDLESS }),
    ...stampParams(context),
  };
  const [want, guard] =
    "steps" in target
      ? [time.wantSteps, time.noGapNorChange]
      : "opNumber" in target
        ? [time.wantOperation, time.noGap]
        : [time.wantMoment, time.noGap];
  const looks = [
    time.horizon,
    time.operation,
    time.wantedTable,
    time.forgetWanted,
    want,
    time.wantedTotals,
  ];
  const steps: Step[] = [
    ...looks.map((statement) => ({ statement, params })),
    { statement: time.withinHorizon, params, required: true },
    { statement: guard, params, required: true },
    { statement: time.somethingUndone, params, required: true },
    ...[time.stampWanted, time.recordWanted, time.removeDoomed, time.stampOfKey].map(
      (statement) => ({ statement, params }),
    ),
  ];
  const plan: Plan = { relation: table.relation, steps, expiresAtMs: context.nowMs };
  const options = { deadlineMs: context.deadlineMs };
  const isLong = "steps" in target && target.steps > MAX_STEPS_HERE;
  try {
    const rows = isLong
      ? await table.engine.writeElsewhere(plan, options)
      : await table.engine.write(plan, options);
    const stamp = rows.at(-1)?.[0];
    return {
      undone: Number(rows[looks.length - 1]?.[0]?.["back"]),
      etag: stamp === undefined ? null : toEtag(stamp["seq"]),
    };
  } catch (error) {
    if (!(error instanceof PlanUndone)) throw error;
    throw explainKey(error.rows, key, target);
  }
}

/** Why a key could not go back, from the rows of the looks. */
function explainKey(rows: readonly Rows[], key: string, target: KeyTarget): ApiError {
  const [horizons, [operation] = [], , , , [totals] = []] = rows;
  try {
    if ("moment" in target) checkHorizon(horizons, target.moment);
    if ("opNumber" in target) checkOperation(operation, key, target.opNumber);
  } catch (error) {
    return error as ApiError;
  }
  if (totals?.["worst_gap"] === PRUNED) return prunedError(null);
  if (Number(totals?.["gaps"] ?? 0) > 0) return gapError(key);
  return new ApiError("HISTORY_ENTRY_NOT_FOUND", `${key} has nothing to roll back`);
}

/**
 * What taking a table back to a moment would do, or does.
 * @param apply false for a preview
 * @throws ApiError TIME_TRAVEL_CHAIN_GAP with `gap_keys`, HISTORY_PRUNED; then nothing has changed
 */
export async function rollBackTable(
  table: KvTable,
  moment: Moment,
  choice: KeyChoice,
  apply: boolean,
  context: WriteContext,
): Promise<TableRollback> {
  const { time } = table;
  const params: Params = {
    ...momentParams(moment),
    ...stampParams(context),
    keys: listParam(choice.keys),
    exclude: listParam(choice.exclude),
    values: apply ? 0 : 1,
  };
  const looks = [
    { statement: time.horizon, params },
    { statement: time.wantedTable, params },
    { statement: time.forgetWanted, params },
    { statement: time.wantTable, params },
    { statement: time.wantedTotals, params },
    { statement: time.wantedGaps, params: { ...params, limit: MAX_DIFF_KEYS } },
    {
      statement: time.wanted,
      params: { ...params, limit: apply && choice.keys === null ? 0 : MAX_DIFF_KEYS },
    },
  ];
  const act = [time.dropUnchanged, time.stampWanted, time.recordWanted, time.removeDoomed];
  const plan: Plan = {
    relation: table.relation,
    steps: [
      ...looks,
      { statement: time.withinHorizon, params, required: true },
      // A preview is the same plan, undone at this step.
      { statement: apply ? time.noGapNorChange : time.never, params, required: true },
      ...act.map((statement) => ({ statement, params })),
    ],
    expiresAtMs: apply ? context.nowMs : null,
  };
  let rows: readonly Rows[];
  let isUndone = false;
  try {
    rows = await table.engine.writeElsewhere(plan, { deadlineMs: context.deadlineMs });
  } catch (error) {
    if (!(error instanceof PlanUndone)) throw error;
    rows = error.rows;
    isUndone = true;
  }
  const [horizons, , , , [totals] = [], gaps = [], changes = []] = rows;
  checkHorizon(horizons, moment);
  const gapKeys = gaps.map((row) => row["key"] as string);
  if (isUndone && apply)
    throw new ApiError(
      "TIME_TRAVEL_CHAIN_GAP",
      "time-travel chain gap: some keys were changed without a record since then",
      { fields: { gap_keys: gapKeys }, hint: "Leave these keys out with exclude_keys." },
    );
  const count = (name: string) => Number(totals?.[name] ?? 0);
  return {
    keys: count("keys"),
    rolledBack: count("rolled_back"),
    restored: count("restored"),
    deleted: count("deleted"),
    undone: count("undone"),
    changes: changes.map(changeOf),
    gapKeys,
  };
}

function changeOf(row: Row): KeyChange {
  const [present, live] = [row["present"] === 1, row["live"] === 1];
  return {
    key: row["key"] as string,
    action: present ? (live ? "rollback" : "restore") : "delete",
    undone: Number(row["undone"]),
    current: live ? rolledValue(row, "") : null,
    wanted: present ? rolledValue(row, "wanted_") : null,
  };
}

function rolledValue(row: Row, prefix: string): RolledValue {
  return {
    value: row[`${prefix}value`] as StoredValue,
    isJson: row[`${prefix}is_json`] === 1,
    contentType: (prefix === "" ? row["content_type"] : row["wanted_type"]) as string,
  };
}

function stampParams(context: WriteContext): Params {
  return {
    now_ms: context.nowMs,
    actor: context.actor,
    client_address: context.clientAddress,
    values: 0,
  };
}

function listParam(keys: readonly string[] | null): string | null {
  return keys === null ? null : JSON.stringify(keys);
}
