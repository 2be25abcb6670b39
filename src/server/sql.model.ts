/** Shapes of the SQL requests and answers, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";

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
      }),
      { minItems: 1 },
    ),
    resultFormat: Type.Optional(
      Type.String({ description: "`list`: rows as arrays in `resultSetList`." }),
    ),
  },
  { examples: [{ transaction: [{ query: "SELECT :n + 1 AS sum", values: { n: 41 } }] }] },
);

const Row = Type.Record(Type.String(), Scalar);

export const TransactionAnswer = Type.Object({
  success: Type.Literal(true),
  results: Type.Array(
    Type.Object({
      success: Type.Boolean(),
      rowsUpdated: Type.Optional(Type.Integer()),
      rowsUpdatedBatch: Type.Optional(Type.Array(Type.Integer())),
      resultHeaders: Type.Optional(Type.Array(Type.String())),
      resultSet: Type.Optional(Type.Array(Row)),
      resultSetList: Type.Optional(Type.Array(Type.Array(Scalar))),
      truncated: Type.Optional(Type.Literal(true)),
      rowErrors: Type.Optional(Type.Array(Type.String())),
      error: Type.Optional(Type.String()),
      code: Type.Optional(Type.String()),
    }),
  ),
});

export const QueryAnswer = Type.Object({
  success: Type.Literal(true),
  query: Type.String(),
  columns: Type.Array(Type.String()),
  resultSet: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  rowCount: Type.Integer(),
  truncated: Type.Boolean(),
});

export const CreateAnswer = Type.Object({
  success: Type.Literal(true),
  message: Type.String(),
  path: Type.String({ description: "As it was sent." }),
  size: Type.Integer({ description: "Bytes of the new file." }),
  kv_table: Type.String(),
  tables: Type.Array(Type.String(), { description: "The tables that the file has." }),
});
