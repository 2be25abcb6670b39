/** How many rows a table has: counted while that is quick, estimated beyond. */
import type { DatabaseSync } from "node:sqlite";
import { SCHEMA_COUNT_BUDGET_MS, SCHEMA_EXACT_ROWS } from "../limits.ts";
import { quoteName } from "./identifier.ts";

export interface RowCount {
  rows: number | null;
  exact: boolean;
}

const UNKNOWN: RowCount = { rows: null, exact: false };

/** Places of a table that are looked at, and rows at each. */
const PROBES = 16;
const PROBE_ROWS = 64;
/** Row ids are taken for numbers without wide gaps from this share of used ones on. */
const DENSE = 0.25;
/** Pages of a b-tree that an estimate reads. */
const SAMPLED_PAGES = 24;

export class RowCounter {
  readonly #database: DatabaseSync;
  readonly #giveUpMs = performance.now() + SCHEMA_COUNT_BUDGET_MS;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /**
   * @param table an ordinary table or the shadow of a virtual one
   * @param rowId a name that means the row id there, null for a table without one
   */
  count(table: string, rowId: string | null): RowCount {
    try {
      if (performance.now() < this.#giveUpMs) {
        const counted = this.#number(
          `select count(*) from (select 1 from ${quoteName(table)} limit ${SCHEMA_EXACT_ROWS + 1})`,
        );
        if (counted <= SCHEMA_EXACT_ROWS) return { rows: counted, exact: true };
      }
      const estimate =
        (rowId === null ? null : this.#byRowIds(table, rowId)) ?? this.#byPages(table);
      return { rows: estimate, exact: false };
    } catch {
      // For instance an index with a collation of another program: the rest of the schema stands.
      return UNKNOWN;
    }
  }

  /** From the range of row ids, and how densely it is filled at a few places; null if it is sparse. */
  #byRowIds(table: string, rowId: string): number | null {
    const from = quoteName(table);
    const [first, last] = this.#row(
      `select (select min(${rowId}) from ${from}), (select max(${rowId}) from ${from})`,
    );
    if (typeof first !== "bigint" || typeof last !== "bigint") return 0;
    const span = last - first + 1n;
    const probe = this.#database.prepare(
      `select count(*), max(id) from (select ${rowId} as id from ${from} where ${rowId} >= ? order by ${rowId} limit ${PROBE_ROWS})`,
    );
    probe.setReadBigInts(true);
    probe.setReturnArrays(true);
    let densities = 0;
    for (let index = 0; index < PROBES; index += 1) {
      const start = first + (span * BigInt(index)) / BigInt(PROBES);
      const [found, end] = probe.get(start) as unknown as [bigint, bigint];
      const density = Number(found) / Number(end - start + 1n);
      if (density < DENSE) return null;
      densities += density;
    }
    return Math.round((Number(span) * densities) / PROBES);
  }

  /** From the fan-out of the b-tree along its first path, and the cells of its first leaves. */
  #byPages(table: string): number {
    const statement = this.#database.prepare(
      "select path, pagetype, ncell from dbstat where name = ? and pagetype <> 'overflow' limit ?",
    );
    const fanOuts = new Map<string, number>();
    let leaves = 0;
    let leafCells = 0;
    for (const { path, pagetype, ncell } of statement.iterate(table, SAMPLED_PAGES)) {
      if (pagetype === "leaf") {
        leaves += 1;
        leafCells += Number(ncell);
      } else {
        const level = String(String(path).split("/").length);
        if (!fanOuts.has(level)) fanOuts.set(level, Number(ncell) + 1);
      }
    }
    const leafCount = [...fanOuts.values()].reduce((product, fanOut) => product * fanOut, 1);
    return leaves === 0 ? 0 : Math.round((leafCount * leafCells) / leaves);
  }

  #number(sql: string): number {
    return Number(this.#row(sql)[0]);
  }

  #row(sql: string): unknown[] {
    const statement = this.#database.prepare(sql);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    return statement.get() as unknown as unknown[];
  }
}
