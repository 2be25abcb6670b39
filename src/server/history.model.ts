/** Shapes of the query log, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";

const Entry = Type.Object(
  {
    id: Type.Integer(),
    sql: Type.String({ description: "Cut after 10,000 characters." }),
    values: Type.Optional(
      Type.String({
        description: "JSON; only with --query-log-values. Cut after 2,000 characters.",
      }),
    ),
    timestamp: Type.String({ format: "date-time" }),
    execution_time_ms: Type.Number(),
    row_count: Type.Integer({ description: "Rows answered, or changed." }),
    is_statement: Type.Boolean({ description: "Whether it came as `statement`, not as `query`." }),
    success: Type.Boolean(),
    source: Type.String({
      description: "`sql`. Key-value operations have histories of their own.",
    }),
    client_ip: Type.Union([Type.String(), Type.Null()]),
    actor: Type.Union([Type.String(), Type.Null()], { description: "The header X-Actor." }),
    error: Type.Optional(Type.String({ description: "Why it had no effect." })),
    db: Type.String({ description: "Name of the file." }),
    duration_ms: Type.Number({ description: "The same as execution_time_ms." }),
    rows_affected: Type.Integer({ description: "The same as row_count." }),
    status: Type.Union([Type.Literal("ok"), Type.Literal("error")]),
  },
  { title: "HistoryEntry" },
);

export const HistoryAnswer = Type.Object({
  success: Type.Literal(true),
  history: Type.Array(Entry),
  entries: Type.Array(Entry, { description: "The same as history." }),
  count: Type.Integer({ description: "Entries on this page." }),
  total: Type.Integer({ description: "Entries on all pages." }),
  limit: Type.Integer(),
  offset: Type.Integer(),
});

export const HistoryStatsAnswer = Type.Object({
  success: Type.Literal(true),
  total_queries: Type.Integer(),
  success_count: Type.Integer(),
  failure_count: Type.Integer(),
  avg_exec_time_ms: Type.Number({ description: "Two decimals; 0 when there are none." }),
  last_hour: Type.Integer(),
  last_minute: Type.Integer(),
});

export const MessageAnswer = Type.Object({
  success: Type.Literal(true),
  message: Type.String(),
});
