/** What the columns of a result hold, as far as a chart cares. */
import { type Cell, isBlob, isNumber } from "../api/sql.ts";
import type { GridRow } from "../parts/grid/types.ts";

export type ColumnKind = "number" | "time" | "text";

const SAMPLE_ROWS = 200;
const ISO_TIME = /^\d{4}-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?)?$/;

export function kindsOf(names: readonly string[], rows: readonly GridRow[]): ColumnKind[] {
  const sample = rows.slice(0, SAMPLE_ROWS);
  return names.map((_name, column) => {
    const cells = sample.map((row) => row[column] ?? null).filter((cell) => cell !== null);
    if (cells.length === 0) return "text";
    if (cells.every(isNumber)) return "number";
    return cells.every((cell) => typeof cell === "string" && ISO_TIME.test(cell)) ? "time" : "text";
  });
}

/** The height of a point; null for what is no number. */
export function toNumber(cell: Cell): number | null {
  return isNumber(cell) ? Number(cell) : null;
}

/** Milliseconds; a time without a zone is taken as UTC, as SQLite does. */
export function toTimeMs(cell: Cell): number | null {
  if (typeof cell !== "string" || !ISO_TIME.test(cell)) return null;
  const text = cell.replace(" ", "T");
  const zoned = text.includes("T") && !/(Z|[+-]\d\d:?\d\d)$/.test(text) ? `${text}Z` : text;
  const timeMs = Date.parse(zoned);
  return Number.isNaN(timeMs) ? null : timeMs;
}

export function toLabel(cell: Cell): string {
  if (cell === null) return "NULL";
  return isBlob(cell) ? "BLOB" : String(cell);
}
