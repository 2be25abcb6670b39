/** What tells a row of a table from all others. */
import type { SchemaColumn, SchemaObject } from "../../api/schema.ts";
import { isRTree, virtualReason } from "./virtual.ts";

export interface Identity {
  /** Names in the order of the key; the row id is none of the table's columns. */
  readonly columns: readonly string[];
  /** Whether it is the row id that no column shows. */
  readonly rowid: boolean;
}

/** @returns null for views, virtual tables that keep no rows, and a table whose columns took all names of the row id */
export function identityOf(object: SchemaObject): Identity | null {
  if (object.type === "view" || (object.type === "virtual" && virtualReason(object) !== null))
    return null;
  const key = primaryKey(object);
  const [first] = object.columns;
  if (isRTree(object) && first !== undefined) return { columns: [first.name], rowid: false };
  if (object.without_rowid) return { columns: key.map(({ name }) => name), rowid: false };
  const [alias] = key;
  // A key of the key-value store is what tells rows apart at every moment.
  if (object.role === "kv") return { columns: key.map(({ name }) => name), rowid: false };
  // INTEGER PRIMARY KEY is the row id itself. Any other key of such a table may hold NULL.
  if (key.length === 1 && alias?.type.toUpperCase() === "INTEGER")
    return { columns: [alias.name], rowid: false };
  const taken = new Set(object.columns.map(({ name }) => name.toLowerCase()));
  const name = ["rowid", "_rowid_", "oid"].find((each) => !taken.has(each));
  return name === undefined ? null : { columns: [name], rowid: true };
}

export function primaryKey(object: SchemaObject): readonly SchemaColumn[] {
  return object.columns
    .filter(({ primary_key: place }) => place > 0)
    .toSorted((a, b) => a.primary_key - b.primary_key);
}

/** The columns that `select *` shows. */
export function shownColumns(object: SchemaObject): readonly SchemaColumn[] {
  return object.columns.filter(({ hidden }) => !hidden);
}

/** Why rows cannot be changed here; null when they can. */
export function readOnlyReason(object: SchemaObject): string | null {
  if (object.role === "kv")
    return "These are keys, and they have a history. Here they are only read; change them with the key-value API.";
  if (object.role === "kv_history") return "This is the history of keys. It is only read.";
  if (object.role === "internal") return "The database keeps its own books here.";
  if (object.type === "view") return "This is a view. Its rows come from a query.";
  if (object.type === "virtual") {
    const reason = virtualReason(object);
    if (reason !== null) return reason;
  }
  if (identityOf(object) === null)
    return "Its columns have taken every name of the row id, so that one row cannot be told from another.";
  return null;
}

export function isEditable(column: SchemaColumn): boolean {
  return column.generated === null && !column.hidden;
}
