/** A key-value request that was routed and read so far as all of them have it in common. */
import type { Database } from "../engine/database.ts";
import type { WriteContext } from "../kv/write-plan.ts";
import type { Query } from "./query.ts";

export interface KvCall {
  readonly request: Request;
  readonly query: Query;
  readonly context: WriteContext;
  readonly maxBodyBytes: number;
  /** Opens the database, when everything else has been read and checked; a write may make its file. */
  readonly database: (access: "read" | "write") => Database | Promise<Database>;
}

/** Answers with JSON text. */
export type KvHandler<Call extends KvCall = KvCall> = (call: Call) => Promise<string>;
