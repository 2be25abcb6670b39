/** The frame of the API description; the routes fill it. */
import { Type } from "@sinclair/typebox";
import { VERSION } from "../version.ts";
import { HEAD_KEY, keyVerbDocuments } from "./kv.docs.ts";
import { API_PREFIX } from "./kv-path.ts";
import type { Parameter } from "./parameters.ts";
import { PlanNode } from "./sql.model.ts";

const ErrorEnvelope = Type.Object(
  {
    success: Type.Literal(false),
    status: Type.Literal("error"),
    statusCode: Type.Integer(),
    code: Type.String({ description: "What went wrong, for programs: match on this." }),
    error: Type.String({ description: "What went wrong, for people." }),
    message: Type.String({ description: "The same." }),
    hint: Type.Optional(Type.String({ description: "What to do about it." })),
    parameter: Type.Optional(Type.String({ description: "The parameter it is about." })),
    reqIdx: Type.Optional(
      Type.Integer({ description: "POST /db: the item; -1 for the request itself." }),
    ),
    path: Type.Optional(Type.String({ description: "POST /db/create: the path that was sent." })),
    exists: Type.Optional(Type.Literal(true, { description: "POST /db/create: it is there." })),
    current_etag: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        description: "412: the key's ETag; null when there is no such key.",
      }),
    ),
    failed: Type.Optional(
      Type.Array(
        Type.Object({
          key: Type.String(),
          current_etag: Type.Union([Type.String(), Type.Null()]),
        }),
        { description: "Several keys: those whose condition does not hold." },
      ),
    ),
    files_removed: Type.Optional(
      Type.Array(Type.String(), { description: "DELETE /db: those that are gone already." }),
    ),
    rows_updated: Type.Optional(
      Type.Integer({ description: "POST /db: the rows changed, where `expectRows` is another." }),
    ),
    gap_keys: Type.Optional(
      Type.Array(Type.String(), { description: "Keys with a gap in their history." }),
    ),
    horizon: Type.Optional(
      Type.Integer({ description: "HISTORY_PRUNED: since when all is known, Unix seconds." }),
    ),
    horizon_ms: Type.Optional(Type.Integer({ description: "The same in milliseconds." })),
    reason: Type.Optional(Type.String({ description: "/changes: `ahead` or `pruned`." })),
    newest_cursor: Type.Optional(Type.Integer({ description: "/changes: the newest there is." })),
    oldest_cursor: Type.Optional(
      Type.Integer({ description: "/changes: the oldest that is good." }),
    ),
    mutation: Type.Optional(
      Type.Integer({ description: "POST /kv/atomic: which mutation, from 0." }),
    ),
  },
  {
    title: "Error",
    examples: [
      {
        success: false,
        status: "error",
        statusCode: 400,
        code: "INVALID_PARAMETERS",
        error: "db is missing",
        message: "db is missing",
        parameter: "db",
      },
    ],
  },
);

const HEADERS: Readonly<Record<string, string>> = {
  "X-Error-Code": "`code` of the error.",
  "X-Hoody-Error-Code": "The same.",
  "X-Error-Message": "`error` of the error, where the body is `null`.",
  "Retry-After": "Seconds until another try makes sense.",
  "WWW-Authenticate": "How to send a token.",
};

interface DescribedRoute {
  readonly method: string;
  readonly path: string;
  readonly hooks: { readonly detail?: object };
}

/** What the document has beside the paths that @elysiajs/swagger finds: it leaves out those with a star. */
export function openApiFrame(
  kvRoutes: readonly DescribedRoute[],
  deadline: Parameter<number>,
  pastVerbs: VerbDetails,
) {
  return {
    openapi: "3.1.0",
    info: {
      title: "chronolite",
      version: VERSION,
      license: { name: "MIT", identifier: "MIT" },
      description:
        "Your database is a URL: SQLite files over HTTP.\n\nA `db` is a bare name: `notes` is the file `notes.db` of the data folder. Bodies are read whatever their Content-Type says. Flags are `true`, `1`, `yes` or `false`, `0`, `no`.",
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "Key-value", description: "Keys and values, with a history." },
      { name: "Time travel", description: "The past of keys and tables, and the way back." },
      { name: "Changes", description: "What happens to keys, as it happens." },
      { name: "SQL", description: "Transactions, queries, databases, the log of SQL." },
      { name: "Access", description: "Limited tokens, and links for anyone." },
      { name: "Server", description: "What the server says of itself." },
    ],
    security: [{}, { token: [] }],
    paths: { ...keyPaths(kvRoutes, deadline), ...verbPaths(pastVerbs) },
    components: {
      schemas: { Error: ErrorEnvelope, PlanNode },
      headers: Object.fromEntries(
        Object.entries(HEADERS).map(([name, description]) => [
          name,
          { description, schema: Type.String() },
        ]),
      ),
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

/** By verb and method. */
type VerbDetails = Readonly<Record<string, Readonly<Record<string, object>>>>;

function verbPaths(verbs: VerbDetails): Record<string, object> {
  return Object.fromEntries(
    Object.entries(verbs).map(([verb, methods]) => [`${API_PREFIX}/kv/{key}/${verb}`, methods]),
  );
}

/** Keys: the methods of `kv/*`, and each verb that may follow a key as a path of its own. */
function keyPaths(
  kvRoutes: readonly DescribedRoute[],
  deadline: Parameter<number>,
): Record<string, object> {
  const starred = kvRoutes.filter(({ path, method }) => path.endsWith("/*") && method !== "POST");
  const paths: Record<string, Record<string, object>> = {
    [`${API_PREFIX}/kv/{key}`]: {
      head: HEAD_KEY,
      ...Object.fromEntries(
        starred.map(({ method, hooks }) => [method.toLowerCase(), hooks.detail ?? {}]),
      ),
    },
  };
  for (const [route, detail] of Object.entries(keyVerbDocuments(deadline))) {
    const [method = "", verb = ""] = route.split(" ");
    const path = `${API_PREFIX}/kv/{key}/${verb}`;
    paths[path] = { ...paths[path], [method.toLowerCase()]: detail };
  }
  return paths;
}
