/** Shapes of the key-value answers and the error, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";
import { MAX_BATCH_KEYS } from "../limits.ts";
import { withExample } from "./example.ts";

export const PutAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    status: Type.Literal("ok"),
    key: Type.String(),
    created: Type.Boolean({ description: "Whether the key was absent or expired before." }),
    size: Type.Integer({ description: "Bytes of the whole value." }),
    path: Type.Optional(Type.String()),
    etag: Type.Optional(Type.String({ description: "Not in directory mode." })),
    directory_mode: Type.Optional(Type.Literal(true)),
    file_path: Type.Optional(Type.String({ description: "Directory mode: the file." })),
  }),
  { success: true, status: "ok", key: "users/ada", created: true, size: 29, etag: '"1"' },
);

export const DeleteAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    status: Type.Literal("ok"),
    key: Type.String(),
    deleted: Type.Literal(true),
    directory_mode: Type.Optional(Type.Literal(true)),
  }),
  { success: true, status: "ok", key: "users/ada", deleted: true },
);

const Changed = {
  success: Type.Literal(true),
  status: Type.Literal("ok"),
  key: Type.String(),
  etag: Type.String(),
};
const Path = { path: Type.Optional(Type.String({ description: "As it was sent." })) };
const Length = {
  length: Type.Integer({ description: "Elements afterwards." }),
  newLength: Type.Integer({ description: "The same." }),
};

export const CountAnswer = withExample(
  Type.Object({
    ...Changed,
    ...Path,
    value: Type.Number({ description: "The sum." }),
    previous: Type.Number({ description: "What was there; 0 for a new key." }),
  }),
  { success: true, status: "ok", key: "visits", etag: '"2"', value: 43, previous: 42 },
);

export const PushAnswer = withExample(Type.Object({ ...Changed, ...Path, ...Length }), {
  success: true,
  status: "ok",
  key: "users/ada",
  etag: '"3"',
  path: "langs",
  length: 2,
  newLength: 2,
});

export const PoppedAnswer = withExample(
  Type.Object({
    ...Changed,
    ...Path,
    ...Length,
    value: Type.Unknown({ description: "The element." }),
  }),
  {
    success: true,
    status: "ok",
    key: "queue",
    etag: '"4"',
    length: 0,
    newLength: 0,
    value: { job: 7 },
  },
);

export const RemovedAnswer = withExample(
  Type.Object({
    ...Changed,
    ...Path,
    ...Length,
    removed: Type.Unknown({ description: "The element." }),
  }),
  {
    success: true,
    status: "ok",
    key: "cart",
    etag: '"5"',
    length: 1,
    newLength: 1,
    removed: { item: "apple" },
  },
);

export const TimeToLiveAnswer = withExample(
  Type.Object({
    ...Changed,
    expire_at: Type.Union([Type.Integer(), Type.Null()], { description: "Unix seconds." }),
  }),
  { success: true, status: "ok", key: "session", etag: '"6"', expire_at: 1767330000 },
);

export const EntryAnswer = withExample(
  Type.Object({
    key: Type.String(),
    value: Type.Optional(Type.Unknown({ description: "JSON as it is, text as a string." })),
    value_base64: Type.Optional(Type.String({ description: "For what is not JSON." })),
    content_type: Type.String(),
    etag: Type.String(),
    created_at: Type.Integer({ description: "Unix seconds." }),
    updated_at: Type.Integer({ description: "Unix seconds." }),
    expire_at: Type.Union([Type.Integer(), Type.Null()], { description: "Unix seconds." }),
  }),
  {
    key: "users/ada",
    value: { name: "Ada" },
    content_type: "application/json",
    etag: '"1"',
    created_at: 1767323045,
    updated_at: 1767323045,
    expire_at: null,
  },
);

const Keys = Type.Array(Type.String(), { minItems: 1, maxItems: MAX_BATCH_KEYS });
const Etag = Type.String({ description: "An ETag, or several with commas, or `*`." });

export const BatchKeysBody = withExample(Type.Object({ keys: Keys }), {
  keys: ["users/ada", "users/bob"],
});

export const BatchDeleteBody = withExample(
  Type.Object({
    keys: Type.Optional(Keys),
    items: Type.Optional(
      Type.Array(Type.Object({ key: Type.String(), if_match: Type.Optional(Etag) })),
    ),
  }),
  { keys: ["users/ada", "users/bob"] },
);

const SetEntry = Type.Object({
  key: Type.String(),
  value: Type.Unknown({
    description: "In `items` a string is the value itself; in `batch` it is JSON.",
  }),
  content_type: Type.Optional(Type.String()),
  ttl: Type.Optional(Type.Integer({ minimum: 0, description: "Seconds." })),
  if_match: Type.Optional(Etag),
  if_none_match: Type.Optional(Etag),
});

export const BatchSetBody = withExample(
  Type.Union([
    Type.Object({ items: Type.Array(SetEntry, { minItems: 1, maxItems: MAX_BATCH_KEYS }) }),
    Type.Object({ batch: Type.Array(SetEntry, { minItems: 1, maxItems: MAX_BATCH_KEYS }) }),
  ]),
  { items: [{ key: "users/ada", value: { name: "Ada" }, ttl: 3600 }] },
);

export const BatchGetAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    results: Type.Record(
      Type.String(),
      Type.Union([
        Type.Object({
          value: Type.Optional(Type.Unknown()),
          value_base64: Type.Optional(Type.String()),
          content_type: Type.String(),
          etag: Type.String(),
        }),
        Type.Null(),
      ]),
    ),
    values: Type.Record(Type.String(), Type.Unknown()),
  }),
  {
    success: true,
    results: {
      "users/ada": { content_type: "application/json", etag: '"1"', value: { name: "Ada" } },
      "users/bob": null,
    },
    values: { "users/ada": { name: "Ada" }, "users/bob": null },
  },
);

export const BatchSetAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    status: Type.Literal("ok"),
    count: Type.Integer(),
    items: Type.Array(Type.Object({ key: Type.String(), etag: Type.String() })),
  }),
  { success: true, status: "ok", count: 1, items: [{ key: "users/ada", etag: '"1"' }] },
);

export const AtomicBody = Type.Object(
  {
    checks: Type.Optional(
      Type.Array(
        Type.Object({
          key: Type.String(),
          etag: Type.Optional(
            Type.Union([Etag, Type.Null()], {
              description: "The tag the key must have; null: absent.",
            }),
          ),
          exists: Type.Optional(Type.Boolean({ description: "Instead of etag." })),
        }),
        { maxItems: MAX_BATCH_KEYS },
      ),
    ),
    mutations: Type.Array(
      Type.Object({
        op: Type.Union(
          ["set", "delete", "incr", "decr", "push", "pop", "remove"].map((op) => Type.Literal(op)),
        ),
        key: Type.String(),
        path: Type.Optional(Type.String()),
        value: Type.Optional(Type.Unknown({ description: "set, push, remove: any JSON." })),
        delta: Type.Optional(Type.Integer({ minimum: 1, description: "incr, decr." })),
        index: Type.Optional(Type.Integer({ description: "remove: instead of value." })),
        ttl: Type.Optional(Type.Integer({ minimum: 0, description: "set: seconds." })),
      }),
      { minItems: 1, maxItems: MAX_BATCH_KEYS },
    ),
  },
  {
    examples: [
      {
        checks: [{ key: "stock/apple", exists: true }],
        mutations: [
          { op: "decr", key: "stock/apple" },
          { op: "push", key: "orders", value: { item: "apple" } },
        ],
      },
    ],
  },
);

export const AtomicAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    status: Type.Literal("ok"),
    results: Type.Array(
      Type.Object({
        op: Type.String(),
        key: Type.String(),
        etag: Type.String(),
        created: Type.Optional(Type.Boolean()),
        size: Type.Optional(Type.Integer()),
        deleted: Type.Optional(Type.Literal(true)),
        value: Type.Optional(Type.Unknown()),
        previous: Type.Optional(Type.Number()),
        removed: Type.Optional(Type.Unknown()),
        length: Type.Optional(Type.Integer()),
        path: Type.Optional(Type.String()),
      }),
    ),
  }),
  {
    success: true,
    status: "ok",
    results: [{ op: "decr", key: "stock/apple", etag: '"8"', value: 6, previous: 7 }],
  },
);

export const DeletedAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    status: Type.Literal("ok"),
    deleted: Type.Integer({ description: "Keys that there were." }),
  }),
  { success: true, status: "ok", deleted: 2 },
);

export const ListItem = Type.Object({
  key: Type.String(),
  content_type: Type.String(),
  size: Type.Integer({ description: "Bytes of the value." }),
  created_at: Type.Integer({ description: "Unix seconds." }),
  updated_at: Type.Integer({ description: "Unix seconds." }),
  expire_at: Type.Optional(
    Type.Integer({ description: "Unix seconds; only with a time to live." }),
  ),
  etag: Type.Optional(Type.String({ description: "Not in directory mode." })),
  value: Type.Optional(Type.Unknown({ description: "Only with values=true." })),
  value_base64: Type.Optional(Type.String()),
});

/** A page of the keys that there were at a moment. */
export const PastListAnswer = Type.Object({
  success: Type.Literal(true),
  items: Type.Array(
    Type.Object({
      key: Type.String(),
      content_type: Type.String(),
      existed_at_timestamp: Type.Literal(true),
      op_number: Type.Integer({ description: "0 where no recorded operation made the value." }),
      size_estimate: Type.Integer({ description: "Bytes of the value." }),
      value: Type.Optional(Type.Unknown({ description: "Only with values=true." })),
      value_base64: Type.Optional(Type.String()),
    }),
  ),
  keys: Type.Array(Type.String()),
  count: Type.Integer({ description: "Entries on this page." }),
  offset: Type.Integer(),
  total: Type.Integer({ description: "Keys that there were then." }),
  has_more: Type.Boolean(),
  timestamp: Type.Integer({ description: "Unix seconds." }),
  at_timestamp: Type.Integer({ description: "The same." }),
  has_gaps: Type.Boolean(),
  gap_keys: Type.Array(Type.String(), { description: "Keys of which nobody knows." }),
  candidate_truncated: Type.Boolean(),
});

export const ListAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    items: Type.Array(ListItem),
    keys: Type.Array(Type.String()),
    count: Type.Integer({ description: "Entries on this page." }),
    limit: Type.Integer(),
    offset: Type.Integer(),
    prefix: Type.String(),
    has_more: Type.Boolean(),
    next_after: Type.Union([Type.String(), Type.Null()], {
      description: "`after` of the next page.",
    }),
    change_cursor: Type.Optional(
      Type.Integer({ description: "`since` of /changes, to follow from here on." }),
    ),
    directory_mode: Type.Optional(Type.Literal(true)),
    total: Type.Optional(Type.Integer({ description: "Directory mode: keys on all pages." })),
  }),
  {
    success: true,
    items: [
      {
        key: "users/ada",
        content_type: "application/json",
        size: 29,
        created_at: 1767323045,
        updated_at: 1767323045,
        etag: '"1"',
      },
    ],
    keys: ["users/ada"],
    count: 1,
    limit: 100,
    offset: 0,
    prefix: "users/",
    has_more: false,
    next_after: null,
  },
);

export const DeletePrefixAnswer = withExample(
  Type.Union([
    Type.Object(
      {
        success: Type.Literal(true),
        status: Type.Literal("ok"),
        prefix: Type.String(),
        deleted: Type.Integer(),
      },
      { title: "Deleted" },
    ),
    Type.Object(
      {
        success: Type.Literal(true),
        dry_run: Type.Literal(true),
        prefix: Type.String(),
        would_delete: Type.Integer(),
        message: Type.String(),
      },
      { title: "Preview" },
    ),
  ]),
  {
    success: true,
    dry_run: true,
    prefix: "tmp/",
    would_delete: 12,
    message: "Nothing was deleted: add confirm=yes to apply",
  },
);
