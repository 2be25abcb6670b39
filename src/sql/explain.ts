/** Query plans as trees. */
import { ApiError } from "../errors.ts";
import { type BindValues, ValueDealer } from "./bind.ts";
import { parametersOf, skipTrivia } from "./lexer.ts";
import type { SandboxedConnection } from "./sandbox.ts";

export interface PlanNode {
  id: number;
  detail: string;
  children: PlanNode[];
}

/**
 * The plan of one statement, which is compiled and does not run. Values may be left out; where they
 * are given, SQLite takes them into account.
 * @throws ApiError, or what SQLite says of the statement
 */
export function explainStatement(
  connection: SandboxedConnection,
  sql: string,
  values: BindValues,
): PlanNode[] {
  const { statement, text, rest } = connection.compilePlan(skipTrivia(sql));
  if (skipTrivia(rest) !== "") throw new ApiError("SQL_ERROR", "explain needs a single statement");
  const given = Array.isArray(values) ? values.length > 0 : Object.keys(values).length > 0;
  let rows: unknown[];
  if (given) {
    const dealer = new ValueDealer(values);
    const { named, plain } = dealer.deal(parametersOf(text));
    dealer.finish();
    rows = statement.all(named, ...plain);
  } else {
    rows = statement.all();
  }
  return toTree(rows as [bigint, bigint, bigint, string][]);
}

/** SQLite gives (id, parent, unused, detail), parents first; 0 is the root. */
function toTree(rows: readonly [bigint, bigint, bigint, string][]): PlanNode[] {
  const roots: PlanNode[] = [];
  const children = new Map([[0n, roots]]);
  for (const [id, parent, , detail] of rows) {
    const node: PlanNode = { id: Number(id), detail, children: [] };
    children.set(id, node.children);
    (children.get(parent) ?? roots).push(node);
  }
  return roots;
}
