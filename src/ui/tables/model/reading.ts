/** Rows with what JSON does not tell: bytes, infinite numbers, and whether 2 is an INTEGER or a REAL. */
import { call } from "../../api/client.ts";
import { stringifyJson } from "../../api/json.ts";
import { quoteIdentifier } from "../../api/literals.ts";
import type { SchemaColumn, SchemaObject } from "../../api/schema.ts";
import { type Cell, isBlob, WholeReal } from "../../api/sql.ts";
import { bound, type SqlText, value } from "../../api/sql-text.ts";
import { affinityOf } from "./affinity.ts";

/** Larger BLOBs of a page are fetched when somebody opens them. */
export const EAGER_BLOB_BYTES = 16 * 1024;

/** Whether a column can hold only what JSON says exactly. */
function isPlain(column: SchemaColumn | undefined, object: SchemaObject): boolean {
  return object.strict && /^(INT|INTEGER|TEXT)$/i.test(column?.type ?? "");
}

/**
 * Expressions to select for a column: its value, and what it is where the value does not say.
 * @param whole large BLOBs too
 */
export function readColumn(
  name: string,
  object: SchemaObject,
  whole = false,
): readonly [string, string] {
  const x = quoteIdentifier(name);
  const column = object.columns.find((each) => each.name === name);
  if (isPlain(column, object)) return [x, "NULL"];
  // Any other column makes REAL or INTEGER of a number by itself.
  const anyKind = column !== undefined && affinityOf(column.type) === "none";
  const bytes = whole ? `hex(${x})` : `iif(length(${x}) <= ${EAGER_BLOB_BYTES}, hex(${x}), NULL)`;
  return [
    `CASE typeof(${x}) WHEN 'blob' THEN ${bytes}` +
      ` WHEN 'real' THEN iif(abs(${x}) < 9e999, ${x}, NULL) ELSE ${x} END`,
    `CASE typeof(${x}) WHEN 'blob' THEN length(${x})` +
      ` WHEN 'real' THEN iif(abs(${x}) < 9e999, ${anyKind ? "'real'" : "NULL"}, iif(${x} > 0, 'inf', '-inf')) END`,
  ];
}

/** The cell of the two values that `readColumn` selected. */
export function toCell(read: Cell, mark: Cell): Cell {
  if (mark === null) return read;
  if (mark === "real") return Number.isInteger(Number(read)) ? new WholeReal(Number(read)) : read;
  if (mark === "inf") return Number.POSITIVE_INFINITY;
  if (mark === "-inf") return Number.NEGATIVE_INFINITY;
  if (read === null) return { value_base64: "", omittedBytes: Number(mark) };
  return { value_base64: hexToBase64(String(read)) };
}

export function isOmitted(cell: Cell): boolean {
  return isBlob(cell) && cell.omittedBytes !== undefined;
}

export interface QueryRows {
  readonly rows: readonly (readonly Cell[])[];
  /** There were more than one answer holds. */
  readonly truncated: boolean;
}

/** Runs SQL that only reads; anything else is refused by the server. */
export async function readRows(
  db: string,
  text: SqlText,
  options: { signal?: AbortSignal; timeoutS?: number } = {},
): Promise<QueryRows> {
  const { statement, values } = bound(text);
  const { columns, resultSet, truncated } = await call<{
    columns: readonly string[];
    resultSet: readonly Record<string, Cell>[];
    truncated?: boolean;
  }>("/query", {
    query: {
      db,
      sql: statement,
      values: values.length === 0 ? null : stringifyJson(values),
      format: "json",
      timeout: options.timeoutS,
    },
    signal: options.signal,
  });
  return {
    rows: resultSet.map((row) => columns.map((name) => row[name] ?? null)),
    truncated: truncated === true,
  };
}

/** `a = 1 AND b = 2` of a key. */
export function keyCondition(columns: readonly string[], cells: readonly Cell[]): SqlText {
  return columns.flatMap(
    (column, index): SqlText => [
      `${index === 0 ? "" : " AND "}${quoteIdentifier(column)} ${cells[index] === null ? "IS" : "="} `,
      value(cells[index] ?? null),
    ],
  );
}

export function hexToBase64(hex: string): string {
  let binary = "";
  for (let index = 0; index < hex.length; index += 2)
    binary += String.fromCharCode(Number.parseInt(hex.slice(index, index + 2), 16));
  return btoa(binary);
}
