/** What a database consists of, for schema browsers: one look, one snapshot, no row of it is read. */

import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { Grant } from "../access/grant.ts";
import { historyTable } from "../engine/own-names.ts";
import { keyValueTables } from "../engine/protected.ts";
import { VERSION } from "../version.ts";
import { quoteName } from "./identifier.ts";
import { type RowCount, RowCounter } from "./row-count.ts";
import { rowIdName } from "./table-columns.ts";

export type ObjectType = "table" | "view" | "virtual";
/** Whose it is: the user's, a key-value table, its history, or of SQLite's or our own bookkeeping. */
export type ObjectRole = "user" | "kv" | "kv_history" | "internal";

export interface SchemaColumn {
  name: string;
  /** As declared; empty when nothing was. */
  type: string;
  not_null: boolean;
  /** SQL text. */
  default_value: string | null;
  /** Position in the primary key from 1 on; 0 outside it. */
  primary_key: number;
  generated: "virtual" | "stored" | null;
  /** Not part of `select *`: hidden columns of virtual tables. */
  hidden: boolean;
}

export interface SchemaForeignKey {
  columns: string[];
  table: string;
  /** Empty when it means a primary key that is not there. */
  referenced_columns: string[];
  on_update: string;
  on_delete: string;
}

export interface SchemaIndex {
  name: string;
  unique: boolean;
  /** c: CREATE INDEX, u: UNIQUE constraint, pk: PRIMARY KEY. */
  origin: "c" | "u" | "pk";
  partial: boolean;
  /** Null for an expression. */
  columns: (string | null)[];
  sql: string | null;
}

export interface SchemaObject {
  name: string;
  type: ObjectType;
  role: ObjectRole;
  sql: string | null;
  strict: boolean;
  without_rowid: boolean;
  columns: SchemaColumn[];
  foreign_keys: SchemaForeignKey[];
  indexes: SchemaIndex[];
  triggers: { name: string; sql: string }[];
  /** Null for views, and where it cannot be known quickly. */
  row_count: number | null;
  row_count_exact: boolean;
  /** Bytes of a table with its indexes, where that was asked for; null where it is not known. */
  size?: number | null;
  /** Why a view or virtual table cannot be used. */
  error?: string;
}

type Row = Record<string, unknown>;

/** The ETag of a file's schema: another file and another version of this program have another. */
export function schemaEtag(
  database: DatabaseSync,
  path: string,
  grant: Grant | null,
  format: string,
): string {
  const { ino } = statSync(path);
  const parts = [schemaVersion(database).toString(36), ino.toString(36), VERSION, format];
  // What one token may see is not what another one may.
  if (grant !== null) parts.push(Bun.hash(JSON.stringify(grant)).toString(36));
  return `W/"${parts.join("-")}"`;
}

export function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare("pragma schema_version").get()?.["schema_version"]);
}

/**
 * The objects of a database, by name: what people made first, bookkeeping last.
 * @param wanted which of them, by name
 */
export function describeSchema(
  database: DatabaseSync,
  wanted: (name: string) => boolean,
): SchemaObject[] {
  const all = (sql: string) => database.prepare(sql).all() as Row[];
  const columns = grouped(
    all(`select l.name as of_table, x.* from pragma_table_list as l, pragma_table_xinfo(l.name, 'main') as x
         where l.schema = 'main' and l.type in ('table', 'shadow') order by l.name, x.cid`),
  );
  const foreignKeys = grouped(
    all(`select l.name as of_table, k.* from pragma_table_list as l, pragma_foreign_key_list(l.name, 'main') as k
         where l.schema = 'main' and l.type = 'table' order by l.name, k.id, k.seq`),
  );
  const indexes = grouped(
    all(`select l.name as of_table, i.*, s.sql as sql from pragma_table_list as l, pragma_index_list(l.name, 'main') as i
         left join sqlite_schema as s on s.type = 'index' and s.name = i.name
         where l.schema = 'main' and l.type in ('table', 'shadow') order by l.name, i.seq desc`),
  );
  const indexColumns = grouped(
    all(`select s.name as of_table, x.name from sqlite_schema as s, pragma_index_xinfo(s.name, 'main') as x
         where s.type = 'index' and x.key = 1 order by s.name, x.seqno`),
  );
  const triggers = grouped(
    all("select tbl_name as of_table, name, sql from sqlite_schema where type = 'trigger'"),
  );
  const ddl = new Map(
    all("select name, sql from sqlite_schema where type in ('table', 'view')").map((row) => [
      text(row["name"]),
      row["sql"] as string | null,
    ]),
  );
  const listed = all(
    `select name, type, wr, strict from pragma_table_list
     where schema = 'main' and name <> 'sqlite_schema' order by name`,
  );
  const roles = ownTables(database);
  const shadows = new Set(
    listed.filter((row) => row["type"] === "shadow").map((row) => text(row["name"])),
  );
  const counter = new RowCounter(database);

  const described = listed.filter((row) => wanted(text(row["name"])));
  const objects = described.map((row): SchemaObject => {
    const name = text(row["name"]);
    const shadow = row["type"] === "shadow";
    const type = shadow ? "table" : (row["type"] as ObjectType);
    const found =
      type === "table"
        ? { columns: (columns.get(name) ?? []).map(toColumn) }
        : columnsOfOther(database, name);
    return {
      name,
      type,
      role:
        shadow || /^(sqlite|chronolite)_/i.test(name)
          ? "internal"
          : (roles.get(name.toLowerCase()) ?? "user"),
      sql: ddl.get(name) ?? null,
      strict: row["strict"] === 1,
      without_rowid: type === "table" && row["wr"] === 1,
      columns: found.columns,
      foreign_keys: toForeignKeys(foreignKeys.get(name) ?? [], columns),
      indexes: (indexes.get(name) ?? []).map((index) => toIndex(index, indexColumns)),
      triggers: (triggers.get(name) ?? []).map((trigger) => ({
        name: text(trigger["name"]),
        sql: text(trigger["sql"]),
      })),
      ...toMembers(
        countRows(counter, { name, type, columns: found.columns, wr: row["wr"] === 1 }, shadows),
      ),
      ...("error" in found ? { error: found.error } : {}),
    };
  });
  const people = objects.filter(({ role }) => role !== "internal");
  return [...people, ...objects.filter(({ role }) => role === "internal")];
}

function countRows(
  counter: RowCounter,
  table: { name: string; type: ObjectType; columns: readonly SchemaColumn[]; wr: boolean },
  shadows: ReadonlySet<string>,
): RowCount {
  if (table.type === "table")
    return counter.count(table.name, table.wr ? null : rowIdName(table.columns));
  // One row of these shadow tables for each row of a full-text or R-Tree table.
  const shadow = [`${table.name}_docsize`, `${table.name}_rowid`].find((name) => shadows.has(name));
  return table.type === "view" || shadow === undefined
    ? { rows: null, exact: false }
    : counter.count(shadow, "rowid");
}

function toMembers({ rows, exact }: RowCount): Pick<SchemaObject, "row_count" | "row_count_exact"> {
  return { row_count: rows, row_count_exact: exact };
}

/** Columns of a view or virtual table, which SQLite has to compile or connect first. */
function columnsOfOther(
  database: DatabaseSync,
  name: string,
): { columns: SchemaColumn[]; error?: string } {
  try {
    const rows = database.prepare("select * from pragma_table_xinfo(?, 'main')").all(name) as Row[];
    database.prepare(`select 1 from main.${quoteName(name)}`);
    return { columns: rows.map(toColumn) };
  } catch (error) {
    return { columns: [], error: (error as Error).message };
  }
}

function toColumn(row: Row): SchemaColumn {
  const GENERATED: Record<number, "virtual" | "stored"> = { 2: "virtual", 3: "stored" };
  return {
    name: text(row["name"]),
    type: text(row["type"]),
    not_null: row["notnull"] === 1,
    default_value: row["dflt_value"] as string | null,
    primary_key: Number(row["pk"]),
    generated: GENERATED[Number(row["hidden"])] ?? null,
    hidden: row["hidden"] === 1,
  };
}

function toForeignKeys(
  rows: readonly Row[],
  columns: ReadonlyMap<string, Row[]>,
): SchemaForeignKey[] {
  const keys = new Map<unknown, SchemaForeignKey>();
  for (const row of rows) {
    const table = text(row["table"]);
    let key = keys.get(row["id"]);
    if (key === undefined) {
      key = {
        columns: [],
        table,
        referenced_columns: row["to"] === null ? primaryKey(table, columns) : [],
        on_update: text(row["on_update"]),
        on_delete: text(row["on_delete"]),
      };
      keys.set(row["id"], key);
    }
    key.columns.push(text(row["from"]));
    if (row["to"] !== null) key.referenced_columns.push(text(row["to"]));
  }
  return [...keys.values()];
}

/** What REFERENCES without columns means. */
function primaryKey(table: string, columns: ReadonlyMap<string, Row[]>): string[] {
  const rows =
    columns.get(table) ??
    [...columns].find(([name]) => name.toLowerCase() === table.toLowerCase())?.[1] ??
    [];
  return rows
    .filter((row) => Number(row["pk"]) > 0)
    .sort((a, b) => Number(a["pk"]) - Number(b["pk"]))
    .map((row) => text(row["name"]));
}

function toIndex(row: Row, columns: ReadonlyMap<string, Row[]>): SchemaIndex {
  const name = text(row["name"]);
  return {
    name,
    unique: row["unique"] === 1,
    origin: row["origin"] as SchemaIndex["origin"],
    partial: row["partial"] === 1,
    columns: (columns.get(name) ?? []).map((column) => column["name"] as string | null),
    sql: row["sql"] as string | null,
  };
}

/** Roles of the tables that this server made, by lower-case name. */
function ownTables(database: DatabaseSync): Map<string, "kv" | "kv_history"> {
  const roles = new Map<string, "kv" | "kv_history">();
  try {
    for (const name of keyValueTables(database))
      roles.set(name, "kv").set(historyTable(name), "kv_history");
  } catch {
    // The bookkeeping is somebody else's: no table is ours.
  }
  return roles;
}

function grouped(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, (row) => text(row["of_table"]));
}

function text(value: unknown): string {
  return String(value ?? "");
}
