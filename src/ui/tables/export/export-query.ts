/** Which rows and columns of a table leave it, as one query. */
import { quoteIdentifier } from "../../api/literals.ts";
import type { SchemaColumn, SchemaObject } from "../../api/schema.ts";
import type { SqlText } from "../../api/sql-text.ts";
import type { Identity } from "../model/identity.ts";
import { isEditable } from "../model/identity.ts";
import { beyond, orderClause, orderOf, whereClause, whereSql } from "../model/page-query.ts";
import { keyCondition } from "../model/reading.ts";
import type { ViewState } from "../model/view-state.ts";
import type { KnownRow } from "../staged/staged.ts";

/** The rows of the page, all that the filters leave, or every one. */
export type Scope = "page" | "filtered" | "all";

export interface Exported {
  readonly object: SchemaObject;
  readonly identity: Identity | null;
  readonly state: ViewState;
  readonly columns: readonly SchemaColumn[];
  /** Of the page. */
  readonly rows: readonly KnownRow[];
}

export function exportQuery(scope: Scope, exported: Exported): SqlText {
  const { columns } = exported;
  return selectOf(
    columns.map(({ name }) => quoteIdentifier(name)),
    scope,
    exported,
  );
}

/** One column with each row's values as SQL writes them; `quote` keeps every digit and byte. */
export function insertQuery(scope: Scope, exported: Exported): SqlText {
  return selectOf(
    insertable(exported.columns).map((column) => `quote(${quoteIdentifier(column.name)})`),
    scope,
    exported,
  );
}

/** What a row's values of `insertQuery` are put behind. */
export function insertHead({ object, columns }: Exported): string {
  const names = insertable(columns).map(({ name }) => quoteIdentifier(name));
  return `INSERT INTO ${quoteIdentifier(object.name)} (${names.join(", ")}) VALUES`;
}

function insertable(columns: readonly SchemaColumn[]): readonly SchemaColumn[] {
  return columns.filter(isEditable);
}

function selectOf(
  selected: readonly string[],
  scope: Scope,
  { object, identity, state, rows }: Exported,
): SqlText {
  const order = orderOf(state, object, identity);
  const conditions = scope === "all" ? [] : [...whereSql(state, object)];
  const [first] = rows;
  if (scope === "page" && identity !== null && first !== undefined) {
    const cells = order.map(({ column }) => {
      const at = identity.columns.indexOf(column);
      return (at === -1 ? first.cells.get(column) : first.identity[at]) ?? null;
    });
    conditions.push([
      "(",
      ...keyCondition(identity.columns, first.identity),
      " OR ",
      ...beyond(order, cells),
      ")",
    ]);
  }
  const offset = identity === null ? (state.page - 1) * state.pageSize : 0;
  return [
    `SELECT ${selected.join(", ")}\nFROM ${quoteIdentifier(object.name)}`,
    ...whereClause(conditions),
    orderClause(order, object.name),
    scope === "page" ? `\nLIMIT ${rows.length}${offset === 0 ? "" : ` OFFSET ${offset}`}` : "",
  ];
}
