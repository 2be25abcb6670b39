/** SQL in one transaction: `POST /db`, and the addresses of `GET /query`. */

import { apiUrl, type CallOptions, call } from "./client.ts";
import { stringifyJson } from "./json.ts";
import { type Moment, pastQuery } from "./moment.ts";

/** A value of a cell as it came: text, number, exact integer, NULL or bytes. */
export type Cell = string | number | bigint | null | Blob64 | WholeReal;

/**
 * A REAL without a fraction where the column holds any kind of value: as a plain number it would be
 * saved as an INTEGER. For everything but saving it is that number.
 */
export class WholeReal {
  readonly #number: number;

  constructor(number: number) {
    this.#number = number;
  }

  valueOf(): number {
    return this.#number;
  }

  /** As SQLite writes it: `2.0`. */
  toString(): string {
    const digits = String(this.#number);
    return /^-?\d+$/.test(digits) ? `${digits}.0` : digits;
  }

  toJSON(): number {
    return this.#number;
  }
}

/** A value of an answer with `cells=exact` or `brief`. */
export function toCell(value: unknown): Cell {
  if (typeof value !== "object" || value === null) return value as Cell;
  const { real, blob_bytes: bytes } = value as { real?: string; blob_bytes?: number };
  if (bytes !== undefined) return { value_base64: "", omittedBytes: bytes };
  if (real === undefined) return value as Blob64;
  const number = Number(real);
  return Number.isFinite(number) ? new WholeReal(number) : number;
}

export function isNumber(cell: Cell | undefined): cell is number | bigint | WholeReal {
  return typeof cell === "number" || typeof cell === "bigint" || cell instanceof WholeReal;
}

/** A BLOB: in answers only; values of parameters are text, numbers and NULL. */
export interface Blob64 {
  readonly value_base64: string;
  /** Its size, where the bytes were left out because they are many. */
  readonly omittedBytes?: number;
}

export function isBlob(cell: Cell | undefined): cell is Blob64 {
  return typeof cell === "object" && cell !== null && !(cell instanceof WholeReal);
}

/** Bytes of a BLOB. */
export function blobSize({ value_base64: text, omittedBytes }: Blob64): number {
  if (omittedBytes !== undefined) return omittedBytes;
  return (text.length / 4) * 3 - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0);
}

export type SqlValues = readonly Cell[] | Readonly<Record<string, Cell>>;

export interface SqlItem {
  /** Rows come back when it has any, and `rowsUpdated` too. */
  readonly statement: string;
  readonly values?: SqlValues;
  readonly valuesBatch?: readonly SqlValues[];
  readonly noFail?: boolean;
  /** It fails with CONFLICT unless it changes so many rows. */
  readonly expectRows?: number;
  /** The plan instead of the rows. */
  readonly explain?: boolean;
}

export interface PlanNode {
  readonly id: number;
  readonly detail: string;
  readonly children: readonly PlanNode[];
}

export interface SqlResult {
  readonly success: boolean;
  readonly rowsUpdated?: number;
  readonly rowsUpdatedBatch?: readonly number[];
  readonly resultHeaders?: readonly string[];
  readonly resultSetList?: readonly (readonly Cell[])[];
  /** There were more rows than one answer holds. */
  readonly truncated?: true;
  readonly plan?: readonly PlanNode[];
  readonly error?: string;
  readonly code?: string;
  /** At a moment of the past: keys that are left out, because nobody knows how they were. */
  readonly gapKeys?: readonly string[];
}

export interface SqlOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutS?: number;
  /** Runs everything, then undoes it. */
  readonly dryRun?: boolean;
  /** See `CallOptions`. */
  readonly byPage?: boolean;
}

/**
 * Runs all items in one transaction.
 * @throws ApiFailure whose `fields.reqIdx` names the item that failed; nothing was changed then
 */
export async function runSql(
  db: string,
  items: readonly SqlItem[],
  options: SqlOptions = {},
): Promise<readonly SqlResult[]> {
  const answer = await call<{ results: readonly SqlResult[] }>("/db", {
    query: {
      db,
      cells: "exact",
      timeout: options.timeoutS,
      dry_run: options.dryRun === true ? true : undefined,
    },
    json: { transaction: items.map(toRequestItem), resultFormat: "list" },
    signal: options.signal,
    ...(options.byPage === undefined ? {} : { byPage: options.byPage }),
  });
  return answer.results.map(({ resultSetList: rows, ...rest }) =>
    rows === undefined
      ? rest
      : { ...rest, resultSetList: rows.map((row) => row.map(toNumberOrCell)) },
  );
}

/** In results a number is a number, as in their twins; only rows that are edited need its kind. */
function toNumberOrCell(value: unknown): Cell {
  const cell = toCell(value);
  return cell instanceof WholeReal ? cell.valueOf() : cell;
}

/**
 * Runs one statement that only reads, on key-value tables as they were at a moment.
 * @throws ApiFailure, also where it reads anything that has no history
 */
export async function readSqlThen(
  db: string,
  { statement, values }: SqlItem,
  at: Moment,
  { signal, timeoutS }: SqlOptions,
): Promise<SqlResult> {
  const { columns, resultSet, truncated, gap_keys } = await call<{
    columns: readonly string[];
    resultSet: readonly Readonly<Record<string, Cell>>[];
    truncated: boolean;
    gap_keys?: readonly string[];
  }>("/query", {
    query: {
      db,
      sql: statement,
      values: values === undefined ? null : stringifyJson(values),
      format: "json",
      timeout: timeoutS,
      ...pastQuery(at),
    },
    signal,
  });
  return {
    success: true,
    resultHeaders: columns,
    resultSetList: resultSet.map((row) => columns.map((name) => row[name] ?? null)),
    ...(truncated ? { truncated } : {}),
    gapKeys: gap_keys ?? [],
  };
}

/** The log counts rows of what comes as `query`, and changes of what comes as `statement`. */
function toRequestItem({ statement, ...rest }: SqlItem) {
  const reads =
    rest.valuesBatch === undefined && /^(select|values|explain|pragma)\b/i.test(statement);
  return reads ? { query: statement, ...rest } : { statement, ...rest };
}

/** Only what GET /query runs has an address of its own. */
export function hasAddress(sql: string): boolean {
  return /^(select|with|values)\b/i.test(sql);
}

export type TwinFormat = "json" | "csv" | "ndjson";

/**
 * The address where the rows of a query are, in a format; the twin of what the page shows.
 * @param at of the past; null for now
 */
export function queryUrl(
  db: string,
  sql: string,
  values: string | null,
  format: TwinFormat,
  at: Moment = null,
): string {
  const query: CallOptions["query"] = { db, sql, values, format, ...pastQuery(at) };
  return apiUrl("/query", query);
}

/** The address where the plan of a query is. */
export function planUrl(db: string, sql: string): string {
  return apiUrl("/query", { db, sql, explain: true, format: "json" });
}
