/** Shapes of batches of keys, and of atomic changes, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";
import { MAX_BATCH_KEYS } from "../limits.ts";
import { withExample } from "./example.ts";

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
