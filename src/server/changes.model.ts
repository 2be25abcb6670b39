/** Shapes of the answers of `/changes`, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";
import { withExample } from "./example.ts";

export const ChangeEvent = Type.Object({
  cursor: Type.Integer(),
  seq: Type.Integer({ description: "The same as cursor." }),
  ts: Type.Integer({ description: "Unix seconds." }),
  ts_ms: Type.Integer({ description: "Unix milliseconds." }),
  table: Type.String(),
  key: Type.String(),
  op: Type.Union(["set", "ttl", "delete", "expire"].map((op) => Type.Literal(op))),
  operation: Type.String({ description: "As the key's history has it, such as INCR." }),
  etag: Type.Optional(Type.String()),
  content_type: Type.Optional(Type.String()),
  expire_at: Type.Union([Type.Integer(), Type.Null()], { description: "Unix seconds." }),
  value: Type.Optional(Type.Unknown({ description: "With include_values." })),
  value_base64: Type.Optional(Type.String()),
  value_omitted: Type.Optional(
    Type.Literal(true, {
      description: "The value is too large, or was written with history=false.",
    }),
  ),
});

export const ChangesAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    cursor: Type.Integer({ description: "The newest there is." }),
    oldest_cursor: Type.Integer({ description: "The oldest `since` that misses nothing." }),
    next_cursor: Type.Integer({ description: "`since` of the next request." }),
    has_more: Type.Boolean({ description: "Whether there is more already." }),
    events: Type.Array(ChangeEvent),
  }),
  {
    success: true,
    cursor: 7,
    oldest_cursor: 0,
    next_cursor: 7,
    has_more: false,
    events: [
      {
        cursor: 7,
        seq: 7,
        ts: 1767323045,
        ts_ms: 1767323045678,
        table: "kv_store",
        key: "users/ada",
        op: "set",
        operation: "SET",
        etag: '"7"',
        content_type: "application/json",
        expire_at: null,
        value: { name: "Ada" },
      },
    ],
  },
);
