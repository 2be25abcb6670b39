/**
 * Requests that may be sent again: what the first one did is kept with its result, in the transaction
 * that did it, and answered again for a day (contracts/hoody.md 1.32).
 */
import type { Relation, Row, Rows, Statement, Step } from "../engine/plan.ts";
import { ApiError } from "../errors.ts";
import { IDEMPOTENCY_TTL_MS, MAX_IDEMPOTENT_RESULT_BYTES } from "../limits.ts";
import type { Params } from "./table.ts";

/** One request under a key that its sender chose. */
export interface Idempotency {
  readonly key: string;
  /** Tells this request from every other. */
  readonly fingerprint: string;
  /** Set when the result is that of an earlier request. */
  replayed: boolean;
}

const NAME = "chronolite_idempotency";

export const idempotencyRelation: Relation = {
  name: NAME,
  kind: "idempotency",
  version: 1,
  objects: [
    {
      type: "table",
      name: NAME,
      sql: `CREATE TABLE "${NAME}" (
  key text primary key not null,
  fingerprint text not null,
  result text not null,
  expire_at_ms integer not null
) strict, without rowid`,
    },
    {
      type: "index",
      name: `${NAME}_expire`,
      sql: `CREATE INDEX "${NAME}_expire" on "${NAME}" (expire_at_ms)`,
    },
  ],
  expiry: {
    next: { sql: `select min(expire_at_ms) as next_ms from "${NAME}"` },
    sweep: [
      {
        sql: `delete from "${NAME}" where key in (
            select key from "${NAME}" where expire_at_ms <= +$now_ms order by expire_at_ms limit $limit)`,
      },
    ],
  },
};

const known = {
  sql: `select fingerprint, result from "${NAME}" where key = +$idempotency_key and expire_at_ms > +$now_ms`,
};
/** One row if the request is new. Required. */
const isNew = {
  sql: `select 1 as fine where not exists (
      select 1 from "${NAME}" where key = +$idempotency_key and expire_at_ms > +$now_ms)`,
};
const keep = {
  sql: `insert or replace into "${NAME}" (key, fingerprint, result, expire_at_ms)
    values ($idempotency_key, $fingerprint, $result, $expire_at_ms)`,
};

/** The statements above: they are about a request, and not about any key. */
export const IDEMPOTENCY_STATEMENTS: ReadonlySet<Statement> = new Set([known, isNew, keep]);

/** How many steps `beforehand` gives. */
export const STEPS_BEFOREHAND = 2;

/** What runs before the request's own steps: whether it was there before. The last is required. */
export function beforehand(request: Idempotency, nowMs: number): Step[] {
  const params: Params = { idempotency_key: request.key, now_ms: nowMs };
  return [
    { statement: known, params },
    { statement: isNew, params, required: true },
  ];
}

/**
 * What runs after the request's own steps: its result is kept.
 * @throws ApiError IDEMPOTENT_RESPONSE_TOO_LARGE
 */
export function afterwards(request: Idempotency, results: unknown, nowMs: number): Step[] {
  const result = JSON.stringify(results);
  if (Buffer.byteLength(result) > MAX_IDEMPOTENT_RESULT_BYTES)
    throw new ApiError(
      "IDEMPOTENT_RESPONSE_TOO_LARGE",
      "The answer is too large to be kept for a repetition; nothing was changed",
      { hint: "Send the request without Idempotency-Key." },
    );
  const params: Params = {
    idempotency_key: request.key,
    fingerprint: request.fingerprint,
    result,
    expire_at_ms: nowMs + IDEMPOTENCY_TTL_MS,
  };
  return [{ statement: keep, params }];
}

/**
 * The result of the earlier request, from the rows of `beforehand`.
 * @throws ApiError IDEMPOTENCY_KEY_MISMATCH when that was another request
 */
export function earlierResult(request: Idempotency, rows: readonly Rows[]): unknown {
  const row = rows[0]?.[0] as Row;
  if (row["fingerprint"] !== request.fingerprint)
    throw new ApiError(
      "IDEMPOTENCY_KEY_MISMATCH",
      "Another request was sent with this Idempotency-Key",
      { hint: "Use a new key for every request, and the same one only to repeat it unchanged." },
    );
  request.replayed = true;
  return JSON.parse(row["result"] as string);
}
