/** Shapes of the query log, for the OpenAPI description. */
import { type Static, Type } from "@sinclair/typebox";
import { withExample } from "./example.ts";

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
      description:
        "`sql`, or `page` for what a page read by itself. Key-value operations have histories of their own.",
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

const EXAMPLE: Static<typeof Entry> = {
  id: 42,
  sql: "SELECT 1",
  timestamp: "2026-01-02T03:04:05.678Z",
  execution_time_ms: 0.12,
  row_count: 1,
  is_statement: false,
  success: true,
  source: "sql",
  client_ip: "127.0.0.1",
  actor: null,
  db: "notes.db",
  duration_ms: 0.12,
  rows_affected: 1,
  status: "ok",
};

export const HistoryAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    history: Type.Array(Entry),
    entries: Type.Array(Entry, { description: "The same as history." }),
    count: Type.Integer({ description: "Entries on this page." }),
    total: Type.Integer({ description: "Entries on all pages." }),
    limit: Type.Integer(),
    offset: Type.Integer(),
  }),
  {
    success: true,
    history: [EXAMPLE],
    entries: [EXAMPLE],
    count: 1,
    total: 1,
    limit: 100,
    offset: 0,
  },
);

export const HistoryStatsAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    total_queries: Type.Integer(),
    success_count: Type.Integer(),
    failure_count: Type.Integer(),
    avg_exec_time_ms: Type.Number({ description: "Two decimals; 0 when there are none." }),
    last_hour: Type.Integer(),
    last_minute: Type.Integer(),
  }),
  {
    success: true,
    total_queries: 10,
    success_count: 9,
    failure_count: 1,
    avg_exec_time_ms: 0.4,
    last_hour: 3,
    last_minute: 1,
  },
);

export const HistoryStatementsAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    statements: Type.Array(
      Type.Object({
        statement: Type.String({
          description: "Without white space and semicolons around it. Cut after 10,000 characters.",
        }),
        runs: Type.Integer(),
        failures: Type.Integer({ description: "Runs that had no effect." }),
        total_ms: Type.Number({ description: "Of all runs together." }),
        avg_ms: Type.Number(),
        max_ms: Type.Number(),
        row_count: Type.Integer({ description: "Rows answered, or changed, by all runs." }),
        first_run: Type.String({ format: "date-time" }),
        last_run: Type.String({ format: "date-time" }),
      }),
      { description: "What took most time in all comes first." },
    ),
    count: Type.Integer({ description: "Statements on this page." }),
    total: Type.Integer({ description: "Statements on all pages." }),
    limit: Type.Integer(),
    offset: Type.Integer(),
  }),
  {
    success: true,
    statements: [
      {
        statement: "SELECT * FROM users WHERE name = ?",
        runs: 12,
        failures: 1,
        total_ms: 140.5,
        avg_ms: 11.71,
        max_ms: 92.13,
        row_count: 11,
        first_run: "2026-01-02T03:04:05.678Z",
        last_run: "2026-01-02T03:14:05.678Z",
      },
    ],
    count: 1,
    total: 1,
    limit: 100,
    offset: 0,
  },
);

export const HistoryDeleted = withExample(
  Type.Object({
    success: Type.Literal(true),
    message: Type.String(),
    deleted: Type.Integer({ description: "Entries that are forgotten." }),
  }),
  { success: true, message: "Entries forgotten: 42", deleted: 42 },
);

export const MessageAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    message: Type.String(),
  }),
  { success: true, message: "Entry 42 is forgotten" },
);
