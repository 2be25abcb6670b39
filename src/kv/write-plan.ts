/** What all writes of keys have in common: their parameters, and the steps after the stamp. */
import type { Plan, Relation, Row, Rows, SqlValue, Statement, Step } from "../engine/plan.ts";
import { ApiError } from "../errors.ts";
import type { JsonPath } from "./json-path.ts";
import { type KvStatements, kvStatements } from "./statements.ts";
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

export type Operation = "SET" | "DELETE" | "INCR" | "DECR";

/** What a stamp says of the row it wrote. */
export interface Stamped {
  etag: string;
  created: boolean;
  sizeBytes: number;
  expireAtMs: number | null;
  /** The statement's own `value`, where it returns one. */
  value: SqlValue;
}

/** The parameters that every write of a key binds. */
export function writeParams(
  key: string,
  operation: Operation,
  context: WriteContext,
  conditions: Conditions = NO_CONDITIONS,
): Record<string, SqlValue> {
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

/** The parameters of a path; the whole document where there is none. */
export function pathParams(path: JsonPath | null): Record<string, SqlValue> {
  return {
    path: path === null ? "$" : path.sqlPath,
    steps: path?.steps ?? "[]",
    path_text: path?.text ?? null,
    empty_document: path?.emptyDocument ?? "{}",
  };
}

/** The statement for a path: by a fixed text, or looking at the document step by step. */
export function forPath(
  pair: { fixed: Statement; found: Statement },
  path: JsonPath | null,
): Statement {
  return path !== null && path.sqlPath === null ? pair.found : pair.fixed;
}

/** A plan that stamps a key and records what it did, after looking at what the outcome must tell. */
export function stampPlan(
  relation: Relation,
  stamp: Statement,
  params: Record<string, SqlValue>,
  looks: readonly Statement[] = [],
): Plan {
  const statements = kvStatements(relation);
  return {
    relation,
    steps: [...looks, stamp, ...afterStamp(statements, params)].map(
      (statement): Step => ({ statement, params }),
    ),
    expiresAtMs: params["expire_at_ms"] as number | null,
  };
}

function afterStamp(statements: KvStatements, params: Record<string, SqlValue>): Statement[] {
  const deletes = params["deleted"] === 1;
  const record =
    params["tracked"] === 0
      ? statements.recordGap
      : deletes
        ? statements.recordDelete
        : statements.record;
  return deletes ? [record, statements.remove] : [record];
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
        value: row["value"] as SqlValue,
      };
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
