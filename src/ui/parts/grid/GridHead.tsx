import type { VirtualItem } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { ContextMenu } from "radix-ui";
import { type ReactNode, useRef } from "react";
import type { GridColumn, GridSort } from "./types.ts";

export interface GridHeadProps {
  gridId: string;
  columns: readonly GridColumn[];
  widths: readonly number[];
  items: readonly VirtualItem[];
  restStart: number;
  pinned: boolean;
  sort: GridSort | null;
  activeColumn: number;
  onSort(column: GridColumn): void;
  onResize(column: GridColumn, width: number): void;
  onFit(column: GridColumn, index: number): void;
  headerMenu: ((column: GridColumn) => ReactNode) | undefined;
}

/** The names of the columns: a click sorts, the edges drag. */
export function GridHead(props: GridHeadProps) {
  const { gridId, columns, widths, items, restStart, pinned, sort } = props;
  const dragFrom = useRef<{ x: number; width: number }>(null);
  const endDrag = () => {
    dragFrom.current = null;
  };
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
        className={`head ${pinned && index === 0 ? "cell-pinned" : ""} ${props.activeColumn === index ? "head-active" : ""} ${column.numeric === true ? "head-number" : ""}`}
        style={{ width: widths[index] }}
        title={column.note === undefined ? column.name : `${column.name} ${column.note}`}
      >
        {/* biome-ignore lint/a11y/useKeyWithClickEvents: the grid handles the keys of all its cells */}
        {/* biome-ignore lint/a11y/noStaticElementInteractions: it is part of the column header */}
        <span className="head-words" onClick={() => props.onSort(column)}>
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
    const menu = props.headerMenu?.(column);
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
        <div role="columnheader" aria-colindex={1} className="head cell-gutter">
          <span className="visually-hidden">Row</span>
        </div>
        {headAt(0)}
        <div className="grid-gap" style={{ width: (items[0]?.start ?? restStart) - restStart }} />
        {items.map((item) => headAt(item.index + 1))}
      </div>
    </div>
  );
}
