/** OpenAPI details of a route, from the same declarations that read its parameters. */
import { type TSchema, Type } from "@sinclair/typebox";
import type { ErrorKind } from "../errors.ts";
import { ERROR_STATUS } from "../errors.ts";
import { ErrorEnvelope } from "./kv.model.ts";
import { describe, type Parameter } from "./parameters.ts";

export interface RouteDocumentation {
  summary: string;
  description?: string;
  tag: "Key-value" | "Time travel" | "Changes" | "SQL" | "Server";
  parameters?: readonly Parameter<unknown>[];
  /** Whether the path ends in a key. */
  key?: boolean;
  /** Other parts of the path that stand for something. */
  pathParameters?: readonly { name: string; description: string; schema: TSchema }[];
  body?: { description: string; schema?: TSchema; required?: boolean };
  answers: Readonly<Record<number, { description: string; schema?: TSchema; mediaType?: string }>>;
  errors?: readonly ErrorKind[];
}

/** @returns the `detail` of an Elysia route */
export function documented(route: RouteDocumentation) {
  const responses: Record<string, object> = {};
  for (const [status, { description, schema, mediaType }] of Object.entries(route.answers))
    responses[status] = {
      description,
      ...(schema === undefined
        ? {}
        : { content: { [mediaType ?? "application/json"]: { schema } } }),
    };
  for (const kind of route.errors ?? []) {
    const status = String(ERROR_STATUS[kind]);
    const known = responses[status] as { description: string } | undefined;
    responses[status] = {
      description: known === undefined ? kind : `${known.description}, ${kind}`,
      content: { "application/json": { schema: ErrorEnvelope } },
    };
  }
  const key = {
    name: "key",
    in: "path",
    required: true,
    description: "The key. Slashes may be written plainly or as %2F.",
    schema: Type.String(),
  };
  return {
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    tags: [route.tag],
    parameters: [
      ...(route.key === true ? [key] : []),
      ...(route.pathParameters ?? []).map((part) => ({ ...part, in: "path", required: true })),
      ...describe(route.parameters ?? []),
    ] as never,
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            description: route.body.description,
            required: route.body.required ?? true,
            content: {
              [route.body.schema === undefined ? "*/*" : "application/json"]: {
                schema: route.body.schema ?? {},
              },
            },
          } as never,
        }),
    responses: responses as never,
  };
}
