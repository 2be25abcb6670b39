/** Writing whole keys: put, delete, time to live. */
import type { Row, Step } from "../engine/plan.ts";
import type { ApiError } from "../errors.ts";
import { keyNotFound } from "./read.ts";
import type { KvTable } from "./table.ts";
import type { StoredValue, ValueType } from "./value.ts";
import {
  type Conditions,
  conditionError,
  conditionsHold,
  type KeyOperation,
  NO_CONDITIONS,
  type Stamped,
  stamped,
  stampSteps,
  unexplained,
  type WriteContext,
  writeParams,
} from "./write-plan.ts";

export interface PutRequest {
  value: StoredValue;
  type: ValueType;
  /** When the key ceases to exist, or null. */
  expireAtMs: number | null;
  conditions: Conditions;
}

/**
 * Sets a key; the value before is gone, its time to live too.
 * Fails with PRECONDITION_FAILED.
 */
export function putValue(
  table: KvTable,
  key: string,
  request: PutRequest,
  context: WriteContext,
): KeyOperation<Stamped> {
  const { current, put, putIf } = table.statements;
  const { conditions } = request;
  const params = {
    ...writeParams(key, "SET", context, conditions),
    value: request.value,
    type: request.type.type,
    json_type: request.type.jsonType,
    other_type: request.type.otherType,
    expire_at_ms: request.expireAtMs,
  };
  if (conditions === NO_CONDITIONS)
    return {
      steps: stampSteps(table.statements, put, params),
      outcome: ([stamp]) => stamped(stamp),
      explain: unexplained,
    };
  return {
    steps: [{ statement: current, params }, ...stampSteps(table.statements, putIf, params, true)],
    outcome: ([, stamp]) => stamped(stamp),
    explain: ([before]) => conditionError(conditions, before?.[0]),
  };
}

/** Deletes a key. Fails with KEY_NOT_FOUND or PRECONDITION_FAILED. */
export function deleteKey(
  table: KvTable,
  key: string,
  conditions: Conditions,
  context: WriteContext,
): KeyOperation<{ etag: string }> {
  const { current, doom } = table.statements;
  const params = writeParams(key, "DELETE", context, conditions);
  return {
    steps: [{ statement: current, params }, ...stampSteps(table.statements, doom, params, true)],
    outcome: ([, stamp]) => stamped(stamp),
    explain: ([before]) => absentOrRefused(conditions, before?.[0]),
  };
}

/** Deletes a key if there is one; tells whether there was. */
export function deleteIfPresent(
  table: KvTable,
  key: string,
  context: WriteContext,
): KeyOperation<boolean> {
  const params = writeParams(key, "DELETE", context);
  return {
    steps: stampSteps(table.statements, table.statements.doom, params),
    outcome: ([stamp]) => stamp?.[0] !== undefined,
    explain: unexplained,
  };
}

/**
 * Gives a key a time to live, or another one. Value and update time stay. Fails with KEY_NOT_FOUND or
 * PRECONDITION_FAILED.
 */
export function expireKey(
  table: KvTable,
  key: string,
  expireAtMs: number,
  conditions: Conditions,
  context: WriteContext,
): KeyOperation<Stamped> {
  const { current, expire } = table.statements;
  const params = {
    ...writeParams(key, "TTL", context, conditions),
    expire_at_ms: expireAtMs,
  };
  return {
    steps: [{ statement: current, params }, ...stampSteps(table.statements, expire, params, true)],
    outcome: ([, stamp]) => stamped(stamp),
    explain: ([before]) => absentOrRefused(conditions, before?.[0]),
  };
}

/**
 * Takes a key's time to live away; without one nothing is written. Fails with KEY_NOT_FOUND or
 * PRECONDITION_FAILED.
 */
export function persistKey(
  table: KvTable,
  key: string,
  conditions: Conditions,
  context: WriteContext,
): KeyOperation<{ etag: string }> {
  const { check, current, head, persist } = table.statements;
  const params = writeParams(key, "TTL", context, conditions);
  const looks: Step[] = [
    { statement: current, params },
    { statement: head, params, required: true },
    { statement: check, params, required: true },
  ];
  const record = stampSteps(table.statements, persist, params);
  return {
    steps: [...looks, ...record, { statement: head, params }],
    outcome: (rows) => stamped(rows[looks.length + record.length]),
    explain: ([before]) => absentOrRefused(conditions, before?.[0]),
  };
}

function absentOrRefused(conditions: Conditions, current: Row | undefined): ApiError {
  return current === undefined && conditionsHold(conditions, current)
    ? keyNotFound()
    : conditionError(conditions, current);
}
