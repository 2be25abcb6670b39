/** The order of values as SQLite has it: NULL, numbers, text, BLOB. */
import { type Cell, isBlob, isNumber } from "../../api/sql.ts";

export function compareCells(a: Cell, b: Cell): number {
  const difference = rank(a) - rank(b);
  if (difference !== 0) return difference;
  if (isBlob(a) && isBlob(b)) return byUnits(atob(a.value_base64), atob(b.value_base64));
  if (typeof a === "string" && typeof b === "string") return byUnits(a, b);
  // Comparisons of bigint with number are exact.
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}

function rank(cell: Cell): number {
  if (cell === null) return 0;
  if (isNumber(cell)) return 1;
  return typeof cell === "string" ? 2 : 3;
}

function byUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
