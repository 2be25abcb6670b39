/** Bodies and answers of the routes of tokens and share links. */
import { type Static, Type } from "@sinclair/typebox";
import { LEVELS } from "../access/grant.ts";
import { DEFAULT_SHARE_LIFE, DEFAULT_TOKEN_LIFE } from "../limits.ts";
import { withExample } from "./example.ts";

const Level = Type.Union(LEVELS.map((level) => Type.Literal(level)));
const Names = Type.Union([Type.String(), Type.Array(Type.String())]);
const Life = (whenAbsent: string) =>
  Type.Union([Type.Integer({ minimum: 1 }), Type.String()], {
    description: `Seconds, or a time such as 12h or 30d; ${whenAbsent} if not given, at most 10 years.`,
  });

export const TokenRequestBody = withExample(
  Type.Object({
    name: Type.String({ description: "Letters, digits, dots, underscores, dashes and @." }),
    databases: Names,
    tables: Type.Optional(Names),
    prefixes: Type.Optional(Names),
    level: Level,
    expires_in: Type.Optional(Life(DEFAULT_TOKEN_LIFE)),
  }),
  { name: "reports", databases: "notes", prefixes: "users/", level: "read", expires_in: "30d" },
);

const token = {
  id: Type.String(),
  name: Type.String(),
  databases: Type.Array(Type.String()),
  tables: Type.Array(Type.String()),
  prefixes: Type.Array(Type.String()),
  level: Level,
  created_at: Type.Integer(),
  created_by: Type.Union([Type.String(), Type.Null()]),
  expires_at: Type.Integer(),
  revoked_at: Type.Union([Type.Integer(), Type.Null()]),
};

const Token = Type.Object(token);

const EXAMPLE_ID = "015d8e21-8ddb-4a1f-a82d-f3e1875b943d";
const EXAMPLE_URL =
  "http://127.0.0.1:3000/api/v1/sqlite/shared/eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiIxIn0.c2lnbmF0dXJl";
const exampleToken: Static<typeof Token> = {
  id: EXAMPLE_ID,
  name: "reports",
  databases: ["notes"],
  tables: [],
  prefixes: ["users/"],
  level: "read",
  created_at: 1767323045,
  created_by: null,
  expires_at: 1769915045,
  revoked_at: null,
};

export const CreatedToken = withExample(
  Type.Object({
    success: Type.Literal(true),
    token: Type.String(),
    ...token,
  }),
  {
    success: true,
    token: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJyZXBvcnRzIn0.c2lnbmF0dXJl",
    ...exampleToken,
  },
);

export const TokenRevoked = withExample(Type.Object({ success: Type.Literal(true), ...token }), {
  success: true,
  ...exampleToken,
  revoked_at: 1767323105,
});

export const TokenListAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    count: Type.Integer(),
    tokens: Type.Array(Token),
  }),
  {
    success: true,
    count: 1,
    tokens: [exampleToken],
  },
);

export const ShareRequestBody = withExample(
  Type.Object({
    sql: Type.String({ description: "One SELECT or WITH statement." }),
    values: Type.Optional(
      Type.Union([Type.Array(Type.Unknown()), Type.Record(Type.String(), Type.Unknown())]),
    ),
    format: Type.Optional(
      Type.String({ description: "As for `GET /query`; `json` if not given." }),
    ),
    expires_in: Type.Optional(Life(DEFAULT_SHARE_LIFE)),
  }),
  { sql: "SELECT name FROM users WHERE id = ?", values: [1], format: "html", expires_in: 86400 },
);

export const ShareAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    id: Type.String(),
    url: Type.String(),
    expires_at: Type.Integer(),
  }),
  {
    success: true,
    id: EXAMPLE_ID,
    url: EXAMPLE_URL,
    expires_at: 1767409445,
  },
);

export const ShareListAnswer = withExample(
  Type.Object({
    success: Type.Literal(true),
    count: Type.Integer(),
    shares: Type.Array(
      Type.Object({
        id: Type.String(),
        db: Type.String(),
        sql: Type.String(),
        values: Type.Unknown(),
        format: Type.String(),
        created_at: Type.Integer(),
        expires_at: Type.Integer(),
        revoked: Type.Boolean(),
        url: Type.Union([Type.String(), Type.Null()]),
        actor: Type.Union([Type.String(), Type.Null()]),
      }),
    ),
  }),
  {
    success: true,
    count: 1,
    shares: [
      {
        id: EXAMPLE_ID,
        db: "notes",
        sql: "SELECT count(*) FROM users",
        values: null,
        format: "json",
        created_at: 1767323045,
        expires_at: 1767409445,
        revoked: false,
        url: EXAMPLE_URL,
        actor: null,
      },
    ],
  },
);

export const ShareRevoked = withExample(
  Type.Object({ success: Type.Literal(true), id: Type.String() }),
  { success: true, id: EXAMPLE_ID },
);
