/** How much of the file tables take, with their indexes: every page is looked at, so there is a bound. */
import type { DatabaseSync } from "node:sqlite";
import { SCHEMA_SIZE_BUDGET_MS } from "../limits.ts";
import type { SchemaObject } from "./schema.ts";

export class TableSizes {
  readonly #database: DatabaseSync;
  readonly #giveUpMs = performance.now() + SCHEMA_SIZE_BUDGET_MS;
  /** Names of tables and indexes that have pages of their own. */
  readonly #trees: ReadonlySet<string>;

  constructor(database: DatabaseSync) {
    this.#database = database;
    const rows = database.prepare("select name from sqlite_schema where rootpage > 0").all();
    this.#trees = new Set(rows.map((row) => String(row["name"])));
  }

  /** @returns bytes; null for what has no pages, and where it would take too long */
  sizeBytes({ name, indexes }: Pick<SchemaObject, "name" | "indexes">): number | null {
    if (!this.#trees.has(name)) return null;
    let bytes = 0;
    // The key of a table without row ids is the table itself.
    for (const tree of [name, ...indexes.map((index) => index.name)].filter((each) =>
      this.#trees.has(each),
    )) {
      const treeBytes = this.#treeBytes(tree);
      if (treeBytes === null) return null;
      bytes += treeBytes;
    }
    return bytes;
  }

  #treeBytes(name: string): number | null {
    let bytes = 0;
    const pages = this.#database.prepare("select pgsize from dbstat where name = ?");
    for (const { pgsize } of pages.iterate(name)) {
      if (performance.now() > this.#giveUpMs) return null;
      bytes += Number(pgsize);
    }
    return bytes;
  }
}
