import {
  ArrowRight,
  CopyPlus,
  Filter as FilterIcon,
  Pencil,
  RotateCcw,
  Trash2,
} from "lucide-react";
import { placeHref } from "../address/place.ts";
import type { SchemaColumn } from "../api/schema.ts";
import { isBlob } from "../api/sql.ts";
import { plural } from "../parts/format.ts";
import { ContextItem, ContextLine } from "../parts/grid/ContextItems.tsx";
import type { GridSelection } from "../parts/grid/types.ts";
import type { Filter } from "./model/filter.ts";
import { isEditable } from "./model/identity.ts";
import type { Reference } from "./references.ts";
import type { StagedValue } from "./staged/staged.ts";
import type { StagedRows } from "./useStagedRows.ts";

export interface RowMenuProps {
  selection: GridSelection;
  columns: readonly SchemaColumn[];
  rows: StagedRows;
  editable: boolean;
  references: readonly Reference[];
  onOpen(): void;
  onFilter(filter: Filter): void;
  onSet(selection: GridSelection, value: StagedValue): void;
  onRevert(selection: GridSelection): void;
  onDelete(selection: GridSelection, deleted: boolean): void;
  onDuplicate(selection: GridSelection): void;
}

/** What can be done with the selected cells and their rows. */
export function RowMenu(props: RowMenuProps) {
  const { selection, columns, rows, editable } = props;
  const column = columns[selection.active.column];
  if (column === undefined) return null;
  const cell = rows.cellAt(selection.active.row, column.name);
  const chosen = selection.columns.flatMap((index) => columns[index] ?? []).filter(isEditable);
  const deleted = selection.rows.every((row) => rows.isDeleted(row));
  const changed = selection.rows.some(
    (row) =>
      !rows.isAdded(row) &&
      (rows.isDeleted(row) || chosen.some(({ name }) => rows.stagedAt(row, name) !== undefined)),
  );
  const count = plural(selection.rows.length, "row");
  const filter = (operator: "=" | "!="): Filter =>
    cell === null
      ? { column: column.name, operator: operator === "=" ? "null" : "!null", operands: [] }
      : { column: column.name, operator, operands: [cell] };
  return (
    <>
      <ContextItem icon={Pencil} shortcut="Space" onSelect={props.onOpen}>
        Open the value
      </ContextItem>
      {isBlob(cell) && cell.omittedBytes !== undefined ? null : (
        <>
          <ContextItem icon={FilterIcon} onSelect={() => props.onFilter(filter("="))}>
            Only rows with this {column.name}
          </ContextItem>
          <ContextItem onSelect={() => props.onFilter(filter("!="))}>
            Only rows with another {column.name}
          </ContextItem>
        </>
      )}
      {props.references.length === 0 ? null : <ContextLine />}
      {props.references.map((reference) => (
        <ContextItem
          key={`${reference.table} ${reference.columns.join()}`}
          icon={ArrowRight}
          onSelect={() => {
            location.hash = placeHref(reference.target);
          }}
        >
          {reference.table} ({reference.columns.join(", ")})
        </ContextItem>
      ))}
      {!editable ? null : (
        <>
          <ContextLine />
          <ContextItem
            disabled={chosen.length === 0 || chosen.some((each) => each.not_null)}
            onSelect={() => props.onSet(selection, { kind: "value", cell: null })}
          >
            Set NULL
          </ContextItem>
          <ContextItem
            disabled={chosen.length === 0}
            onSelect={() => props.onSet(selection, { kind: "value", cell: "" })}
          >
            Set empty text
          </ContextItem>
          <ContextItem
            disabled={chosen.length === 0}
            onSelect={() => props.onSet(selection, { kind: "default" })}
          >
            Set the default
          </ContextItem>
          {changed ? (
            <ContextItem icon={RotateCcw} onSelect={() => props.onRevert(selection)}>
              Take the change back
            </ContextItem>
          ) : null}
          <ContextLine />
          <ContextItem icon={CopyPlus} onSelect={() => props.onDuplicate(selection)}>
            Duplicate {count}
          </ContextItem>
          <ContextItem
            icon={Trash2}
            danger={!deleted}
            onSelect={() => props.onDelete(selection, !deleted)}
          >
            {deleted ? "Keep" : "Delete"} {count}
          </ContextItem>
        </>
      )}
    </>
  );
}
