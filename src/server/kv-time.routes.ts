/** Routes about a table's past, and the descriptions of those about a key's. */
import { Elysia } from "elysia";
import { refuseConditions } from "./conditions.ts";
import type { ServerDeps } from "./deps.ts";
import { documented } from "./documentation.ts";
import { refuseIdempotency } from "./idempotency.ts";
import type { Headers } from "./kv-answer.ts";
import { type KvHandler, kvCalls } from "./kv-call.ts";
import { API_PREFIX } from "./kv-path.ts";
import {
  DiffAnswer,
  HistoryAnswer,
  KeyRollbackAnswer,
  KeySnapshotAnswer,
  MomentsAnswer,
  RollbackAnswer,
  RollbackBody,
  SnapshotAnswer,
} from "./kv-time.model.ts";
import {
  atTimestamp,
  before,
  buckets,
  confirm,
  dryRun,
  from,
  historyLimit,
  keys,
  opNumber,
  snapshotLimit,
  snapshotTime,
  steps,
  to,
  toOpNumber,
  toTimestamp,
  toTimestampOfKey,
} from "./kv-time.parameters.ts";
import { rollbackTable, TABLE_PAST } from "./kv-time.ts";
import { db, prefix, table, timeout } from "./parameters.ts";

const target = [db, table];

/** The routes of one server. */
export function kvTimeRoutes(deps: ServerDeps) {
  const deadline = timeout(deps.config.timeoutMs);
  const callOf = kvCalls(deps);
  const answer =
    (handler: KvHandler | undefined) =>
    ({ request, set }: { request: Request; set: { headers: object } }) => {
      (set.headers as Headers)["content-type"] = "application/json";
      refuseConditions(request);
      refuseIdempotency(request);
      return handler?.(callOf(request));
    };

  return new Elysia({ name: "kv-time" })
    .get(`${API_PREFIX}/kv/snapshot`, answer(TABLE_PAST["snapshot"]), {
      detail: documented({
        summary: "A table as it was at a moment",
        tag: "Time travel",
        parameters: [...target, snapshotTime, prefix, snapshotLimit],
        answers: { 200: { description: "The keys of then", schema: SnapshotAnswer } },
        errors: ["HISTORY_PRUNED", "RESPONSE_TOO_LARGE"],
      }),
    })
    .get(`${API_PREFIX}/kv/diff`, answer(TABLE_PAST["diff"]), {
      detail: documented({
        summary: "What changed between two moments",
        tag: "Time travel",
        parameters: [...target, from, to, keys],
        answers: { 200: { description: "The changes", schema: DiffAnswer } },
        errors: ["HISTORY_PRUNED", "PAYLOAD_TOO_LARGE"],
      }),
    })
    .get(`${API_PREFIX}/kv/moments`, answer(TABLE_PAST["moments"]), {
      detail: documented({
        summary: "Where a moment is in a table's past",
        description:
          "What a control for going through time needs: how far the past reaches, and where the next step back and forth leads. `operations` count what the log has numbered: also expiries, writes without a record, and operations between others that were dropped. Not for tokens that are limited to keys.",
        tag: "Time travel",
        parameters: [...target, atTimestamp, buckets],
        answers: { 200: { description: "The past, seen from there", schema: MomentsAnswer } },
      }),
    })
    .post(`${API_PREFIX}/kv/rollback`, answer(rollbackTable), {
      parse: "none",
      detail: documented({
        summary: "Take a table back to a moment",
        description:
          "A preview until `confirm=yes`. Then one transaction, all or nothing; the operations that are undone stay in the history, marked.",
        tag: "Time travel",
        parameters: [...target, toTimestamp, dryRun, confirm, deadline],
        body: { description: "Which keys, if not all.", schema: RollbackBody, required: false },
        answers: {
          200: { description: "Done, and on disk; or what would be done", schema: RollbackAnswer },
        },
        errors: ["TIME_TRAVEL_CHAIN_GAP", "HISTORY_PRUNED", "PAYLOAD_TOO_LARGE", "DATABASE_BUSY"],
      }),
    });
}

/** Descriptions of `kv/{key}/VERB`, which the wildcard route of keys serves. */
export function keyPastDetails(deps: ServerDeps) {
  const deadline = timeout(deps.config.timeoutMs);
  return {
    history: {
      get: documented({
        summary: "What happened to a key",
        tag: "Time travel",
        key: true,
        parameters: [...target, historyLimit, before],
        answers: { 200: { description: "Its operations", schema: HistoryAnswer } },
      }),
    },
    snapshot: {
      get: documented({
        summary: "A key right after one of its operations",
        tag: "Time travel",
        key: true,
        parameters: [...target, { ...opNumber, required: true }],
        answers: { 200: { description: "The value of then", schema: KeySnapshotAnswer } },
        nullWhenMissing: true,
        errors: [
          "HISTORY_ENTRY_NOT_FOUND",
          "KEY_NOT_FOUND",
          "TIME_TRAVEL_CHAIN_GAP",
          "HISTORY_PRUNED",
        ],
      }),
    },
    rollback: {
      post: documented({
        summary: "Take a key back",
        description:
          "By `steps`, or to an operation or a moment. An operation of its own; those it undoes stay in the history, marked.",
        tag: "Time travel",
        key: true,
        parameters: [...target, steps, toOpNumber, toTimestampOfKey, deadline],
        answers: { 200: { description: "Done, and on disk", schema: KeyRollbackAnswer } },
        errors: [
          "HISTORY_ENTRY_NOT_FOUND",
          "TIME_TRAVEL_CHAIN_GAP",
          "HISTORY_PRUNED",
          "DATABASE_BUSY",
        ],
      }),
    },
  };
}
