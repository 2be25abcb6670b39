/**
 * A database as SQL text that makes it anew, statement by statement: any number of rows, in memory
 * that does not grow. Every value is exact. What loads it needs no more than ordinary SQLite; nothing
 * is put into sqlite_schema behind its back.
 */
import { isUtf8 } from "node:buffer";
import type { DatabaseSync } from "node:sqlite";
import { VERSION } from "../version.ts";
import { virtualTableData } from "./dump-virtual.ts";
import { quoteName, quoteText } from "./identifier.ts";
import {
  type ColumnRow,
  columnsOf,
  rowIdToKeep,
  rowSource,
  type TableToDump,
} from "./table-columns.ts";

interface SchemaRow {
  type: "table" | "index" | "view" | "trigger";
  name: string;
  tbl_name: string;
  sql: string;
}

/** Name of the function, known to a dumping connection, that tells text which a literal can hold. */
const PLAIN = "chronolite_plain_text";

/** Operands of one `concat_ws`; SQLite takes 1,000 arguments and columns go up to 2,000. */
const CONCAT_GROUP = 500;

export class Dump {
  readonly #database: DatabaseSync;
  /** Lower-case names, or null for everything. */
  readonly #wanted: ReadonlySet<string> | null;
  readonly #isUtf8: boolean;

  /** @param tables names of tables and views, or null for everything */
  constructor(database: DatabaseSync, tables: readonly string[] | null) {
    this.#database = database;
    this.#wanted = tables === null ? null : new Set(tables.map((name) => name.toLowerCase()));
    this.#isUtf8 = this.#told("encoding") === "UTF-8";
    // Text with NUL or with bytes that are not text cannot stand in a literal.
    const plain = this.#isUtf8
      ? (bytes: Uint8Array) => (isUtf8(bytes) && !bytes.includes(0) ? 1 : 0)
      : (text: string) => (text.isWellFormed() && !text.includes("\0") ? 1 : 0);
    database.function(PLAIN, { deterministic: true }, plain as (value: unknown) => number);
  }

  /** Names among those wanted that the database does not have. */
  unknown(): string[] {
    const known = new Set(this.#tables().map(({ name }) => name.toLowerCase()));
    for (const { name } of this.#schema("view")) known.add(name.toLowerCase());
    return [...(this.#wanted ?? [])].filter((name) => !known.has(name));
  }

  /** The pieces of the dump, in order. One read transaction must be open all the while. */
  *pieces(): Generator<string | Uint8Array> {
    const tables = this.#tables().filter(({ name }) => this.#wants(name));
    const ordinary = tables.filter(({ type }) => type === "table");
    const virtual = tables.filter(({ type }) => type === "virtual");
    yield* this.#head();
    for (const table of ordinary) yield `${table.sql};\n`;
    for (const table of ordinary) yield* this.rows(table);
    yield* this.#sequences(ordinary);
    const last: string[] = [];
    for (const table of virtual) {
      const problem = this.#problem(table);
      if (problem !== undefined) {
        yield `-- Left out, because it cannot be used (${problem}): ${table.sql}`.replaceAll(
          "\n",
          "\n-- ",
        );
        yield "\n";
        continue;
      }
      yield `${table.sql};\n`;
      yield* virtualTableData(this.#database, table, this, last);
    }
    for (const type of ["index", "view", "trigger"] as const)
      for (const object of this.#schema(type))
        if (this.#wants(type === "view" ? object.name : object.tbl_name)) yield `${object.sql};\n`;
    yield* last;
    yield* this.#statistics();
    yield "COMMIT;\n";
  }

  /** The rows of a table as INSERT statements. */
  *rows(table: TableToDump): Generator<string | Uint8Array> {
    const { expressions, names } = rowSource(this.#database, table);
    const into = names === null ? "" : `(${names.join(", ")})`;
    const prefix = `INSERT INTO ${quoteName(table.name)}${into} VALUES(`;
    const text = `?1 || ${joined(expressions.map((expression) => this.#literal(expression)))} || ?2`;
    const order = table.rowId === null ? "" : ` order by ${table.rowId}`;
    const statement = this.#database.prepare(
      `select ${this.#isUtf8 ? `cast(${text} as blob)` : text} as piece from ${quoteName(table.name)}${order}`,
    );
    for (const { piece } of statement.iterate(prefix, ");\n")) yield piece as string | Uint8Array;
  }

  *#head(): Generator<string> {
    const encoding = String(this.#told("encoding"));
    yield `-- chronolite ${VERSION}: load it into a new file, such as: sqlite3 new.db < dump.sql\n`;
    if (encoding !== "UTF-8") yield `PRAGMA encoding = ${quoteText(encoding)};\n`;
    yield "PRAGMA foreign_keys = OFF;\nBEGIN;\n";
    if (this.#wanted !== null) return;
    for (const pragma of ["user_version", "application_id"]) {
      const value = Number(this.#told(pragma));
      if (value !== 0) yield `PRAGMA ${pragma} = ${value};\n`;
    }
  }

  /** Where AUTOINCREMENT goes on. The table is there once one that uses it is. */
  *#sequences(tables: readonly TableToDump[]): Generator<string | Uint8Array> {
    if (!this.#has("sqlite_sequence")) return;
    const names = new Set(tables.map(({ name }) => name));
    const rows = this.#database.prepare("select name, seq from sqlite_sequence");
    rows.setReadBigInts(true);
    for (const { name, seq } of rows.all()) {
      if (!names.has(String(name))) continue;
      const quoted = quoteText(String(name));
      yield `DELETE FROM sqlite_sequence WHERE name = ${quoted};\n`;
      yield `INSERT INTO sqlite_sequence(name, seq) VALUES(${quoted}, ${seq ?? "NULL"});\n`;
    }
  }

  /** What ANALYZE found. */
  *#statistics(): Generator<string | Uint8Array> {
    if (this.#wanted !== null || !this.#has("sqlite_stat1")) return;
    yield "ANALYZE sqlite_schema;\nDELETE FROM sqlite_stat1;\n";
    yield* this.rows({ name: "sqlite_stat1", sql: "", type: "table", rowId: null });
  }

  /** Why a virtual table cannot be read, for instance because its module is of another program. */
  #problem({ name }: TableToDump): string | undefined {
    try {
      this.#database.prepare(`select 1 from ${quoteName(name)}`);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  #tables(): TableToDump[] {
    const rows = this.#database
      .prepare(
        `select l.name, l.type, l.wr, s.sql from pragma_table_list as l
         join sqlite_schema as s on s.type = 'table' and s.name = l.name
         where l.schema = 'main' and l.type in ('table', 'virtual') and l.name not like 'sqlite\\_%' escape '\\'
         order by s.rowid`,
      )
      .all();
    return rows.map((row) => {
      const name = String(row["name"]);
      const type = row["type"] as "table" | "virtual";
      const columns: ColumnRow[] = type === "table" ? columnsOf(this.#database, name) : [];
      const keep = type === "table" && row["wr"] !== 1;
      return {
        name,
        type,
        sql: String(row["sql"]),
        rowId: keep ? rowIdToKeep(this.#database, name, columns) : null,
      };
    });
  }

  #schema(type: SchemaRow["type"]): SchemaRow[] {
    return this.#database
      .prepare(
        `select type, name, tbl_name, sql from sqlite_schema
         where type = ? and sql is not null order by rowid`,
      )
      .all(type) as unknown as SchemaRow[];
  }

  /** A column's value as SQL that means it. */
  #literal(column: string): string {
    const examined = this.#isUtf8 ? `cast(${column} as blob)` : column;
    return `case when typeof(${column}) <> 'text' or ${PLAIN}(${examined}) then quote(${column})
      else 'CAST(X''' || hex(${column}) || ''' AS TEXT)' end`;
  }

  #wants(name: string): boolean {
    return this.#wanted === null || this.#wanted.has(name.toLowerCase());
  }

  #has(table: string): boolean {
    const found = this.#database.prepare("select 1 from sqlite_schema where name = ?").get(table);
    return found !== undefined;
  }

  #told(pragma: string): unknown {
    return Object.values(this.#database.prepare(`pragma ${pragma}`).get() ?? {})[0];
  }
}

/** Values with commas between them. */
function joined(literals: readonly string[]): string {
  const groups: string[] = [];
  for (let start = 0; start < literals.length; start += CONCAT_GROUP)
    groups.push(`concat_ws(',', ${literals.slice(start, start + CONCAT_GROUP).join(", ")})`);
  return groups.join(" || ',' || ");
}
