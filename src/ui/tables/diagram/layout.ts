/** Tables and their foreign keys laid out from left to right, those that are referred to at the right. */
import dagre from "@dagrejs/dagre";
import type { SchemaColumn, SchemaObject } from "../../api/schema.ts";
import { type DiagramKey, keysOf } from "./keys.ts";

export interface DiagramTable {
  readonly object: SchemaObject;
  /** Shown columns; a long table ends with the number of the others. */
  readonly columns: readonly SchemaColumn[];
  readonly hiddenColumns: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Diagram {
  readonly tables: readonly DiagramTable[];
  readonly keys: readonly DiagramKey[];
}

const MAX_COLUMNS = 14;
export const HEAD_PX = 32;
export const LINE_PX = 22;
const PADDING_PX = 8;
const CHAR_PX = 7.4;
const GAP_PX = 48;
const RANK_GAP_PX = 96;
/** Tables without keys stand below the others, in rows of this width. */
const LOOSE_ROW_PX = 1200;

export function layOut(objects: readonly SchemaObject[]): Diagram {
  const keys = keysOf(objects);
  const joined = new Set(keys.flatMap(({ from, to }) => (from === to ? [] : [from, to])));
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", nodesep: GAP_PX, ranksep: RANK_GAP_PX });
  graph.setDefaultEdgeLabel(() => ({}));
  const sized = objects.map(measure);
  for (const table of sized)
    if (joined.has(table.object.name))
      graph.setNode(table.object.name, { width: table.width, height: table.height });
  for (const { id, from, to } of keys) if (from !== to) graph.setEdge(from, to, {}, id);
  dagre.layout(graph);
  const placed = sized
    .filter(({ object }) => joined.has(object.name))
    .map((table) => {
      const { x, y } = graph.node(table.object.name);
      return { ...table, x: x - table.width / 2, y: y - table.height / 2 };
    });
  const bottom = Math.max(0, ...placed.map(({ y, height }) => y + height + GAP_PX));
  const loose = sized.filter(({ object }) => !joined.has(object.name));
  return { tables: [...placed, ...inRows(loose, bottom)], keys };
}

function measure(object: SchemaObject): DiagramTable {
  const all = object.columns.filter(({ hidden }) => !hidden);
  // Keys first: they are what the diagram is about.
  const inKeys = new Set(object.foreign_keys.flatMap(({ columns }) => columns));
  const isKey = (column: SchemaColumn) => column.primary_key > 0 || inKeys.has(column.name);
  const columns =
    all.length <= MAX_COLUMNS
      ? all
      : [...all.filter(isKey), ...all.filter((column) => !isKey(column))].slice(0, MAX_COLUMNS);
  const hiddenColumns = all.length - columns.length;
  const chars = Math.max(
    object.name.length + 6,
    ...columns.map(({ name, type }) => name.length + type.length + 5),
  );
  const lines = columns.length + (hiddenColumns > 0 ? 1 : 0);
  return {
    object,
    columns,
    hiddenColumns,
    x: 0,
    y: 0,
    width: Math.min(340, Math.max(160, Math.round(chars * CHAR_PX))),
    height: HEAD_PX + lines * LINE_PX + PADDING_PX,
  };
}

function inRows(tables: readonly DiagramTable[], top: number): DiagramTable[] {
  let x = 0;
  let y = top;
  let rowHeight = 0;
  return tables.map((table) => {
    if (x > 0 && x + table.width > LOOSE_ROW_PX) {
      x = 0;
      y += rowHeight + GAP_PX;
      rowHeight = 0;
    }
    const placed = { ...table, x, y };
    x += table.width + GAP_PX;
    rowHeight = Math.max(rowHeight, table.height);
    return placed;
  });
}
