/** A range from a spreadsheet or a CSV text, laid over rows. */
import type { SchemaColumn } from "../../api/schema.ts";
import type { Cell } from "../../api/sql.ts";
import { affinityOf, parseTyped } from "../model/affinity.ts";
import { isEditable } from "../model/identity.ts";
import { addRow, type RowTarget, type Staged, setCell } from "./staged.ts";

export interface PasteOptions {
  readonly lines: readonly (readonly string[])[];
  /** All rows shown, from the top; new ones follow after them. */
  readonly targets: readonly RowTarget[];
  readonly columns: readonly SchemaColumn[];
  readonly row: number;
  readonly column: number;
  cellAt(target: RowTarget, column: string): Cell;
}

export interface PasteOutcome {
  readonly staged: Staged;
  readonly cells: number;
  readonly addedRows: number;
  /** Fields for which there was no column, or one that cannot be changed. */
  readonly left: number;
}

/** An empty field is NULL where the column takes it and is not for text. */
export function paste(staged: Staged, options: PasteOptions): PasteOutcome {
  const { lines, targets, columns, row: firstRow, column: firstColumn, cellAt } = options;
  let next = staged;
  let cells = 0;
  let addedRows = 0;
  let left = 0;
  for (const [offset, fields] of lines.entries()) {
    let target = targets[firstRow + offset];
    if (target === undefined) {
      const [withRow, added] = addRow(next);
      next = withRow;
      target = added.id;
      addedRows += 1;
    }
    for (const [index, field] of fields.entries()) {
      const column = columns[firstColumn + index];
      if (column === undefined || !isEditable(column)) {
        left += 1;
        continue;
      }
      const cell =
        field === "" && !column.not_null && affinityOf(column.type) !== "text"
          ? null
          : parseTyped(field, column, cellAt(target, column.name));
      next = setCell(next, target, column.name, { kind: "value", cell });
      cells += 1;
    }
  }
  return { staged: next, cells, addedRows, left };
}

/** Lines of one field each may be CSV that was copied from a text. */
export function asCsv(lines: readonly (readonly string[])[]): readonly (readonly string[])[] {
  if (lines.length < 2 || !lines.every((line) => line.length === 1)) return lines;
  const split = lines.map(([line = ""]) => splitCsv(line));
  const [first = []] = split;
  return first.length > 1 && split.every(({ length }) => length === first.length) ? split : lines;
}

function splitCsv(line: string): string[] {
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^,]*))(,|$)/gy;
  for (let match = field.exec(line); match !== null; match = field.exec(line)) {
    fields.push(match[1] === undefined ? (match[2] ?? "") : match[1].replaceAll('""', '"'));
    if (match[3] === "") break;
  }
  return fields;
}
