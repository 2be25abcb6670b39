/** The signed tokens that were made, and those that were taken back. Of a token itself only its claims are kept. */
import type { Grant } from "../access/grant.ts";
import type { TokenClaims } from "../access/tokens.ts";
import type { Plan, Row, Statement } from "../engine/plan.ts";
import { FORGOTTEN_AFTER_MS } from "../limits.ts";
import { type StateEngine, stateRelation } from "./state-database.ts";

export interface ListedToken extends TokenClaims {
  /** Who made it: a token's name, or null for the root token and the command line. */
  readonly createdBy: string | null;
  readonly revokedAtMs: number | null;
}

const RELATION = stateRelation("tokens", [
  {
    type: "table",
    name: "tokens",
    sql: `CREATE TABLE "tokens" (
  id text primary key not null,
  name text not null,
  "grant" text not null,
  created_at_ms integer not null,
  created_by text,
  expires_at_ms integer not null,
  revoked_at_ms integer
) strict, without rowid`,
  },
]);

const ADD: Statement = {
  sql: `insert into tokens (id, name, "grant", created_at_ms, created_by, expires_at_ms)
    values ($id, $name, $grant, $created_at_ms, $created_by, $expires_at_ms)`,
};
const FORGET: Statement = { sql: "delete from tokens where expires_at_ms < $before_ms" };
const LIST: Statement = { sql: "select * from tokens order by created_at_ms desc, id" };
const FIND: Statement = { sql: "select * from tokens where id = $id" };
const REVOKE: Statement = {
  sql: "update tokens set revoked_at_ms = ifnull(revoked_at_ms, $now_ms) where id = $id returning *",
};
const IS_REVOKED: Statement = {
  sql: "select 1 from tokens where id = $id and revoked_at_ms is not null",
};

export class TokenList {
  readonly #engine: StateEngine;

  constructor(engine: StateEngine) {
    this.#engine = engine;
  }

  /** Adds a token, and drops those that expired long ago. */
  async add(token: Omit<ListedToken, "revokedAtMs">, deadlineMs: number): Promise<void> {
    await this.#engine.write(
      plan([
        [FORGET, { before_ms: token.createdAtMs - FORGOTTEN_AFTER_MS }],
        [
          ADD,
          {
            id: token.id,
            name: token.name,
            grant: JSON.stringify(token.grant),
            created_at_ms: token.createdAtMs,
            created_by: token.createdBy,
            expires_at_ms: token.expiresAtMs,
          },
        ],
      ]),
      { deadlineMs },
    );
  }

  /** Newest first. */
  async list(): Promise<ListedToken[]> {
    const [rows = []] = await this.#engine.read(plan([[LIST, {}]]));
    return rows.map(toToken);
  }

  async find(id: string): Promise<ListedToken | undefined> {
    const [rows = []] = await this.#engine.read(plan([[FIND, { id }]]));
    return rows.map(toToken)[0];
  }

  /** @returns the token as it is now, or undefined when there is none */
  async revoke(id: string, nowMs: number, deadlineMs: number): Promise<ListedToken | undefined> {
    const [rows = []] = await this.#engine.write(plan([[REVOKE, { id, now_ms: nowMs }]]), {
      deadlineMs,
    });
    return rows.map(toToken)[0];
  }

  /** Asked for every request with a signed token, so that it holds at once, whoever revoked it. */
  isRevoked(id: string): boolean | Promise<boolean> {
    const rows = this.#engine.read(plan([[IS_REVOKED, { id }]]));
    return rows instanceof Promise
      ? rows.then(([only = []]) => only.length > 0)
      : (rows[0] ?? []).length > 0;
  }
}

function plan(steps: [Statement, Plan["steps"][number]["params"]][]): Plan {
  return { relation: RELATION, steps: steps.map(([statement, params]) => ({ statement, params })) };
}

function toToken(row: Row): ListedToken {
  return {
    id: String(row["id"]),
    name: String(row["name"]),
    grant: JSON.parse(String(row["grant"])) as Grant,
    createdAtMs: Number(row["created_at_ms"]),
    createdBy: row["created_by"] as string | null,
    expiresAtMs: Number(row["expires_at_ms"]),
    revokedAtMs: row["revoked_at_ms"] as number | null,
  };
}
