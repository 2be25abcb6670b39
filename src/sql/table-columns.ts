/** Columns of a table as a dump or an import needs them. */
import type { DatabaseSync } from "node:sqlite";
import { quoteName } from "./identifier.ts";

export interface ColumnRow {
  name: string;
  type: string;
  notnull: number;
  dflt_value: string | null;
  pk: number;
  /** 0 ordinary, 1 hidden, 2 and 3 generated. */
  hidden: number;
}

export interface TableToDump {
  name: string;
  sql: string;
  type: "table" | "virtual";
  /** A name of the row id, where that must be kept and no column has it. */
  rowId: string | null;
}

export function columnsOf(database: DatabaseSync, table: string): ColumnRow[] {
  return database
    .prepare(
      "select name, type, \"notnull\", dflt_value, pk, hidden from pragma_table_xinfo(?, 'main')",
    )
    .all(table) as unknown as ColumnRow[];
}

/** A name for the row id that no column has taken; null if all are. */
export function rowIdName(columns: readonly { name: string }[]): string | null {
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()));
  return ["rowid", "oid", "_rowid_"].find((name) => !taken.has(name)) ?? null;
}

/**
 * The row id's name where rows loaded in order would get other ids than they have: without a column
 * that stands for it, and with ids other than 1, 2, 3, …
 * @param columns of an ordinary table that is not WITHOUT ROWID
 */
export function rowIdToKeep(
  database: DatabaseSync,
  table: string,
  columns: readonly ColumnRow[],
): string | null {
  const rowId = rowIdName(columns);
  if (rowId === null || hasRowIdColumn(database, table, columns)) return null;
  const from = quoteName(table);
  const row = database
    .prepare(
      `select ifnull((select min(${rowId}) from ${from}) = 1
         and (select max(${rowId}) from ${from}) = (select count(*) from ${from}), 1) as consecutive`,
    )
    .get();
  return row?.["consecutive"] === 1 ? null : rowId;
}

/** Whether an INTEGER PRIMARY KEY stands for the row id. One that does not has an index of its own. */
function hasRowIdColumn(
  database: DatabaseSync,
  table: string,
  columns: readonly ColumnRow[],
): boolean {
  const key = columns.filter(({ pk }) => pk > 0);
  if (key.length !== 1 || key[0]?.type.toUpperCase() !== "INTEGER") return false;
  const index = database
    .prepare("select 1 from pragma_index_list(?, 'main') where origin = 'pk'")
    .get(table);
  return index === undefined;
}

/**
 * What to select from a table so that it can be inserted again.
 * @returns expressions, and the names to insert into; null for all columns as they are
 */
export function rowSource(
  database: DatabaseSync,
  table: TableToDump,
): { expressions: string[]; names: string[] | null } {
  const columns = columnsOf(database, table.name);
  const stored = columns.filter(({ hidden }) => hidden === 0).map(({ name }) => quoteName(name));
  const names = table.rowId === null ? stored : [table.rowId, ...stored];
  return {
    expressions: names,
    names: names.length === columns.length && table.rowId === null ? null : names,
  };
}
