/** How a plan travels to a runner process, runs there on node:sqlite, and what comes back. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type Plan, PlanUndone, type Rows, type SqlValue } from "./plan.ts";

export interface PlanStep {
  sql: string;
  params: Readonly<Record<string, SqlValue>>;
  required: boolean;
}

export interface PlanResult {
  rows: Rows[];
  /** The required step that gave no row, so that nothing was done; `rows` are those before it. */
  undoneBy: number | null;
}

/** On the server. */
export function stepsOf(plan: Plan): PlanStep[] {
  return plan.steps.map(({ statement, params, required = false }) => ({
    sql: statement.sql,
    params,
    required,
  }));
}

/** On the server. @throws PlanUndone */
export function rowsOf({ rows, undoneBy }: PlanResult): Rows[] {
  if (undoneBy !== null) throw new PlanUndone(undoneBy, rows);
  return rows;
}

/** In the runner: inside a transaction that is to be undone if the result says so. */
export function runSteps(
  steps: readonly PlanStep[],
  runStep: (step: PlanStep) => Rows,
): PlanResult {
  const rows: Rows[] = [];
  for (const [index, step] of steps.entries()) {
    const given = runStep(step);
    if (step.required && given.length === 0) return { rows, undoneBy: index };
    rows.push(given);
  }
  return { rows, undoneBy: null };
}

/** A statement that takes the parameters of its plan, of which it may not have all. */
export function prepareStep(database: DatabaseSync, sql: string): StatementSync {
  const statement = database.prepare(sql);
  statement.setAllowUnknownNamedParameters(true);
  return statement;
}

export function rowsOfStep(statement: StatementSync, params: PlanStep["params"]): Rows {
  // node:sqlite binds every number as REAL.
  const exact = Object.entries(params).map(([name, value]) => [
    name,
    Number.isSafeInteger(value) ? BigInt(value as number) : value,
  ]);
  return statement.all(Object.fromEntries(exact)).map((row) => ({ ...row })) as Rows;
}
