/** Cells as text for other programs. */
import { stringifyJson } from "../../api/json.ts";
import { quoteIdentifier, sqlLiteral } from "../../api/literals.ts";
import { type Cell, isBlob, isNumber } from "../../api/sql.ts";

export type CopyFormat = "text" | "text-with-names" | "csv" | "json" | "markdown" | "insert";

export interface Cells {
  readonly names: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly tableName?: string | undefined;
}

/** One cell as plain text; NULL is empty. */
export function plainText(cell: Cell): string {
  if (cell === null) return "";
  if (!isBlob(cell)) return String(cell);
  return cell.omittedBytes === undefined
    ? cell.value_base64
    : `[BLOB of ${cell.omittedBytes} bytes, not copied]`;
}

export function copyText(cells: Cells, format: CopyFormat): string {
  const { names, rows } = cells;
  switch (format) {
    case "text":
      // One cell is copied as it is; several as a table that spreadsheets understand.
      return rows.length === 1 && rows[0]?.length === 1
        ? plainText(rows[0][0] ?? null)
        : tabbed(rows.map((row) => row.map(plainText)));
    case "text-with-names":
      return tabbed([[...names], ...rows.map((row) => row.map(plainText))]);
    case "csv":
      return toCsv(cells);
    case "json":
      return toJson(cells);
    case "markdown":
      return toMarkdown(cells);
    case "insert":
      return toInsert(cells);
  }
}

/** RFC 4180; NULL is an empty field, an empty text is quoted. */
export function toCsv({ names, rows }: Cells): string {
  const field = (text: string) =>
    /[",\r\n]/.test(text) || text === "" ? `"${text.replaceAll('"', '""')}"` : text;
  const lines = rows.map((row) =>
    row.map((cell) => (cell === null ? "" : field(plainText(cell)))).join(","),
  );
  return `${[names.map(field).join(","), ...lines].join("\r\n")}\r\n`;
}

export function toObjects({ names, rows }: Cells): Record<string, Cell>[] {
  return rows.map((row) =>
    Object.fromEntries(names.map((name, column) => [name, row[column] ?? null])),
  );
}

export function toJson(cells: Cells): string {
  return `${stringifyJson(toObjects(cells), 2)}\n`;
}

export function toNdjson(cells: Cells): string {
  return toObjects(cells)
    .map((row) => `${stringifyJson(row)}\n`)
    .join("");
}

export function toMarkdown({ names, rows }: Cells): string {
  const field = (text: string) =>
    text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll(/\r?\n/g, "<br>");
  const line = (fields: readonly string[]) => `| ${fields.join(" | ")} |`;
  const numeric = names.map((_name, column) =>
    rows.every((row) => row[column] === null || isNumber(row[column])),
  );
  return `${[
    line(names.map(field)),
    line(numeric.map((right) => (right ? "---:" : "---"))),
    ...rows.map((row) =>
      line(row.map((cell) => (cell === null ? "NULL" : field(plainText(cell))))),
    ),
  ].join("\n")}\n`;
}

function toInsert({ names, rows, tableName = "my_table" }: Cells): string {
  const head = `INSERT INTO ${quoteIdentifier(tableName)} (${names.map(quoteIdentifier).join(", ")}) VALUES`;
  return `${head}\n${rows.map((row) => `  (${row.map(sqlLiteral).join(", ")})`).join(",\n")};\n`;
}

/** As spreadsheets write it: a field with a tab, quote or line break is quoted. */
function tabbed(lines: readonly (readonly string[])[]): string {
  const field = (text: string) =>
    /[\t\r\n"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  return lines.map((line) => line.map(field).join("\t")).join("\n");
}

/** Reads what spreadsheets, and `tabbed`, put on the clipboard. */
export function parseTabbed(text: string): string[][] {
  const lines: string[][] = [];
  let line: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^\t\r\n]*))(\t|\r?\n|$)/gy;
  for (let match = field.exec(text); match !== null; match = field.exec(text)) {
    line.push(match[1] === undefined ? (match[2] ?? "") : match[1].replaceAll('""', '"'));
    if (match[3] !== "\t") {
      lines.push(line);
      line = [];
    }
    if (match[3] === "" || field.lastIndex >= text.length) break;
  }
  if (line.length > 0) lines.push([...line, ""]);
  return lines;
}

/** @throws Error when the browser does not allow it */
export async function writeClipboard(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Pages of other hosts without TLS have no clipboard of their own.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("The browser did not allow copying");
}
