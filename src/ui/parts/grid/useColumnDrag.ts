/** A click on the head of a column sorts; a drag takes the column to another place. */
import { type PointerEvent, useRef, useState } from "react";
import type { GridColumn } from "./types.ts";

export interface ColumnDrag {
  readonly from: number;
  /** The column whose place it would take. */
  readonly over: number;
}

/** Less than this is a click. */
const DRAG_PX = 6;

export function useColumnDrag(
  onReorder: ((from: number, to: number) => void) | undefined,
  onClick: (column: GridColumn) => void,
) {
  const [drag, setDrag] = useState<ColumnDrag | null>(null);
  const start = useRef<{ readonly x: number; readonly index: number } | null>(null);
  const moved = useRef(false);

  const overOf = ({ clientX, clientY }: PointerEvent): number | undefined => {
    const head = document.elementFromPoint(clientX, clientY)?.closest("[role=columnheader]");
    const column = head?.getAttribute("data-column");
    return column === null || column === undefined ? undefined : Number(column);
  };

  return {
    /** Null while nothing is dragged. */
    drag,
    /** For the words in the head of a column. */
    moveBy(column: GridColumn, index: number) {
      return {
        onPointerDown(event: PointerEvent) {
          moved.current = false;
          // A finger scrolls, and has the menu.
          if (onReorder === undefined || event.button !== 0 || event.pointerType === "touch")
            return;
          event.currentTarget.setPointerCapture(event.pointerId);
          start.current = { x: event.clientX, index };
        },
        onPointerMove(event: PointerEvent) {
          const from = start.current;
          if (from === null) return;
          if (!moved.current && Math.abs(event.clientX - from.x) < DRAG_PX) return;
          moved.current = true;
          const over = overOf(event) ?? from.index;
          setDrag((before) =>
            before?.from === from.index && before.over === over
              ? before
              : { from: from.index, over },
          );
        },
        onPointerUp(event: PointerEvent) {
          const from = start.current;
          start.current = null;
          setDrag(null);
          if (from === null || !moved.current) return;
          const over = overOf(event);
          if (over !== undefined && over !== from.index) onReorder?.(from.index, over);
        },
        onPointerCancel() {
          start.current = null;
          setDrag(null);
        },
        onClick() {
          if (!moved.current) onClick(column);
        },
      };
    },
  };
}
