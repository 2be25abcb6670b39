/** What the grid needs to know, and what it tells. */
import type { ReactNode } from "react";
import type { Cell } from "../../api/sql.ts";

export interface GridColumn {
  /** Distinct within the grid. */
  readonly id: string;
  readonly name: string;
  /** Small print below or beside the name, such as the declared type. */
  readonly note?: string;
  /** Numbers stand at the right. */
  readonly numeric?: boolean;
  /** A sign before the name, such as a key. */
  readonly mark?: ReactNode;
}

export type GridRow = readonly Cell[];

/** Places count from 0 in the `rows` and `columns` that were passed, however the grid sorts them. */
export interface GridPosition {
  readonly row: number;
  readonly column: number;
}

export interface GridSort {
  readonly column: string;
  readonly descending: boolean;
}

export interface GridSelection {
  /** Where the keyboard is. */
  readonly active: GridPosition;
  /** Selected rows in the order shown. */
  readonly rows: readonly number[];
  /** Selected columns from left to right. */
  readonly columns: readonly number[];
}

export interface GridHandle {
  focus(): void;
  /** Selects one cell and brings it into view. */
  select(position: GridPosition): void;
}

export interface GridProps {
  /** What is shown, for people who cannot see it. */
  label: string;
  columns: readonly GridColumn[];
  rows: readonly GridRow[];
  /** Lets rows keep their identity when others come and go; the index where left out. */
  rowKey?: (row: GridRow, index: number) => string;
  /** Number of the first row, such as 101 on the second page. */
  firstRowNumber?: number;
  /** The order the rows are in. With `onSort` somebody else sorts; without it the grid does. */
  sort?: GridSort | null;
  onSort?: (sort: GridSort | null) => void;
  onSelect?: (selection: GridSelection) => void;
  /** Enter or a double click, where nothing can be edited. */
  onOpen?: (position: GridPosition) => void;

  /** Shows a cell in another way; undefined leaves it to the grid. */
  renderCell?: (cell: Cell, position: GridPosition) => ReactNode | undefined;
  /** Further classes: `cell-changed`, `cell-added`, `cell-deleted`, or one's own. */
  cellClass?: (position: GridPosition) => string | undefined;
  /** Small print that comes up over a cell, such as why its value was refused. */
  cellTitle?: ((position: GridPosition) => string | undefined) | undefined;
  /** What stands at the beginning of a row in place of its number. */
  rowMark?: ((row: number) => ReactNode | undefined) | undefined;

  /** The cell being edited; `renderEditor` shows it. */
  editing?: GridPosition | null;
  renderEditor?: (cell: Cell, position: GridPosition) => ReactNode;
  /** F2, Enter or a double click; with `typed` when a character began it. */
  onEdit?: (position: GridPosition, typed?: string) => void;
  /** Text from the clipboard, as lines of cells; goes to the active cell and beyond. */
  onPaste?: (lines: readonly (readonly string[])[], selection: GridSelection) => void;
  /** Delete or Backspace. */
  onDelete?: (selection: GridSelection) => void;
  /** `ContextItem`s and `ContextLine`s above the grid's own. */
  menu?: (selection: GridSelection) => ReactNode;
  /** The same for a column. */
  headerMenu?: (column: GridColumn, index: number) => ReactNode;
  /** So many columns stay in place while the others scroll. Where it is narrow, the first does. */
  pinnedColumns?: number;
  /** A column was dragged, or moved by Shift+Alt with an arrow, to another one's place. */
  onReorder?: ((from: number, to: number) => void) | undefined;
  /** Name of the table for "Copy as INSERT". */
  tableName?: string;
  /** Column widths are remembered under this name. */
  storageKey?: string;
  /** The last good rows while newer ones are on their way. */
  busy?: boolean;
}
