/** Changing JSON documents in place: members, numbers, arrays. Each call is one plan. */
import type { Row, Rows, Statement, Step } from "../engine/plan.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import type { JsonPath } from "./json-path.ts";
import { keyNotFound } from "./read.ts";
import type { KvTable, Params } from "./table.ts";
import {
  type Conditions,
  conditionError,
  conditionsHold,
  mustBeStamped,
  pathParams,
  type Stamped,
  stampSteps,
  type WriteContext,
  writeParams,
  writePlan,
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

/** What an absent key begins with. */
interface Start {
  document: string;
  type: string;
}

/** The rows around a change. */
interface Outcome {
  stamp: Stamped;
  before: Row | undefined;
  after: Row | undefined;
}

/**
 * Sets one member of a key's document; an absent key becomes a document with just that member.
 * @param leaf the member's new value, JSON text
 * @throws ApiError PRECONDITION_FAILED, INVALID_PARAMETERS when the path cannot be set
 */
export async function setMember(
  table: KvTable,
  key: string,
  path: JsonPath,
  request: { leaf: string; expireAtMs: number | null; conditions: Conditions },
  context: WriteContext,
): Promise<Stamped> {
  const { statements } = table;
  const { conditions } = request;
  const params = {
    ...writeParams(key, "SET", context, conditions),
    value: request.leaf,
    expire_at_ms: request.expireAtMs,
  };
  const looks = [statements.current, statements.isJson];
  const { stamp } = await change(table, statements.setAt, params, path, context, {
    start: { document: path.emptyDocument, type: "application/json" },
    looks,
    explain: ([current, leaf], there) => {
      if (leaf?.[0]?.["is_json"] !== 1)
        return invalidParameter("body", "must be JSON when path is given");
      return conditionsHold(conditions, current?.[0])
        ? placeError(key, path, there)
        : conditionError(conditions, current?.[0]);
    },
  });
  return stamp;
}

/**
 * Adds to a number, exactly, within 64 bits. An absent key or member counts as 0.
 * @param delta not 0; negative for a decrement
 * @throws ApiError INVALID_PARAMETERS when there is something else than a number, or the sum overflows
 */
export async function addNumber(
  table: KvTable,
  key: string,
  delta: bigint,
  path: JsonPath | null,
  context: WriteContext,
): Promise<Sum> {
  const params = {
    ...writeParams(key, delta < 0n ? "DECR" : "INCR", context),
    delta: Number.isSafeInteger(Number(delta)) ? Number(delta) : delta,
  };
  const start =
    path === null
      ? { document: "0", type: "text/plain" }
      : { document: path.emptyDocument, type: "application/json" };
  const { stamp, before, after } = await change(
    table,
    table.statements.addAt,
    params,
    path,
    context,
    {
      start,
      explain: (_, there) => additionError(key, path, there),
    },
  );
  const previous = before?.["value"] ?? null;
  return {
    ...stamp,
    valueText: String(after?.["value"]),
    previousText: previous === null || previous === "null" ? "0" : String(previous),
  };
}

/**
 * Appends an element to an array, which is made if it is absent.
 * @param body JSON text: the element, or `{"value": element}`
 * @throws ApiError INVALID_PARAMETERS when the body is not JSON or there is something else than an array
 */
export async function pushElement(
  table: KvTable,
  key: string,
  body: string,
  path: JsonPath | null,
  context: WriteContext,
): Promise<ArrayChange> {
  const params = { ...writeParams(key, "PUSH", context), body, value: body };
  const { stamp, after } = await change(table, table.statements.pushAt, params, path, context, {
    start: { document: path?.emptyDocument ?? "[]", type: "application/json" },
    looks: [table.statements.isJson],
    explain: ([valid], there) =>
      valid?.[0]?.["is_json"] === 1
        ? (arrayError(key, path, there) ?? placeError(key, path, there))
        : invalidParameter("body", "is not JSON"),
  });
  return { ...stamp, length: Number(after?.["length"]) };
}

/**
 * Removes the last element of an array.
 * @throws ApiError KEY_NOT_FOUND, NOT_FOUND for an absent or empty array, INVALID_PARAMETERS
 */
export async function popElement(
  table: KvTable,
  key: string,
  path: JsonPath | null,
  context: WriteContext,
): Promise<ElementTaken> {
  const params = writeParams(key, "POP", context);
  const { stamp, before, after } = await change(
    table,
    table.statements.popAt,
    params,
    path,
    context,
    {
      explain: (_, there) =>
        missingArrayError(key, path, there) ?? new ApiError("NOT_FOUND", "The array is empty"),
    },
  );
  return { ...stamp, length: Number(after?.["length"]), elementText: String(before?.["last"]) };
}

/**
 * Removes one element of an array: at an index; or the first that equals a value, or, where none does
 * and the value is an object, the first object that has all its members.
 * @throws ApiError KEY_NOT_FOUND, NOT_FOUND for an absent array or element, INVALID_PARAMETERS
 */
export async function removeElement(
  table: KvTable,
  key: string,
  choice: ElementChoice,
  path: JsonPath | null,
  context: WriteContext,
): Promise<ElementTaken> {
  const params = {
    ...writeParams(key, "REMOVE", context),
    index: "index" in choice ? choice.index : null,
    wanted: "wanted" in choice ? choice.wanted : null,
  };
  const looks = [table.statements.elementToRemove];
  const { stamp, after, looked } = await change(
    table,
    table.statements.removeAt,
    params,
    path,
    context,
    {
      looks,
      explain: (_, there) =>
        missingArrayError(key, path, there) ??
        new ApiError(
          "NOT_FOUND",
          "index" in choice
            ? `The array has no element ${choice.index}`
            : "The array has no such element",
        ),
    },
  );
  return {
    ...stamp,
    length: Number(after?.["length"]),
    elementText: String(looked[0]?.[0]?.["element"]),
  };
}

interface ChangeOptions {
  /** What an absent key begins with; without it the key must exist. */
  start?: Start;
  /** Further statements to run before the change, for the outcome or an error. */
  looks?: readonly Statement[];
  /** Why the change could not be made, from the looks and what stood at its place. */
  explain: (looks: readonly Rows[], there: Row | undefined) => ApiError;
}

/** Looks, begins an absent key, changes, records, and looks again; or nothing of it. */
async function change(
  table: KvTable,
  statement: Statement,
  operation: Params,
  path: JsonPath | null,
  context: WriteContext,
  options: ChangeOptions,
): Promise<Outcome & { looked: readonly Rows[] }> {
  const { statements } = table;
  const { start, looks = [] } = options;
  const params = {
    ...operation,
    ...pathParams(path),
    start: start?.document ?? null,
    start_type: start?.type ?? null,
  };
  const begin = start === undefined ? [] : [statements.dropExpired, statements.begin];
  const before: Step[] = [...looks, statements.there, ...begin].map((look) => ({
    statement: look,
    params,
  }));
  const rows = await writePlan(
    table,
    [
      ...before,
      ...stampSteps(statements, statement, params, true),
      { statement: statements.there, params },
    ],
    context,
    (undone) => options.explain(undone.slice(0, looks.length), undone[looks.length]?.[0]),
  );
  return {
    stamp: mustBeStamped(rows[before.length]),
    looked: rows.slice(0, looks.length),
    before: rows[looks.length]?.[0],
    after: rows.at(-1)?.[0],
  };
}

function placeError(key: string, path: JsonPath | null, there: Row | undefined): ApiError {
  if (there !== undefined && there["is_json"] !== 1)
    return invalidParameter(
      path === null ? "key" : "path",
      `needs a JSON value, and the value of ${key} is not JSON`,
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
