/** Members of JSON bodies, checked; errors name them as `items[3].key`. */
import { invalidParameter } from "../errors.ts";
import { checkKey } from "../kv/value.ts";
import { MAX_BATCH_KEYS } from "../limits.ts";

export type Members = Readonly<Record<string, unknown>>;

/** @throws ApiError INVALID_PARAMETERS */
export function objectOf(json: unknown, what: string): Members {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw invalidParameter(what, "must be an object");
  return json as Members;
}

/**
 * An array of a batch's length.
 * @throws ApiError INVALID_PARAMETERS
 */
export function entriesOf(json: unknown, what: string, least = 1): unknown[] {
  if (!Array.isArray(json)) throw invalidParameter(what, "must be an array");
  if (json.length < least || json.length > MAX_BATCH_KEYS)
    throw invalidParameter(
      what,
      `must have ${least} to ${MAX_BATCH_KEYS} entries, not ${json.length}`,
    );
  return json;
}

/** @throws ApiError INVALID_PARAMETERS */
export function keyOf(json: unknown, what: string): string {
  if (typeof json !== "string") throw invalidParameter(what, "must be a string");
  return checkKey(json, what);
}

/** @throws ApiError INVALID_PARAMETERS */
export function valueIn(members: Members, what: string): unknown {
  const { value } = members;
  if (value === undefined) throw invalidParameter(`${what}.value`, "is missing");
  return value;
}
