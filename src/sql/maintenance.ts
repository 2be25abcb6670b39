/** Upkeep of a database file (contracts/hoody.md 1.30, and more). */

import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { truncateLog } from "../engine/checkpoint.ts";
import { ApiError, sqliteCode } from "../errors.ts";
import { MAX_CHECK_PROBLEMS } from "../limits.ts";

type Row = Record<string, unknown>;

interface Operation {
  /** Whether it needs the write turn. */
  writes: boolean;
  run(database: DatabaseSync, path: string): Record<string, unknown>;
}

/** Operations by name; each gives the members of its answer. */
export const MAINTENANCE = {
  /** Empties the write-ahead log into the file. */
  wal_checkpoint_truncate: {
    writes: true,
    run(database) {
      if (!truncateLog(database))
        throw new ApiError("CONFLICT", "A reader of the database is in the way", {
          headers: { "retry-after": "1" },
          hint: "Try again when it is done.",
        });
      return { result: "ok" };
    },
  },
  /** Looks for damage, without comparing indexes with their tables. */
  quick_check: { writes: false, run: (database) => check(database, "quick_check") },
  /** The same, indexes included. */
  integrity_check: { writes: false, run: (database) => check(database, "integrity_check") },
  /** Gathers the statistics that SQLite thinks its query planner lacks. */
  optimize: {
    writes: true,
    run(database) {
      database.exec("pragma optimize(0x10012)");
      return { result: "ok" };
    },
  },
  /** Rebuilds the file without free pages. */
  vacuum: {
    writes: true,
    run(database) {
      const before = bytesOf(database);
      database.exec("vacuum");
      return { result: "ok", size_before: before, size_after: bytesOf(database) };
    },
  },
  /** Sizes, from the file's pages. */
  stats: { writes: false, run: (database, path) => ({ result: stats(database, path) }) },
} as const satisfies Record<string, Operation>;

export type MaintenanceOp = keyof typeof MAINTENANCE;

function check(database: DatabaseSync, pragma: string): Record<string, unknown> {
  const problems = problemsOf(database, pragma);
  const [first = "ok"] = problems;
  return first === "ok" ? { result: first } : { result: first, problems };
}

function problemsOf(database: DatabaseSync, pragma: string): string[] {
  try {
    const rows = database.prepare(`pragma ${pragma}(${MAX_CHECK_PROBLEMS})`).all() as Row[];
    return rows.map((row) => String(Object.values(row)[0]));
  } catch (error) {
    // Damage that the check itself stumbles over is what it found.
    if (sqliteCode(error) !== "SQLITE_CORRUPT") throw error;
    return [(error as Error).message];
  }
}

function bytesOf(database: DatabaseSync): number {
  return pragma(database, "page_count") * pragma(database, "page_size");
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(told(database, name));
}

function told(database: DatabaseSync, name: string): unknown {
  return Object.values((database.prepare(`pragma ${name}`).get() ?? {}) as Row)[0];
}

const AUTO_VACUUM = ["none", "full", "incremental"];

function stats(database: DatabaseSync, path: string): Record<string, unknown> {
  database.exec("begin");
  const sizes = database
    .prepare(
      `select d.name, ifnull(s.type, 'table') as type, ifnull(s.tbl_name, d.name) as of_table,
         d.pageno as pages, d.pgsize as bytes, d.unused as unused_bytes, d.ncell as cells
       from dbstat as d left join sqlite_schema as s on s.name = d.name
       where d.aggregate = true order by d.pgsize desc, d.name`,
    )
    .all() as Row[];
  return {
    page_size: pragma(database, "page_size"),
    page_count: pragma(database, "page_count"),
    free_pages: pragma(database, "freelist_count"),
    size: bytesOf(database),
    wal_size: statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
    journal_mode: told(database, "journal_mode"),
    encoding: told(database, "encoding"),
    auto_vacuum: AUTO_VACUUM[pragma(database, "auto_vacuum")],
    schema_version: pragma(database, "schema_version"),
    user_version: pragma(database, "user_version"),
    application_id: pragma(database, "application_id"),
    objects: sizes.map(({ of_table, ...row }) => ({ ...row, table: of_table })),
  };
}
