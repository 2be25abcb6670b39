import { useQuery } from "@tanstack/react-query";
import { RotateCcw, X } from "lucide-react";
import { useState } from "react";
import { quoteIdentifier } from "../api/literals.ts";
import type { Moment } from "../api/moment.ts";
import type { Schema, SchemaColumn, SchemaObject } from "../api/schema.ts";
import { type Cell, isBlob } from "../api/sql.ts";
import { Button, IconButton } from "../parts/Button.tsx";
import { CellContent, CellPanel } from "../parts/CellPanel.tsx";
import { ErrorNote, Skeleton } from "../parts/Notes.tsx";
import type { Identity } from "./model/identity.ts";
import { isEditable } from "./model/identity.ts";
import { isOmitted, keyCondition, readRows } from "./model/reading.ts";
import { RowLinks } from "./RowLinks.tsx";
import type { KnownRow, StagedValue } from "./staged/staged.ts";
import { rowsAtKey } from "./useTablePage.ts";
import { asStaged, ValueEditor } from "./ValuePanel.tsx";

export interface RowPanelProps {
  db: string;
  object: SchemaObject;
  schema: Schema;
  identity: Identity | null;
  column: SchemaColumn;
  /** Null for a row that was added and is not saved. */
  row: KnownRow | null;
  /** Of the past, or null. */
  at: Moment;
  staged: StagedValue | undefined;
  cellOf(column: string): Cell;
  editable: boolean;
  onChange(value: StagedValue): void;
  onRevert(): void;
  onClose(): void;
}

/** The value of one cell, to read or to write, and where its row leads. */
export function RowPanel(props: RowPanelProps) {
  const { db, object, schema, identity, column, row, staged, at } = props;
  const known = row?.cells.get(column.name) ?? null;
  const shown = staged ?? (row === null ? { kind: "default" as const } : asStaged(known));
  const cell = shown.kind === "value" ? shown.cell : null;
  const omitted =
    isOmitted(cell) && row !== null && identity !== null ? (
      <LargeBlob
        db={db}
        object={object}
        identity={identity}
        row={row}
        at={at}
        column={column.name}
      />
    ) : null;
  const links =
    // Other tables are as they are now.
    row === null || at !== null ? null : (
      <RowLinks db={db} object={object} schema={schema} cellOf={props.cellOf} />
    );
  if (!props.editable || !isEditable(column))
    return (
      <div className="row-panel">
        {omitted !== null ? (
          <>
            <PanelHead column={column} onClose={props.onClose} />
            {omitted}
          </>
        ) : (
          <CellPanel name={column.name} cell={cell} onClose={props.onClose} />
        )}
        {links}
      </div>
    );
  return (
    <section className="row-panel" aria-label={`Value of ${column.name}`}>
      <PanelHead column={column} onClose={props.onClose}>
        {staged === undefined ? null : (
          <IconButton icon={RotateCcw} label="Take this change back" onClick={props.onRevert} />
        )}
      </PanelHead>
      <div className="row-panel-body">
        <ValueEditor
          key={`${row?.key ?? ""} ${column.name}`}
          column={column}
          shown={shown}
          onChange={props.onChange}
        />
        {omitted ?? (isBlob(cell) ? <CellContent name={column.name} cell={cell} /> : null)}
      </div>
      {links}
    </section>
  );
}

function PanelHead({
  column,
  onClose,
  children,
}: {
  column: SchemaColumn;
  onClose(): void;
  children?: React.ReactNode;
}) {
  return (
    <header className="cell-panel-head">
      <h2 className="data">{column.name}</h2>
      <span className="soft">
        {column.type.toLowerCase()}
        {column.not_null ? " not null" : ""}
      </span>
      {children}
      <IconButton icon={X} label="Close the value" onClick={onClose} />
    </header>
  );
}

/** Bytes that a page of rows leaves out. */
function LargeBlob({
  db,
  object,
  identity,
  row,
  at,
  column,
}: {
  db: string;
  object: SchemaObject;
  identity: Identity;
  row: KnownRow;
  at: Moment;
  column: string;
}) {
  const [wanted, setWanted] = useState(false);
  const bytes = useQuery({
    queryKey: [...rowsAtKey(db, object.name, at), "blob", row.key, column],
    enabled: wanted,
    gcTime: 0,
    async queryFn({ signal }): Promise<Cell> {
      const { rows } = await readRows(
        db,
        [
          `SELECT ${quoteIdentifier(column)} FROM ${quoteIdentifier(object.name)} WHERE `,
          ...keyCondition(identity.columns, row.identity),
        ],
        { signal, at },
      );
      const [[cell = null] = []] = rows;
      return cell;
    },
  });
  if (bytes.error !== null) return <ErrorNote error={bytes.error} />;
  if (bytes.data !== undefined) return <CellContent name={column} cell={bytes.data} />;
  if (wanted) return <Skeleton lines={3} label="Fetching the bytes" />;
  return <Button onClick={() => setWanted(true)}>Fetch the bytes</Button>;
}
