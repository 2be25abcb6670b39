/** Who writes, when, and how long they wait: from a request. */
import type { Idempotency } from "../kv/idempotency.ts";
import type { WriteContext } from "../kv/write-plan.ts";
import type { ServerDeps } from "./deps.ts";
import { history, type Parameter } from "./parameters.ts";
import type { Query } from "./query.ts";

const MAX_ACTOR_CHARS = 256;

/** @throws ApiError INVALID_PARAMETERS */
export function writeContext(
  deps: ServerDeps,
  deadline: Parameter<number>,
  request: Request,
  query: Query,
  idempotency: Idempotency | null = null,
): WriteContext {
  const nowMs = deps.clock.nowMs();
  return {
    nowMs,
    deadlineMs: nowMs + deadline.read(query),
    history: history.read(query),
    actor: actorOf(request),
    clientAddress: null,
    idempotency,
    maxValueBytes: deps.config.maxValueBytes,
  };
}

/** Who the caller says they are. */
export function actorOf(request: Request): string | null {
  return request.headers.get("x-actor")?.slice(0, MAX_ACTOR_CHARS) ?? null;
}
