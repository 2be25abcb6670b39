/** Shapes of the key-value answers and the error, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";
import { MAX_BATCH_KEYS } from "../limits.ts";

export const ErrorEnvelope = Type.Object(
  {
    success: Type.Literal(false),
    status: Type.Literal("error"),
    statusCode: Type.Integer(),
    code: Type.String({ description: "What went wrong, for programs: match on this." }),
    error: Type.String({ description: "What went wrong, for people." }),
    message: Type.String(),
    hint: Type.Optional(Type.String({ description: "What to do about it." })),
  },
  { title: "Error" },
);

export const PutAnswer = Type.Object({
  success: Type.Literal(true),
  status: Type.Literal("ok"),
  key: Type.String(),
  created: Type.Boolean({ description: "Whether the key was absent or expired before." }),
  size: Type.Integer({ description: "Bytes of the whole value." }),
  path: Type.Optional(Type.String()),
  etag: Type.Optional(Type.String({ description: "Not in directory mode." })),
  directory_mode: Type.Optional(Type.Literal(true)),
  file_path: Type.Optional(Type.String({ description: "Directory mode: the file." })),
});

export const DeleteAnswer = Type.Object({
  success: Type.Literal(true),
  status: Type.Literal("ok"),
  key: Type.String(),
  deleted: Type.Literal(true),
  directory_mode: Type.Optional(Type.Literal(true)),
});

export const VerbAnswer = Type.Object({
  success: Type.Literal(true),
  status: Type.Literal("ok"),
  key: Type.String(),
  path: Type.Optional(Type.String()),
  value: Type.Optional(Type.Unknown({ description: "incr, decr: the sum. pop: the element." })),
  previous: Type.Optional(
    Type.Number({ description: "incr, decr: what was there; 0 for a new key." }),
  ),
  removed: Type.Optional(Type.Unknown({ description: "remove: the element." })),
  length: Type.Optional(Type.Integer({ description: "push, pop, remove: elements afterwards." })),
  newLength: Type.Optional(Type.Integer({ description: "The same as length." })),
  expire_at: Type.Optional(
    Type.Union([Type.Integer(), Type.Null()], { description: "expire, persist: Unix seconds." }),
  ),
  etag: Type.String(),
});

const Keys = Type.Array(Type.String(), { minItems: 1, maxItems: MAX_BATCH_KEYS });
const Etag = Type.String({ description: "An ETag, or several with commas, or `*`." });

export const BatchKeysBody = Type.Object({ keys: Keys });

export const BatchDeleteBody = Type.Object({
  keys: Type.Optional(Keys),
  items: Type.Optional(
    Type.Array(Type.Object({ key: Type.String(), if_match: Type.Optional(Etag) })),
  ),
});

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

export const BatchSetBody = Type.Union([
  Type.Object({ items: Type.Array(SetEntry, { minItems: 1, maxItems: MAX_BATCH_KEYS }) }),
  Type.Object({ batch: Type.Array(SetEntry, { minItems: 1, maxItems: MAX_BATCH_KEYS }) }),
]);

export const BatchGetAnswer = Type.Object({
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
});

export const BatchSetAnswer = Type.Object({
  success: Type.Literal(true),
  status: Type.Literal("ok"),
  count: Type.Integer(),
  items: Type.Array(Type.Object({ key: Type.String(), etag: Type.String() })),
});

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

export const AtomicAnswer = Type.Object({
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
});

export const DeletedAnswer = Type.Object({
  success: Type.Literal(true),
  status: Type.Literal("ok"),
  deleted: Type.Integer({ description: "Keys that there were." }),
});

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

export const ListAnswer = Type.Object({
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
});

export const DeletePrefixAnswer = Type.Object({
  success: Type.Literal(true),
  prefix: Type.String(),
  deleted: Type.Optional(Type.Integer()),
  dry_run: Type.Optional(Type.Literal(true)),
  would_delete: Type.Optional(Type.Integer()),
});
