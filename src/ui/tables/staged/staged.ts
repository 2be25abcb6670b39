/** Changes of a table's rows that wait to be saved together. Nothing here touches the server. */
import { type Cell, isBlob, WholeReal } from "../../api/sql.ts";

/** NULL and empty text are values; a default is what the table fills in by itself. */
export type StagedValue =
  | { readonly kind: "value"; readonly cell: Cell }
  | { readonly kind: "default" };

export type StagedValues = ReadonlyMap<string, StagedValue>;

/** A row as it was read. */
export interface KnownRow {
  readonly key: string;
  /** Values of the identity's columns. */
  readonly identity: readonly Cell[];
  readonly cells: ReadonlyMap<string, Cell>;
}

export interface StagedEdit {
  readonly row: KnownRow;
  readonly changes: StagedValues;
  readonly deleted: boolean;
}

export interface AddedRow {
  readonly id: string;
  /** Columns without one get their default. */
  readonly values: StagedValues;
}

export interface Staged {
  readonly edits: ReadonlyMap<string, StagedEdit>;
  readonly added: readonly AddedRow[];
}

export const NOTHING: Staged = { edits: new Map(), added: [] };

/** Which row is meant: one that was read, or one that was added by its id. */
export type RowTarget = KnownRow | string;

export function setCell(
  staged: Staged,
  target: RowTarget,
  column: string,
  value: StagedValue,
): Staged {
  if (typeof target === "string")
    return {
      ...staged,
      added: staged.added.map((row) =>
        row.id === target ? { ...row, values: putting(row.values, column, value) } : row,
      ),
    };
  const before = staged.edits.get(target.key);
  const row = before === undefined ? target : widened(before.row, target);
  const unchanged = value.kind === "value" && sameCell(value.cell, row.cells.get(column) ?? null);
  const changes = unchanged
    ? without(before?.changes ?? new Map(), column)
    : putting(before?.changes ?? new Map(), column, value);
  return putEdit(staged, { row, changes, deleted: before?.deleted ?? false });
}

/** Takes a change of one cell back. */
export function revertCell(staged: Staged, target: RowTarget, column: string): Staged {
  if (typeof target === "string")
    return {
      ...staged,
      added: staged.added.map((row) =>
        row.id === target ? { ...row, values: without(row.values, column) } : row,
      ),
    };
  const before = staged.edits.get(target.key);
  return before === undefined
    ? staged
    : putEdit(staged, { ...before, changes: without(before.changes, column) });
}

export function setDeleted(staged: Staged, target: RowTarget, deleted: boolean): Staged {
  if (typeof target === "string")
    return { ...staged, added: staged.added.filter(({ id }) => id !== target) };
  const before = staged.edits.get(target.key);
  return putEdit(staged, {
    row: before === undefined ? target : widened(before.row, target),
    changes: before?.changes ?? new Map(),
    deleted,
  });
}

/** Takes all changes of a row back. */
export function revertRow(staged: Staged, key: string): Staged {
  const edits = new Map(staged.edits);
  edits.delete(key);
  return { edits, added: staged.added.filter(({ id }) => id !== key) };
}

let nextId = 1;

export function addRow(staged: Staged, values: StagedValues = new Map()): [Staged, AddedRow] {
  const row = { id: `added-${nextId++}`, values };
  return [{ ...staged, added: [...staged.added, row] }, row];
}

export interface StagedCounts {
  readonly changed: number;
  readonly added: number;
  readonly deleted: number;
}

export function countStaged({ edits, added }: Staged): StagedCounts {
  const deleted = [...edits.values()].filter((edit) => edit.deleted).length;
  return { changed: edits.size - deleted, added: added.length, deleted };
}

export function isNothing({ edits, added }: Staged): boolean {
  return edits.size === 0 && added.length === 0;
}

/** Also tells an integer from a text that looks like it. */
export function sameCell(a: Cell, b: Cell): boolean {
  if (isBlob(a) && isBlob(b))
    return a.value_base64 === b.value_base64 && a.omittedBytes === b.omittedBytes;
  if (a instanceof WholeReal && b instanceof WholeReal) return a.valueOf() === b.valueOf();
  return a === b;
}

/** The row as it was when its first change was staged, with columns that were only read later. */
function widened(row: KnownRow, later: KnownRow): KnownRow {
  const lacks = [...later.cells.keys()].some((name) => !row.cells.has(name));
  return lacks ? { ...row, cells: new Map([...later.cells, ...row.cells]) } : row;
}

function putEdit(staged: Staged, edit: StagedEdit): Staged {
  const edits = new Map(staged.edits);
  if (edit.deleted || edit.changes.size > 0) edits.set(edit.row.key, edit);
  else edits.delete(edit.row.key);
  return { ...staged, edits };
}

function putting(values: StagedValues, column: string, value: StagedValue): StagedValues {
  return new Map(values).set(column, value);
}

function without(values: StagedValues, column: string): StagedValues {
  const rest = new Map(values);
  rest.delete(column);
  return rest;
}
