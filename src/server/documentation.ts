/**
 * OpenAPI details of a route, from the same declarations that read its parameters. Tests compare every
 * answer they see with what is said here (test/support/description.ts).
 */
import { type TSchema, Type } from "@sinclair/typebox";
import type { ErrorKind } from "../errors.ts";
import { ERROR_STATUS } from "../errors.ts";
import { db, describe, type Parameter } from "./parameters.ts";
import { IDEMPOTENCY_KEY, type RequestHeader } from "./request-headers.ts";

export interface Answer {
  readonly description: string;
  /** Without one there is no body. */
  readonly schema?: TSchema;
  /** `application/json` if not given. */
  readonly mediaType?: string;
  /** Other types that it may have, all of them text. */
  readonly otherTypes?: readonly string[];
  /** Descriptions of its headers, by their names; that of every answer need not be named. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RouteDocumentation {
  summary: string;
  description?: string;
  tag: "Key-value" | "Time travel" | "Changes" | "SQL" | "Access" | "Server";
  parameters?: readonly Parameter<unknown>[];
  headers?: readonly RequestHeader[];
  /** Whether the path ends in a key. */
  key?: boolean;
  /** Other parts of the path that stand for something. */
  pathParameters?: readonly { name: string; description: string; schema: TSchema }[];
  body?: { description: string; schema?: TSchema; required?: boolean };
  answers: Readonly<Record<number, Answer>>;
  /**
   * Kinds beside those that every route, and every route with `db`, may have. A kind with another
   * status than its own is a pair.
   */
  errors?: readonly (ErrorKind | readonly [ErrorKind, number])[];
  /** Whether a missing key answers 404 with the body `null`, as reading a key does. */
  nullWhenMissing?: boolean;
  /** Whether a 409 tells when to try again. */
  conflictPasses?: boolean;
  /** Whether it needs no token. */
  open?: boolean;
}

/** Whoever sends a token that is none is told so, also where none is needed. */
const ANY_ROUTE: readonly ErrorKind[] = ["UNAUTHORIZED", "FORBIDDEN", "TOO_MANY_REQUESTS"];

/** What opening a database may answer. */
export const WITH_DATABASE: readonly ErrorKind[] = [
  "INVALID_PARAMETERS",
  "INVALID_DB_PATH",
  "INVALID_SQLITE_HEADER",
  "DATABASE_NOT_FOUND",
  "PATH_IS_DIRECTORY",
  "CONFLICT",
  "DATABASE_ERROR",
  "FILE_SYSTEM_ERROR",
  "DATABASE_BUSY",
  "SERVICE_UNAVAILABLE",
];

/** What writes of keys may answer beside what every route with a database may. */
export const WRITE_ERRORS = [
  "PRECONDITION_FAILED",
  "PAYLOAD_TOO_LARGE",
  "DATABASE_READONLY",
  "SQL_CONSTRAINT",
  "REQUEST_TIMEOUT",
  "DISK_FULL",
  "IDEMPOTENCY_KEY_MISMATCH",
  "IDEMPOTENT_RESPONSE_TOO_LARGE",
] as const satisfies readonly ErrorKind[];

/** What callers' SQL may answer beside what every route with a database may. */
export const SQL_ERRORS = [
  "SQL_ERROR",
  "SQL_BIND_ERROR",
  "RESPONSE_TOO_LARGE",
  "PAYLOAD_TOO_LARGE",
  "REQUEST_TIMEOUT",
  "INTERNAL_ERROR",
] as const satisfies readonly ErrorKind[];

/** What writes to the server's own database may answer. */
export const STATE_WRITE_ERRORS = [
  "DATABASE_READONLY",
  "DATABASE_BUSY",
  "DATABASE_ERROR",
  "DISK_FULL",
  "SERVICE_UNAVAILABLE",
] as const satisfies readonly ErrorKind[];

/** What the past may answer. */
export const PAST_ERRORS = [
  "TIME_TRAVEL_CHAIN_GAP",
  "HISTORY_PRUNED",
] as const satisfies readonly ErrorKind[];

const MEANING: Readonly<Record<number, string>> = {
  400: "The request cannot be done as it is",
  401: "A token is needed",
  403: "Not allowed",
  404: "There is no such thing",
  409: "The state of things is in the way",
  410: "No longer there",
  412: "A condition does not hold",
  413: "Too large",
  422: "The idempotency key was used for another request",
  429: "Too many wrong tokens came from this address",
  500: "The server failed",
  503: "Busy: try again",
  507: "The disk is full",
};

/** @returns the `detail` of an Elysia route */
export function documented(route: RouteDocumentation) {
  const responses: Record<string, object> = {};
  const isRepeatable = route.headers?.includes(IDEMPOTENCY_KEY) === true;
  for (const [status, answer] of Object.entries(route.answers))
    responses[status] = describeAnswer(
      isRepeatable ? { ...answer, headers: { ...answer.headers, ...REPLAYED } } : answer,
    );
  for (const [status, kinds] of errorsByStatus(route))
    responses[status] = describeError(status, kinds, route);
  return {
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    tags: [route.tag],
    ...(route.open === true ? { security: [] } : {}),
    parameters: [
      ...(route.key === true ? [KEY] : []),
      ...(route.pathParameters ?? []).map((part) => ({ ...part, in: "path", required: true })),
      ...describe(route.parameters ?? []),
      ...(route.headers ?? []).map((header) => ({
        ...header,
        in: "header",
        required: false,
        schema: Type.String(),
      })),
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

const REPLAYED = {
  "Idempotent-Replayed": "`true` where this is the answer of an earlier request.",
};

const KEY = {
  name: "key",
  in: "path",
  required: true,
  description:
    "The key. Slashes may be written plainly or as %2F; a last part that is a verb needs %2F.",
  schema: Type.String(),
};

const TEXT = Type.String();

function describeAnswer({ description, schema, mediaType, otherTypes, headers }: Answer): object {
  const named = Object.entries(headers ?? {}).map(([name, text]) => [
    name,
    { description: text, schema: Type.String() },
  ]);
  return {
    description,
    ...(named.length === 0 ? {} : { headers: Object.fromEntries(named) }),
    ...(schema === undefined
      ? {}
      : {
          content: {
            [mediaType ?? "application/json"]: { schema },
            ...Object.fromEntries((otherTypes ?? []).map((type) => [type, { schema: TEXT }])),
          },
        }),
  };
}

function errorsByStatus(route: RouteDocumentation): Map<number, Set<ErrorKind>> {
  const given = [
    ...ANY_ROUTE,
    ...(route.parameters?.includes(db) === true ? WITH_DATABASE : []),
    ...(route.parameters === undefined ? [] : (["INVALID_PARAMETERS"] as const)),
    ...(route.errors ?? []),
  ];
  const kinds = new Map<number, Set<ErrorKind>>();
  for (const error of given) {
    const [kind, status] = typeof error === "string" ? [error, ERROR_STATUS[error]] : error;
    const known = kinds.get(status) ?? new Set();
    kinds.set(status, known.add(kind));
  }
  return kinds;
}

function describeError(
  status: number,
  kinds: ReadonlySet<ErrorKind>,
  route: RouteDocumentation,
): object {
  const envelope = {
    allOf: [{ $ref: "#/components/schemas/Error" }, { properties: { code: { enum: [...kinds] } } }],
  };
  const missing = route.nullWhenMissing === true && status === ERROR_STATUS.KEY_NOT_FOUND;
  const headers = [
    "X-Error-Code",
    "X-Hoody-Error-Code",
    ...(status === 429 || status === 503 || (status === 409 && route.conflictPasses === true)
      ? ["Retry-After"]
      : []),
    ...(status === 401 ? ["WWW-Authenticate"] : []),
    ...(missing ? ["X-Error-Message"] : []),
  ];
  return {
    description: `${MEANING[status] ?? "Refused"}: ${[...kinds].map((kind) => `\`${kind}\``).join(", ")}`,
    headers: Object.fromEntries(
      headers.map((name) => [name, { $ref: `#/components/headers/${name}` }]),
    ),
    content: {
      "application/json": { schema: missing ? { anyOf: [Type.Null(), envelope] } : envelope },
    },
  };
}
