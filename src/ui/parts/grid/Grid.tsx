import { useVirtualizer } from "@tanstack/react-virtual";
import { ContextMenu } from "radix-ui";
import {
  type Ref,
  useEffect,
  useId,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { IS_MAC } from "../keys.ts";
import { ContextLine } from "./ContextItems.tsx";
import { CopyItems } from "./CopyItems.tsx";
import { type Cells, copyText, parseTabbed } from "./copy.ts";
import { GridHead } from "./GridHead.tsx";
import { GridRowView } from "./GridRow.tsx";
import {
  clamped,
  moved,
  rectangle,
  type Selected,
  type Spot,
  single,
  wholeRows,
} from "./selection.ts";
import type { GridHandle, GridPosition, GridProps, GridSelection } from "./types.ts";
import { useGridSize } from "./useGridSize.ts";
import { useGridTable } from "./useGridTable.ts";
import "../menu.css";
import "./grid.css";

/** Of row numbers of up to four and three digits; each further one takes more. */
const GUTTER_PX = 52;
const NARROW_GUTTER_PX = 36;
const DIGIT_PX = 8;
const OVERSCAN_ROWS = 12;
const RESIZE_STEP_PX = 16;
const START: Selected = single({ row: 0, column: 0 });

/** A table that may be long and wide, worked with like a spreadsheet. */
export function Grid(props: GridProps & { ref?: Ref<GridHandle> }) {
  const { columns, rows, firstRowNumber = 1, editing = null } = props;
  const gridId = useId();
  const box = useRef<HTMLDivElement>(null);
  const { rowHeight, narrow, width } = useGridSize(box);
  const digits = String(firstRowNumber + rows.length - 1).length;
  const gutter = narrow
    ? NARROW_GUTTER_PX + Math.max(0, digits - 3) * DIGIT_PX
    : GUTTER_PX + Math.max(0, digits - 4) * DIGIT_PX;
  const table = useGridTable(props);
  const { order, widths } = table;
  const [wanted, setSelected] = useState<Selected>(START);
  const extent = { rows: order.length, columns: columns.length };
  const selected = clamped(wanted, extent);
  const { top, bottom, left, right } = rectangle(selected);

  const headHeight = rowHeight;
  const rowWindow = useVirtualizer({
    count: order.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: OVERSCAN_ROWS,
    scrollPaddingStart: headHeight,
    paddingStart: headHeight,
  });
  const held = heldColumns(narrow ? 1 : (props.pinnedColumns ?? 0), widths, gutter, width);
  // The first column is always drawn; the others outside of the window are not.
  const drawn = Math.min(columns.length, Math.max(1, held));
  const restStart = gutter + sum(widths.slice(0, drawn));
  const columnWindow = useVirtualizer({
    horizontal: true,
    count: columns.length - drawn,
    getScrollElement: () => box.current,
    estimateSize: (index) => widths[index + drawn] ?? 0,
    paddingStart: restStart,
    overscan: 2,
  });
  const layout = `${rowHeight} ${drawn} ${widths.join(" ")}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: sizes are measured anew when they change
  useLayoutEffect(() => {
    rowWindow.measure();
    columnWindow.measure();
  }, [layout]);

  const toPosition = ({ row, column }: Spot): GridPosition => ({ row: order[row] ?? row, column });
  const describe = (of: Selected): GridSelection => {
    const bounds = rectangle(of);
    return {
      active: toPosition(of.head),
      rows: order.slice(bounds.top, bounds.bottom + 1),
      columns: range(bounds.left, bounds.right),
    };
  };
  const reveal = ({ row, column }: Spot) => {
    if (row >= 0) rowWindow.scrollToIndex(row, { align: "auto" });
    const scroller = box.current;
    if (scroller === null || column < held) return;
    const start = gutter + sum(widths.slice(0, column));
    const end = start + (widths[column] ?? 0);
    const covered = gutter + sum(widths.slice(0, held));
    if (start - covered < scroller.scrollLeft) scroller.scrollLeft = start - covered;
    else if (end > scroller.scrollLeft + scroller.clientWidth)
      scroller.scrollLeft = end - scroller.clientWidth;
  };
  // A pane that opens beside the grid must not cover the cell it is about.
  const revealLatest = useRef(reveal);
  revealLatest.current = reveal;
  const activeColumn = useRef(0);
  activeColumn.current = selected.head.column;
  // biome-ignore lint/correctness/useExhaustiveDependencies: when the width changes
  useEffect(() => revealLatest.current({ row: -1, column: activeColumn.current }), [width]);

  const select = (next: Selected) => {
    setSelected(next);
    reveal(next.head);
    if (next.head.row >= 0) props.onSelect?.(describe(next));
  };

  useImperativeHandle(props.ref, () => ({
    focus: () => box.current?.focus(),
    select: ({ row, column }) => select(single({ row: Math.max(0, order.indexOf(row)), column })),
  }));

  const open = (spot: Spot) => {
    if (spot.row < 0) return;
    const position = toPosition(spot);
    if (props.onEdit !== undefined) props.onEdit(position);
    else props.onOpen?.(position);
  };

  const cellsOf = (allColumns: boolean): Cells => {
    const chosen = allColumns ? range(0, columns.length - 1) : range(left, right);
    return {
      names: chosen.map((column) => columns[column]?.name ?? ""),
      rows: order
        .slice(top, bottom + 1)
        .map((row) => chosen.map((column) => rows[row]?.[column] ?? null)),
      tableName: props.tableName,
    };
  };

  /** The menu of the active cell, or of the active column, for those without a pointer. */
  const openMenu = () => {
    const cell = document.getElementById(activeId);
    const at = cell?.getBoundingClientRect();
    if (at === undefined) return;
    cell?.dispatchEvent(
      new MouseEvent("contextmenu", {
        bubbles: true,
        cancelable: true,
        clientX: at.left + at.width / 2,
        clientY: at.bottom,
      }),
    );
  };

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.target !== box.current) return;
    const mod = IS_MAC ? event.metaKey : event.ctrlKey;
    const { key, shiftKey: shift, altKey: alt } = event;
    const column = columns[selected.head.column];
    const inHead = selected.head.row < 0;
    const done = () => event.preventDefault();
    if (alt && shift && /^Arrow(Left|Right)$/.test(key) && props.onReorder !== undefined) {
      done();
      const from = selected.head.column;
      const to = key === "ArrowLeft" ? from - 1 : from + 1;
      if (to < 0 || to >= columns.length) return;
      props.onReorder(from, to);
      select(single({ row: selected.head.row, column: to }));
      return;
    }
    if (alt && (key === "ArrowLeft" || key === "ArrowRight") && column !== undefined) {
      done();
      table.widen(
        column,
        selected.head.column,
        key === "ArrowLeft" ? -RESIZE_STEP_PX : RESIZE_STEP_PX,
      );
      return;
    }
    if (alt) return;
    if (key === "ContextMenu" || (key === "F10" && shift)) {
      done();
      openMenu();
      return;
    }
    const pageRows = Math.max(1, Math.floor((box.current?.clientHeight ?? 0) / rowHeight) - 2);
    const next = moved(selected, { key, mod, shift }, extent, pageRows);
    if (next !== undefined) {
      done();
      select(next);
    } else if (mod && key.toLowerCase() === "a") {
      done();
      setSelected({
        anchor: { row: order.length - 1, column: columns.length - 1 },
        head: { row: 0, column: 0 },
      });
      props.onSelect?.({
        active: toPosition({ row: 0, column: 0 }),
        rows: order,
        columns: range(0, columns.length - 1),
      });
    } else if (mod) {
      return;
    } else if (inHead) {
      if ((key === "Enter" || key === " ") && column !== undefined) {
        done();
        table.sortBy(column);
      }
    } else if (key === "Enter" || key === "F2") {
      done();
      open(selected.head);
    } else if (key === " " && shift) {
      done();
      select(wholeRows(top, bottom, extent));
    } else if (key === " " && props.onOpen !== undefined) {
      done();
      props.onOpen(toPosition(selected.head));
    } else if ((key === "Delete" || key === "Backspace") && props.onDelete !== undefined) {
      done();
      props.onDelete(describe(selected));
    } else if (key === "Escape" && (top !== bottom || left !== right)) {
      done();
      event.stopPropagation();
      select(single(selected.head));
    } else if (key.length === 1 && props.onEdit !== undefined) {
      done();
      props.onEdit(toPosition(selected.head), key);
    }
  };

  const spotAt = (target: EventTarget): Spot | undefined => {
    const element = target instanceof Element ? target.closest("[data-row]") : null;
    const row = element?.getAttribute("data-row");
    if (row === null || row === undefined) return undefined;
    const column = (target as Element).closest("[data-column]")?.getAttribute("data-column");
    return {
      row: Number(row),
      column: column === null || column === undefined ? -1 : Number(column),
    };
  };
  const dragging = useRef(false);
  const onPointerDown = (event: React.PointerEvent) => {
    const spot = spotAt(event.target);
    if (spot === undefined || (event.target as Element).closest("input, textarea, select") !== null)
      return;
    if (spot.column < 0) {
      select(wholeRows(event.shiftKey ? selected.anchor.row : spot.row, spot.row, extent));
      return;
    }
    const inside =
      spot.row >= top && spot.row <= bottom && spot.column >= left && spot.column <= right;
    // A menu is about what is selected; a click outside of it is about that cell.
    if (event.button !== 0) {
      if (!inside) select(single(spot));
      return;
    }
    dragging.current = event.pointerType === "mouse";
    select(event.shiftKey ? { anchor: selected.anchor, head: spot } : single(spot));
  };
  const onPointerOver = (event: React.PointerEvent) => {
    if (!dragging.current || event.buttons !== 1) return;
    const spot = spotAt(event.target);
    if (spot !== undefined && spot.column >= 0) select({ anchor: selected.anchor, head: spot });
  };

  const lines = rowWindow.getVirtualItems();
  const items = columnWindow.getVirtualItems();
  const totalWidth = gutter + sum(widths);
  const activeId = `${gridId}-${selected.head.row}-${selected.head.column}`;
  const editingShown = editing === null ? -1 : order.indexOf(editing.row);

  // Editing ends with the keyboard back in the grid.
  const wasEditing = useRef(false);
  useEffect(() => {
    if (wasEditing.current && editing === null) box.current?.focus({ preventScroll: true });
    wasEditing.current = editing !== null;
  }, [editing]);

  const head = (
    <GridHead
      gridId={gridId}
      columns={columns}
      widths={widths}
      items={items}
      restStart={restStart}
      drawn={drawn}
      held={held}
      gutter={gutter}
      onReorder={props.onReorder}
      sort={table.sort}
      activeColumn={selected.head.row < 0 ? selected.head.column : -1}
      onSort={table.sortBy}
      onResize={table.resize}
      onFit={table.fit}
      headerMenu={props.headerMenu}
    />
  );
  const body = (
    <div role="rowgroup" className="grid-body">
      {lines.map(({ index: shown, start }) => {
        const index = order[shown] ?? shown;
        const row = rows[index];
        if (row === undefined) return null;
        const within = shown >= top && shown <= bottom && selected.head.row >= 0;
        return (
          <GridRowView
            key={props.rowKey?.(row, index) ?? index}
            gridId={gridId}
            row={row}
            index={index}
            shown={shown}
            number={props.rowMark?.(index) ?? firstRowNumber + index}
            top={start}
            height={rowHeight}
            columns={columns}
            widths={widths}
            items={items}
            restStart={restStart}
            drawn={drawn}
            held={held}
            gutter={gutter}
            selectedFrom={within ? left : 0}
            selectedTo={within ? right : -1}
            activeColumn={shown === selected.head.row ? selected.head.column : -1}
            editingColumn={shown === editingShown ? (editing?.column ?? -1) : -1}
            renderCell={props.renderCell}
            renderEditor={props.renderEditor}
            cellClass={props.cellClass}
            cellTitle={props.cellTitle}
          />
        );
      })}
    </div>
  );
  return (
    <ContextMenu.Root modal={false}>
      <div
        ref={box}
        id={gridId}
        role="grid"
        aria-label={props.label}
        aria-rowcount={order.length + 1}
        aria-colcount={columns.length + 1}
        aria-multiselectable
        aria-busy={props.busy === true}
        aria-activedescendant={order.length === 0 ? undefined : activeId}
        tabIndex={0}
        className={`grid ${narrow ? "grid-narrow" : ""}`}
        onKeyDown={onKeyDown}
        onPointerDown={onPointerDown}
        onPointerOver={onPointerOver}
        onPointerUp={() => {
          dragging.current = false;
        }}
        onContextMenu={(event) => {
          // The menu key speaks to the grid; the menu belongs to the active cell.
          if (event.target !== box.current) return;
          const cell = document.getElementById(activeId);
          const at = cell?.getBoundingClientRect();
          if (cell === null || at === undefined) return;
          event.preventDefault();
          const { left: clientX, bottom: clientY } = at;
          cell.dispatchEvent(new MouseEvent("contextmenu", { bubbles: true, clientX, clientY }));
        }}
        onDoubleClick={(event) => {
          const spot = spotAt(event.target);
          if (spot !== undefined && spot.column >= 0 && editing === null) open(spot);
        }}
        onCopy={(event) => {
          if (event.target !== box.current || order.length === 0) return;
          event.preventDefault();
          event.clipboardData.setData("text/plain", copyText(cellsOf(false), "text"));
        }}
        onPaste={(event) => {
          if (event.target !== box.current || props.onPaste === undefined) return;
          event.preventDefault();
          props.onPaste(parseTabbed(event.clipboardData.getData("text/plain")), describe(selected));
        }}
      >
        <ContextMenu.Trigger asChild>
          <div
            role="presentation"
            className="grid-sheet"
            style={{ height: rowWindow.getTotalSize(), width: totalWidth }}
          >
            {head}
            {body}
          </div>
        </ContextMenu.Trigger>
      </div>
      <ContextMenu.Portal>
        <ContextMenu.Content className="menu" collisionPadding={8}>
          {props.menu === undefined ? null : (
            <>
              {props.menu(describe(selected))}
              <ContextLine />
            </>
          )}
          <CopyItems read={cellsOf} />
        </ContextMenu.Content>
      </ContextMenu.Portal>
    </ContextMenu.Root>
  );
}

/** What is held leaves most of the place to the rest. */
const MAX_HELD_PART = 0.6;

function heldColumns(
  wanted: number,
  widths: readonly number[],
  gutter: number,
  width: number,
): number {
  let held = Math.min(wanted, widths.length);
  while (held > 1 && gutter + sum(widths.slice(0, held)) > width * MAX_HELD_PART) held -= 1;
  return held;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, offset) => from + offset);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
