import type { Static, TSchema } from "@sinclair/typebox";

/** A schema with an example of it, for the API description. */
export function withExample<Schema extends TSchema>(
  schema: Schema,
  example: Static<Schema>,
): Schema {
  return { ...schema, examples: [example] };
}
