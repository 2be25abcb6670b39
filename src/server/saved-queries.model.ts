/** Bodies and answers of the routes of saved queries. */
import { type Static, Type } from "@sinclair/typebox";
import {
  MAX_KEPT_SQL_CHARS,
  MAX_SAVED_CHART_CHARS,
  MAX_SAVED_QUERIES,
  MAX_SAVED_QUERIES_BYTES,
} from "../limits.ts";
import { withExample } from "./example.ts";

const Values = Type.Union([
  Type.Array(Type.Unknown()),
  Type.Record(Type.String(), Type.Unknown()),
  Type.Null(),
]);

const SavedQuery = Type.Object(
  {
    name: Type.String(),
    sql: Type.String(),
    values: Values,
    chart: Type.Union([Type.String(), Type.Null()]),
    created_at: Type.Integer({ description: "Unix seconds." }),
    updated_at: Type.Integer({ description: "Unix seconds." }),
    actor: Type.Union([Type.String(), Type.Null()], { description: "Who saved it last." }),
  },
  { title: "SavedQuery" },
);

const EXAMPLE: Static<typeof SavedQuery> = {
  name: "Orders of a user",
  sql: "SELECT * FROM orders WHERE user_id = :user",
  values: { user: 7 },
  chart: null,
  created_at: 1767323045,
  updated_at: 1767323045,
  actor: "ada",
};

export const SavedQueryBody = withExample(
  Type.Object({
    sql: Type.String({
      description: `Any text, also of several statements. With the values at most ${MAX_KEPT_SQL_CHARS} characters; it is not compiled.`,
    }),
    values: Type.Optional(Values),
    chart: Type.Optional(
      Type.Union([Type.String({ maxLength: MAX_SAVED_CHART_CHARS }), Type.Null()], {
        description: "How its rows are drawn, in words of the caller.",
      }),
    ),
  }),
  { sql: EXAMPLE.sql, values: { user: 7 } },
);

export const SavedQueriesAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    queries: Type.Array(SavedQuery, {
      description: `By name; at most ${MAX_SAVED_QUERIES}, and ${MAX_SAVED_QUERIES_BYTES / 1024 ** 2} MiB.`,
    }),
  }),
  { success: true, queries: [EXAMPLE] },
);

export const SavedQueryAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    created: Type.Boolean({ description: "Whether there was none of that name." }),
    query: SavedQuery,
    previous: Type.Union([SavedQuery, Type.Null()], { description: "What it replaced." }),
  }),
  { success: true, created: true, query: EXAMPLE, previous: null },
);

export const DeletedQueryAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    query: { ...SavedQuery, description: "What was deleted." },
  }),
  { success: true, query: EXAMPLE },
);
