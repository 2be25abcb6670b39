/** Queries that people keep under a name, per database file, for everybody who may read it. */
import type { Plan, Row, Statement } from "../engine/plan.ts";
import { MAX_SAVED_QUERIES, MAX_SAVED_QUERIES_BYTES } from "../limits.ts";
import { type StateEngine, stateRelation } from "./state-database.ts";

/** What is kept under a name. */
export interface SavedText {
  readonly sql: string;
  /** Values of its parameters: a JSON array or object, or null. */
  readonly values: string | null;
  /** How its rows are drawn, as the page writes it; anything else is somebody else's business. */
  readonly chart: string | null;
}

export interface SavedQuery extends SavedText {
  /** Unique in its database. */
  readonly name: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Who saved it last. */
  readonly actor: string | null;
}

/** Where a query is kept, and who asks. */
export interface SavedPlace {
  /** Real path of the database file. */
  readonly databasePath: string;
  /** Only queries that this signed token saved, or null for all of them. */
  readonly ownToken: string | null;
}

export interface Saving extends SavedText {
  readonly name: string;
  readonly nowMs: number;
  readonly actor: string | null;
  /** The signed token that saves it. */
  readonly tokenId: string | null;
  /** Whether one of that name is left as it is. */
  readonly ifAbsent: boolean;
}

/**
 * What came of saving. Nothing was written where it is not `saved`. `taken`: somebody else's query has
 * the name, and the caller may not see it; `many` and `large`: the database has all it may have.
 */
export type Saved =
  | { outcome: "saved"; query: SavedQuery; before: SavedQuery | null }
  | { outcome: "present" | "taken" | "many" | "large" };

const RELATION = stateRelation("saved_queries", [
  {
    type: "table",
    name: "saved_queries",
    sql: `CREATE TABLE "saved_queries" (
  db_path text not null,
  name text not null,
  sql text not null,
  "values" text,
  chart text,
  created_at_ms integer not null,
  updated_at_ms integer not null,
  actor text,
  token_id text,
  primary key (db_path, name)
) strict`,
  },
]);

const LIST: Statement = {
  sql: `select * from saved_queries
    where db_path = $db_path and ($own_token is null or token_id = $own_token) order by name`,
};
const FIND: Statement = {
  sql: "select * from saved_queries where db_path = $db_path and name = $name",
};
const SAVE: Statement = {
  sql: `insert into saved_queries (db_path, name, sql, "values", chart, created_at_ms, updated_at_ms,
      actor, token_id)
    select $db_path, $name, $sql, $values, $chart, $now_ms, $now_ms, $actor, $token_id
    where (exists (select 1 from saved_queries where db_path = $db_path and name = $name)
        or (select count(*) from saved_queries where db_path = $db_path) < $max_queries)
      and $bytes + (select ifnull(sum(octet_length(sql) + ifnull(octet_length("values"), 0)
            + ifnull(octet_length(chart), 0)), 0)
          from saved_queries where db_path = $db_path and name <> $name) <= $max_bytes
    on conflict (db_path, name) do update set sql = excluded.sql, "values" = excluded."values",
      chart = excluded.chart, updated_at_ms = excluded.updated_at_ms, actor = excluded.actor,
      token_id = excluded.token_id
      where $if_absent = 0 and ($own_token is null or token_id = $own_token)
    returning *`,
};
const COUNT: Statement = {
  sql: "select count(*) as queries from saved_queries where db_path = $db_path",
};
const REMOVE: Statement = {
  sql: `delete from saved_queries
    where db_path = $db_path and name = $name and ($own_token is null or token_id = $own_token)
    returning *`,
};

export class SavedQueryList {
  readonly #engine: StateEngine;

  constructor(engine: StateEngine) {
    this.#engine = engine;
  }

  /** By name. */
  async list({ databasePath, ownToken }: SavedPlace): Promise<SavedQuery[]> {
    const params = { db_path: databasePath, own_token: ownToken };
    const [rows = []] = await this.#engine.read(plan([[LIST, params]]));
    return rows.map(toSavedQuery);
  }

  /** Keeps a query; one of the same name is replaced. */
  async save(place: SavedPlace, saving: Saving, deadlineMs: number): Promise<Saved> {
    const { databasePath: db_path, ownToken } = place;
    const { name, sql, values, chart } = saving;
    const [before = [], saved = [], counted = []] = await this.#engine.write(
      plan([
        [FIND, { db_path, name }],
        [
          SAVE,
          {
            db_path,
            name,
            sql,
            values,
            chart,
            now_ms: saving.nowMs,
            actor: saving.actor,
            token_id: saving.tokenId,
            own_token: ownToken,
            if_absent: Number(saving.ifAbsent),
            bytes: [sql, values ?? "", chart ?? ""].reduce(
              (bytes, text) => bytes + Buffer.byteLength(text),
              0,
            ),
            max_queries: MAX_SAVED_QUERIES,
            max_bytes: MAX_SAVED_QUERIES_BYTES,
          },
        ],
        [COUNT, { db_path }],
      ]),
      { deadlineMs },
    );
    const [row] = saved;
    const [old] = before;
    if (row !== undefined)
      return {
        outcome: "saved",
        query: toSavedQuery(row),
        before: old === undefined ? null : toSavedQuery(old),
      };
    if (old !== undefined) {
      if (ownToken !== null && old["token_id"] !== ownToken) return { outcome: "taken" };
      return { outcome: saving.ifAbsent ? "present" : "large" };
    }
    return { outcome: Number(counted[0]?.["queries"]) >= MAX_SAVED_QUERIES ? "many" : "large" };
  }

  /** @returns the query that was forgotten, or undefined when there was none */
  async remove(
    { databasePath, ownToken }: SavedPlace,
    name: string,
    deadlineMs: number,
  ): Promise<SavedQuery | undefined> {
    const params = { db_path: databasePath, name, own_token: ownToken };
    const [rows = []] = await this.#engine.write(plan([[REMOVE, params]]), { deadlineMs });
    return rows.map(toSavedQuery)[0];
  }
}

function plan(steps: [Statement, Plan["steps"][number]["params"]][]): Plan {
  return { relation: RELATION, steps: steps.map(([statement, params]) => ({ statement, params })) };
}

function toSavedQuery(row: Row): SavedQuery {
  return {
    name: String(row["name"]),
    sql: String(row["sql"]),
    values: row["values"] as string | null,
    chart: row["chart"] as string | null,
    createdAtMs: Number(row["created_at_ms"]),
    updatedAtMs: Number(row["updated_at_ms"]),
    actor: row["actor"] as string | null,
  };
}
