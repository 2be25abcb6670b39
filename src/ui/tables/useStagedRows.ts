/**
 * What the grid shows: staged rows that the page does not have, the rows of the page with the staged
 * changes over them, then the added ones. So no filter, order or page hides what waits to be saved.
 */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { quoteIdentifier } from "../api/literals.ts";
import type { SchemaColumn, SchemaObject } from "../api/schema.ts";
import type { Cell } from "../api/sql.ts";
import { join, type SqlText } from "../api/sql-text.ts";
import type { GridRow } from "../parts/grid/types.ts";
import type { Identity } from "./model/identity.ts";
import { keyCondition, readRows } from "./model/reading.ts";
import type { AddedRow, KnownRow, RowTarget, Staged, StagedValue } from "./staged/staged.ts";
import { knownRow, rowsKey } from "./useTablePage.ts";

export interface StagedRows {
  readonly targets: readonly RowTarget[];
  /** How many of them, at the beginning, are staged and not on the page. */
  readonly elsewhere: number;
  readonly rows: readonly GridRow[];
  /** What is staged for a cell. */
  stagedAt(row: number, column: string): StagedValue | undefined;
  isAdded(row: number): boolean;
  /** The value is not known yet. */
  isUnread(row: number, column: string): boolean;
  isDeleted(row: number): boolean;
  /** As it is shown. */
  cellAt(row: number, column: string): Cell;
  keyAt(row: number): string;
}

const NO_ROWS: readonly KnownRow[] = [];

export function useStagedRows(
  known: readonly KnownRow[] = NO_ROWS,
  staged: Staged,
  elsewhere: readonly KnownRow[],
  columns: readonly SchemaColumn[],
): StagedRows {
  return useMemo(() => {
    const targets: readonly RowTarget[] = [
      ...elsewhere,
      ...known,
      ...staged.added.map(({ id }) => id),
    ];
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
      elsewhere: elsewhere.length,
      rows: targets.map((_target, row) => columns.map(({ name }) => cellAt(row, name))),
      stagedAt,
      cellAt,
      isUnread: (row, column) => {
        const target = targets[row];
        return typeof target === "object" && !target.cells.has(column);
      },
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
  }, [known, staged, elsewhere, columns]);
}

/** So many rows are read at once: SQLite bounds the depth of a condition. */
const ROWS_AT_ONCE = 200;

/** Changed rows that the page does not have, with the columns it shows. */
export function useElsewhere(
  db: string,
  object: SchemaObject,
  identity: Identity | null,
  known: readonly KnownRow[] | undefined,
  staged: Staged,
  columns: readonly SchemaColumn[],
): readonly KnownRow[] {
  const rows = useMemo(() => {
    const onPage = new Set((known ?? NO_ROWS).map(({ key }) => key));
    return [...staged.edits.values()].flatMap(({ row }) => (onPage.has(row.key) ? [] : [row]));
  }, [known, staged]);
  const lacking = rows
    .filter(({ cells }) => columns.some(({ name }) => !cells.has(name)))
    .slice(0, ROWS_AT_ONCE);
  const names = [...new Set([...(identity?.columns ?? []), ...columns.map(({ name }) => name)])];
  const read = useQuery({
    queryKey: [...rowsKey(db, object.name), "staged", lacking.map(({ key }) => key), names],
    enabled: identity !== null && lacking.length > 0,
    async queryFn({ signal }): Promise<ReadonlyMap<string, KnownRow>> {
      if (identity === null) return new Map();
      const keys = lacking.map(
        (row): SqlText => ["(", ...keyCondition(identity.columns, row.identity), ")"],
      );
      const answer = await readRows(
        db,
        [
          `SELECT ${names.map(quoteIdentifier).join(", ")}`,
          `\nFROM ${quoteIdentifier(object.name)}\nWHERE `,
          ...join(keys, " OR "),
        ],
        { signal, brief: true },
      );
      const found = answer.rows.map((row) => knownRow(names, row, object, identity));
      return new Map(found.map((row) => [row.key, row]));
    },
  });
  const { data } = read;
  return useMemo(
    () =>
      rows.map((row) => {
        const later = data?.get(row.key);
        return later === undefined
          ? row
          : { ...row, cells: new Map([...later.cells, ...row.cells]) };
      }),
    [rows, data],
  );
}
