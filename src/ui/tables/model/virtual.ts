/** Which virtual tables keep their own rows, so that one of them can be changed like a row of any table. */
import type { SchemaObject } from "../../api/schema.ts";

/** Modules that keep each row under a row id, and take INSERT, UPDATE and DELETE of it. */
const KEEPING = new Set(["fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly"]);

/** Why the rows of a virtual table cannot be changed here; null when they can. */
export function virtualReason({ name, sql }: SchemaObject): string | null {
  const module = moduleOf(sql);
  if (!KEEPING.has(module))
    return `This is a virtual table of the kind ${module || "unknown"}. Its rows are only read.`;
  const content = /\bcontent\s*=\s*(?:'([^']*)'|"([^"]*)"|([^\s,)]*))/i.exec(sql ?? "");
  if (content === null || !module.startsWith("fts")) return null;
  const table = content[1] ?? content[2] ?? content[3] ?? "";
  return table === ""
    ? `${name} is an index without content: it knows where words are, not the rows. Change it with SQL.`
    : `${name} is an index of ${table}. Change the rows there.`;
}

/** The first column of an R-Tree is its row id. */
export function isRTree({ type, sql }: SchemaObject): boolean {
  return type === "virtual" && /^rtree/.test(moduleOf(sql));
}

function moduleOf(sql: string | null): string {
  return /\bUSING\s+["'[`]?(\w+)/i.exec(sql ?? "")?.[1]?.toLowerCase() ?? "";
}
