/** The rows of a page, and how many there are in all. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { stringifyJson } from "../api/json.ts";
import { quoteIdentifier } from "../api/literals.ts";
import type { Moment } from "../api/moment.ts";
import { queryClient } from "../api/query-client.ts";
import { type SchemaObject, schemaKey } from "../api/schema.ts";
import type { Cell } from "../api/sql.ts";
import { printed } from "../api/sql-text.ts";
import { type Identity, primaryKey, shownColumns } from "./model/identity.ts";
import { MAX_LIST_CHARS, orderOf, pageQuery, whereClause, whereSql } from "./model/page-query.ts";
import { cellOf, readRows } from "./model/reading.ts";
import { type Cursor, columnsOf, rowsOfPage, type ViewState } from "./model/view-state.ts";
import type { KnownRow } from "./staged/staged.ts";

export interface TablePage {
  readonly rows: readonly KnownRow[];
  readonly hasPrevious: boolean;
  readonly hasNext: boolean;
  /** Fewer rows came than belong to the page, because they are large. */
  readonly cut: boolean;
  /** Keys that are left out, because nobody knows how they were. */
  readonly gapKeys: readonly string[];
}

export const rowsKey = (db: string, table: string) => ["rows", db, table] as const;

/** What is read at a moment; the past stays as it was. */
export const rowsAtKey = (db: string, table: string, at: Moment) =>
  [...rowsKey(db, table), at] as const;

/** Reads everything anew that shows rows of the database. */
export async function refreshRows(db: string): Promise<void> {
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: ["rows", db] }),
    queryClient.invalidateQueries({ queryKey: schemaKey(db) }),
  ]);
}

/** Names that a page reads: what is shown, and what tells rows apart. */
export function readNames(
  state: ViewState,
  object: SchemaObject,
  identity: Identity | null,
): readonly string[] {
  return [
    ...new Set([
      ...columnsOf(state, object).map(({ name }) => name),
      ...primaryKey(object).map(({ name }) => name),
      ...orderOf(state, object, identity).map(({ column }) => column),
    ]),
  ];
}

/** The names that are read, and what to select for them. */
function selection(
  names: readonly string[],
  object: SchemaObject,
): [names: readonly string[], list: readonly string[]] {
  const list = names.map(quoteIdentifier);
  if (list.join().length <= MAX_LIST_CHARS) return [names, list];
  const all = shownColumns(object).map(({ name }) => name);
  const others = names.filter((name) => !all.includes(name));
  return [
    [...all, ...others],
    ["*", ...others.map(quoteIdentifier)],
  ];
}
/** The pictures of a film are many, and seen once. */
const KEPT_PICTURE_MS = 20_000;

export function useTablePage(
  db: string,
  object: SchemaObject,
  identity: Identity | null,
  state: ViewState,
  enabled: boolean,
) {
  const [names, list] = selection(readNames(state, object, identity), object);
  // A page begins after a value of the order, so that one is needed whole.
  const order = state.sort === null ? "NULL" : quoteIdentifier(state.sort.column);
  const selected = [`CASE typeof(${order}) WHEN 'blob' THEN hex(${order}) END`, ...list];
  const wanted = rowsOfPage(state);
  const { sql, reversed } = pageQuery(state, object, identity, selected, wanted + 1);
  const page = useQuery({
    queryKey: [...rowsAtKey(db, object.name, state.at), printed(sql)],
    enabled,
    placeholderData: keepPreviousData,
    // The past stays as it was.
    ...(state.at === null ? {} : { staleTime: Number.POSITIVE_INFINITY, gcTime: KEPT_PICTURE_MS }),
    async queryFn({ signal }): Promise<TablePage> {
      const answer = await readRows(db, sql, { signal, brief: true, at: state.at });
      const more = answer.rows.length > wanted || answer.truncated;
      const page = answer.rows.slice(0, wanted);
      const rows = page.map(([orderHex = null, ...row], index) => {
        const at = orderHex === null ? -1 : names.indexOf(state.sort?.column ?? "");
        const whole = at === -1 ? row : row.with(at, { value_base64: hexToBase64(orderHex) });
        return knownRow(names, whole, object, identity, index);
      });
      const { cursor } = state;
      const beginning = identity === null ? state.page === 1 : cursor.kind === "first";
      return {
        rows: reversed ? rows.reverse() : rows,
        hasPrevious: reversed ? more : !beginning,
        hasNext: reversed ? cursor.kind !== "last" : more,
        cut: answer.truncated,
        gapKeys: answer.gapKeys,
      };
    },
  });
  // Where the next rows cannot be read, the last good ones stay.
  const lastGood = useRef<TablePage>(undefined);
  if (page.data !== undefined) lastGood.current = page.data;
  return page.isError && page.data === undefined && lastGood.current !== undefined
    ? { ...page, data: lastGood.current, isPlaceholderData: true }
    : page;
}

/** @param row a value for each name */
export function knownRow(
  names: readonly string[],
  row: readonly Cell[],
  object: SchemaObject,
  identity: Identity | null,
  index = 0,
): KnownRow {
  const cells = new Map(
    names.map((name, column) => [name, cellOf(name, row[column] ?? null, object)]),
  );
  const key = (identity?.columns ?? []).map((name) => cells.get(name) ?? null);
  return {
    key: identity === null ? `row-${index}` : stringifyJson(key),
    identity: key,
    // The row id is no column of the table.
    cells: identity?.rowid === true ? without(cells, identity.columns[0] ?? "") : cells,
  };
}

/** The cursor of a row, to go on before or after it. */
export function cursorAt(
  kind: "before" | "after",
  row: KnownRow,
  state: ViewState,
  object: SchemaObject,
  identity: Identity,
): Cursor {
  return {
    kind,
    cells: orderOf(state, object, identity).map(({ column }) => {
      const at = identity.columns.indexOf(column);
      return (at === -1 ? row.cells.get(column) : row.identity[at]) ?? null;
    }),
  };
}

/** Rows are counted up to here; filters may make more of them slow to find. */
export const COUNTED_ROWS = 100_000;
const COUNT_TIMEOUT_S = 2;

export interface RowCount {
  readonly rows: number;
  /** `least`: there are more. */
  readonly kind: "exact" | "estimate" | "least";
}

/** Null while it is not known, or was too slow to know. */
export function useRowCount(db: string, object: SchemaObject, state: ViewState, enabled: boolean) {
  const conditions = whereSql(state, object);
  const sql = [
    `SELECT count(*) AS rows FROM (SELECT 1 FROM ${quoteIdentifier(object.name)}`,
    ...whereClause(conditions),
    `\nLIMIT ${COUNTED_ROWS + 1})`,
  ];
  return useQuery({
    queryKey: [...rowsAtKey(db, object.name, state.at), "count", printed(sql), object.row_count],
    enabled,
    retry: false,
    async queryFn({ signal }): Promise<RowCount> {
      const { at } = state;
      const { rows } = await readRows(db, sql, { signal, timeoutS: COUNT_TIMEOUT_S, at });
      const count = Number(rows[0]?.[0] ?? 0);
      if (count <= COUNTED_ROWS) return { rows: count, kind: "exact" };
      const { row_count: known, row_count_exact: exact } = object;
      if (conditions.length === 0 && known !== null && at === null)
        return { rows: known, kind: exact ? "exact" : "estimate" };
      return { rows: COUNTED_ROWS, kind: "least" };
    },
  });
}

function hexToBase64(hex: Cell): string {
  const digits = String(hex);
  let binary = "";
  for (let index = 0; index < digits.length; index += 2)
    binary += String.fromCharCode(Number.parseInt(digits.slice(index, index + 2), 16));
  return btoa(binary);
}

function without(cells: Map<string, Cell>, name: string): Map<string, Cell> {
  cells.delete(name);
  return cells;
}
