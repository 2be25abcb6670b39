/**
 * What a limited token's SQL may touch, asked by the authorizer for every table of every statement:
 * also of those inside views, triggers and foreign keys, which therefore count as the caller's own.
 * Where tables are limited, so is what tells about them: the schema, and pragmas.
 */
import { constants, type DatabaseSync } from "node:sqlite";
import { coversWholeDatabases, type Grant } from "../access/grant.ts";
import { historyTable } from "../engine/own-names.ts";
import { keyValueTables } from "../engine/protected.ts";

/** Pragmas about one table, which is their argument. */
const TABLE_PRAGMAS = new Set(["foreign_key_list", "index_list", "table_info", "table_xinfo"]);
/** Pragmas that neither tell of tables nor outlast the request. */
const HARMLESS_PRAGMAS = new Set(
  `case_sensitive_like collation_list compile_options data_version defer_foreign_keys encoding
  foreign_keys function_list journal_mode query_only recursive_triggers`.split(/\s+/),
);
/** Table-valued functions that read nothing but their arguments. */
export const PURE_FUNCTIONS = new Set(["json_each", "json_tree"]);

const ROW_ACTIONS = new Set<number>([
  constants.SQLITE_READ,
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_DELETE,
]);
const TABLELESS_ACTIONS = new Set<number>([
  constants.SQLITE_SELECT,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_RECURSIVE,
]);

/** @returns why the action is refused, in words for the caller, or undefined where it is allowed */
export type RefuseByRights = (
  action: number,
  first: string | null,
  second: string | null,
  schema: string | null,
) => string | undefined;

/** The rights of a grant on a database, or undefined where it is not limited to parts of it. */
export function rightsOn(database: DatabaseSync, grant: Grant | null): RefuseByRights | undefined {
  if (grant === null || coversWholeDatabases(grant)) return undefined;
  const { visible, existing } = tablesOf(database, grant);
  return (action, first, second, schema) => {
    if (TABLELESS_ACTIONS.has(action)) return undefined;
    const name = (first ?? "").toLowerCase();
    if (action === constants.SQLITE_PRAGMA) {
      if (HARMLESS_PRAGMAS.has(name)) return undefined;
      return TABLE_PRAGMAS.has(name) && visible.has((second ?? "").toLowerCase())
        ? undefined
        : `This token may not run PRAGMA ${name} on that`;
    }
    if (!ROW_ACTIONS.has(action)) return "This token may not change the schema";
    if (visible.has(name)) return undefined;
    // No caller of these rights can make temporary tables: they are ours, and count for dry_run.
    if (schema === "temp" && !name.startsWith("sqlite_")) return undefined;
    const isFunction = PURE_FUNCTIONS.has(name) || name.startsWith("pragma_");
    if (action === constants.SQLITE_READ && isFunction && !existing.has(name)) return undefined;
    return grant.prefixes.length > 0 && grant.tables.length === 0
      ? "This token is limited to keys: it may not use SQL on tables"
      : `This token may not use table ${name}`;
  };
}

/** Tables that a grant's SQL may read, in lower case; undefined for all of them. */
export function visibleTables(
  database: DatabaseSync,
  grant: Grant | null,
): ReadonlySet<string> | undefined {
  if (grant === null || coversWholeDatabases(grant)) return undefined;
  return tablesOf(database, grant).visible;
}

interface Tables {
  /** What the grant's SQL may read, and write if its level says so; in lower case. */
  visible: ReadonlySet<string>;
  /** Names that the file really has. */
  existing: ReadonlySet<string>;
}

function tablesOf(database: DatabaseSync, grant: Grant): Tables {
  const types = new Map<string, string>();
  for (const row of database.prepare("pragma main.table_list").all())
    types.set(String(row["name"]).toLowerCase(), String(row["type"]));
  const existing = new Set(types.keys());
  const visible = new Set(grant.tables);
  // A virtual table reads and writes its shadow tables in the caller's name.
  const virtual = [...types].filter(([, type]) => type === "virtual").map(([name]) => name);
  for (const [name, type] of types) {
    if (type !== "shadow") continue;
    const owner = virtual
      .filter((table) => name.startsWith(`${table}_`))
      .sort((a, b) => b.length - a.length)[0];
    if (owner !== undefined && visible.has(owner)) visible.add(name);
  }
  for (const table of likelyKeyValueTables(database, existing)) {
    // SQL sees all keys of a table, so whoever is limited to some has the key-value routes only.
    if (grant.prefixes.length > 0) for (const name of withHistory(table)) visible.delete(name);
    else if (visible.has(table)) for (const name of withHistory(table)) visible.add(name);
  }
  return { visible, existing };
}

/** Those the server made, and whatever looks like one: a table with its history beside it. */
function likelyKeyValueTables(database: DatabaseSync, existing: ReadonlySet<string>): Set<string> {
  const alike = [...existing].filter((name) => existing.has(historyTable(name)));
  return new Set([...alike, ...keyValueTables(database)]);
}

function withHistory(table: string): string[] {
  return [table, historyTable(table)];
}
