/** Who writes, when, and how long they wait: from a request. */

import type { Idempotency } from "../kv/idempotency.ts";
import type { WriteContext } from "../kv/write-plan.ts";
import { MAX_ACTOR_CHARS } from "../limits.ts";
import { callerOf } from "./caller.ts";
import type { ServerDeps } from "./deps.ts";
import { history, type Parameter } from "./parameters.ts";
import type { Query } from "./query.ts";

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
    clientAddress: deps.config.recordClientAddress ? deps.clientAddress(request) : null,
    idempotency,
    maxValueBytes: deps.config.maxValueBytes,
  };
}

/**
 * Who acts. A limited token acts under its own name, which has no colon; what it says of itself comes
 * after one. Only the root token, or a server without tokens, takes a caller's word.
 */
export function actorOf(request: Request): string | null {
  const said = request.headers.get("x-actor")?.slice(0, MAX_ACTOR_CHARS) ?? null;
  const { token } = callerOf(request);
  if (token === null) return said;
  return said === null ? token.name : `${token.name}:${said}`;
}
