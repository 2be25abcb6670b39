import { KeyRound, Link2 } from "lucide-react";
import { place, placeHref } from "../address/place.ts";
import type { SchemaColumn, SchemaForeignKey, SchemaObject } from "../api/schema.ts";

/** The foreign key that a column belongs to. */
export function foreignKeyOf(object: SchemaObject, column: string): SchemaForeignKey | undefined {
  return object.foreign_keys.find(({ columns }) => columns.includes(column));
}

/** A column in the rail: name, type, keys. */
export function ColumnLine({
  db,
  object,
  column,
}: {
  db: string;
  object: SchemaObject;
  column: SchemaColumn;
}) {
  const key = foreignKeyOf(object, column.name);
  return (
    <li className="column-line">
      {column.primary_key > 0 ? (
        <KeyRound role="img" aria-label="primary key" size={13} />
      ) : (
        <span className="column-dot" />
      )}
      <span className="rail-name">{column.name}</span>
      {key === undefined ? null : (
        <a
          href={placeHref(place(db, "table", key.table))}
          className="column-key"
          aria-label={`refers to ${key.table}`}
          title={`refers to ${key.table}`}
        >
          <Link2 aria-hidden size={13} />
        </a>
      )}
      <span className="column-type">
        {column.type.toLowerCase()}
        {column.not_null ? "" : "?"}
      </span>
    </li>
  );
}
