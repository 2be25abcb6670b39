/**
 * What SQL that is not ours must leave alone, whoever runs it: callers' SQL in its sandbox, and the
 * triggers that somebody attached to a key-value table. Runs in runner processes, on node:sqlite.
 */
import type { DatabaseSync } from "node:sqlite";
import { expiryIndex, historyTable, OWN_PREFIX } from "./own-names.ts";
import { RELATIONS_TABLE } from "./relations.ts";

/**
 * Functions that reach out of the database. `fts3_tokenizer` takes and gives addresses of machine
 * code, with a bound parameter even where SQLite has it switched off. A test pins the list of all
 * functions, so that a new one is judged before it is served.
 */
export const FORBIDDEN_FUNCTIONS: ReadonlySet<string> = new Set([
  "load_extension",
  "fts3_tokenizer",
]);

/** Names of the file's key-value tables, in lower case. */
export function keyValueTables(database: DatabaseSync): string[] {
  const found = database
    .prepare("select 1 from sqlite_schema where type = 'table' and name = ?")
    .get(RELATIONS_TABLE);
  if (found === undefined) return [];
  return database
    .prepare(`select name from ${RELATIONS_TABLE} where kind = 'kv'`)
    .all()
    .map((row) => String(row["name"]).toLowerCase());
}

/** Our bookkeeping and the histories of the file's key-value tables, as they are at the beginning. */
export class ProtectedObjects {
  /** Tables whose rows only the server writes, in lower case. */
  readonly #histories: ReadonlySet<string>;
  readonly #indexes: ReadonlySet<string>;
  /** In lower case. */
  readonly keyValueTables: readonly string[];

  constructor(database: DatabaseSync) {
    this.keyValueTables = keyValueTables(database);
    this.#histories = new Set(this.keyValueTables.map(historyTable));
    this.#indexes = new Set(this.keyValueTables.map(expiryIndex));
  }

  /** Whether only the server may write or change the table. */
  isOurs(table: string): boolean {
    const name = table.toLowerCase();
    return name.startsWith(OWN_PREFIX) || this.#histories.has(name);
  }

  /** Whether a name is that of a table of ours, or of a key-value table. */
  isOursOrKeyValue(table: string): boolean {
    return this.isOurs(table) || this.keyValueTables.includes(table.toLowerCase());
  }

  /** Whether the index, on a table that callers may change, is one that the server needs. */
  isOurIndex(index: string): boolean {
    return this.#indexes.has(index.toLowerCase());
  }
}
