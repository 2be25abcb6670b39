/** Order and column widths of a grid, kept by TanStack Table. */
import {
  columnSizingFeature,
  createSortedRowModel,
  rowSortingFeature,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { useEffect, useMemo, useRef, useState } from "react";
import { load, save } from "../../address/storage.ts";
import { compareCells } from "./order.ts";
import type { GridColumn, GridProps, GridRow, GridSort } from "./types.ts";
import { fittingWidth, initialWidth, MAX_WIDTH, MIN_WIDTH } from "./widths.ts";

const features = tableFeatures({
  rowSortingFeature,
  columnSizingFeature,
  sortedRowModel: createSortedRowModel(),
});

/** A column of a table may have no name at all; TanStack's must have one. */
function keyOf(id: string): string {
  return id === "" ? "\u0000" : id;
}

interface IndexedRow {
  readonly row: GridRow;
  readonly index: number;
}

export function useGridTable({ columns, rows, sort, onSort, storageKey }: GridProps) {
  const data = useMemo<IndexedRow[]>(() => rows.map((row, index) => ({ row, index })), [rows]);
  // Widths follow the first rows that came; later pages must not make columns jump.
  const firstRows = useRef<{ ids: string; rows: readonly GridRow[] }>({ ids: "", rows: [] });
  const ids = columns.map(({ id }) => id).join("\u0000");
  if (firstRows.current.ids !== ids || firstRows.current.rows.length === 0)
    firstRows.current = { ids, rows };
  const sample = firstRows.current.rows;
  const definitions = useMemo(
    () =>
      columns.map((column, index) => ({
        id: keyOf(column.id),
        accessorFn: ({ row }: IndexedRow) => row[index] ?? null,
        size: initialWidth(column, index, sample),
        minSize: MIN_WIDTH,
        maxSize: MAX_WIDTH,
        sortFn: (a: { original: IndexedRow }, b: { original: IndexedRow }) =>
          compareCells(a.original.row[index] ?? null, b.original.row[index] ?? null),
      })),
    [columns, sample],
  );
  const [ownSort, setOwnSort] = useState<GridSort | null>(null);
  const elsewhere = onSort !== undefined;
  const shownSort = elsewhere ? (sort ?? null) : ownSort;
  const table = useTable({
    features,
    data,
    columns: definitions,
    manualSorting: elsewhere,
    initialState: {
      columnSizing:
        storageKey === undefined
          ? {}
          : (load<Record<string, number>>(`widths:${storageKey}`) ?? {}),
    },
    state: {
      sorting:
        shownSort === null ? [] : [{ id: keyOf(shownSort.column), desc: shownSort.descending }],
    },
  });

  const { columnSizing } = table.state;
  useEffect(() => {
    if (storageKey !== undefined && Object.keys(columnSizing).length > 0)
      save(`widths:${storageKey}`, columnSizing);
  }, [columnSizing, storageKey]);

  const shown = table.getRowModel().rows;
  const widths = columns.map(({ id }) => table.getColumn(keyOf(id))?.getSize() ?? MIN_WIDTH);
  const setWidth = (id: string, width: number) =>
    table.setColumnSizing((sizes) => ({
      ...sizes,
      [keyOf(id)]: Math.min(Math.max(width, MIN_WIDTH), MAX_WIDTH),
    }));
  return {
    /** Indices of `rows` in the order shown. */
    order: useMemo(() => shown.map(({ original }) => original.index), [shown]),
    widths,
    sort: shownSort,
    /** Ascending, descending, as it came. */
    sortBy(column: GridColumn) {
      const next: GridSort | null =
        shownSort?.column !== column.id
          ? { column: column.id, descending: false }
          : shownSort.descending
            ? null
            : { column: column.id, descending: true };
      if (onSort !== undefined) onSort(next);
      else setOwnSort(next);
    },
    widen(column: GridColumn, index: number, byPx: number) {
      setWidth(column.id, (widths[index] ?? MIN_WIDTH) + byPx);
    },
    fit(column: GridColumn, index: number) {
      setWidth(column.id, fittingWidth(column, index, rows));
    },
    resize(column: GridColumn, width: number) {
      setWidth(column.id, width);
    },
  };
}
