/** What people do to rows, as steps that are staged. */
import type { RefObject } from "react";
import type { SchemaColumn, SchemaObject } from "../api/schema.ts";
import { plural } from "../parts/format.ts";
import type { GridHandle, GridPosition, GridSelection } from "../parts/grid/types.ts";
import { toast } from "../parts/Toast.tsx";
import { affinityOf } from "./model/affinity.ts";
import { isEditable, shownColumns } from "./model/identity.ts";
import { isOmitted } from "./model/reading.ts";
import { asCsv, paste as pasteInto } from "./staged/paste.ts";
import {
  addRow,
  revertCell,
  type Staged,
  type StagedValue,
  setCell,
  setDeleted,
} from "./staged/staged.ts";
import { stage, stagedState } from "./staged/store.ts";
import type { StagedRows } from "./useStagedRows.ts";

export interface EditsOptions {
  db: string;
  object: SchemaObject;
  columns: readonly SchemaColumn[];
  rows: StagedRows;
  grid: RefObject<GridHandle | null>;
}

export function useEdits({ db, object, columns, rows, grid }: EditsOptions) {
  const step = (change: (before: Staged) => Staged) => stage(db, object.name, change);
  /** Applies a change to each selected cell that can be changed. */
  const eachCell = (
    selection: GridSelection,
    apply: (staged: Staged, row: number, column: SchemaColumn) => Staged,
  ) =>
    step((before) => {
      let next = before;
      for (const row of selection.rows)
        for (const index of selection.columns) {
          const column = columns[index];
          if (column !== undefined && isEditable(column) && !rows.isUnread(row, column.name))
            next = apply(next, row, column);
        }
      return next;
    });

  const setAll = (selection: GridSelection, value: StagedValue) =>
    eachCell(selection, (staged, row, { name }) => {
      const target = rows.targets[row];
      return target === undefined ? staged : setCell(staged, target, name, value);
    });

  return {
    set({ row, column: index }: GridPosition, value: StagedValue) {
      const target = rows.targets[row];
      const column = columns[index];
      if (target !== undefined && column !== undefined)
        step((before) => setCell(before, target, column.name, value));
    },

    setAll,

    /** Delete on the keyboard: NULL, or empty text where NULL is not allowed. */
    clear(selection: GridSelection) {
      eachCell(selection, (staged, row, column) => {
        const target = rows.targets[row];
        if (target === undefined) return staged;
        if (!column.not_null)
          return setCell(staged, target, column.name, { kind: "value", cell: null });
        return affinityOf(column.type) === "text"
          ? setCell(staged, target, column.name, { kind: "value", cell: "" })
          : staged;
      });
      const held = selection.columns.flatMap((index) => columns[index] ?? []);
      const kept = held.filter(
        (column) => !isEditable(column) || (column.not_null && affinityOf(column.type) !== "text"),
      );
      if (kept.length > 0) toast(`Left as it is: ${kept.map(({ name }) => name).join(", ")}`);
    },

    revert(selection: GridSelection) {
      step((before) => {
        let next = before;
        for (const row of selection.rows) {
          const target = rows.targets[row];
          if (target === undefined || typeof target === "string") continue;
          if (rows.isDeleted(row)) next = setDeleted(next, target, false);
          else
            for (const index of selection.columns)
              next = revertCell(next, target, columns[index]?.name ?? "");
        }
        return next;
      });
    },

    remove(selection: GridSelection, deleted: boolean) {
      step((before) =>
        selection.rows.reduce((next, row) => {
          const target = rows.targets[row];
          return target === undefined ? next : setDeleted(next, target, deleted);
        }, before),
      );
    },

    add() {
      step((before) => addRow(before)[0]);
      const row = rows.rows.length;
      const column = Math.max(
        0,
        columns.findIndex((each) => isEditable(each) && each.primary_key === 0),
      );
      // After the grid has it.
      requestAnimationFrame(() => {
        grid.current?.select({ row, column });
        grid.current?.focus();
      });
    },

    /** Copies of rows; a key that the table makes itself is left to it. */
    duplicate(selection: GridSelection) {
      const shown = new Set(columns.map(({ name }) => name));
      const left = new Set(
        shownColumns(object).flatMap((column) =>
          shown.has(column.name) || !isEditable(column) || column.primary_key > 0
            ? []
            : [column.name],
        ),
      );
      step((before) =>
        selection.rows.reduce((next, row) => {
          const values = new Map(
            columns
              .filter((column) => isEditable(column) && column.primary_key === 0)
              // Of a large BLOB only the size is here.
              .filter(({ name }) => {
                const known = !isOmitted(rows.cellAt(row, name));
                if (!known) left.add(name);
                return known;
              })
              .map(({ name }) => [
                name,
                rows.stagedAt(row, name) ??
                  ({ kind: "value", cell: rows.cellAt(row, name) } as const),
              ]),
          );
          return addRow(next, values)[0];
        }, before),
      );
      if (left.size > 0) toast(`Not copied, as it is not shown or large: ${[...left].join(", ")}`);
    },

    paste(lines: readonly (readonly string[])[], selection: GridSelection) {
      const row = Math.min(...selection.rows, selection.active.row);
      const column = Math.min(...selection.columns, selection.active.column);
      const outcome = pasteInto(stagedState(db, object.name).staged, {
        lines: asCsv(lines),
        targets: rows.targets,
        columns,
        row,
        column,
        cellAt: (target, name) => {
          const at = rows.targets.indexOf(target);
          return at === -1 ? null : rows.cellAt(at, name);
        },
      });
      step(() => outcome.staged);
      const { cells, addedRows, left } = outcome;
      toast(
        [
          `Pasted ${plural(cells, "cell")}`,
          addedRows === 0 ? "" : `, ${plural(addedRows, "new row")}`,
          left === 0 ? "" : `; ${plural(left, "field")} had no column to go to`,
        ].join(""),
      );
    },

    /** Tells that changes were given up, with a way back. */
    discarded(staged: Staged) {
      toast(`Discarded the changes of ${object.name}`, () => step(() => staged));
    },
  };
}
