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
 * Writes a plan. Where a required step gave no row nothing has happened, and `explain` says why from
 * the rows before it.
 */
export async function writePlan(
  table: KvTable,
  steps: readonly Step[],
  context: WriteContext,
  explain?: (rows: readonly Rows[], step: number) => ApiError,
): Promise<Rows[]> {
  const expiries = steps
    .map(({ params }) => params["expire_at_ms"])
    .filter((ms) => typeof ms === "number");
  const plan: Plan = {
    relation: table.relation,
    steps,
    expiresAtMs: expiries.length === 0 ? null : Math.min(...expiries),
  };
  try {
    return await table.engine.write(plan, { deadlineMs: context.deadlineMs });
  } catch (error) {
    if (error instanceof PlanUndone && explain !== undefined) throw explain(error.rows, error.step);
    throw error;
  }
}

/** The stamp's row, or undefined when its conditions did not hold. */
export function stamped(rows: Rows | undefined): Stamped | undefined {
  const row = rows?.[0];
  return row === undefined
    ? undefined
    : {
        etag: toEtag(row["seq"]),
        created: row["created"] === 1,
        sizeBytes: Number(row["size"]),
        expireAtMs: row["expire_at_ms"] as number | null,
      };
}

/** The stamp's row of a plan that was not undone. */
export function mustBeStamped(rows: Rows | undefined): Stamped {
  const result = stamped(rows);
  if (result === undefined) throw new Error("a stamp gave no row, and its plan was not undone");
  return result;
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
