/** Which cells a step through time has changed, so that the eye finds them. */
import { useState } from "react";
import type { Moment } from "../api/moment.ts";
import { type KnownRow, sameCell } from "./staged/staged.ts";

export type Marks = ReadonlySet<string>;

const NONE: Marks = new Set();

export const markOf = (key: string, column: string) => `${key}\u0000${column}`;

interface Picture {
  readonly rows: readonly KnownRow[];
  readonly at: Moment;
  /** What of the table is looked at, but for the moment. */
  readonly view: string;
  readonly marks: Marks;
}

/** @param rows of the moment; undefined while they are still those of the one before */
export function useMarks(rows: readonly KnownRow[] | undefined, at: Moment, view: string): Marks {
  const [picture, setPicture] = useState<Picture | null>(null);
  if (rows !== undefined && (rows !== picture?.rows || at !== picture.at)) {
    const isStep = picture !== null && at !== null && at !== picture.at && view === picture.view;
    setPicture({ rows, at, view, marks: isStep ? differences(picture.rows, rows) : NONE });
  }
  return picture?.marks ?? NONE;
}

/** None where most rows differ: a leap, in which no single change stands out. */
function differences(before: readonly KnownRow[], after: readonly KnownRow[]): Marks {
  const known = new Map(before.map((row) => [row.key, row]));
  const marks = new Set<string>();
  let changed = 0;
  for (const { key, cells } of after) {
    const other = known.get(key)?.cells;
    const columns = [...cells].filter(
      ([column, cell]) => other === undefined || !sameCell(cell, other.get(column) ?? null),
    );
    for (const [column] of columns) marks.add(markOf(key, column));
    if (columns.length > 0) changed += 1;
  }
  return changed > Math.max(1, after.length / 2) ? NONE : marks;
}
