/** Changing JSON documents in place: members, numbers, arrays. */
import type { Row, Rows, Statement } from "../engine/plan.ts";
import { ApiError, invalidParameter, nestsTooDeep } from "../errors.ts";
import { MAX_JSON_LEVELS } from "../limits.ts";
import type { JsonPath } from "./json-path.ts";
import { keyNotFound } from "./read.ts";
import type { KvTable, Params } from "./table.ts";
import { valueTooLarge } from "./value.ts";
import {
  type Conditions,
  conditionError,
  conditionsHold,
  type KeyOperation,
  NO_CONDITIONS,
  pathParams,
  type Stamped,
  stamped,
  stampSteps,
  type WriteContext,
  writeParams,
} from "./write-plan.ts";

export interface Sum extends Stamped {
  /** JSON number, with every digit. */
  valueText: string;
  previousText: string;
}

export interface ArrayChange extends Stamped {
  /** Elements afterwards. */
  length: number;
}

export interface ElementTaken extends ArrayChange {
  /** The element that is gone, as JSON text. */
  elementText: string;
}

/** Which element to remove: by position, or by value as JSON text. */
export type ElementChoice = { index: number } | { wanted: string };

/**
 * Sets one member of a key's document; an absent key becomes a document with just that member. Fails
 * with PRECONDITION_FAILED, or INVALID_PARAMETERS when the path cannot be set.
 * @param request.leaf the member's new value, JSON text
 */
export function setMember(
  table: KvTable,
  key: string,
  path: JsonPath,
  request: { leaf: string; expireAtMs: number | null; conditions: Conditions },
  context: WriteContext,
): KeyOperation<Stamped> {
  const { isJson, setAt } = table.statements;
  return change(table, {
    statement: setAt,
    params: {
      ...writeParams(key, "SET", context, request.conditions),
      value: request.leaf,
      expire_at_ms: request.expireAtMs,
    },
    path,
    start: { document: path.emptyDocument, type: "application/json" },
    conditions: request.conditions,
    looks: [isJson],
    outcome: ({ stamp }) => stamp,
    explain: ([leaf], there) =>
      leaf?.[0]?.["is_json"] === 1
        ? placeError(key, path, there)
        : invalidParameter("body", "must be JSON when path is given", LEVELS_HINT),
  });
}

/**
 * Adds to a number, exactly, within 64 bits. An absent key or member counts as 0. Fails with
 * INVALID_PARAMETERS when there is something else than a number, or the sum overflows.
 * @param delta not 0; negative for a decrement
 */
export function addNumber(
  table: KvTable,
  key: string,
  delta: bigint,
  path: JsonPath | null,
  context: WriteContext,
  conditions = NO_CONDITIONS,
): KeyOperation<Sum> {
  return change(table, {
    statement: table.statements.addAt,
    params: {
      ...writeParams(key, delta < 0n ? "DECR" : "INCR", context, conditions),
      delta: Number.isSafeInteger(Number(delta)) ? Number(delta) : delta,
    },
    path,
    conditions,
    start:
      path === null
        ? { document: "0", type: "text/plain" }
        : { document: path.emptyDocument, type: "application/json" },
    outcome: ({ stamp, before, after }) => {
      const previous = before?.["value"] ?? null;
      return {
        ...stamp,
        valueText: String(after?.["value"]),
        previousText: previous === null || previous === "null" ? "0" : String(previous),
      };
    },
    explain: (_, there) => additionError(key, path, there),
  });
}

/**
 * Appends an element to an array, which is made if it is absent. Fails with INVALID_PARAMETERS when
 * the body is not JSON or there is something else than an array.
 * @param body JSON text: the element, or `{"value": element}`
 */
export function pushElement(
  table: KvTable,
  key: string,
  body: string,
  path: JsonPath | null,
  context: WriteContext,
  conditions = NO_CONDITIONS,
): KeyOperation<ArrayChange> {
  return change(table, {
    statement: table.statements.pushAt,
    params: { ...writeParams(key, "PUSH", context, conditions), body, value: body },
    path,
    conditions,
    start: {
      document: path === null || path.steps === "[]" ? "[]" : path.emptyDocument,
      type: "application/json",
    },
    looks: [table.statements.isJson],
    outcome: ({ stamp, after }) => ({ ...stamp, length: Number(after?.["length"]) }),
    explain: ([valid], there) =>
      valid?.[0]?.["is_json"] === 1
        ? (arrayError(key, path, there) ?? placeError(key, path, there))
        : invalidParameter("body", "is not JSON", LEVELS_HINT),
  });
}

/**
 * Removes the last element of an array. Fails with KEY_NOT_FOUND, NOT_FOUND for an absent or empty
 * array, INVALID_PARAMETERS.
 */
export function popElement(
  table: KvTable,
  key: string,
  path: JsonPath | null,
  context: WriteContext,
  conditions = NO_CONDITIONS,
): KeyOperation<ElementTaken> {
  return change(table, {
    statement: table.statements.popAt,
    params: writeParams(key, "POP", context, conditions),
    path,
    conditions,
    outcome: ({ stamp, before, after }) => ({
      ...stamp,
      length: Number(after?.["length"]),
      elementText: String(before?.["last"]),
    }),
    explain: (_, there) =>
      missingArrayError(key, path, there) ?? new ApiError("NOT_FOUND", "The array is empty"),
  });
}

/**
 * Removes one element of an array: at an index; or the first that equals a value, or, where none does
 * and the value is an object, the first object that has all its members. Fails with KEY_NOT_FOUND,
 * NOT_FOUND for an absent array or element, INVALID_PARAMETERS.
 */
export function removeElement(
  table: KvTable,
  key: string,
  choice: ElementChoice,
  path: JsonPath | null,
  context: WriteContext,
  conditions = NO_CONDITIONS,
): KeyOperation<ElementTaken> {
  return change(table, {
    statement: table.statements.removeAt,
    params: {
      ...writeParams(key, "REMOVE", context, conditions),
      index: "index" in choice ? choice.index : null,
      wanted: "wanted" in choice ? choice.wanted : null,
    },
    path,
    conditions,
    looks: [table.statements.elementToRemove],
    outcome: ({ stamp, looked, after }) => ({
      ...stamp,
      length: Number(after?.["length"]),
      elementText: String(looked[0]?.[0]?.["element"]),
    }),
    explain: (_, there) => {
      const what = "index" in choice ? `element ${choice.index}` : "such element";
      return (
        missingArrayError(key, path, there) ?? new ApiError("NOT_FOUND", `The array has no ${what}`)
      );
    },
  });
}

interface Change<Result> {
  statement: Statement;
  params: Params;
  path: JsonPath | null;
  conditions: Conditions;
  /** What an absent key begins with; without it the key must exist. */
  start?: { document: string; type: string };
  /** Further statements to run before the change, for the outcome or an error. */
  looks?: readonly Statement[];
  /** What the change comes to: its stamp, and what stood at its place before and after. */
  outcome: (rows: {
    stamp: Stamped;
    looked: readonly Rows[];
    before: Row | undefined;
    after: Row | undefined;
  }) => Result;
  /** Why the change could not be made. */
  explain: (looked: readonly Rows[], there: Row | undefined) => ApiError;
}

/**
 * Looks, begins an absent key, changes, records, and looks again; or nothing of it. What can only take
 * away needs no look at the limits: such changes have no start.
 */
function change<Result>(table: KvTable, parts: Change<Result>): KeyOperation<Result> {
  const { statements } = table;
  const { start, conditions } = parts;
  const looks = [statements.current, ...(parts.looks ?? [])];
  const params = {
    ...parts.params,
    ...pathParams(parts.path),
    start: start?.document ?? null,
    start_type: start?.type ?? null,
  };
  const begin = start === undefined ? [] : [statements.dropExpired, statements.begin];
  const before = [...looks, statements.there, ...begin];
  const last =
    start === undefined
      ? { statement: statements.there, params }
      : { statement: statements.thereWithinLimits, params, required: true };
  return {
    weighs: String(parts.params["key"]),
    steps: [
      ...before.map((statement) => ({ statement, params })),
      ...stampSteps(statements, parts.statement, params, true),
      last,
    ],
    outcome: (rows) =>
      parts.outcome({
        stamp: stamped(rows[before.length]),
        looked: rows.slice(1, looks.length),
        before: rows[looks.length]?.[0],
        after: rows.at(-1)?.[0],
      }),
    explain: (rows) => {
      const made = rows[before.length];
      if (made !== undefined) return limitError(params, stamped(made));
      const current = rows[0]?.[0];
      return conditionsHold(conditions, current)
        ? parts.explain(rows.slice(1, looks.length), rows[looks.length]?.[0])
        : conditionError(conditions, current);
    },
  };
}

const LEVELS_HINT = `JSON may nest ${MAX_JSON_LEVELS} levels of objects and arrays.`;

/** For a change that was made and undone. */
function limitError(params: Params, { sizeBytes }: Stamped): ApiError {
  const what = `the value of ${params["key"]}`;
  const maxBytes = Number(params["max_value_bytes"]);
  return sizeBytes > maxBytes ? valueTooLarge(what, maxBytes) : nestsTooDeep(what);
}

function placeError(key: string, path: JsonPath | null, there: Row | undefined): ApiError {
  if (there !== undefined && there["is_json"] !== 1)
    return invalidParameter(
      path === null ? "key" : "path",
      `needs a JSON value, and the value of ${key} is not JSON`,
      LEVELS_HINT,
    );
  return invalidParameter(
    "path",
    `${path?.text ?? "$"} cannot be set: it runs through something that is not an object or array, or past the end of an array`,
  );
}

function additionError(key: string, path: JsonPath | null, there: Row | undefined): ApiError {
  const where = path === null ? `the value of ${key}` : `${path.text} of ${key}`;
  const type = there?.["type"] ?? null;
  if (there !== undefined && there["is_json"] !== 1)
    return invalidParameter("key", `cannot be counted with: the value of ${key} is not a number`);
  if (type === "integer" || type === "real")
    return invalidParameter("delta", `would take ${where} beyond the range of 64-bit integers`);
  if (type !== null && type !== "null")
    return invalidParameter("key", `cannot be counted with: ${where} is not a number but ${type}`);
  return placeError(key, path, there);
}

/** For an array that may be absent: what else stands there. */
function arrayError(
  key: string,
  path: JsonPath | null,
  there: Row | undefined,
): ApiError | undefined {
  const type = there?.["type"] ?? null;
  const isJson = there === undefined || there["is_json"] === 1;
  if (isJson && (type === null || type === "array")) return undefined;
  return invalidParameter(
    "key",
    path === null
      ? `cannot be used: the value at ${key} is not an array`
      : `cannot be used: ${path.text} of ${key} is not an array`,
  );
}

/** For an array that must be there. */
function missingArrayError(
  key: string,
  path: JsonPath | null,
  there: Row | undefined,
): ApiError | undefined {
  if (there === undefined) return keyNotFound();
  const error = arrayError(key, path, there);
  if (error !== undefined) return error;
  return (there["type"] ?? null) === null
    ? new ApiError("NOT_FOUND", `There is nothing at path ${path?.text ?? "$"}`)
    : undefined;
}
