/** Share links: one query on one database each, until they expire or are taken back. */
import type { Grant } from "../access/grant.ts";
import type { Plan, Row, Statement } from "../engine/plan.ts";
import { FORGOTTEN_AFTER_MS } from "../limits.ts";
import { type StateEngine, stateRelation } from "./state-database.ts";

export interface Share {
  readonly id: string;
  /** As its maker named it. */
  readonly db: string;
  /** Real path of the file when the link was made; links are listed by it. */
  readonly databasePath: string;
  readonly sql: string;
  /** JSON, or null. */
  readonly values: string | null;
  readonly format: string;
  readonly createdAtMs: number;
  /** A whole second. */
  readonly expiresAtMs: number;
  readonly revokedAtMs: number | null;
  readonly actor: string | null;
  /** The signed token that made it, and what that may do: the link can do no more. */
  readonly tokenId: string | null;
  readonly grant: Grant | null;
}

const RELATION = stateRelation("shares", [
  {
    type: "table",
    name: "shares",
    sql: `CREATE TABLE "shares" (
  id text primary key not null,
  db text not null,
  db_path text not null,
  sql text not null,
  "values" text,
  format text not null,
  created_at_ms integer not null,
  expires_at_ms integer not null,
  revoked_at_ms integer,
  actor text,
  token_id text,
  "grant" text
) strict`,
  },
  {
    type: "index",
    name: "shares_db",
    sql: `CREATE INDEX "shares_db" on "shares" (db_path, created_at_ms)`,
  },
]);

const ADD: Statement = {
  sql: `insert into shares (id, db, db_path, sql, "values", format, created_at_ms, expires_at_ms, actor,
      token_id, "grant")
    values ($id, $db, $db_path, $sql, $values, $format, $created_at_ms, $expires_at_ms, $actor,
      $token_id, $grant)`,
};
const FORGET: Statement = { sql: "delete from shares where expires_at_ms < $before_ms" };
const LIST: Statement = {
  sql: `select * from shares where db_path = $db_path and ($token_id is null or token_id = $token_id)
    order by created_at_ms desc, id`,
};
const FIND: Statement = { sql: "select * from shares where id = $id" };
const REVOKE: Statement = {
  sql: "update shares set revoked_at_ms = ifnull(revoked_at_ms, $now_ms) where id = $id returning id",
};

export class ShareList {
  readonly #engine: StateEngine;

  constructor(engine: StateEngine) {
    this.#engine = engine;
  }

  /** Adds a link, and drops those that expired long ago. */
  async add(share: Share, deadlineMs: number): Promise<void> {
    await this.#engine.write(
      plan([
        [FORGET, { before_ms: share.createdAtMs - FORGOTTEN_AFTER_MS }],
        [
          ADD,
          {
            id: share.id,
            db: share.db,
            db_path: share.databasePath,
            sql: share.sql,
            values: share.values,
            format: share.format,
            created_at_ms: share.createdAtMs,
            expires_at_ms: share.expiresAtMs,
            actor: share.actor,
            token_id: share.tokenId,
            grant: share.grant === null ? null : JSON.stringify(share.grant),
          },
        ],
      ]),
      { deadlineMs },
    );
  }

  /**
   * The links of a database, newest first.
   * @param tokenId only those that this signed token made, or null for all
   */
  async list(databasePath: string, tokenId: string | null): Promise<Share[]> {
    const params = { db_path: databasePath, token_id: tokenId };
    const [rows = []] = await this.#engine.read(plan([[LIST, params]]));
    return rows.map(toShare);
  }

  async find(id: string): Promise<Share | undefined> {
    const [rows = []] = await this.#engine.read(plan([[FIND, { id }]]));
    return rows.map(toShare)[0];
  }

  async revoke(id: string, nowMs: number, deadlineMs: number): Promise<void> {
    await this.#engine.write(plan([[REVOKE, { id, now_ms: nowMs }]]), { deadlineMs });
  }
}

function plan(steps: [Statement, Plan["steps"][number]["params"]][]): Plan {
  return { relation: RELATION, steps: steps.map(([statement, params]) => ({ statement, params })) };
}

function toShare(row: Row): Share {
  const grant = row["grant"];
  return {
    id: String(row["id"]),
    db: String(row["db"]),
    databasePath: String(row["db_path"]),
    sql: String(row["sql"]),
    values: row["values"] as string | null,
    format: String(row["format"]),
    createdAtMs: Number(row["created_at_ms"]),
    expiresAtMs: Number(row["expires_at_ms"]),
    revokedAtMs: row["revoked_at_ms"] as number | null,
    actor: row["actor"] as string | null,
    tokenId: row["token_id"] as string | null,
    grant: typeof grant === "string" ? (JSON.parse(grant) as Grant) : null,
  };
}
