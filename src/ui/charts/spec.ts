/** What a chart shows, as an address and a saved query hold it. */
import type { GridRow } from "../parts/grid/types.ts";
import { type ColumnKind, kindsOf } from "./columns.ts";

export const CHART_TYPES = {
  bar: "Bars",
  line: "Lines",
  area: "Areas",
  scatter: "Points",
  pie: "Pie",
} as const;
export type ChartType = keyof typeof CHART_TYPES;

/** How rows with the same x become one. */
export const COMBINATIONS = {
  none: "Each row",
  sum: "Sum",
  average: "Average",
  count: "Number of rows",
} as const;
export type Combination = keyof typeof COMBINATIONS;

export interface ChartSpec {
  readonly type: ChartType;
  /** Name of a column; null for the number of the row. */
  readonly x: string | null;
  readonly y: readonly string[];
  readonly combine: Combination;
}

export function printSpec({ type, x, y, combine }: ChartSpec): string {
  return JSON.stringify({ type, x, y, ...(combine === "none" ? {} : { combine }) });
}

/** The spec of a text, as far as these columns have what it names; else what suits them. */
export function readSpec(
  text: string | null,
  names: readonly string[],
  rows: readonly GridRow[],
): ChartSpec {
  const fallback = defaultSpec(names, kindsOf(names, rows));
  if (text === null || text === "") return fallback;
  try {
    const parsed = JSON.parse(text) as Partial<Record<keyof ChartSpec, unknown>>;
    const { type, x, y, combine } = parsed;
    const known = Array.isArray(y) ? y.filter((name) => names.includes(name as string)) : [];
    return {
      type: isKey(CHART_TYPES, type) ? type : fallback.type,
      x: x === null || (typeof x === "string" && names.includes(x)) ? x : fallback.x,
      y: known.length > 0 ? (known as string[]) : fallback.y,
      combine: isKey(COMBINATIONS, combine) ? combine : "none",
    };
  } catch {
    return fallback;
  }
}

/** A time makes lines, words make bars, numbers alone make points. */
export function defaultSpec(names: readonly string[], kinds: readonly ColumnKind[]): ChartSpec {
  const of = (kind: ColumnKind) => names.filter((_name, index) => kinds[index] === kind);
  const numbers = of("number");
  // Keys are numbers, but nobody wants to see how high they are.
  const measures = numbers.filter((name) => !/(^|_)id$|Id$|^(rowid|key|lat|lon|lng)$/.test(name));
  const usable = measures.length > 0 ? measures : numbers;
  const [time] = of("time");
  const [word] = of("text");
  const [first, second] = usable;
  if (time !== undefined) return { type: "line", x: time, y: usable.slice(0, 1), combine: "none" };
  if (word !== undefined && first !== undefined)
    return { type: "bar", x: word, y: [first], combine: "none" };
  if (first !== undefined && second !== undefined)
    return { type: "scatter", x: first, y: [second], combine: "none" };
  if (first !== undefined) return { type: "bar", x: null, y: [first], combine: "none" };
  return { type: "bar", x: word ?? null, y: [], combine: "count" };
}

function isKey<Table extends object>(table: Table, key: unknown): key is keyof Table {
  return typeof key === "string" && Object.hasOwn(table, key);
}
