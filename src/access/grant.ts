/**
 * What a token may do, in one place. A grant only ever allows: what it does not name is refused.
 * Databases, tables and prefixes narrow each other; the level holds for what is left.
 */

import { ApiError } from "../errors.ts";
import { MAX_KNOWN_GLOBS } from "../limits.ts";

/** In this order: each includes the one before it. */
export const LEVELS = ["read", "write", "admin"] as const;
export type Level = (typeof LEVELS)[number];

export interface Grant {
  /** Names or globs, at least one: `notes`, `shop-*`, `sub/*.sqlite`, `**` for all. */
  readonly databases: readonly string[];
  /** Names in lower case; none means all of them. */
  readonly tables: readonly string[];
  /** What keys must begin with; none means all of them. */
  readonly prefixes: readonly string[];
  readonly level: Level;
}

/** Whoever sends a request. */
export interface Caller {
  /** Null for the root token, and for everybody where no token is needed: they may do anything. */
  readonly token: { readonly id: string; readonly name: string; readonly grant: Grant } | null;
}

/** May do everything. */
export const UNLIMITED: Caller = { token: null };

/** A 403 that says what the token lacks. */
export function forbidden(message: string, hint: string): ApiError {
  return new ApiError("FORBIDDEN", message, { hint });
}

export function includesLevel(grant: Grant, level: Level): boolean {
  return LEVELS.indexOf(grant.level) >= LEVELS.indexOf(level);
}

/** Whether the grant holds for a whole database: nothing in it is out of its reach. */
export function coversWholeDatabases(grant: Grant): boolean {
  return grant.tables.length === 0 && grant.prefixes.length === 0;
}

/** @throws ApiError FORBIDDEN */
export function requireLevel(grant: Grant, level: Level): void {
  if (!includesLevel(grant, level))
    throw forbidden(
      `This token may only ${grant.level}`,
      `The request needs a token with the right to ${level === "admin" ? "administer" : level}.`,
    );
}

/** @throws ApiError FORBIDDEN */
export function requireWholeDatabases(grant: Grant): void {
  if (!coversWholeDatabases(grant))
    throw forbidden(
      "This token is limited to a part of the database",
      "The request is about the whole database: use a token without tables and prefixes.",
    );
}

/**
 * @param names what the database is called: see `databaseNames`
 * @throws ApiError FORBIDDEN
 */
export function requireDatabase(grant: Grant, names: readonly string[]): void {
  if (!allowsDatabase(grant, names))
    throw forbidden("This token is not for that database", hintOf("databases", grant.databases));
}

export function allowsDatabase(grant: Grant, names: readonly string[]): boolean {
  return grant.databases.some((pattern) => names.some((name) => matches(pattern, name)));
}

/** @throws ApiError FORBIDDEN */
export function requireTable(grant: Grant, table: string): void {
  if (!allowsTable(grant, table))
    throw forbidden("This token is not for that table", hintOf("tables", grant.tables));
}

function allowsTable(grant: Grant, table: string): boolean {
  return grant.tables.length === 0 || grant.tables.includes(table.toLowerCase());
}

/** @throws ApiError FORBIDDEN */
export function requireKey(grant: Grant, key: string): void {
  if (!allowsKey(grant, key)) throw wrongKeys(grant);
}

export function allowsKey(grant: Grant, key: string): boolean {
  return grant.prefixes.length === 0 || grant.prefixes.some((prefix) => key.startsWith(prefix));
}

/** For a request about keys that the grant does not reach. */
export function wrongKeys(grant: Grant): ApiError {
  return forbidden("This token is not for those keys", hintOf("key prefixes", grant.prefixes));
}

/**
 * The keys of a list: those with the prefix that the caller asks for, or, if that says less than the
 * grant does and the grant has one prefix only, those with the grant's.
 * @throws ApiError FORBIDDEN
 */
export function narrowPrefix({ token }: Caller, asked: string): string {
  if (token === null || allowsKey(token.grant, asked)) return asked;
  const [only, ...others] = token.grant.prefixes;
  if (only === undefined || others.length > 0 || !only.startsWith(asked))
    throw wrongKeys(token.grant);
  return only;
}

function matches(pattern: string, name: string): boolean {
  // A file by its absolute path is somewhere else than a name: only patterns that say so reach it.
  if (name.startsWith("/") && !pattern.startsWith("/") && !pattern.startsWith("**")) return false;
  return pattern === name || globOf(pattern).match(name);
}

const globs = new Map<string, Bun.Glob>();

function globOf(pattern: string): Bun.Glob {
  let glob = globs.get(pattern);
  if (glob === undefined) {
    if (globs.size >= MAX_KNOWN_GLOBS) globs.clear();
    glob = new Bun.Glob(pattern);
    globs.set(pattern, glob);
  }
  return glob;
}

function hintOf(what: string, names: readonly string[]): string {
  return `It is limited to the ${what} ${names.map((name) => JSON.stringify(name)).join(", ")}.`;
}
