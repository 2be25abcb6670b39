/** From rows to what is drawn. */
import type { Cell } from "../api/sql.ts";
import type { GridRow } from "../parts/grid/types.ts";
import { kindsOf, toLabel, toNumber, toTimeMs } from "./columns.ts";
import type { ChartSpec, Combination } from "./spec.ts";

export interface Series {
  readonly name: string;
  /** One for each x; null where there is no number. */
  readonly values: readonly (number | null)[];
}

export interface ChartData {
  /** `label` has words at equal distances; the others have places on a scale. */
  readonly scale: "label" | "number" | "time";
  readonly labels: readonly string[];
  /** Places on the scale; null without one, and for rows that have none. */
  readonly places: readonly (number | null)[] | null;
  readonly series: readonly Series[];
  /** What the chart leaves out, in words. */
  readonly omitted: string | null;
}

/** More slices cannot be told apart. */
const MAX_SLICES = 12;

export function chartData(
  spec: ChartSpec,
  names: readonly string[],
  rows: readonly GridRow[],
): ChartData {
  const at = spec.x === null ? -1 : names.indexOf(spec.x);
  const kind = at === -1 ? "number" : kindsOf(names, rows)[at];
  const xOf = (row: GridRow, index: number): Cell => (at === -1 ? index + 1 : (row[at] ?? null));
  const groups = spec.combine === "none" ? null : grouped(rows, xOf);
  const xs = groups === null ? rows.map(xOf) : [...groups.values()].map(({ x }) => x);
  const counted = spec.combine === "count";
  const series = counted
    ? [{ name: "rows", values: [...(groups?.values() ?? [])].map((group) => group.rows.length) }]
    : spec.y.map((name): Series => {
        const column = names.indexOf(name);
        const value = (row: GridRow) => toNumber(row[column] ?? null);
        const values =
          groups === null
            ? rows.map(value)
            : [...groups.values()].map((group) => combined(group.rows.map(value), spec.combine));
        return { name, values };
      });
  const scaled = spec.type === "scatter" || spec.type === "line" || spec.type === "area";
  const scale = !scaled || kind === "text" ? "label" : kind === "time" ? "time" : "number";
  const data: ChartData = {
    scale,
    labels: xs.map(toLabel),
    places: scale === "label" ? null : xs.map(scale === "time" ? toTimeMs : toNumber),
    series,
    omitted: null,
  };
  return spec.type === "pie" ? asPie(data) : inOrder(data, spec);
}

/** Lines run along their scale, whatever order the rows came in. */
function inOrder(data: ChartData, spec: ChartSpec): ChartData {
  const { places } = data;
  if (places === null || spec.type === "scatter") return data;
  const order = places
    .map((place, index) => ({ place, index }))
    .filter((each): each is { place: number; index: number } => each.place !== null)
    .sort((a, b) => a.place - b.place)
    .map(({ index }) => index);
  const missing = places.length - order.length;
  return {
    ...data,
    labels: order.map((index) => data.labels[index] ?? ""),
    places: order.map((index) => places[index] ?? null),
    series: data.series.map(({ name, values }) => ({
      name,
      values: order.map((index) => values[index] ?? null),
    })),
    omitted: missing === 0 ? null : `${missing} rows without ${spec.x ?? "a place"} are left out.`,
  };
}

/** One series, positive parts, the small ones together. */
function asPie(data: ChartData): ChartData {
  const [first] = data.series;
  if (first === undefined) return data;
  const parts = first.values
    .map((value, index) => ({ value: value ?? 0, label: data.labels[index] ?? "" }))
    .sort((a, b) => b.value - a.value);
  const positive = parts.filter(({ value }) => value > 0);
  const dropped = parts.length - positive.length;
  const shown = positive.slice(0, positive.length > MAX_SLICES ? MAX_SLICES - 1 : MAX_SLICES);
  const rest = positive.slice(shown.length);
  const all =
    rest.length === 0
      ? shown
      : [
          ...shown,
          {
            label: `${rest.length} others`,
            value: rest.reduce((total, { value }) => total + value, 0),
          },
        ];
  const notes = [
    dropped === 0 ? null : `${dropped} values that are not above zero are left out.`,
    data.series.length > 1 ? `A pie shows one column: ${first.name}.` : null,
  ].filter((note) => note !== null);
  return {
    ...data,
    labels: all.map(({ label }) => label),
    series: [{ name: first.name, values: all.map(({ value }) => value) }],
    omitted: notes.length === 0 ? null : notes.join(" "),
  };
}

interface Group {
  readonly x: Cell;
  readonly rows: GridRow[];
}

function grouped(
  rows: readonly GridRow[],
  xOf: (row: GridRow, index: number) => Cell,
): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const [index, row] of rows.entries()) {
    const x = xOf(row, index);
    const key = `${typeof x} ${toLabel(x)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { x, rows: [row] });
    else group.rows.push(row);
  }
  return groups;
}

function combined(values: readonly (number | null)[], how: Combination): number | null {
  const numbers = values.filter((value) => value !== null);
  if (numbers.length === 0) return null;
  const sum = numbers.reduce((total, value) => total + value, 0);
  return how === "average" ? sum / numbers.length : sum;
}
