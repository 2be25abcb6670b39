/** Shapes of the answers about the past, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";
import { MAX_ROLLBACK_KEYS } from "../limits.ts";
import { withExample } from "./example.ts";

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

export const HistoryAnswer = withExample(
  Type.Object({
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
  }),
  {
    success: true,
    key: "timeout",
    table: "kv_store",
    count: 1,
    limit: 50,
    has_more: true,
    next_before: 2,
    has_gaps: false,
    pruned: false,
    operations: [
      {
        op_number: 2,
        timestamp: 1767323045,
        timestamp_ms: 1767323045678,
        op: "SET",
        actor: "ada",
        client_ip: null,
        old_value: 30,
        new_value: 60,
        operation: {
          op: "SET",
          path: "",
          delta: null,
          content_type: "application/json",
          expire_at: null,
          old_value: 30,
          new_value: 60,
        },
      },
    ],
  },
);

export const KeySnapshotAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    key: Type.String(),
    op_number: Type.Integer(),
    content_type: Type.String(),
    value: Type.Optional(Json),
    value_base64: Type.Optional(Base64),
  }),
  { success: true, key: "timeout", op_number: 1, content_type: "application/json", value: 30 },
);

export const KeyRollbackAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    status: Type.Literal("ok"),
    key: Type.String(),
    rolled_back: Type.Integer({ description: "Operations that were undone." }),
    etag: Type.Optional(Type.String()),
    deleted: Type.Optional(Type.Literal(true, { description: "The key does not exist any more." })),
  }),
  { success: true, status: "ok", key: "timeout", rolled_back: 1, etag: '"9"' },
);

export const SnapshotAnswer = withExample(
  Type.Object({
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
  }),
  {
    success: true,
    timestamp: 1767323045,
    snapshot_time: "2026-01-02T03:04:05Z",
    count: 1,
    total_keys_at_snapshot: 1,
    has_gaps: false,
    gap_keys: [],
    candidate_truncated: false,
    keys: [{ key: "timeout", content_type: "application/json", op_number: 1, value: 30 }],
  },
);

const Milliseconds = (description: string) => Type.Integer({ description });
const MillisecondsOrNull = (description: string) =>
  Type.Union([Type.Integer(), Type.Null()], { description });

export const MomentsAnswer = withExample(
  Type.Object(
    {
      success: Type.Literal(true),
      table: Type.String(),
      first_ms: MillisecondsOrNull("The oldest operation that is recorded; null where none is."),
      last_ms: MillisecondsOrNull("The newest."),
      horizon_ms: MillisecondsOrNull("Everything is known from then on, if older was dropped."),
      at_ms: Milliseconds("The moment that was asked for."),
      previous_ms: MillisecondsOrNull(
        "As it was then, the table does not have the newest operation that it has at `at_ms`.",
      ),
      next_ms: MillisecondsOrNull("The first operation after `at_ms`."),
      operations: Type.Integer({ description: "How many there were by `at_ms`." }),
      total: Type.Integer({ description: "How many there are in all." }),
      buckets: Type.Array(
        Type.Object({
          from_ms: Milliseconds("Its first millisecond."),
          to_ms: Milliseconds("Its last one: as `at_timestamp`, the table after its operations."),
          operations: Type.Integer(),
        }),
        { description: "From `first_ms` to `last_ms`, without a gap in between." },
      ),
    },
    { description: "All times are Unix milliseconds." },
  ),
  {
    success: true,
    table: "kv_store",
    first_ms: 1767323045678,
    last_ms: 1767323065677,
    horizon_ms: null,
    at_ms: 1767323060000,
    previous_ms: 1767323045678,
    next_ms: 1767323065677,
    operations: 2,
    total: 3,
    buckets: [
      { from_ms: 1767323045678, to_ms: 1767323055677, operations: 2 },
      { from_ms: 1767323055678, to_ms: 1767323065677, operations: 1 },
    ],
  },
);

export const DiffAnswer = withExample(
  Type.Object({
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
  }),
  {
    success: true,
    from_timestamp: 1767323045,
    to_timestamp: 1767323105,
    stats: { created: 0, modified: 1, deleted: 0, unchanged: 0, total_changes: 1 },
    has_gaps: false,
    gap_keys: [],
    candidate_truncated: false,
    changes: [
      {
        key: "timeout",
        change_type: "modified",
        from_value: 30,
        from_content_type: "application/json",
        to_value: 60,
        to_content_type: "application/json",
        operations_between: [
          { op_number: 2, operation: "SET", path: "", timestamp: 1767323075, delta: null },
        ],
      },
    ],
  },
);

const KeyList = Type.Optional(Type.Array(Type.String(), { maxItems: MAX_ROLLBACK_KEYS }));

export const RollbackBody = withExample(
  Type.Object({
    keys: KeyList,
    exclude_keys: KeyList,
  }),
  { exclude_keys: ["config"] },
);

export const RollbackAnswer = withExample(
  Type.Object({
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
  }),
  {
    success: true,
    status: "ok",
    to_timestamp: 1767323045,
    rolled_back: 1,
    deleted: 1,
    restored: 0,
    total_operations_reversed: 3,
    untouched_keys: [],
    duration_ms: 4,
  },
);
