/** Shapes of the answers about databases as files, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";
import { withExample } from "./example.ts";

const Nullable = <Schema extends Parameters<typeof Type.Optional>[0]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

export const DatabaseListAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    dir: Type.String({ description: "Absolute path of the folder." }),
    any_absolute_path: Type.Boolean({
      description: "Whether `db` may be a path outside of the data folder.",
    }),
    count: Type.Integer(),
    databases: Type.Array(
      Type.Object({
        name: Type.String({
          description: "File name; `db` takes it where `dir` is the data folder.",
        }),
        path: Type.String({ description: "Absolute path, which `db` takes as well." }),
        size: Type.Integer({ description: "Bytes of the file, without its write-ahead log." }),
        size_str: Type.String({ examples: ["8.0 KiB"] }),
        modified: Type.String({ format: "date-time" }),
        mod_unix: Type.Integer({ description: "The same in Unix seconds." }),
        is_valid: Type.Boolean({ description: "Whether it begins as a SQLite database does." }),
      }),
      { description: "Newest first." },
    ),
  }),
  {
    success: true,
    dir: "/data",
    any_absolute_path: false,
    count: 1,
    databases: [
      {
        name: "notes.db",
        path: "/data/notes.db",
        size: 4096,
        size_str: "4.0 KiB",
        modified: "2026-01-02T03:04:05.678Z",
        mod_unix: 1767323045,
        is_valid: true,
      },
    ],
  },
);

export const DeleteDatabaseAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    message: Type.String(),
    path: Type.String({ description: "Absolute path of the database." }),
    files_removed: Type.Array(Type.String(), { description: "Absolute paths." }),
  }),
  {
    success: true,
    message: "Database deleted",
    path: "/data/notes.db",
    files_removed: ["/data/notes.db-wal", "/data/notes.db"],
  },
);

export const MaintenanceBody = Type.Object(
  {
    op: Type.Union(
      [
        "wal_checkpoint_truncate",
        "vacuum_into",
        "quick_check",
        "integrity_check",
        "optimize",
        "vacuum",
        "stats",
        "prune_history",
      ].map((op) => Type.Literal(op)),
    ),
    dest_path: Type.Optional(
      Type.String({
        description:
          "For vacuum_into: the new file, a bare name or an absolute path where allowed. Missing folders are made.",
      }),
    ),
    retention: Type.Optional(
      Type.String({
        description:
          "For prune_history: how much is kept, such as 30d, if not as the server was told.",
      }),
    ),
    max_ops: Type.Optional(
      Type.Integer({ minimum: 1, description: "For prune_history: operations kept of each key." }),
    ),
    table: Type.Optional(
      Type.String({ description: "For prune_history: only this key-value table." }),
    ),
  },
  { examples: [{ op: "quick_check" }, { op: "vacuum_into", dest_path: "backup.db" }] },
);

export const MaintenanceAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    op: Type.String(),
    result: Type.Unknown({
      description: "`ok`, the first problem that a check found, or the statistics.",
    }),
    problems: Type.Optional(Type.Array(Type.String(), { description: "At most 100." })),
    dest_path: Type.Optional(Type.String({ description: "vacuum_into: as it was sent." })),
    path: Type.Optional(Type.String({ description: "Absolute path of the copy." })),
    size_before: Type.Optional(Type.Integer({ description: "vacuum: bytes of the file." })),
    size_after: Type.Optional(Type.Integer({ description: "vacuum: bytes of the file." })),
    size: Type.Optional(Type.Integer({ description: "Bytes of the copy." })),
    dropped: Type.Optional(Type.Integer({ description: "prune_history: rows that were dropped." })),
  }),
  { success: true, op: "quick_check", result: "ok" },
);

export const ImportLine = Type.Object(
  {
    event: Type.Union([Type.Literal("progress"), Type.Literal("done"), Type.Literal("error")]),
    rows: Type.Optional(Type.Integer({ description: "Rows so far." })),
    bytes: Type.Optional(Type.Integer({ description: "Bytes of the upload so far." })),
    table: Type.Optional(Type.String()),
    columns: Type.Optional(Type.Array(Type.String(), { description: "Those that were filled." })),
    duration_ms: Type.Optional(Type.Integer()),
  },
  {
    description: "One line. An `error` line has the members of every error as well.",
    examples: [{ event: "progress", rows: 10000, bytes: 524288 }],
  },
);

const Column = Type.Object({
  name: Type.String(),
  type: Type.String({ description: "As declared; empty when nothing was." }),
  not_null: Type.Boolean(),
  default_value: Nullable(Type.String({ description: "SQL text." })),
  primary_key: Type.Integer({ description: "Position in the primary key from 1 on, else 0." }),
  generated: Nullable(Type.Union([Type.Literal("virtual"), Type.Literal("stored")])),
  hidden: Type.Boolean({ description: "Not part of `select *`." }),
});

const ForeignKey = Type.Object({
  columns: Type.Array(Type.String()),
  table: Type.String(),
  referenced_columns: Type.Array(Type.String()),
  on_update: Type.String(),
  on_delete: Type.String(),
});

const Index = Type.Object({
  name: Type.String(),
  unique: Type.Boolean(),
  origin: Type.Union([Type.Literal("c"), Type.Literal("u"), Type.Literal("pk")], {
    description: "CREATE INDEX, a UNIQUE constraint, or the PRIMARY KEY.",
  }),
  partial: Type.Boolean(),
  columns: Type.Array(Nullable(Type.String()), { description: "Null for an expression." }),
  sql: Nullable(Type.String()),
});

export const SchemaAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    db: Type.String({ description: "As it was sent." }),
    schema_version: Type.Integer({ description: "Moves whenever the schema does." }),
    objects: Type.Array(
      Type.Object({
        name: Type.String(),
        type: Type.Union([Type.Literal("table"), Type.Literal("view"), Type.Literal("virtual")]),
        role: Type.Union(
          [
            Type.Literal("user"),
            Type.Literal("kv"),
            Type.Literal("kv_history"),
            Type.Literal("internal"),
          ],
          {
            description:
              "`kv` is a key-value table; `internal` is bookkeeping of SQLite, of a virtual table or of this server.",
          },
        ),
        sql: Nullable(Type.String()),
        strict: Type.Boolean(),
        without_rowid: Type.Boolean(),
        columns: Type.Array(Column),
        foreign_keys: Type.Array(ForeignKey),
        indexes: Type.Array(Index),
        triggers: Type.Array(Type.Object({ name: Type.String(), sql: Type.String() })),
        row_count: Nullable(Type.Integer({ description: "Null for views." })),
        row_count_exact: Type.Boolean({ description: "Large tables are estimated." }),
        size: Type.Optional(
          Nullable(
            Type.Integer({
              description:
                "With `sizes`: bytes of the table with its indexes. Null for views and virtual tables, and where it would take too long.",
            }),
          ),
        ),
        error: Type.Optional(
          Type.String({ description: "Why a view or virtual table cannot be used." }),
        ),
      }),
    ),
  }),
  {
    success: true,
    db: "notes",
    schema_version: 1,
    objects: [
      {
        name: "users",
        type: "table",
        role: "user",
        sql: "CREATE TABLE users (id integer primary key)",
        strict: false,
        without_rowid: false,
        columns: [
          {
            name: "id",
            type: "INTEGER",
            not_null: false,
            default_value: null,
            primary_key: 1,
            generated: null,
            hidden: false,
          },
        ],
        foreign_keys: [],
        indexes: [],
        triggers: [],
        row_count: 2,
        row_count_exact: true,
      },
    ],
  },
);
