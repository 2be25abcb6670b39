/** A key-value table of an open database: what every operation works on. */
import type { Engine, Plan, Relation, Rows, SqlValue, Statement } from "../engine/plan.ts";
import { kvRelation } from "./relation.ts";
import { type KvStatements, kvStatements } from "./statements.ts";
import { type TimeStatements, timeStatements } from "./time-statements.ts";

export interface KvTable {
  readonly engine: Engine;
  readonly relation: Relation;
  readonly statements: KvStatements;
  readonly time: TimeStatements;
}

/**
 * @param name `kv_store` if not given
 * @throws ApiError INVALID_PARAMETERS for a name that cannot be one
 */
export function kvTable(engine: Engine, name?: string): KvTable {
  const relation = kvRelation(name);
  return {
    engine,
    relation,
    statements: kvStatements(relation),
    time: timeStatements(relation),
  };
}

/** In SQLite's order every BLOB comes after every TEXT, so this upper bound bounds nothing. */
export const ABOVE_ALL_KEYS = new Uint8Array();

export type Params = Record<string, SqlValue>;

/** Runs one statement that reads, and gives its rows to `outcome`: at once, as it mostly can be. */
export function readOne<Result>(
  table: KvTable,
  statement: Statement,
  params: Params,
  outcome: (rows: Rows) => Result | Promise<Result>,
): Result | Promise<Result> {
  const plan: Plan = { relation: table.relation, steps: [{ statement, params }] };
  const rows = table.engine.read(plan);
  return rows instanceof Promise
    ? rows.then(([only = []]) => outcome(only))
    : outcome(rows[0] ?? []);
}
