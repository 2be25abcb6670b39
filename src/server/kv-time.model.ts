/** Shapes of the answers about the past, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";
import { MAX_ROLLBACK_KEYS } from "../limits.ts";

const Seconds = Type.Integer({ description: "Unix seconds." });
const SecondsOrNull = Type.Union([Type.Integer(), Type.Null()], { description: "Unix seconds." });
const Json = Type.Unknown({ description: "JSON as it is, text as a string." });
const Base64 = Type.String({ description: "Where the value is not JSON." });
const Delta = Type.Union([Type.Integer(), Type.Null()], {
  description: "What incr and decr added.",
});
const OpName = Type.String({
  description: "SET, DELETE, INCR, DECR, PUSH, POP, REMOVE, TTL, ROLLBACK, UNRECORDED",
});

const gaps = {
  has_gaps: Type.Boolean({ description: "Whether changes without a record were in the way." }),
  gap_keys: Type.Array(Type.String(), { description: "Keys of which nobody knows." }),
};
const candidateTruncated = Type.Boolean({ description: "Whether there was more: ask for less." });

const beforeAndAfter = {
  old_value: Type.Optional(Json),
  raw_old_value: Type.Optional(Base64),
  new_value: Type.Optional(Json),
  raw_new_value: Type.Optional(Base64),
};

export const HistoryAnswer = Type.Object({
  success: Type.Literal(true),
  key: Type.String(),
  table: Type.String(),
  count: Type.Integer(),
  limit: Type.Integer(),
  has_more: Type.Boolean(),
  next_before: Type.Union([Type.Integer(), Type.Null()], {
    description: "`before` of the next page.",
  }),
  has_gaps: Type.Boolean(),
  pruned: Type.Boolean({ description: "Whether older operations were dropped." }),
  operations: Type.Array(
    Type.Object({
      op_number: Type.Union([Type.Integer(), Type.Null()], {
        description: "Counts per key from 1; null for a change by somebody's own SQL.",
      }),
      timestamp: Seconds,
      timestamp_ms: Type.Integer({ description: "Unix milliseconds." }),
      unrecorded_until: Type.Optional(SecondsOrNull),
      op: OpName,
      undone: Type.Optional(Type.Literal(true, { description: "A later rollback undid it." })),
      actor: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      client_ip: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      delta: Type.Optional(Delta),
      ...beforeAndAfter,
      operation: Type.Object({
        op: OpName,
        path: Type.Optional(Type.String()),
        delta: Type.Optional(Delta),
        content_type: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        expire_at: Type.Optional(SecondsOrNull),
        target_op_number: Type.Optional(
          Type.Integer({ description: "ROLLBACK: whose state it brought back; 0 for none." }),
        ),
        old_value_known: Type.Optional(Type.Literal(false)),
        timestamp: Type.Optional(Seconds),
        unrecorded_until: Type.Optional(SecondsOrNull),
        ...beforeAndAfter,
      }),
    }),
    { description: "Newest first." },
  ),
});

export const KeySnapshotAnswer = Type.Object({
  success: Type.Literal(true),
  key: Type.String(),
  op_number: Type.Integer(),
  content_type: Type.String(),
  value: Type.Optional(Json),
  value_base64: Type.Optional(Base64),
});

export const KeyRollbackAnswer = Type.Object({
  success: Type.Literal(true),
  status: Type.Literal("ok"),
  key: Type.String(),
  rolled_back: Type.Integer({ description: "Operations that were undone." }),
  etag: Type.Optional(Type.String()),
  deleted: Type.Optional(Type.Literal(true, { description: "The key does not exist any more." })),
});

export const SnapshotAnswer = Type.Object({
  success: Type.Literal(true),
  timestamp: Seconds,
  snapshot_time: Type.String({ description: "The same, RFC 3339." }),
  count: Type.Integer(),
  total_keys_at_snapshot: Type.Integer(),
  ...gaps,
  candidate_truncated: candidateTruncated,
  keys: Type.Array(
    Type.Object({
      key: Type.String(),
      content_type: Type.String(),
      op_number: Type.Integer({ description: "0 where no recorded operation made the value." }),
      value: Type.Optional(Json),
      value_base64: Type.Optional(Base64),
    }),
  ),
});

export const DiffAnswer = Type.Object({
  success: Type.Literal(true),
  from_timestamp: Seconds,
  to_timestamp: Seconds,
  stats: Type.Object({
    created: Type.Integer(),
    modified: Type.Integer(),
    deleted: Type.Integer(),
    unchanged: Type.Integer(),
    total_changes: Type.Integer(),
  }),
  ...gaps,
  candidate_truncated: candidateTruncated,
  changes: Type.Array(
    Type.Object({
      key: Type.String(),
      change_type: Type.Union(
        ["created", "modified", "deleted"].map((change) => Type.Literal(change)),
      ),
      from_value: Type.Optional(Json),
      from_value_base64: Type.Optional(Base64),
      from_content_type: Type.Optional(Type.String()),
      to_value: Type.Optional(Json),
      to_value_base64: Type.Optional(Base64),
      to_content_type: Type.Optional(Type.String()),
      old_expire_at: Type.Optional(Seconds),
      new_expire_at: Type.Optional(Seconds),
      operations_between: Type.Optional(
        Type.Array(
          Type.Object({
            op_number: Type.Integer(),
            operation: OpName,
            path: Type.String(),
            timestamp: Seconds,
            delta: Delta,
          }),
          { description: "Of modified keys, oldest first." },
        ),
      ),
    }),
  ),
});

const KeyList = Type.Optional(Type.Array(Type.String(), { maxItems: MAX_ROLLBACK_KEYS }));

export const RollbackBody = Type.Object({
  keys: KeyList,
  exclude_keys: KeyList,
});

export const RollbackAnswer = Type.Object({
  success: Type.Literal(true),
  status: Type.Optional(Type.Literal("ok")),
  to_timestamp: Seconds,
  rolled_back: Type.Optional(Type.Integer()),
  deleted: Type.Optional(Type.Integer()),
  restored: Type.Optional(Type.Integer()),
  total_operations_reversed: Type.Optional(Type.Integer()),
  untouched_keys: Type.Optional(Type.Array(Type.String())),
  duration_ms: Type.Optional(Type.Integer()),
  dry_run: Type.Optional(Type.Literal(true)),
  message: Type.Optional(Type.String()),
  preview: Type.Optional(
    Type.Object({
      total_keys: Type.Integer({ description: "Keys with operations since then." }),
      keys_to_rollback: Type.Integer(),
      keys_to_delete: Type.Integer(),
      keys_to_restore: Type.Integer(),
      operations_to_reverse: Type.Integer(),
      untouched_keys: Type.Array(Type.String(), {
        description: "Of those asked for, the keys that are as they were.",
      }),
      ...gaps,
      discovery_truncated: Type.Boolean({ description: "Whether changes has only the first." }),
      changes: Type.Array(
        Type.Object({
          key: Type.String(),
          action: Type.Union(
            ["rollback", "delete", "restore"].map((action) => Type.Literal(action)),
          ),
          operations_to_undo: Type.Integer(),
          reason: Type.Optional(Type.String()),
          current_value: Type.Optional(Json),
          current_value_base64: Type.Optional(Base64),
          current_content_type: Type.Optional(Type.String()),
          rollback_value: Type.Optional(Json),
          rollback_value_base64: Type.Optional(Base64),
          rollback_content_type: Type.Optional(Type.String()),
        }),
      ),
    }),
  ),
});
