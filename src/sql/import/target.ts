/** The table that an import fills: an existing one, or one that it makes. */

import { historyTable, OWN_PREFIX } from "../../engine/own-names.ts";
import { ApiError, invalidParameter } from "../../errors.ts";
import { DEFAULT_TABLE } from "../../kv/relation.ts";
import { MAX_IMPORT_COLUMNS } from "../../limits.ts";
import { quoteName } from "../identifier.ts";
import type { SandboxedConnection } from "../sandbox.ts";
import type { RowSource } from "./source.ts";
import { type ColumnType, findTypes } from "./types.ts";

export type ImportMode = "append" | "create" | "replace";

export interface Target {
  columns: readonly string[];
  /** Null for an existing table, whose own types decide. */
  types: readonly ColumnType[] | null;
}

/**
 * Finds or makes the table, in the transaction of the import. No row has been written yet.
 * @throws ApiError CONFLICT for a table that cannot be filled so, INVALID_PARAMETERS for columns that
 *   it does not have
 */
export function prepareTarget(
  connection: SandboxedConnection,
  table: string,
  source: RowSource,
  options: { mode: ImportMode; types: "detect" | "text"; fromText: boolean },
): Target {
  refuseOwnTable(connection, table);
  const [found] = connection.ask(
    "select name, type from pragma_table_list where schema = 'main' and name = ? collate nocase",
    table,
  );
  if (found === undefined) return createTable(connection, table, source, options);
  if (found["type"] !== "table" && found["type"] !== "virtual")
    throw new ApiError(
      "CONFLICT",
      `${table} is a ${String(found["type"])}, which cannot be filled`,
      {
        hint: "Choose another table.",
      },
    );
  if (options.mode === "create")
    throw new ApiError("CONFLICT", `The table ${table} exists already`, {
      hint: "Use mode=append to add rows, or mode=replace to replace them.",
    });
  const columns = matchColumns(connection, String(found["name"]), source);
  if (options.mode === "replace")
    connection.compile(`delete from ${quoteName(table)}`).statement.run();
  return { columns, types: null };
}

/** Rows of key-value tables have a history, which an import would pass by. */
function refuseOwnTable(connection: SandboxedConnection, table: string): void {
  const name = table.toLowerCase();
  const own = new Set([DEFAULT_TABLE, historyTable(DEFAULT_TABLE)]);
  for (const keyValue of connection.keyValueTables()) own.add(keyValue).add(historyTable(keyValue));
  if (own.has(name) || name.startsWith("sqlite_") || name.startsWith(OWN_PREFIX))
    throw new ApiError("CONFLICT", `Table ${table} is written by the server only`, {
      hint: "Write keys with POST /api/v1/sqlite/kv/batch/set, which records their history; or import into another table.",
    });
}

function createTable(
  connection: SandboxedConnection,
  table: string,
  source: RowSource,
  options: { types: "detect" | "text"; fromText: boolean },
): Target {
  const columns = newColumnNames(source);
  const types =
    options.types === "text"
      ? columns.map((): ColumnType => "TEXT")
      : findTypes(source.sample, source.width, options.fromText);
  const definitions = columns.map((name, at) => `${quoteName(name)} ${types[at] ?? ""}`.trimEnd());
  connection
    .compile(`CREATE TABLE ${quoteName(table)} (${definitions.join(", ")})`)
    .statement.run();
  return { columns, types };
}

/** Names of a new table's columns. One without a name gets its number. */
function newColumnNames(source: RowSource): string[] {
  const numbered = Array.from({ length: source.width }, (_, at) => `column_${at + 1}`);
  const names = numbered.map((number, at) => source.columns?.[at]?.trim() || number);
  checkNames(names);
  return names;
}

/** The columns of an existing table that the source fills, in the source's order. */
function matchColumns(connection: SandboxedConnection, table: string, source: RowSource): string[] {
  const known = connection
    .ask("select name from pragma_table_xinfo(?, 'main') where hidden = 0", table)
    .map((row) => String(row["name"]));
  if (source.columns === null) {
    if (source.width !== known.length)
      throw invalidParameter(
        "body",
        `has ${source.width} columns, and the table ${table} has ${known.length}`,
        "Without a header there must be a value for every column.",
      );
    return known;
  }
  const byName = new Map(known.map((name) => [name.toLowerCase(), name]));
  const names = source.columns.map((name) => name.trim());
  checkNames(names);
  return names.map((name) => {
    const column = byName.get(name.toLowerCase());
    if (column === undefined)
      throw invalidParameter(
        "body",
        `has a column ${JSON.stringify(name)}, which the table ${table} has not`,
        `Its columns are ${known.join(", ")}. Without a header, set header=no.`,
      );
    return column;
  });
}

function checkNames(names: readonly string[]): void {
  if (names.length > MAX_IMPORT_COLUMNS)
    throw invalidParameter("body", `has more than ${MAX_IMPORT_COLUMNS} columns`);
  const seen = new Set<string>();
  for (const name of names) {
    if (name.includes("\0"))
      throw invalidParameter("body", "has a NUL character in a column's name");
    const lower = name.toLowerCase();
    if (seen.has(lower))
      throw invalidParameter("body", `has two columns named ${JSON.stringify(name)}`);
    seen.add(lower);
  }
}
