/** Shapes of the SQL requests and answers, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";
import { withExample } from "./example.ts";

const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]);
const Values = Type.Union([Type.Array(Scalar), Type.Record(Type.String(), Scalar)], {
  description: "An array for positional parameters, an object for named ones.",
});

export const TransactionBody = Type.Object(
  {
    transaction: Type.Array(
      Type.Object({
        query: Type.Optional(Type.String({ description: "SQL that returns rows." })),
        statement: Type.Optional(
          Type.String({ description: "SQL that changes something. Alias: `sql`." }),
        ),
        values: Type.Optional(Values),
        valuesBatch: Type.Optional(
          Type.Array(Values, { description: "Runs the statement once per set." }),
        ),
        noFail: Type.Optional(
          Type.Boolean({ description: "Its failure does not end the request." }),
        ),
        expectRows: Type.Optional(
          Type.Integer({
            minimum: 0,
            description:
              "With a statement: it fails with 409 `CONFLICT` and `rows_updated` unless it changes so many rows; with `valuesBatch` each set must.",
          }),
        ),
        explain: Type.Optional(
          Type.Boolean({ description: "Answer the query plan; the SQL is not run." }),
        ),
      }),
      { minItems: 1 },
    ),
    resultFormat: Type.Optional(
      Type.String({ description: "`list`: rows as arrays in `resultSetList`." }),
    ),
  },
  { examples: [{ transaction: [{ query: "SELECT :n + 1 AS sum", values: { n: 41 } }] }] },
);

export const PlanNode = Type.Object(
  {
    id: Type.Integer(),
    detail: Type.String({ description: "SQLite's words, such as `SCAN cities`." }),
    children: Type.Array(Type.Unsafe({ $ref: "#/components/schemas/PlanNode" })),
  },
  { title: "PlanNode" },
);

const Plan = Type.Array(Type.Unsafe<unknown>({ $ref: "#/components/schemas/PlanNode" }), {
  description: "Of `explain`: the query plan.",
});

const Cell = Type.Union([
  Scalar,
  Type.Object(
    { value_base64: Type.String() },
    {
      description: "A BLOB, with `blobs=object` or `cells=exact`; in base64 as a string otherwise.",
    },
  ),
  Type.Object(
    { real: Type.String() },
    { description: "With `cells`: a REAL that JSON would show as an integer, or not at all." },
  ),
  Type.Object(
    { blob_bytes: Type.Integer() },
    { description: "With `cells=brief`: the size of a large BLOB." },
  ),
]);
const Row = Type.Record(Type.String(), Cell);

export const TransactionAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    results: Type.Array(
      Type.Object({
        success: Type.Boolean(),
        rowsUpdated: Type.Optional(Type.Integer()),
        rowsUpdatedBatch: Type.Optional(Type.Array(Type.Integer())),
        resultHeaders: Type.Optional(Type.Array(Type.String())),
        resultSet: Type.Optional(Type.Array(Row)),
        resultSetList: Type.Optional(Type.Array(Type.Array(Cell))),
        truncated: Type.Optional(Type.Literal(true)),
        rowErrors: Type.Optional(Type.Array(Type.String())),
        plan: Type.Optional(Plan),
        error: Type.Optional(Type.String()),
        code: Type.Optional(Type.String()),
      }),
    ),
    dry_run: Type.Optional(Type.Literal(true)),
    changes: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object({
          inserted: Type.Integer(),
          updated: Type.Integer(),
          deleted: Type.Integer(),
        }),
        { description: "Of `dry_run`: changed rows by table." },
      ),
    ),
    uncounted: Type.Optional(
      Type.Array(Type.String(), {
        description:
          "Of `dry_run`: virtual tables that were written to, whose rows are not counted.",
      }),
    ),
    schema_changes: Type.Optional(
      Type.Array(
        Type.Object({
          change: Type.Union(
            ["created", "changed", "dropped"].map((change) => Type.Literal(change)),
          ),
          type: Type.String(),
          name: Type.String(),
        }),
        { description: "Of `dry_run`." },
      ),
    ),
  }),
  {
    success: true,
    results: [
      { success: true, rowsUpdated: 1 },
      { success: true, resultHeaders: ["id", "name"], resultSet: [{ id: 1, name: "Ada" }] },
    ],
  },
);

export const QueryAnswer = withExample(
  Type.Union([
    Type.Object(
      {
        success: Type.Literal(true),
        query: Type.String(),
        columns: Type.Array(Type.String()),
        resultSet: Type.Array(Type.Record(Type.String(), Type.Unknown())),
        rowCount: Type.Integer(),
        truncated: Type.Boolean(),
        has_gaps: Type.Optional(
          Type.Boolean({ description: "With `at_timestamp`: whether keys are left out." }),
        ),
        gap_keys: Type.Optional(
          Type.Array(Type.String(), { description: "Which: nobody knows of them at that moment." }),
        ),
      },
      { title: "Rows" },
    ),
    Type.Object(
      { success: Type.Literal(true), query: Type.String(), plan: Plan },
      { title: "Plan" },
    ),
  ]),
  {
    success: true,
    query: "SELECT 1 AS one",
    columns: ["one"],
    resultSet: [{ one: 1 }],
    rowCount: 1,
    truncated: false,
  },
);

export const CreateAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    message: Type.String(),
    path: Type.String({ description: "As it was sent." }),
    size: Type.Integer({ description: "Bytes of the new file." }),
    kv_table: Type.String(),
    tables: Type.Array(Type.String(), { description: "The tables that the file has." }),
  }),
  {
    success: true,
    message: "Database created",
    path: "notes",
    size: 4096,
    kv_table: "kv_store",
    tables: [],
  },
);
