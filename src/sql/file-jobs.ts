/** Work on whole database files as jobs of a runner process; the SQL is ours. */
import type { JobHandlers } from "../runner/child.ts";
import { openOwn } from "./own-connection.ts";
import { describeSchema, schemaEtag, schemaVersion } from "./schema.ts";

export interface SchemaJob {
  path: string;
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

export const fileJobs = {
  "sql.schema"({ path, db, busyTimeoutMs, knownEtags }: SchemaJob): SchemaResult {
    using database = openOwn(path, { access: "read", busyTimeoutMs });
    database.exec("begin");
    const etag = schemaEtag(database, path);
    if (knownEtags.includes("*") || knownEtags.includes(etag)) return { etag, body: null };
    const schema_version = schemaVersion(database);
    const objects = describeSchema(database);
    return { etag, body: JSON.stringify({ success: true, db, schema_version, objects }) };
  },
} satisfies JobHandlers;
