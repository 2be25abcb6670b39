import type { VirtualItem } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { ContextMenu } from "radix-ui";
import { type ReactNode, useRef } from "react";
import { placeOf } from "./GridRow.tsx";
import type { GridColumn, GridSort } from "./types.ts";
import { useColumnDrag } from "./useColumnDrag.ts";

export interface GridHeadProps {
  gridId: string;
  columns: readonly GridColumn[];
  widths: readonly number[];
  items: readonly VirtualItem[];
  restStart: number;
  drawn: number;
  held: number;
  gutter: number;
  onReorder: ((from: number, to: number) => void) | undefined;
  sort: GridSort | null;
  activeColumn: number;
  onSort(column: GridColumn): void;
  onResize(column: GridColumn, width: number): void;
  onFit(column: GridColumn, index: number): void;
  headerMenu: ((column: GridColumn, index: number) => ReactNode) | undefined;
}

/** The names of the columns: a click sorts, the edges drag. */
export function GridHead(props: GridHeadProps) {
  const { gridId, columns, widths, items, restStart, drawn, held, sort } = props;
  const dragFrom = useRef<{ x: number; width: number }>(null);
  const endDrag = () => {
    dragFrom.current = null;
  };
  const { drag, moveBy } = useColumnDrag(props.onReorder, props.onSort);
  const headAt = (index: number) => {
    const column = columns[index];
    if (column === undefined) return null;
    const sorted =
      sort?.column === column.id ? (sort.descending ? "descending" : "ascending") : "none";
    const head = (
      <div
        key={column.id}
        id={`${gridId}--1-${index}`}
        role="columnheader"
        aria-colindex={index + 2}
        aria-sort={sorted}
        data-column={index}
        className={`head ${index < held ? "cell-pinned" : ""} ${drag?.over === index ? (drag.from < index ? "head-drop-after" : "head-drop-before") : ""} ${drag?.from === index ? "head-dragged" : ""} ${props.activeColumn === index ? "head-active" : ""} ${column.numeric === true ? "head-number" : ""}`}
        style={placeOf(index, widths, held, props.gutter)}
        title={column.note === undefined ? column.name : `${column.name} ${column.note}`}
      >
        <span className="head-words" {...moveBy(column, index)}>
          {column.mark}
          <span className="head-name">{column.name}</span>
          {column.note === undefined ? null : <span className="head-note">{column.note}</span>}
          {sorted === "ascending" ? <ArrowUp aria-hidden size={13} /> : null}
          {sorted === "descending" ? <ArrowDown aria-hidden size={13} /> : null}
        </span>
        <span
          className="head-edge"
          aria-hidden
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            dragFrom.current = { x: event.clientX, width: widths[index] ?? 0 };
          }}
          onPointerMove={({ clientX }) => {
            const from = dragFrom.current;
            if (from !== null) props.onResize(column, from.width + clientX - from.x);
          }}
          onPointerUp={endDrag}
          onPointerCancel={endDrag}
          onDoubleClick={() => props.onFit(column, index)}
        />
      </div>
    );
    const menu = props.headerMenu?.(column, index);
    if (menu === undefined || menu === null) return head;
    return (
      <ContextMenu.Root key={column.id} modal={false}>
        <ContextMenu.Trigger asChild>{head}</ContextMenu.Trigger>
        <ContextMenu.Portal>
          <ContextMenu.Content className="menu" collisionPadding={8}>
            {menu}
          </ContextMenu.Content>
        </ContextMenu.Portal>
      </ContextMenu.Root>
    );
  };
  return (
    <div role="rowgroup" className="grid-head">
      <div role="row" aria-rowindex={1} className="grid-head-row">
        <div
          role="columnheader"
          aria-colindex={1}
          className="head cell-gutter"
          style={{ width: props.gutter }}
        >
          <span className="visually-hidden">Row</span>
        </div>
        {columns.slice(0, drawn).map((_column, index) => headAt(index))}
        <div className="grid-gap" style={{ width: (items[0]?.start ?? restStart) - restStart }} />
        {items.map((item) => headAt(item.index + drawn))}
      </div>
    </div>
  );
}
