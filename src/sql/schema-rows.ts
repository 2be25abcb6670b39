/** A schema as a table, for spreadsheets: what one row is about can be chosen. */
import { csvText } from "./formats/csv.ts";
import type { SchemaColumn, SchemaForeignKey, SchemaObject } from "./schema.ts";

export const SCHEMA_ROWS = ["columns", "objects", "foreign_keys", "indexes"] as const;
export type SchemaRows = (typeof SCHEMA_ROWS)[number];

type Field = string | number | boolean | null;
interface Shape<Item> {
  items(object: SchemaObject): readonly Item[];
  /** A column of the table each, by its name. */
  fields: Readonly<Record<string, (item: Item, object: SchemaObject) => Field>>;
}

const SHAPES: { readonly [Rows in SchemaRows]: (objects: readonly SchemaObject[]) => string } = {
  columns: table<{ position: number; column: SchemaColumn | null }>({
    // An object without columns, such as a view that is broken, has a row too.
    items: ({ columns }) =>
      columns.length === 0
        ? [{ position: 0, column: null }]
        : columns.map((column, index) => ({ position: index + 1, column })),
    fields: {
      object: (_, { name }) => name,
      object_type: (_, { type }) => type,
      role: (_, { role }) => role,
      position: ({ position }) => (position === 0 ? null : position),
      column: ({ column }) => column?.name ?? null,
      type: ({ column }) => column?.type ?? null,
      not_null: ({ column }) => column?.not_null ?? null,
      default_value: ({ column }) => column?.default_value ?? null,
      primary_key: ({ column }) => column?.primary_key ?? null,
      generated: ({ column }) => column?.generated ?? null,
      hidden: ({ column }) => column?.hidden ?? null,
      references: ({ column }, object) =>
        joined(keysOf(object, column), (key) => referred(key, column)),
      on_update: ({ column }, object) => joined(keysOf(object, column), (key) => key.on_update),
      on_delete: ({ column }, object) => joined(keysOf(object, column), (key) => key.on_delete),
      indexes: ({ column }, { indexes }) =>
        joined(
          indexes.filter(({ columns }) => column !== null && columns.includes(column.name)),
          ({ name }) => name,
        ),
      strict: (_, { strict }) => strict,
      without_rowid: (_, { without_rowid }) => without_rowid,
      row_count: (_, { row_count }) => row_count,
      row_count_exact: (_, { row_count_exact }) => row_count_exact,
      error: (_, { error }) => error ?? null,
    },
  }),
  objects: table<SchemaObject>({
    items: (object) => [object],
    fields: {
      object: ({ name }) => name,
      object_type: ({ type }) => type,
      role: ({ role }) => role,
      row_count: ({ row_count }) => row_count,
      row_count_exact: ({ row_count_exact }) => row_count_exact,
      size: ({ size }) => size ?? null,
      columns: ({ columns }) => columns.length,
      indexes: ({ indexes }) => indexes.length,
      triggers: ({ triggers }) => triggers.length,
      references: ({ foreign_keys }) =>
        joined([...new Set(foreign_keys.map(({ table }) => table))], (name) => name),
      strict: ({ strict }) => strict,
      without_rowid: ({ without_rowid }) => without_rowid,
      sql: ({ sql }) => sql,
      error: ({ error }) => error ?? null,
    },
  }),
  foreign_keys: table<{ key: SchemaForeignKey; number: number; position: number }>({
    items: ({ foreign_keys }) =>
      foreign_keys.flatMap((key, index) =>
        key.columns.map((_, position) => ({ key, number: index + 1, position })),
      ),
    fields: {
      object: (_, { name }) => name,
      role: (_, { role }) => role,
      key: ({ number }) => number,
      position: ({ position }) => position + 1,
      column: ({ key, position }) => key.columns[position] ?? null,
      referenced_object: ({ key }) => key.table,
      referenced_column: ({ key, position }) => key.referenced_columns[position] ?? null,
      on_update: ({ key }) => key.on_update,
      on_delete: ({ key }) => key.on_delete,
    },
  }),
  indexes: table<{ index: SchemaObject["indexes"][number]; position: number }>({
    items: ({ indexes }) =>
      indexes.flatMap((index) => index.columns.map((_, position) => ({ index, position }))),
    fields: {
      object: (_, { name }) => name,
      role: (_, { role }) => role,
      index: ({ index }) => index.name,
      position: ({ position }) => position + 1,
      column: ({ index, position }) => index.columns[position] ?? null,
      unique: ({ index }) => index.unique,
      origin: ({ index }) => index.origin,
      partial: ({ index }) => index.partial,
      sql: ({ index }) => index.sql,
    },
  }),
};

/** The objects as CSV, a line per column, object, or column of a foreign key or index. */
export function schemaCsv(objects: readonly SchemaObject[], rows: SchemaRows): string {
  return SHAPES[rows](objects);
}

function table<Item>({ items, fields }: Shape<Item>) {
  const getters = Object.values(fields);
  return (objects: readonly SchemaObject[]) =>
    csvText(
      Object.keys(fields),
      objects.flatMap((object) =>
        items(object).map((item) => getters.map((field) => field(item, object))),
      ),
    );
}

function keysOf(object: SchemaObject, column: SchemaColumn | null): SchemaForeignKey[] {
  if (column === null) return [];
  return object.foreign_keys.filter(({ columns }) => columns.includes(column.name));
}

function referred(key: SchemaForeignKey, column: SchemaColumn | null): string {
  const to = key.referenced_columns[key.columns.indexOf(column?.name ?? "")];
  return to === undefined ? key.table : `${key.table}(${to})`;
}

/** Mostly one; null for none. */
function joined<Item>(items: readonly Item[], words: (item: Item) => string): string | null {
  return items.length === 0 ? null : items.map(words).join("; ");
}
