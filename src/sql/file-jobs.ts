/** Work on whole database files as jobs of a runner process; the SQL is ours. */
import { statSync } from "node:fs";
import type { DatabaseTarget } from "../engine/database.ts";
import { placeDatabase } from "../engine/place.ts";
import type { DataRoot } from "../engine/resolve.ts";
import type { JobHandlers } from "../runner/child.ts";
import { MAINTENANCE, type MaintenanceOp } from "./maintenance.ts";
import { openOwn } from "./own-connection.ts";
import { visibleTables } from "./rights.ts";
import { describeSchema, schemaEtag, schemaVersion } from "./schema.ts";

export interface SchemaJob extends DatabaseTarget {
  /** The name under which the caller knows the database. */
  db: string;
  busyTimeoutMs: number;
  /** ETags of what the caller has. */
  knownEtags: string[];
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

export const fileJobs = {
  "sql.schema"({ path, grant, db, busyTimeoutMs, knownEtags }: SchemaJob): SchemaResult {
    using database = openOwn(path, { access: "read", busyTimeoutMs });
    database.exec("begin");
    const etag = schemaEtag(database, path, grant);
    if (knownEtags.includes("*") || knownEtags.includes(etag)) return { etag, body: null };
    const schema_version = schemaVersion(database);
    const visible = visibleTables(database, grant);
    const objects = describeSchema(database).filter(
      ({ name }) => visible?.has(name.toLowerCase()) ?? true,
    );
    return { etag, body: JSON.stringify({ success: true, db, schema_version, objects }) };
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
} satisfies JobHandlers;

function copyDatabase(path: string, workFile: string, busyTimeoutMs: number): void {
  using database = openOwn(path, { access: "read", busyTimeoutMs });
  database.prepare("vacuum into ?").run(workFile);
}
