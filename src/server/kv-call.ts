/** A key-value request that was routed and read so far as all of them have it in common. */
import type { Database } from "../engine/database.ts";
import type { Idempotency } from "../kv/idempotency.ts";
import type { WriteContext } from "../kv/write-plan.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { createIfMissing, timeout } from "./parameters.ts";
import { Query } from "./query.ts";
import { writeContext } from "./write-context.ts";

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

/**
 * How a server reads such a request.
 * @throws ApiError INVALID_PARAMETERS
 */
export function kvCalls(
  deps: ServerDeps,
): (request: Request, idempotency?: Idempotency | null) => KvCall {
  const deadline = timeout(deps.config.timeoutMs);
  return (request, idempotency = null) => {
    const query = Query.of(request);
    return {
      request,
      query,
      context: writeContext(deps, deadline, request, query, idempotency),
      maxBodyBytes: deps.config.maxBodyBytes,
      database: (access) =>
        withDatabase<Database>(
          deps,
          query,
          (database) => database,
          access === "write" && createIfMissing.read(query, deps.config.createMissing),
        ),
    };
  };
}
