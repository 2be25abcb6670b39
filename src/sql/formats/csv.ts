/**
 * CSV by RFC 4180, with a header line. NULL is an empty field, an empty text is `""`. A BLOB is text
 * where it is UTF-8, else base64. Nothing is added to fields that a spreadsheet takes for formulas:
 * the data stay exact. (Of the libraries at hand none tells NULL from an empty text, and they take two
 * to five times as long.)
 */
import { isUtf8 } from "node:buffer";
import { type Cell, distinctNames } from "../encode.ts";
import type { RowFormat, RowsContext } from "./format.ts";

export function csvFormat({ columns }: RowsContext): RowFormat {
  return {
    head: csvLine(distinctNames(columns)),
    row: csvLine,
    tail: () => "",
  };
}

/** A whole table that is small enough to be one text, such as a list of ours. */
export function csvText(
  columns: readonly string[],
  rows: readonly (readonly (Cell | boolean | undefined)[])[],
): string {
  const { head, row } = csvFormat({
    columns,
    integers: "number",
    sql: "",
    links: [],
    moment: null,
  });
  const toCell = (value: Cell | boolean | undefined): Cell =>
    typeof value === "boolean" ? String(value) : (value ?? null);
  return head + rows.map((cells) => row(cells.map(toCell))).join("");
}

function csvLine(cells: readonly Cell[]): string {
  let line = "";
  for (let column = 0; column < cells.length; column += 1) {
    if (column > 0) line += ",";
    line += csvField(cells[column] as Cell);
  }
  return `${line}\r\n`;
}

function csvField(cell: Cell): string {
  if (cell === null) return "";
  switch (typeof cell) {
    case "string":
      return quoteWhereNeeded(cell);
    case "bigint":
      return cell.toString();
    case "number":
      if (Number.isFinite(cell)) return String(cell);
      return cell > 0 ? "Inf" : "-Inf";
    default:
      return quoteWhereNeeded(Buffer.from(cell).toString(isUtf8(cell) ? "utf8" : "base64"));
  }
}

function quoteWhereNeeded(text: string): string {
  if (text === "") return '""';
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
