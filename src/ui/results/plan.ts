/** Query plans as trees, and what in them deserves a look. */
import type { PlanNode, SqlResult } from "../api/sql.ts";

/** From the rows of EXPLAIN QUERY PLAN: id, parent, (unused), detail. */
export function planOf({ resultSetList = [], plan }: SqlResult): readonly PlanNode[] {
  if (plan !== undefined) return plan;
  const childrenOf = (parent: number): PlanNode[] =>
    resultSetList
      .filter((row) => Number(row[1]) === parent)
      .map(([id, , , detail]) => ({
        id: Number(id),
        detail: String(detail),
        children: childrenOf(Number(id)),
      }));
  return childrenOf(0);
}

export type PlanMark = "scan" | "index" | "sort" | "other";

/** What a step does: reads everything, finds by an index, sorts by itself. */
export function markOf(detail: string): PlanMark {
  if (/^SCAN\b/.test(detail))
    return /USING (COVERING )?INDEX|CONSTANT ROW|VIRTUAL TABLE/.test(detail) ? "other" : "scan";
  if (/^SEARCH\b/.test(detail)) return /AUTOMATIC/.test(detail) ? "scan" : "index";
  return /TEMP B-TREE/.test(detail) ? "sort" : "other";
}

export const MARK_WORDS: Readonly<Record<PlanMark, string>> = {
  scan: "reads every row",
  index: "by index",
  sort: "sorts",
  other: "",
};
