/** What all writes of keys have in common: their parameters, their steps, their conditions. */
import {
  type Plan,
  PlanUndone,
  type Row,
  type Rows,
  type Statement,
  type Step,
} from "../engine/plan.ts";
import { ApiError } from "../errors.ts";
import {
  afterwards,
  beforehand,
  earlierResult,
  type Idempotency,
  idempotencyRelation,
  STEPS_BEFOREHAND,
} from "./idempotency.ts";
import type { JsonPath } from "./json-path.ts";
import type { KvStatements } from "./statements.ts";
import type { KvTable, Params } from "./table.ts";
import { toEtag } from "./value.ts";

/** Who writes, when, and whether it is recorded. */
export interface WriteContext {
  readonly nowMs: number;
  /** When the caller stops waiting, Unix milliseconds. */
  readonly deadlineMs: number;
  /** False leaves a gap in the key's history. */
  readonly history: boolean;
  readonly actor: string | null;
  readonly clientAddress: string | null;
  /** Where the request may be a repetition. */
  readonly idempotency: Idempotency | null;
  /** Larger values are refused. */
  readonly maxValueBytes: number;
}

/** What must hold for a write to happen. */
export interface Conditions {
  /** The value that the key must have, literally. */
  readonly ifMatch: string | null;
  /** Tags of which the key must have one, or "*" for any. */
  readonly ifEtags: Etags | null;
  /** Tags of which the key must have none, or "*": the key must not exist. */
  readonly ifNoneEtags: Etags | null;
}

/** Sequence numbers behind a list of ETags. */
export type Etags = "*" | readonly number[];

export const NO_CONDITIONS: Conditions = { ifMatch: null, ifEtags: null, ifNoneEtags: null };

/** What the history calls it. */
export type Operation = "SET" | "DELETE" | "INCR" | "DECR" | "PUSH" | "POP" | "REMOVE" | "TTL";

/** What a stamp says of the row it wrote. */
export interface Stamped {
  etag: string;
  created: boolean;
  sizeBytes: number;
  expireAtMs: number | null;
}

/** The parameters that every write of a key binds. */
export function writeParams(
  key: string,
  operation: Operation,
  context: WriteContext,
  conditions: Conditions = NO_CONDITIONS,
): Params {
  return {
    key,
    now_ms: context.nowMs,
    tracked: context.history ? 1 : 0,
    op: operation,
    path_text: null,
    delta: null,
    deleted: operation === "DELETE" ? 1 : 0,
    actor: context.actor,
    client_address: context.clientAddress,
    if_match: conditions.ifMatch,
    if_etags: etagsParam(conditions.ifEtags),
    if_none_etags: etagsParam(conditions.ifNoneEtags),
    expire_at_ms: null,
    max_value_bytes: context.maxValueBytes,
  };
}

function etagsParam(etags: Etags | null): string | null {
  return etags === null || etags === "*" ? etags : JSON.stringify(etags);
}

/** The parameters of a place in a document; the whole document where there is no path. */
export function pathParams(path: JsonPath | null): Params {
  return {
    path: path === null ? "$" : path.sqlPath,
    steps: path?.steps ?? "[]",
    path_text: path?.text ?? null,
  };
}

/** A stamp and the steps that record it. */
export function stampSteps(
  statements: KvStatements,
  stamp: Statement,
  params: Params,
  required = false,
): Step[] {
  const deletes = params["deleted"] === 1;
  const record =
    params["tracked"] === 0
      ? statements.recordGap
      : deletes
        ? statements.recordDelete
        : statements.record;
  const steps: Step[] = [
    { statement: stamp, params, required },
    { statement: record, params },
  ];
  if (deletes) steps.push({ statement: statements.remove, params });
  return steps;
}

/**
 * One operation on one key: its steps, and what their rows mean. Several can share a plan, and so a
 * transaction.
 */
export interface KeyOperation<Result> {
  readonly steps: readonly Step[];
  /** The key whose stored document the steps work on, where they do. */
  readonly weighs?: string;
  /** From the rows of its own steps. */
  outcome(rows: readonly Rows[]): Result;
  /** Why a required step gave no row, from the rows of its own steps before that one. */
  explain(rows: readonly Rows[]): ApiError;
}

/**
 * Performs an operation; resolves once it is on disk.
 * @throws ApiError as the operation explains, and then nothing has changed
 */
export async function perform<Result>(
  table: KvTable,
  operation: KeyOperation<Result>,
  context: WriteContext,
): Promise<Result> {
  const [result] = await performAll(table, [operation], context);
  return result as Result;
}

/**
 * Performs operations in order in one transaction, all or nothing.
 * @param locate tells the caller which operation failed, where there are several
 */
export async function performAll<Result>(
  table: KvTable,
  operations: readonly KeyOperation<Result>[],
  context: WriteContext,
  locate: (error: ApiError, index: number) => ApiError = (error) => error,
): Promise<Result[]> {
  const steps = operations.flatMap((operation) => operation.steps);
  const expiries = steps
    .map(({ params }) => params["expire_at_ms"])
    .filter((ms) => typeof ms === "number");
  const { idempotency, nowMs } = context;
  const outcomes = (rows: readonly Rows[]) =>
    operations.map((operation, index) => operation.outcome(rowsOf(rows, index)));
  const plan: Plan = {
    relation: table.relation,
    bytes: bytesIn(steps) + (await storedBytes(table, operations, nowMs)),
    steps: idempotency === null ? steps : [...beforehand(idempotency, nowMs), ...steps],
    expiresAtMs: expiries.length === 0 ? null : Math.min(...expiries),
    ...(idempotency === null
      ? {}
      : {
          also: [idempotencyRelation],
          conclude: (rows) => afterwards(idempotency, outcomes(rows), nowMs),
        }),
  };
  let next = idempotency === null ? 0 : STEPS_BEFOREHAND;
  const starts = operations.map((operation) => {
    next += operation.steps.length;
    return next - operation.steps.length;
  });
  const end = next;
  const rowsOf = (rows: readonly Rows[], index: number) =>
    rows.slice(starts[index], starts[index + 1] ?? end);
  try {
    const rows = await table.engine.write(plan, { deadlineMs: context.deadlineMs });
    return outcomes(rows);
  } catch (error) {
    if (!(error instanceof PlanUndone)) throw error;
    if (idempotency !== null && error.step < STEPS_BEFOREHAND)
      return earlierResult(idempotency, error.rows) as Result[];
    const index = starts.findLastIndex((start) => start <= error.step);
    const failed = operations[index];
    throw failed === undefined ? error : locate(failed.explain(rowsOf(error.rows, index)), index);
  }
}

/** Of the values and elements that steps bring. */
function bytesIn(steps: readonly Step[]): number {
  let bytes = 0;
  let counted: Step["params"] | undefined;
  for (const { params } of steps) {
    if (params === counted) continue;
    counted = params;
    for (const value of [params["value"], params["body"]])
      if (typeof value === "string" || value instanceof Uint8Array) bytes += value.length;
  }
  return bytes;
}

/** Of the documents that operations change. */
async function storedBytes(
  table: KvTable,
  operations: readonly KeyOperation<unknown>[],
  nowMs: number,
): Promise<number> {
  const keys = operations.flatMap(({ weighs }) => weighs ?? []);
  if (keys.length === 0) return 0;
  const steps = keys.map((key) => ({
    statement: table.statements.head,
    params: { key, now_ms: nowMs },
  }));
  const rows = await table.engine.read({ relation: table.relation, steps });
  return rows.reduce((sum, [row]) => sum + Number(row?.["size"] ?? 0), 0);
}

/** What a stamp's row says. A required stamp always gives one. */
export function stamped(rows: Rows | undefined): Stamped {
  const row = rows?.[0];
  // Ours always gives one; only RAISE(IGNORE) in a trigger of somebody's can make SQLite pass it over.
  if (row === undefined) throw new ApiError("CONFLICT", "A trigger of the table ignored the write");
  return {
    etag: toEtag(row["seq"]),
    created: row["created"] === 1,
    sizeBytes: Number(row["size"]),
    expireAtMs: row["expire_at_ms"] as number | null,
  };
}

/**
 * Checks conditions on several keys, as they are before anything else of the plan.
 * @param error words the failure of those that do not hold
 */
export function checkConditions(
  table: KvTable,
  entries: readonly { key: string; conditions: Conditions }[],
  context: WriteContext,
  error: (failed: { key: string; current_etag: string | null }[]) => ApiError,
): KeyOperation<undefined> {
  const { current, check } = table.statements;
  const params = entries.map(({ key, conditions }) => writeParams(key, "SET", context, conditions));
  return {
    steps: [
      ...params.map((each) => ({ statement: current, params: each })),
      ...params.map((each) => ({ statement: check, params: each, required: true })),
    ],
    outcome: () => undefined,
    explain: (rows) =>
      error(
        entries.flatMap(({ key, conditions }, index) => {
          const row = rows[index]?.[0];
          return conditionsHold(conditions, row)
            ? []
            : [{ key, current_etag: row === undefined ? null : toEtag(row["seq"]) }];
        }),
      ),
  };
}

/** For operations without a required step. */
export function unexplained(): ApiError {
  return new ApiError("INTERNAL_ERROR", "An operation without conditions was undone");
}

/**
 * The error for a condition that did not hold.
 * @param current the row of `statements.current`, if the key exists
 */
export function conditionError(conditions: Conditions, current: Row | undefined): ApiError {
  const fields = { current_etag: current === undefined ? null : toEtag(current["seq"]) };
  const fail = (message: string) => new ApiError("PRECONDITION_FAILED", message, { fields });
  if (conditions.ifMatch !== null && current === undefined)
    return fail("Key does not exist for CAS");
  if (conditions.ifMatch !== null && current?.["matches"] !== 1)
    return fail("Value mismatch for CAS");
  if (conditions.ifEtags !== null && current === undefined) return fail("Key does not exist");
  if (conditions.ifNoneEtags === "*") return fail("Key exists already");
  return fail("The ETag of the key does not match");
}

/** Whether conditions held for a key as `statements.current` showed it; only to word an error. */
export function conditionsHold(conditions: Conditions, current: Row | undefined): boolean {
  const seq = current?.["seq"] as number | undefined;
  const has = (etags: Etags) => seq !== undefined && (etags === "*" || etags.includes(seq));
  return (
    (conditions.ifMatch === null || current?.["matches"] === 1) &&
    (conditions.ifEtags === null || has(conditions.ifEtags)) &&
    (conditions.ifNoneEtags === null || !has(conditions.ifNoneEtags))
  );
}
