/** What of a table is looked at, as its address says it. */
import { stringifyJson } from "../../api/json.ts";
import { type Moment, parseMoment } from "../../api/moment.ts";
import type { SchemaObject } from "../../api/schema.ts";
import { type Cell, toCell } from "../../api/sql.ts";
import type { GridSort } from "../../parts/grid/types.ts";
import {
  type Filter,
  isCell,
  isSql,
  listOf,
  parseFilters,
  printable,
  printFilters,
} from "./filter.ts";
import { shownColumns } from "./identity.ts";

export const PAGE_SIZES = [50, 100, 500, 1000] as const;
const DEFAULT_PAGE_SIZE = 100;

/** Where a page begins or ends: the sort value and key of the row beside it. */
export type Cursor =
  | { readonly kind: "first" }
  /** So many rows are left for it by the pages before. */
  | { readonly kind: "last"; readonly rows: number }
  | { readonly kind: "after" | "before"; readonly cells: readonly Cell[] };

export interface ViewState {
  readonly filters: readonly Filter[];
  /** Text that any column has. */
  readonly search: string;
  readonly sort: GridSort | null;
  readonly cursor: Cursor;
  /** From 1; what the person believes, as rows come and go. */
  readonly page: number;
  readonly pageSize: number;
  /** Names in the order shown; null for all. */
  readonly columns: readonly string[] | null;
  readonly facets: readonly string[];
  /** As the table was then; for tables that have a history. */
  readonly at: Moment;
}

export type Params = Readonly<Record<string, string>>;

export function parseViewState(params: Params): ViewState {
  const sort = params["sort"] ?? "";
  const columns = names(params["columns"]);
  const size = Number(params["size"]);
  return {
    filters: parseFilters(params["filter"]),
    search: params["search"] ?? "",
    sort: sort === "" ? null : { column: sort, descending: params["order"] === "desc" },
    cursor: parseCursor(params),
    page: Math.max(1, Math.trunc(Number(params["page"]) || 1)),
    pageSize: PAGE_SIZES.find((each) => each === size) ?? DEFAULT_PAGE_SIZE,
    columns: columns.length === 0 ? null : [...new Set(columns)],
    facets: names(params["facets"]),
    at: parseMoment(params["at"]) ?? null,
  };
}

const FIRST_PAGE: Params = { after: "", before: "", rest: "", page: "" };

/** The parameters that a change of the state changes; what begins anew begins on the first page. */
export function printChange(change: Partial<ViewState>): Params {
  const next: Record<string, string> = {};
  if (change.filters !== undefined) next["filter"] = printFilters(change.filters);
  if (change.search !== undefined) next["search"] = change.search;
  if (change.sort !== undefined) {
    next["sort"] = change.sort?.column ?? "";
    next["order"] = change.sort?.descending === true ? "desc" : "";
  }
  if (change.pageSize !== undefined)
    next["size"] = change.pageSize === DEFAULT_PAGE_SIZE ? "" : String(change.pageSize);
  const anew = Object.keys(next).length > 0;
  if (change.columns !== undefined)
    next["columns"] = change.columns === null ? "" : stringifyJson(change.columns);
  if (change.facets !== undefined)
    next["facets"] = change.facets.length === 0 ? "" : stringifyJson(change.facets);
  if (anew) return { ...next, ...FIRST_PAGE };
  if (change.cursor === undefined) return next;
  const { cursor, page = 1 } = change;
  return {
    ...next,
    ...FIRST_PAGE,
    ...(cursor.kind === "first" ? {} : { page: String(page) }),
    ...(cursor.kind === "after" ? { after: stringifyJson(cursor.cells.map(printable)) } : {}),
    ...(cursor.kind === "before" ? { before: stringifyJson(cursor.cells.map(printable)) } : {}),
    ...(cursor.kind === "last" ? { before: "end", rest: String(cursor.rows) } : {}),
  };
}

/** What the address asks for that the table does not have. */
export function unknownColumns(state: ViewState, object: SchemaObject): readonly string[] {
  const known = new Set(object.columns.map(({ name }) => name));
  const named = [
    ...state.filters.flatMap((filter) => (isSql(filter) ? [] : [filter.column])),
    ...(state.sort === null ? [] : [state.sort.column]),
    ...(state.columns ?? []),
    ...state.facets,
  ];
  return [...new Set(named)].filter((name) => !known.has(name));
}

/** The columns that are shown, in the order of the address, or else of the table. */
export function columnsOf(state: ViewState, object: SchemaObject) {
  const all = shownColumns(object);
  const { columns } = state;
  return columns === null
    ? all
    : columns.flatMap((wanted) => all.find(({ name }) => name === wanted) ?? []);
}

function parseCursor({ after, before, rest }: Params): Cursor {
  if (before === "end") return { kind: "last", rows: Math.max(1, Math.trunc(Number(rest)) || 1) };
  for (const [kind, text] of [
    ["after", after],
    ["before", before],
  ] as const) {
    const cells = listOf(text).map(toCell);
    if (cells.length > 0 && cells.every(isCell)) return { kind, cells };
  }
  return { kind: "first" };
}

function names(text: string | undefined): readonly string[] {
  return listOf(text).filter((each) => typeof each === "string");
}

/** Rows that the page may have. */
export function rowsOfPage({ cursor, pageSize }: ViewState): number {
  return cursor.kind === "last" ? Math.min(cursor.rows, pageSize) : pageSize;
}
