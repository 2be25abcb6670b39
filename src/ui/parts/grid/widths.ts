/** How wide a column should be before anybody has said so. */
import { type Cell, isBlob } from "../../api/sql.ts";
import type { GridColumn, GridRow } from "./types.ts";

export const MIN_WIDTH = 48;
export const MAX_WIDTH = 1200;
const WIDEST_AT_FIRST = 320;
const SAMPLE_ROWS = 60;
/** Of the data face at 12 px, about. */
const CHAR_PX = 7.3;
const PADDING_PX = 20;
const HEADER_EXTRA_PX = 26;

export function initialWidth(column: GridColumn, index: number, rows: readonly GridRow[]): number {
  const headerChars = column.name.length + (column.note === undefined ? 0 : column.note.length + 1);
  let px = headerChars * CHAR_PX + HEADER_EXTRA_PX + (column.mark === undefined ? 0 : 18);
  for (const row of rows.slice(0, SAMPLE_ROWS))
    px = Math.max(px, shownLength(row[index] ?? null) * CHAR_PX);
  return Math.round(Math.min(Math.max(px + PADDING_PX, 72), WIDEST_AT_FIRST));
}

/** Wide enough for all that is there, within reason. */
export function fittingWidth(column: GridColumn, index: number, rows: readonly GridRow[]): number {
  let px = column.name.length * CHAR_PX + HEADER_EXTRA_PX;
  for (const row of rows) px = Math.max(px, shownLength(row[index] ?? null) * CHAR_PX);
  return Math.round(Math.min(Math.max(px + PADDING_PX, 72), 640));
}

function shownLength(cell: Cell): number {
  if (cell === null) return 4;
  return isBlob(cell) ? 12 : Math.min(String(cell).length, 90);
}
