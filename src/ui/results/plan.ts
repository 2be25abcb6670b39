/** What in a query plan deserves a look. */
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
