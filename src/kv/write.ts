/** Writing whole keys: put, delete, time to live. */
import { keyNotFound } from "./read.ts";
import type { KvTable } from "./table.ts";
import type { StoredValue, ValueType } from "./value.ts";
import {
  type Conditions,
  conditionError,
  mustBeStamped,
  NO_CONDITIONS,
  type Stamped,
  stampSteps,
  type WriteContext,
  writeParams,
  writePlan,
} from "./write-plan.ts";

export interface PutRequest {
  value: StoredValue;
  type: ValueType;
  /** When the key ceases to exist, or null. */
  expireAtMs: number | null;
  conditions: Conditions;
}

/** The parameters of `statements.put` and `putIf`. */
export function putParams(key: string, request: PutRequest, context: WriteContext) {
  return {
    ...writeParams(key, "SET", context, request.conditions),
    value: request.value,
    type: request.type.type,
    json_type: request.type.jsonType,
    other_type: request.type.otherType,
    expire_at_ms: request.expireAtMs,
  };
}

/**
 * Sets a key; the value before is gone, its time to live too.
 * @throws ApiError PRECONDITION_FAILED
 */
export async function putValue(
  table: KvTable,
  key: string,
  request: PutRequest,
  context: WriteContext,
): Promise<Stamped> {
  const { statements } = table;
  const { conditions } = request;
  const params = putParams(key, request, context);
  if (conditions === NO_CONDITIONS) {
    const rows = await writePlan(table, stampSteps(statements, statements.put, params), context);
    return mustBeStamped(rows[0]);
  }
  const rows = await writePlan(
    table,
    [
      { statement: statements.current, params },
      ...stampSteps(statements, statements.putIf, params, true),
    ],
    context,
    ([current]) => conditionError(conditions, current?.[0]),
  );
  return mustBeStamped(rows[1]);
}

/**
 * Deletes a key.
 * @throws ApiError KEY_NOT_FOUND, PRECONDITION_FAILED
 */
export async function deleteKey(
  table: KvTable,
  key: string,
  conditions: Conditions,
  context: WriteContext,
): Promise<void> {
  const { statements } = table;
  const params = writeParams(key, "DELETE", context, conditions);
  await writePlan(
    table,
    [
      { statement: statements.current, params },
      ...stampSteps(statements, statements.doom, params, true),
    ],
    context,
    ([current]) =>
      current?.[0] === undefined && conditions === NO_CONDITIONS
        ? keyNotFound()
        : conditionError(conditions, current?.[0]),
  );
}

/**
 * Gives a key a time to live, or another one. Value and update time stay.
 * @throws ApiError KEY_NOT_FOUND
 */
export async function expireKey(
  table: KvTable,
  key: string,
  expireAtMs: number,
  context: WriteContext,
): Promise<Stamped> {
  const params = { ...writeParams(key, "TTL", context), expire_at_ms: expireAtMs };
  const steps = stampSteps(table.statements, table.statements.expire, params, true);
  return mustBeStamped((await writePlan(table, steps, context, keyNotFound))[0]);
}

/**
 * Takes a key's time to live away; without one nothing is written.
 * @returns the key's ETag
 * @throws ApiError KEY_NOT_FOUND
 */
export async function persistKey(
  table: KvTable,
  key: string,
  context: WriteContext,
): Promise<{ etag: string }> {
  const { statements } = table;
  const params = writeParams(key, "TTL", context);
  const rows = await writePlan(
    table,
    [
      ...stampSteps(statements, statements.persist, params),
      { statement: statements.head, params, required: true },
    ],
    context,
    keyNotFound,
  );
  return mustBeStamped(rows[2]);
}
