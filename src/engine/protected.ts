/**
 * What SQL that is not ours must leave alone, whoever runs it: callers' SQL in its sandbox, and the
 * triggers that somebody attached to a key-value table. Runs in runner processes, on node:sqlite.
 */
import type { DatabaseSync } from "node:sqlite";
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

/** Names that begin like this are ours, also those that do not exist yet. */
const OUR_PREFIX = "chronolite_";

/** Our bookkeeping and the histories of the file's key-value tables, as they are at the beginning. */
export class ProtectedObjects {
  /** Tables whose rows only the server writes, in lower case. */
  readonly #histories: ReadonlySet<string>;
  readonly #indexes: ReadonlySet<string>;
  /** In lower case. */
  readonly keyValueTables: readonly string[];

  constructor(database: DatabaseSync) {
    const found = database
      .prepare("select 1 from sqlite_schema where type = 'table' and name = ?")
      .get(RELATIONS_TABLE);
    const names =
      found === undefined
        ? []
        : database
            .prepare(`select name from ${RELATIONS_TABLE} where kind = 'kv'`)
            .all()
            .map((row) => String(row["name"]).toLowerCase());
    this.keyValueTables = names;
    this.#histories = new Set(names.map((name) => `${name}_history`));
    this.#indexes = new Set(names.map((name) => `${name}_expire`));
  }

  /** Whether only the server may write or change the table. */
  isOurs(table: string): boolean {
    const name = table.toLowerCase();
    return name.startsWith(OUR_PREFIX) || this.#histories.has(name);
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
