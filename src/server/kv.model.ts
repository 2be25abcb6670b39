/** Shapes of the answers about a key and of lists, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";
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
