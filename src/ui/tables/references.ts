/** From a row to the rows it refers to, and to those that refer to it. */
import { type Place, place } from "../address/place.ts";
import type { Schema, SchemaForeignKey, SchemaObject } from "../api/schema.ts";
import type { Cell } from "../api/sql.ts";
import { type Filter, printFilters } from "./model/filter.ts";

export interface Reference {
  /** The other table. */
  readonly table: string;
  /** The columns that refer. */
  readonly columns: readonly string[];
  readonly filters: readonly Filter[];
  readonly target: Place;
}

/** The row that a foreign key of this row means; null where a part of it is NULL. */
export function followKey(
  db: string,
  key: SchemaForeignKey,
  cellOf: (column: string) => Cell,
  schema: Schema,
): Reference | null {
  const referenced = tableNamed(schema, key.table);
  if (referenced === undefined || key.referenced_columns.length !== key.columns.length) return null;
  const cells = key.columns.map(cellOf);
  if (cells.includes(null)) return null;
  return reference(db, referenced.name, key.columns, key.referenced_columns, cells, referenced);
}

/** All foreign keys of other tables, and of this one, that may mean the row. */
export function referrersOf(
  db: string,
  object: SchemaObject,
  cellOf: (column: string) => Cell,
  schema: Schema,
): readonly Reference[] {
  return schema.objects.flatMap((other) =>
    other.foreign_keys
      .filter(
        ({ table, columns, referenced_columns: referenced }) =>
          sameName(table, object.name) && referenced.length === columns.length,
      )
      .flatMap((key) => {
        const cells = key.referenced_columns.map((name) => cellOf(nameIn(object, name)));
        return cells.includes(null)
          ? []
          : [reference(db, other.name, key.columns, key.columns, cells, other)];
      }),
  );
}

function reference(
  db: string,
  table: string,
  columns: readonly string[],
  filtered: readonly string[],
  cells: readonly Cell[],
  within: SchemaObject,
): Reference {
  const filters = filtered.map(
    (name, index): Filter => ({
      column: nameIn(within, name),
      operator: "=",
      operands: [cells[index] ?? null],
    }),
  );
  const target = place(db, "table", table, { filter: printFilters(filters) });
  return { table, columns, filters, target };
}

export function tableNamed(schema: Schema, name: string): SchemaObject | undefined {
  return schema.objects.find((object) => sameName(object.name, name));
}

/** A column by the name that its table gives it: foreign keys may write it in other letters. */
function nameIn(object: SchemaObject, name: string): string {
  return object.columns.find((column) => sameName(column.name, name))?.name ?? name;
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
