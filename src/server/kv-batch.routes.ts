/** Routes of several keys at once: contracts/hoody.md 1.9 to 1.11, and atomic changes. */
import { Elysia } from "elysia";
import { refuseConditions } from "./conditions.ts";
import type { ServerDeps } from "./deps.ts";
import { documented, WRITE_ERRORS } from "./documentation.ts";
import { repeatable } from "./idempotency.ts";
import type { Headers } from "./kv-answer.ts";
import { atomic } from "./kv-atomic.ts";
import {
  AtomicAnswer,
  AtomicBody,
  BatchDeleteBody,
  BatchGetAnswer,
  BatchKeysBody,
  BatchSetAnswer,
  BatchSetBody,
  DeletedAnswer,
} from "./kv-batch.model.ts";
import { BATCH } from "./kv-batch.ts";
import { type KvHandler, kvCalls } from "./kv-call.ts";
import { API_PREFIX } from "./kv-path.ts";
import { createIfMissing, db, history, table, timeout } from "./parameters.ts";
import { ACTOR, IDEMPOTENCY_KEY } from "./request-headers.ts";

/** The routes of one server. */
export function kvBatchRoutes(deps: ServerDeps) {
  const deadline = timeout(deps.config.timeoutMs);
  const target = [db, table];
  const writing = [...target, history, ...createIfMissing.documented, deadline];
  const callOf = kvCalls(deps);
  const route =
    (handler: KvHandler) =>
    ({ request, set }: { request: Request; set: { headers: object } }) => {
      (set.headers as Headers)["content-type"] = "application/json";
      return repeatable(request, set, deps.config.maxBodyBytes, (sent, idempotency) => {
        const call = callOf(sent, idempotency);
        refuseConditions(sent);
        return handler(call);
      });
    };

  return new Elysia({ name: "kv-batch" })
    .post(`${API_PREFIX}/kv/batch/get`, route(BATCH.get), {
      parse: "none",
      detail: documented({
        summary: "Read several keys",
        tag: "Key-value",
        parameters: target,
        body: { description: "The keys.", schema: BatchKeysBody },
        answers: {
          200: { description: "Their values; null for missing ones", schema: BatchGetAnswer },
        },
        errors: ["PAYLOAD_TOO_LARGE"],
      }),
    })
    .post(`${API_PREFIX}/kv/batch/set`, route(BATCH.set), {
      parse: "none",
      detail: documented({
        summary: "Write several keys, all or nothing",
        tag: "Key-value",
        parameters: writing,
        body: { description: "The entries.", schema: BatchSetBody },
        answers: { 200: { description: "Written, and on disk", schema: BatchSetAnswer } },
        headers: [ACTOR, IDEMPOTENCY_KEY],
        errors: WRITE_ERRORS,
      }),
    })
    .post(`${API_PREFIX}/kv/batch/delete`, route(BATCH.delete), {
      parse: "none",
      detail: documented({
        summary: "Delete several keys, all or nothing",
        tag: "Key-value",
        parameters: [...target, history, deadline],
        body: { description: "The keys.", schema: BatchDeleteBody },
        answers: { 200: { description: "Deleted, and on disk", schema: DeletedAnswer } },
        headers: [ACTOR, IDEMPOTENCY_KEY],
        errors: WRITE_ERRORS,
      }),
    })
    .post(`${API_PREFIX}/kv/atomic`, route(atomic), {
      parse: "none",
      detail: documented({
        summary: "Check and change several keys, all or nothing",
        description:
          "409 with the `failed` checks when one does not hold. An error of a mutation names its index in `mutation`.",
        tag: "Key-value",
        parameters: writing,
        body: { description: "Checks and mutations.", schema: AtomicBody },
        answers: { 200: { description: "Changed, and on disk", schema: AtomicAnswer } },
        headers: [ACTOR, IDEMPOTENCY_KEY],
        errors: [...WRITE_ERRORS, "KEY_NOT_FOUND", "NOT_FOUND"],
      }),
    });
}
