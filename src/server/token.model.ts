/** Bodies and answers of the routes of tokens and share links. */
import { Type } from "@sinclair/typebox";
import { LEVELS } from "../access/grant.ts";
import { DEFAULT_SHARE_LIFE, DEFAULT_TOKEN_LIFE } from "../limits.ts";

const Level = Type.Union(LEVELS.map((level) => Type.Literal(level)));
const Names = Type.Union([Type.String(), Type.Array(Type.String())]);
const Life = (whenAbsent: string) =>
  Type.Union([Type.Integer({ minimum: 1 }), Type.String()], {
    description: `Seconds, or a time such as 12h or 30d; ${whenAbsent} if not given, at most 10 years.`,
  });

export const TokenRequestBody = Type.Object({
  name: Type.String({ description: "Letters, digits, dots, underscores, dashes and @." }),
  databases: Names,
  tables: Type.Optional(Names),
  prefixes: Type.Optional(Names),
  level: Level,
  expires_in: Type.Optional(Life(DEFAULT_TOKEN_LIFE)),
});

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

export const CreatedToken = Type.Object({
  success: Type.Literal(true),
  token: Type.String(),
  ...token,
});

export const TokenRevoked = Type.Object({ success: Type.Literal(true), ...token });

export const TokenListAnswer = Type.Object({
  success: Type.Literal(true),
  count: Type.Integer(),
  tokens: Type.Array(Type.Object(token)),
});

export const ShareRequestBody = Type.Object({
  sql: Type.String({ description: "One SELECT or WITH statement." }),
  values: Type.Optional(
    Type.Union([Type.Array(Type.Unknown()), Type.Record(Type.String(), Type.Unknown())]),
  ),
  format: Type.Optional(Type.String({ description: "As for `GET /query`; `json` if not given." })),
  expires_in: Type.Optional(Life(DEFAULT_SHARE_LIFE)),
});

export const ShareAnswer = Type.Object({
  success: Type.Literal(true),
  id: Type.String(),
  url: Type.String(),
  expires_at: Type.Integer(),
});

export const ShareListAnswer = Type.Object({
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
});

export const ShareRevoked = Type.Object({ success: Type.Literal(true), id: Type.String() });
