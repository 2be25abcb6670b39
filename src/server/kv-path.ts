/**
 * Which key a path means (contracts/hoody.md 0.2): the raw, still encoded path is split on `/`, fixed
 * routes and verbs are matched on raw segments, and only then is each segment decoded, once. So
 * `/kv/k%2Fhistory` is the key `k/history`, and `/kv/k/history` the history of `k`.
 */
import { ApiError, invalidParameter } from "../errors.ts";
import { checkKey } from "../kv/value.ts";

export const API_PREFIX = "/api/v1/sqlite";
const KV_PREFIX = `${API_PREFIX}/kv/`;

/** Verbs that may follow a key, by method. Methods without verbs take the whole rest as the key. */
const VERBS: Readonly<Record<string, ReadonlySet<string>>> = {
  GET: new Set(["history", "snapshot", "entry"]),
  POST: new Set(["incr", "decr", "push", "pop", "remove", "rollback", "expire", "persist"]),
};

/** Routes of the whole table, which win over keys of the same name. */
const TABLE_ROUTES: Readonly<Record<string, ReadonlySet<string>>> = {
  GET: new Set(["diff", "moments", "snapshot"]),
  POST: new Set(["rollback", "atomic", "batch/get", "batch/set", "batch/delete"]),
};

export type KvTarget =
  | { kind: "key"; key: string; verb: string | null }
  | { kind: "table"; route: string };

/**
 * @param url the request's URL
 * @throws ApiError INVALID_PARAMETERS for a key that cannot be decoded or be one
 */
export function kvTarget(method: string, url: string): KvTarget {
  const start = url.indexOf(KV_PREFIX) + KV_PREFIX.length;
  const end = url.indexOf("?", start);
  const rest = end === -1 ? url.slice(start) : url.slice(start, end);
  if (TABLE_ROUTES[method]?.has(rest) === true) return { kind: "table", route: rest };
  const slash = rest.lastIndexOf("/");
  // The commonest case by far: one segment.
  if (slash === -1) return { kind: "key", key: checkKey(decodeSegment(rest)), verb: null };
  const last = rest.slice(slash + 1);
  const verb = slash > 0 && VERBS[method]?.has(last) === true ? last : null;
  const keyPart = verb === null ? rest : rest.slice(0, slash);
  return { kind: "key", key: checkKey(keyPart.split("/").map(decodeSegment).join("/")), verb };
}

/**
 * The pattern of a path below `kv/`, for figures: `/kv/{key}`, with the verb that follows the key.
 * @param rest what follows `kv/`, still encoded; it need not be valid
 */
export function keyPattern(method: string, rest: string): string {
  if (TABLE_ROUTES[method]?.has(rest) === true) return `/kv/${rest}`;
  const slash = rest.lastIndexOf("/");
  if (slash <= 0) return "/kv/{key}";
  const last = rest.slice(slash + 1);
  return VERBS[method]?.has(last) === true ? `/kv/{key}/${last}` : "/kv/{key}";
}

/** A target that must be a key without a verb, for the methods that have none. */
export function kvKey(method: string, url: string): string {
  const target = kvTarget(method, url);
  if (target.kind !== "key") throw new ApiError("NOT_FOUND", `There is no ${method} on this path`);
  return target.key;
}

function decodeSegment(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw invalidParameter("key", "has a malformed percent escape");
  }
}
