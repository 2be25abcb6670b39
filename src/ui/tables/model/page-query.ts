/** The SQL of a page of rows. Where there is a key a page is found by it, so deep pages cost no more. */
import { quoteIdentifier } from "../../api/literals.ts";
import type { SchemaObject } from "../../api/schema.ts";
import type { Cell } from "../../api/sql.ts";
import { join, type SqlText, value } from "../../api/sql-text.ts";
import { filterSql, searchSql } from "./filter.ts";
import type { Identity } from "./identity.ts";
import { shownColumns } from "./identity.ts";
import { columnsOf, type ViewState } from "./view-state.ts";

export interface OrderTerm {
  readonly column: string;
  readonly descending: boolean;
  /** Whether it can be NULL. */
  readonly nullable: boolean;
}

/** The order that the person chose, and the key, so that no two rows are equal. */
export function orderOf(
  state: Pick<ViewState, "sort">,
  object: SchemaObject,
  identity: Identity | null,
): readonly OrderTerm[] {
  const nullable = (name: string) =>
    object.columns.find((column) => column.name === name)?.not_null !== true;
  const { sort } = state;
  const chosen = sort === null ? [] : [{ ...sort, nullable: nullable(sort.column) }];
  const key = (identity?.columns ?? [])
    .filter((column) => column !== sort?.column)
    .map((column) => ({ column, descending: sort?.descending ?? false, nullable: false }));
  return [...chosen, ...key].map((term) =>
    identity?.columns.includes(term.column) === true ? { ...term, nullable: false } : term,
  );
}

/** The conditions of filters and search; empty when there are none. */
export function whereSql(state: Pick<ViewState, "filters" | "search">, object: SchemaObject) {
  const conditions = state.filters.map(filterSql);
  if (state.search !== "") conditions.push(searchSql(state.search, shownColumns(object)));
  return conditions;
}

export function whereClause(conditions: readonly SqlText[]): SqlText {
  return conditions.length === 0 ? [] : ["\nWHERE ", ...join(conditions, "\n  AND ")];
}

export interface PageQuery {
  readonly sql: SqlText;
  /** Whether the rows come in the opposite order. */
  readonly reversed: boolean;
}

/**
 * @param selected what is selected, as SQL
 * @param rows of the page and one more, to know whether there are further pages
 */
export function pageQuery(
  state: ViewState,
  object: SchemaObject,
  identity: Identity | null,
  selected: readonly string[],
  rows: number,
): PageQuery {
  const order = orderOf(state, object, identity);
  const { cursor } = state;
  const reversed = identity !== null && (cursor.kind === "before" || cursor.kind === "last");
  const conditions = [...whereSql(state, object)];
  if (identity !== null && "cells" in cursor && cursor.cells.length === order.length)
    conditions.push(beyond(turned(order, reversed), cursor.cells));
  const offset = identity === null ? (state.page - 1) * state.pageSize : 0;
  return {
    sql: [
      `SELECT ${listOf(selected)}\nFROM ${quoteIdentifier(object.name)}`,
      ...whereClause(conditions),
      orderClause(turned(order, reversed), object.name),
      `\nLIMIT ${rows}${offset === 0 ? "" : ` OFFSET ${offset}`}`,
    ],
    reversed,
  };
}

/** Longer lists of names would not fit into an address. */
export const MAX_LIST_CHARS = 8000;

/** The rows of all pages, for other formats and for people. */
export function viewQuery(
  state: ViewState,
  object: SchemaObject,
  identity: Identity | null,
  limit?: number,
): SqlText {
  const names = columnsOf(state, object).map(({ name }) => quoteIdentifier(name));
  const all = state.columns === null && names.join(", ").length > MAX_LIST_CHARS;
  return [
    `SELECT ${all ? "*" : listOf(names)}\nFROM ${quoteIdentifier(object.name)}`,
    ...whereClause(whereSql(state, object)),
    orderClause(orderOf(state, object, identity)),
    limit === undefined ? "" : `\nLIMIT ${limit}`,
  ];
}

/** A view whose tables are gone has no columns: `*` lets SQLite say what is wrong with it. */
function listOf(selected: readonly string[]): string {
  return selected.length === 0 ? "*" : selected.join(", ");
}

function turned(order: readonly OrderTerm[], reversed: boolean): readonly OrderTerm[] {
  return reversed ? order.map((term) => ({ ...term, descending: !term.descending })) : order;
}

/** @param table qualifies the names: a bare one could mean the name of a result column */
export function orderClause(order: readonly OrderTerm[], table?: string): string {
  if (order.length === 0) return "";
  const prefix = table === undefined ? "" : `${quoteIdentifier(table)}.`;
  return `\nORDER BY ${order
    .map(
      ({ column, descending }) => `${prefix}${quoteIdentifier(column)}${descending ? " DESC" : ""}`,
    )
    .join(", ")}`;
}

/** The rows after one in an order. NULL comes before everything, as in SQLite. */
export function beyond(order: readonly OrderTerm[], cells: readonly Cell[]): SqlText {
  const [term, ...rest] = order;
  if (term === undefined) return ["0"];
  const [cell = null, ...others] = cells;
  const name = quoteIdentifier(term.column);
  const further = rest.length === 0 ? null : beyond(rest, others);
  if (cell === null) {
    const same: SqlText | null =
      further === null ? null : [`(${name} IS NULL AND `, ...further, ")"];
    if (term.descending) return same ?? ["0"];
    return same === null ? [`${name} IS NOT NULL`] : [`(${name} IS NOT NULL OR `, ...same, ")"];
  }
  const sign = term.descending ? "<" : ">";
  const strictly: SqlText = [`${name} ${sign} `, value(cell)];
  const nullsAfter = term.descending && term.nullable;
  if (further === null) return nullsAfter ? ["(", ...strictly, ` OR ${name} IS NULL)`] : strictly;
  if (nullsAfter)
    return [
      "(",
      ...strictly,
      ` OR ${name} IS NULL OR (${name} = `,
      value(cell),
      " AND ",
      ...further,
      "))",
    ];
  // The first condition is what an index can begin with.
  return [`(${name} ${sign}= `, value(cell), " AND (", ...strictly, " OR ", ...further, "))"];
}
