/** What the grid shows: the rows that were read with the staged changes over them, then the added ones. */
import { useMemo } from "react";
import type { SchemaColumn } from "../api/schema.ts";
import type { Cell } from "../api/sql.ts";
import type { GridRow } from "../parts/grid/types.ts";
import type { AddedRow, KnownRow, RowTarget, Staged, StagedValue } from "./staged/staged.ts";

export interface StagedRows {
  readonly targets: readonly RowTarget[];
  readonly rows: readonly GridRow[];
  /** What is staged for a cell. */
  stagedAt(row: number, column: string): StagedValue | undefined;
  isAdded(row: number): boolean;
  isDeleted(row: number): boolean;
  /** As it is shown. */
  cellAt(row: number, column: string): Cell;
  keyAt(row: number): string;
}

const NO_ROWS: readonly KnownRow[] = [];

export function useStagedRows(
  known: readonly KnownRow[] = NO_ROWS,
  staged: Staged,
  columns: readonly SchemaColumn[],
): StagedRows {
  return useMemo(() => {
    const targets: readonly RowTarget[] = [...known, ...staged.added.map(({ id }) => id)];
    const added = new Map(staged.added.map((row) => [row.id, row]));
    const addedAt = (row: number): AddedRow | undefined => {
      const target = targets[row];
      return typeof target === "string" ? added.get(target) : undefined;
    };
    const stagedAt = (row: number, column: string): StagedValue | undefined => {
      const target = targets[row];
      if (target === undefined) return undefined;
      return typeof target === "string"
        ? added.get(target)?.values.get(column)
        : staged.edits.get(target.key)?.changes.get(column);
    };
    const cellAt = (row: number, column: string): Cell => {
      const value = stagedAt(row, column);
      if (value !== undefined) return value.kind === "value" ? value.cell : null;
      const target = targets[row];
      return typeof target === "string" ? null : (target?.cells.get(column) ?? null);
    };
    return {
      targets,
      rows: targets.map((_target, row) => columns.map(({ name }) => cellAt(row, name))),
      stagedAt,
      cellAt,
      isAdded: (row) => addedAt(row) !== undefined,
      isDeleted: (row) => {
        const target = targets[row];
        return typeof target === "object" && staged.edits.get(target.key)?.deleted === true;
      },
      keyAt: (row) => {
        const target = targets[row];
        return typeof target === "string" ? target : (target?.key ?? String(row));
      },
    };
  }, [known, staged, columns]);
}
