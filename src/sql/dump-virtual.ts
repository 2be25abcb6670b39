/** The contents of virtual tables as SQL, so that loading it fills them the way their makers meant. */
import type { DatabaseSync } from "node:sqlite";
import { quoteName, quoteText } from "./identifier.ts";
import { columnsOf, type TableToDump } from "./table-columns.ts";

/** What gives the rows of a table as INSERT statements. */
interface RowWriter {
  rows(table: TableToDump): Generator<string | Uint8Array>;
}

/**
 * What fills a virtual table that was just made.
 * @param last statements for the end, when everything they need is there
 */
export function* virtualTableData(
  database: DatabaseSync,
  table: TableToDump,
  writer: RowWriter,
  last: string[],
): Generator<string | Uint8Array> {
  const module = /\bUSING\s+["'[`]?(\w+)/i.exec(table.sql)?.[1]?.toLowerCase() ?? "";
  const shadows = shadowsOf(database, table.name);
  if (shadows.length === 0) return; // A view of something else, such as fts5vocab.
  switch (module) {
    case "rtree":
    case "rtree_i32":
      yield* writer.rows(table);
      return;
    case "geopoly":
      yield* writer.rows({ ...table, rowId: "rowid" });
      return;
    case "fts3":
    case "fts4":
    case "fts5":
      break;
    default:
      yield* copyShadows(shadows, writer);
      return;
  }
  const contentless = /\bcontent\s*=\s*(''|"")/i.test(table.sql);
  if (contentless || /\blanguageid\s*=/i.test(table.sql)) {
    // The words of the rows are not kept anywhere, only where they are found.
    yield* copyShadows(shadows, writer);
    return;
  }
  if (module === "fts5") yield* settings(database, table.name);
  if (shadows.includes(`${table.name}_content`)) yield* writer.rows({ ...table, rowId: "rowid" });
  else {
    const name = quoteName(table.name);
    last.push(`INSERT INTO ${name}(${name}) VALUES('rebuild');\n`);
  }
}

/** Settings of an FTS5 table other than its columns, such as its ranking. */
function* settings(database: DatabaseSync, table: string): Generator<string> {
  const rows = database
    .prepare(
      `select k, quote(v) as value from ${quoteName(`${table}_config`)} where k <> 'version'`,
    )
    .all();
  const name = quoteName(table);
  for (const { k, value } of rows)
    yield `INSERT INTO ${name}(${name}, rank) VALUES(${quoteText(String(k))}, ${value});\n`;
}

/** The tables in which the virtual table keeps its data, word for word. */
function* copyShadows(
  shadows: readonly string[],
  writer: RowWriter,
): Generator<string | Uint8Array> {
  yield "-- Needs a connection without SQLITE_DBCONFIG_DEFENSIVE, and a new one afterwards.\n";
  for (const name of shadows) {
    yield `DELETE FROM ${quoteName(name)};\n`;
    yield* writer.rows({ name, sql: "", type: "table", rowId: null });
  }
}

function shadowsOf(database: DatabaseSync, table: string): string[] {
  const prefix = `${table}_`.toLowerCase();
  const rows = database
    .prepare("select name from pragma_table_list where schema = 'main' and type = 'shadow'")
    .all();
  const virtualTables = database
    .prepare("select name from pragma_table_list where schema = 'main' and type = 'virtual'")
    .all()
    .map(({ name }) => `${String(name)}_`.toLowerCase());
  return rows
    .map(({ name }) => String(name))
    .filter((name) => {
      const lower = name.toLowerCase();
      // a_b_data belongs to a_b where there is one, not to a.
      const owner = virtualTables
        .filter((candidate) => lower.startsWith(candidate))
        .sort((a, b) => b.length - a.length)[0];
      return owner === prefix && columnsOf(database, name).length > 0;
    });
}
