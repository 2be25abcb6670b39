/** Work on whole database files as jobs of a runner process; the SQL is ours. */
import { closeSync, openSync, rmSync, statSync } from "node:fs";
import type { DatabaseTarget } from "../engine/database.ts";
import { placeDatabase } from "../engine/place.ts";
import type { DataRoot } from "../engine/resolve.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import type { JobChannel, JobHandlers } from "../runner/child.ts";
import { Dump } from "./dump.ts";
import { type ImportFileJob, importDatabaseFile } from "./import/database-file.ts";
import { type ImportRowsJob, importRows } from "./import/rows.ts";
import { MAINTENANCE, type MaintenanceOp } from "./maintenance.ts";
import { openOwn } from "./own-connection.ts";
import { visibleTables } from "./rights.ts";
import { describeSchema, schemaEtag, schemaVersion } from "./schema.ts";
import { type SchemaRows, schemaCsv } from "./schema-rows.ts";
import { sendFile, sendPieces } from "./send.ts";
import { TableSizes } from "./table-sizes.ts";

export interface SchemaJob extends DatabaseTarget {
  /** The name under which the caller knows the database. */
  db: string;
  busyTimeoutMs: number;
  /** ETags of what the caller has. */
  knownEtags: string[];
  /** Only the table or view of this name; null for all. */
  object: string | null;
  /** Whether how much of the file each takes is found out, too. */
  sizes: boolean;
  format: "json" | "csv";
  /** What a row of the CSV is about. */
  rows: SchemaRows;
}

export interface SchemaResult {
  etag: string;
  /** The body of the answer; null when the caller has it. */
  body: string | null;
}

export interface MaintenanceJob extends DatabaseTarget {
  op: MaintenanceOp;
  busyTimeoutMs: number;
  durability: "full" | "relaxed";
}

export interface CopyJob extends DatabaseTarget {
  busyTimeoutMs: number;
  /** Where the copy is written; whoever runs the job removes it. */
  workFile: string;
  /** Where it gets its name, as `databasePath` gave it. */
  target: string;
  root: DataRoot;
}

export interface DumpJob {
  path: string;
  busyTimeoutMs: number;
  /** Null for everything. */
  tables: string[] | null;
}

export interface ExportFileJob {
  path: string;
  busyTimeoutMs: number;
  /** Where the copy is written; whoever runs the job removes it. */
  workFile: string;
}

export const fileJobs = {
  "sql.schema"(job: SchemaJob): SchemaResult {
    const { path, grant, db, busyTimeoutMs, knownEtags, format, rows } = job;
    using database = openOwn(path, { access: "read", busyTimeoutMs });
    database.exec("begin");
    const etag = schemaEtag(database, path, grant, format);
    if (knownEtags.includes("*") || knownEtags.includes(etag)) return { etag, body: null };
    const schema_version = schemaVersion(database);
    const visible = visibleTables(database, grant);
    const named = job.object?.toLowerCase();
    const objects = describeSchema(database, (name) => {
      const lower = name.toLowerCase();
      return (visible?.has(lower) ?? true) && (named === undefined || named === lower);
    });
    if (named !== undefined && objects.length === 0)
      throw new ApiError("NOT_FOUND", `There is no table or view ${job.object}`, {
        hint: "GET /api/v1/sqlite/db/schema?db=… lists them.",
      });
    if (job.sizes) {
      const sizes = new TableSizes(database);
      for (const object of objects) object.size = sizes.sizeBytes(object);
    }
    const body =
      format === "csv"
        ? schemaCsv(objects, rows)
        : JSON.stringify({ success: true, db, schema_version, objects });
    return { etag, body };
  },

  /** @returns the members of the answer */
  async "sql.maintain"(
    { path, op, busyTimeoutMs, durability }: MaintenanceJob,
    turn: () => Promise<void>,
  ): Promise<Record<string, unknown>> {
    const { writes, run } = MAINTENANCE[op];
    if (writes) await turn();
    const access = writes ? "write" : "read";
    using database = openOwn(path, { access, busyTimeoutMs, durability });
    return run(database, path);
  },

  /** A consistent copy while others read and write. @returns its path and size in bytes */
  "sql.copy"({ path, busyTimeoutMs, workFile, target, root }: CopyJob): {
    path: string;
    sizeBytes: number;
  } {
    copyDatabase(path, workFile, busyTimeoutMs);
    const placed = placeDatabase(workFile, target, root);
    return { path: placed, sizeBytes: statSync(workFile).size };
  },

  /** Sends a consistent copy of the file. */
  async "sql.export-file"(
    { path, busyTimeoutMs, workFile }: ExportFileJob,
    _turn: () => Promise<void>,
    channel: JobChannel,
  ): Promise<void> {
    copyDatabase(path, workFile, busyTimeoutMs);
    const fd = openSync(workFile, "r");
    try {
      // Where an open file needs no name, a crash from here on leaves nothing behind.
      if (process.platform !== "win32") rmSync(workFile);
      await sendFile(fd, channel);
    } finally {
      closeSync(fd);
    }
  },

  async "sql.import-rows"(
    job: ImportRowsJob,
    turn: () => Promise<void>,
    channel: JobChannel,
  ): Promise<void> {
    await importRows(job, turn, channel);
  },

  async "sql.import-file"(
    job: ImportFileJob,
    _turn: () => Promise<void>,
    channel: JobChannel,
  ): Promise<void> {
    await importDatabaseFile(job, channel);
  },

  /** Sends the database as SQL text. */
  async "sql.dump"(
    { path, busyTimeoutMs, tables }: DumpJob,
    _turn: () => Promise<void>,
    channel: JobChannel,
  ): Promise<void> {
    using database = openOwn(path, { access: "read", busyTimeoutMs });
    database.exec("begin");
    const dump = new Dump(database, tables);
    const [unknown] = dump.unknown();
    if (unknown !== undefined)
      throw invalidParameter("tables", `names ${unknown}, which the database does not have`);
    await sendPieces(dump.pieces(), channel);
  },
} satisfies JobHandlers;

function copyDatabase(path: string, workFile: string, busyTimeoutMs: number): void {
  using database = openOwn(path, { access: "read", busyTimeoutMs });
  database.prepare("vacuum into ?").run(workFile);
}
