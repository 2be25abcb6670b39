/** Rows as they are: bytes, infinite numbers, and whether 2 is an INTEGER or a REAL. */
import { call } from "../../api/client.ts";
import { stringifyJson } from "../../api/json.ts";
import { quoteIdentifier } from "../../api/literals.ts";
import { type Moment, pastQuery } from "../../api/moment.ts";
import type { SchemaObject } from "../../api/schema.ts";
import { type Cell, isBlob, toCell, WholeReal } from "../../api/sql.ts";
import { bound, type SqlText, value } from "../../api/sql-text.ts";
import { affinityOf } from "./affinity.ts";

/** The cell as its column holds it: any other than one without affinity makes REAL of a number by itself. */
export function cellOf(name: string, cell: Cell, object: SchemaObject): Cell {
  if (!(cell instanceof WholeReal)) return cell;
  const column = object.columns.find((each) => each.name === name);
  return column !== undefined && affinityOf(column.type) === "none" ? cell : cell.valueOf();
}

export function isOmitted(cell: Cell): boolean {
  return isBlob(cell) && cell.omittedBytes !== undefined;
}

export interface QueryRows {
  readonly rows: readonly (readonly Cell[])[];
  /** There were more than one answer holds. */
  readonly truncated: boolean;
  /** Keys of which nobody knows how they were then; they are left out. */
  readonly gapKeys: readonly string[];
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
  readonly timeoutS?: number;
  /** Of large BLOBs only the size, which is what a page of rows needs. */
  readonly brief?: boolean;
  /** Key-value tables as they were; now if not given. */
  readonly at?: Moment;
}

/** Runs SQL of the page's own that only reads; anything else is refused by the server. */
export async function readRows(
  db: string,
  text: SqlText,
  options: ReadOptions = {},
): Promise<QueryRows> {
  const { statement, values } = bound(text);
  const answer = await call<{
    columns: readonly string[];
    resultSet: readonly Record<string, unknown>[];
    truncated?: boolean;
    gap_keys?: readonly string[];
  }>("/query", {
    query: {
      db,
      sql: statement,
      values: values.length === 0 ? null : stringifyJson(values),
      format: "json",
      cells: options.brief === true ? "brief" : "exact",
      timeout: options.timeoutS,
      ...pastQuery(options.at ?? null),
    },
    signal: options.signal,
    byPage: true,
  });
  const { columns, resultSet, truncated, gap_keys: gapKeys = [] } = answer;
  return {
    rows: resultSet.map((row) => columns.map((name) => toCell(row[name] ?? null))),
    truncated: truncated === true,
    gapKeys,
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
