import { KeyRound, Link2, Pencil, Plus, Sigma } from "lucide-react";
import { type ReactNode, type Ref, useCallback, useMemo, useState } from "react";
import { placeHref } from "../address/place.ts";
import type { Schema, SchemaColumn, SchemaObject } from "../api/schema.ts";
import { isBlob } from "../api/sql.ts";
import { CellValue } from "../parts/grid/CellValue.tsx";
import { Grid } from "../parts/grid/Grid.tsx";
import type {
  GridColumn,
  GridHandle,
  GridPosition,
  GridSelection,
  GridSort,
} from "../parts/grid/types.ts";
import { foreignKeyOf } from "../schema/ColumnLine.tsx";
import { CellInput, type Leave } from "./CellInput.tsx";
import { isNumeric } from "./model/affinity.ts";
import { isEditable } from "./model/identity.ts";
import { followKey } from "./references.ts";
import type { StagedValue } from "./staged/staged.ts";
import type { Refusal } from "./staged/store.ts";
import { type Marks, markOf } from "./useMarks.ts";
import type { StagedRows } from "./useStagedRows.ts";

/** Longer text is written in the pane, not in a cell. */
const LONG_CHARS = 300;

export interface TableGridProps {
  ref: Ref<GridHandle>;
  db: string;
  object: SchemaObject;
  schema: Schema;
  columns: readonly SchemaColumn[];
  rows: StagedRows;
  editable: boolean;
  /** The row that could not be saved. */
  refused: Refusal | null;
  marks: Marks;
  firstRowNumber: number;
  sort: GridSort | null;
  busy: boolean;
  onSort(sort: GridSort | null): void;
  onSelect(selection: GridSelection): void;
  onOpen(position: GridPosition): void;
  onValue(position: GridPosition, value: StagedValue): void;
  onMove(position: GridPosition): void;
  onPaste(lines: readonly (readonly string[])[], selection: GridSelection): void;
  onDelete(selection: GridSelection): void;
  menu(selection: GridSelection): ReactNode;
  headerMenu(column: GridColumn, index: number): ReactNode;
  pinnedColumns: number;
  onReorder(from: number, to: number): void;
}

/** The rows of a table in a grid, with what is staged marked in it. */
export function TableGrid(props: TableGridProps) {
  const { db, object, schema, columns, rows, editable, refused, marks } = props;
  const [editing, setEditing] = useState<(GridPosition & { typed?: string }) | null>(null);
  const gridColumns = useMemo(
    () => columns.map((column) => toGridColumn(column, object)),
    [columns, object],
  );

  const onEdit = (position: GridPosition, typed?: string) => {
    const column = columns[position.column];
    if (column === undefined) return;
    const cell = rows.cellAt(position.row, column.name);
    // Bytes, long text and several lines need more room than a cell has.
    const large =
      isBlob(cell) ||
      (typeof cell === "string" && (cell.length > LONG_CHARS || /[\r\n]/.test(cell)));
    if (rows.isUnread(position.row, column.name)) return;
    if (!isEditable(column) || rows.isDeleted(position.row) || large) props.onOpen(position);
    else setEditing(typed === undefined ? position : { ...position, typed });
  };
  const onDone = (position: GridPosition, value: StagedValue | null, leave: Leave) => {
    setEditing(null);
    if (value !== null) props.onValue(position, value);
    const { row, column } = position;
    if (leave === "down") props.onMove({ row: Math.min(row + 1, rows.rows.length - 1), column });
    else if (leave === "right")
      props.onMove({ row, column: Math.min(column + 1, columns.length - 1) });
    else if (leave === "left") props.onMove({ row, column: Math.max(column - 1, 0) });
  };

  const renderCell = useCallback(
    (_cell: unknown, { row, column: at }: GridPosition) => {
      const column = columns[at];
      if (column === undefined) return undefined;
      const cell = rows.cellAt(row, column.name);
      const staged = rows.stagedAt(row, column.name);
      if (staged === undefined && rows.isUnread(row, column.name))
        return <span className="cell-default">…</span>;
      if (staged?.kind === "default" || (staged === undefined && rows.isAdded(row)))
        return <span className="cell-default">{addedWords(column)}</span>;
      const key = foreignKeyOf(object, column.name);
      if (key === undefined || cell === null) return undefined;
      const reference = followKey(db, key, (name) => rows.cellAt(row, name), schema);
      if (reference === null) return undefined;
      return (
        <>
          <CellValue cell={cell} />
          <a
            className="cell-link"
            href={placeHref(reference.target)}
            tabIndex={-1}
            aria-label={`The row of ${reference.table}`}
            title={`The row of ${reference.table}`}
          >
            <Link2 aria-hidden size={13} />
          </a>
        </>
      );
    },
    [columns, rows, object, db, schema],
  );
  const cellClass = useCallback(
    ({ row, column: at }: GridPosition) => {
      const column = columns[at]?.name ?? "";
      if (isRefused(refused, rows.keyAt(row), column)) return "cell-refused";
      if (rows.isDeleted(row)) return "cell-deleted";
      if (rows.isAdded(row)) return "cell-added";
      if (rows.stagedAt(row, column) !== undefined) return "cell-changed";
      return marks.has(markOf(rows.keyAt(row), column)) ? "cell-marked" : undefined;
    },
    [columns, rows, refused, marks],
  );

  const rowMark = useCallback(
    (row: number) =>
      row < rows.elsewhere ? (
        <Pencil role="img" aria-label="Changed, not on this page" size={12} />
      ) : rows.isAdded(row) ? (
        <Plus role="img" aria-label="New" size={12} />
      ) : undefined,
    [rows],
  );
  const cellTitle = useCallback(
    ({ row, column: at }: GridPosition) =>
      isRefused(refused, rows.keyAt(row), columns[at]?.name ?? "") ? refused?.message : undefined,
    [columns, rows, refused],
  );

  return (
    <Grid
      ref={props.ref}
      label={`Rows of ${object.name}`}
      columns={gridColumns}
      rows={rows.rows}
      rowKey={(_row, index) => rows.keyAt(index)}
      firstRowNumber={props.firstRowNumber - rows.elsewhere}
      rowMark={rowMark}
      sort={props.sort}
      onSort={props.onSort}
      onSelect={props.onSelect}
      onOpen={props.onOpen}
      renderCell={renderCell}
      cellClass={cellClass}
      cellTitle={cellTitle}
      menu={props.menu}
      headerMenu={props.headerMenu}
      pinnedColumns={props.pinnedColumns}
      onReorder={props.onReorder}
      tableName={object.name}
      storageKey={`${db}:${object.name}`}
      busy={props.busy}
      editing={editing}
      renderEditor={(cell, position) => {
        const column = columns[position.column];
        return column === undefined ? null : (
          <CellInput
            column={column}
            cell={cell}
            typed={editing?.typed}
            onDone={(value, leave) => onDone(position, value, leave)}
          />
        );
      }}
      {...(editable ? { onEdit, onPaste: props.onPaste, onDelete: props.onDelete } : {})}
    />
  );
}

/** Whether a cell is what kept its row from being saved, or belongs to a row of which no more is known. */
function isRefused(refused: Refusal | null, key: string, column: string): boolean {
  if (refused === null || refused.key !== key) return false;
  return refused.columns.length === 0 || refused.columns.includes(column);
}

function addedWords(column: SchemaColumn): string {
  if (column.generated !== null) return "generated";
  if (column.default_value !== null || column.primary_key > 0) return "default";
  return column.not_null ? "required" : "NULL";
}

function toGridColumn(column: SchemaColumn, object: SchemaObject): GridColumn {
  const key = foreignKeyOf(object, column.name);
  const mark =
    column.primary_key > 0 ? (
      <KeyRound role="img" aria-label="primary key" size={13} />
    ) : key !== undefined ? (
      <Link2 role="img" aria-label={`refers to ${key.table}`} size={13} />
    ) : column.generated === null ? undefined : (
      <Sigma role="img" aria-label="generated" size={13} />
    );
  return {
    id: column.name,
    name: column.name,
    numeric: isNumeric(column),
    ...(column.type === "" ? {} : { note: column.type.toLowerCase() }),
    ...(mark === undefined ? {} : { mark }),
  };
}
