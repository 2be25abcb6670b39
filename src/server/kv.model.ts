/** Shapes of the key-value answers and the error, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";

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
  etag: Type.String(),
});

export const DeleteAnswer = Type.Object({
  success: Type.Literal(true),
  status: Type.Literal("ok"),
  key: Type.String(),
  deleted: Type.Literal(true),
});

export const SumAnswer = Type.Object({
  success: Type.Literal(true),
  status: Type.Literal("ok"),
  key: Type.String(),
  value: Type.Number({ description: "The sum, with every digit." }),
  previous: Type.Number({ description: "What was there before; 0 for a new key." }),
  path: Type.Optional(Type.String()),
  etag: Type.String(),
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
  etag: Type.String(),
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
});
