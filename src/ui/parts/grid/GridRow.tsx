import type { VirtualItem } from "@tanstack/react-virtual";
import { memo, type ReactNode } from "react";
import { type Cell, isNumber } from "../../api/sql.ts";
import { CellValue } from "./CellValue.tsx";
import type { GridColumn, GridProps, GridRow as Row } from "./types.ts";

export interface GridRowProps {
  gridId: string;
  row: Row;
  /** In `rows` as passed. */
  index: number;
  /** As shown. */
  shown: number;
  /** Its number, or what stands for it. */
  number: ReactNode;
  top: number;
  height: number;
  columns: readonly GridColumn[];
  widths: readonly number[];
  /** The first columns are always there; these are the others in view. */
  items: readonly VirtualItem[];
  restStart: number;
  /** How many columns are always there, and how many of them stay in place. */
  drawn: number;
  held: number;
  gutter: number;
  selectedFrom: number;
  selectedTo: number;
  activeColumn: number;
  editingColumn: number;
  renderCell: GridProps["renderCell"];
  renderEditor: GridProps["renderEditor"];
  cellClass: GridProps["cellClass"];
  cellTitle: GridProps["cellTitle"];
}

/** One row of the grid, the columns in view only. */
export const GridRowView = memo(function GridRowView(props: GridRowProps) {
  const { gridId, row, index, shown, number, top, height, columns, widths, items, restStart } =
    props;
  const { drawn, held } = props;
  const cellAt = (column: number) => {
    const cell: Cell = row[column] ?? null;
    const position = { row: index, column };
    const selected = column >= props.selectedFrom && column <= props.selectedTo;
    const own = props.cellClass?.(position);
    const classes = [
      "cell",
      columns[column]?.numeric === true || isNumber(cell) ? "cell-number" : "",
      selected ? "cell-selected" : "",
      column === props.activeColumn ? "cell-active" : "",
      column < held ? "cell-pinned" : "",
      own ?? "",
    ];
    const content: ReactNode =
      column === props.editingColumn && props.renderEditor !== undefined
        ? props.renderEditor(cell, position)
        : (props.renderCell?.(cell, position) ?? <CellValue cell={cell} />);
    return (
      <div
        key={column}
        id={`${gridId}-${shown}-${column}`}
        role="gridcell"
        aria-colindex={column + 2}
        aria-selected={selected}
        data-column={column}
        className={classes.join(" ")}
        style={placeOf(column, widths, held, props.gutter)}
        title={props.cellTitle?.(position)}
      >
        {content}
      </div>
    );
  };
  return (
    <div
      role="row"
      aria-rowindex={shown + 2}
      data-row={shown}
      className={`grid-row ${shown % 2 === 1 ? "grid-row-odd" : ""}`}
      style={{ height, transform: `translateY(${top}px)` }}
    >
      <div
        role="rowheader"
        aria-colindex={1}
        className="cell cell-gutter"
        style={{ width: props.gutter }}
      >
        {number}
      </div>
      {columns.slice(0, drawn).map((_column, index) => cellAt(index))}
      <div className="grid-gap" style={{ width: (items[0]?.start ?? restStart) - restStart }} />
      {items.map((item) => cellAt(item.index + drawn))}
    </div>
  );
});

/** The width of a column, and where it stays when it is held. */
export function placeOf(
  column: number,
  widths: readonly number[],
  held: number,
  gutter: number,
): React.CSSProperties {
  if (column >= held) return { width: widths[column] };
  const left = widths.slice(0, column).reduce((total, each) => total + each, gutter);
  return { width: widths[column], left };
}
