/** Grants as JSON, from a request's body, the command line or a token; and how long they last. */
import { parseDurationMs } from "../duration.ts";
import { invalidParameter } from "../errors.ts";
import {
  MAX_GRANT_ENTRIES,
  MAX_GRANT_ENTRY_CHARS,
  MAX_TOKEN_LIFE_MS,
  MAX_TOKEN_NAME_CHARS,
} from "../limits.ts";
import {
  allowsDatabase,
  coversWholeDatabases,
  forbidden,
  type Grant,
  includesLevel,
  LEVELS,
  type Level,
} from "./grant.ts";

/**
 * @throws ApiError INVALID_PARAMETERS that names the member
 */
export function parseGrant(json: unknown): Grant {
  const { databases, tables, prefixes, level } = (json ?? {}) as Record<string, unknown>;
  const grant: Grant = {
    databases: texts(databases, "databases").map(checkPattern),
    tables: texts(tables, "tables").map((name) => name.toLowerCase()),
    prefixes: texts(prefixes, "prefixes"),
    level: checkLevel(level),
  };
  if (grant.databases.length === 0)
    throw invalidParameter("databases", 'is missing: names or globs, "**" for all');
  if (grant.level === "admin" && grant.tables.length + grant.prefixes.length > 0)
    throw invalidParameter(
      "level",
      "admin is about whole databases: leave out tables and prefixes",
    );
  return grant;
}

/** Kept free for those who open share links, who have no name. */
const SHARE_ACTOR = "share";

/**
 * The name of a token, which histories will show as the actor.
 * @throws ApiError INVALID_PARAMETERS
 */
export function checkTokenName(name: unknown): string {
  if (typeof name !== "string" || !/^[\w.@-]+$/.test(name) || name.length > MAX_TOKEN_NAME_CHARS)
    throw invalidParameter(
      "name",
      `must be 1 to ${MAX_TOKEN_NAME_CHARS} letters, digits, dots, underscores, dashes and @`,
    );
  if (name === SHARE_ACTOR) throw invalidParameter("name", `must not be ${SHARE_ACTOR}`);
  return name;
}

/**
 * How long something lasts: whole seconds, or text such as `30d` or `1d12h`.
 * @returns milliseconds
 * @throws ApiError INVALID_PARAMETERS
 */
export function parseLifeMs(json: unknown, name: string): number {
  const lifeMs = parseDurationMs(String(json ?? ""));
  if (!(lifeMs > 0 && lifeMs <= MAX_TOKEN_LIFE_MS))
    throw invalidParameter(name, "must be seconds or a time such as 12h or 30d, at most 10 years");
  return lifeMs;
}

/**
 * Whether rights lie within those of who holds a token: what it may give away, and see of others.
 * @param holder null for the root token
 */
export function isWithin(holder: Grant | null, grant: Grant): boolean {
  if (holder === null) return true;
  const reaches = (pattern: string) =>
    holder.databases.includes("**") ||
    holder.databases.includes(pattern) ||
    // What a glob stands for cannot be compared with another one, and a name can.
    (!/[*?[\]{}!]/.test(pattern) && allowsDatabase(holder, [pattern]));
  return (
    coversWholeDatabases(holder) &&
    includesLevel(holder, grant.level) &&
    grant.databases.every(reaches)
  );
}

/** @throws ApiError FORBIDDEN */
export function requireWithin(holder: Grant | null, grant: Grant): void {
  if (!isWithin(holder, grant))
    throw forbidden(
      "This token cannot give rights that it does not have",
      "Name databases that it administers, or use the root token.",
    );
}

function checkLevel(level: unknown): Level {
  const known = LEVELS.find((one) => one === level);
  if (known === undefined) throw invalidParameter("level", "must be read, write or admin");
  return known;
}

function checkPattern(pattern: string): string {
  if (pattern.startsWith("!") || /[\\\0]/.test(pattern))
    throw invalidParameter("databases", "must not begin with !, or have a backslash");
  return pattern;
}

function texts(json: unknown, name: string): string[] {
  if (json === undefined || json === null) return [];
  const list = Array.isArray(json) ? json : [json];
  if (list.length > MAX_GRANT_ENTRIES)
    throw invalidParameter(name, `must have at most ${MAX_GRANT_ENTRIES} entries`);
  return list.map((text) => {
    if (typeof text !== "string" || text === "" || text.length > MAX_GRANT_ENTRY_CHARS)
      throw invalidParameter(name, `must be texts of 1 to ${MAX_GRANT_ENTRY_CHARS} characters`);
    return text;
  });
}
