/** The foreign keys of a schema, as lines between tables. */
import type { SchemaObject } from "../../api/schema.ts";

export interface DiagramKey {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly words: string;
}

export function keysOf(objects: readonly SchemaObject[]): readonly DiagramKey[] {
  return objects.flatMap((object) =>
    object.foreign_keys.flatMap((key, index) => {
      const target = objects.find(({ name }) => name.toLowerCase() === key.table.toLowerCase());
      return target === undefined
        ? []
        : [
            {
              id: `${object.name} ${index}`,
              from: object.name,
              to: target.name,
              words: `${key.columns.join(", ")} → ${key.referenced_columns.join(", ")}`,
            },
          ];
    }),
  );
}
