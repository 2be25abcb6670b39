/**
 * What each route asks of a limited token, before the route begins. A route that is not in this list
 * is refused to limited tokens; a test compares the list with the routes there are.
 */
import {
  forbidden,
  type Grant,
  type Level,
  requireDatabase,
  requireLevel,
  requireWholeDatabases,
} from "../access/grant.ts";
import type { DataRoot } from "../engine/resolve.ts";
import { namesOfDatabase } from "../engine/resolve.ts";
import { API_PREFIX } from "./kv-path.ts";
import { Query } from "./query.ts";

export type RouteRule =
  /** Needs no token. */
  | { for: "everybody" }
  /** Any token; the route itself shows what the token may see. */
  | { for: "tokens" }
  /** Guarded where it opens its database: keys by LimitedDatabase, SQL by the sandbox. */
  | { for: "parts"; level: Level }
  /** About a whole database, which a parameter names. */
  | { for: "databases"; level: Level; named: "db" | "path" }
  /** An administrator; the route itself looks of which databases. */
  | { for: "administrators" }
  /** About the server: an administrator of all databases. */
  | { for: "server" };

const everybody = { for: "everybody" } as const;
const tokens = { for: "tokens" } as const;
const administrators = { for: "administrators" } as const;
const parts = (level: Level) => ({ for: "parts", level }) as const;
const database = (level: Level, named: "db" | "path" = "db") =>
  ({ for: "databases", level, named }) as const;

/** By method and path as the router has them, the API's prefix left out. */
export const ROUTE_RULES: Readonly<Record<string, RouteRule>> = {
  "GET /": everybody,
  "GET /readme": everybody,
  "GET /ui/:file": everybody,
  "GET api/health": everybody,
  "GET api/health/cache": tokens,
  "GET api/openapi.json": everybody,
  "GET api/openapi.yaml": everybody,
  "GET /docs": everybody,
  "GET /docs/start.js": everybody,
  "GET /docs/swagger-ui.js": everybody,
  "GET /docs/swagger-ui.css": everybody,
  "GET /metrics": { for: "server" },

  "GET api/kv": parts("read"),
  "DELETE api/kv": parts("write"),
  "GET api/kv/*": parts("read"),
  "PUT api/kv/*": parts("write"),
  "DELETE api/kv/*": parts("write"),
  "POST api/kv/*": parts("write"),
  "POST api/kv/batch/get": parts("read"),
  "POST api/kv/batch/set": parts("write"),
  "POST api/kv/batch/delete": parts("write"),
  "POST api/kv/atomic": parts("write"),
  "GET api/kv/snapshot": parts("read"),
  "GET api/kv/diff": parts("read"),
  "GET api/kv/moments": parts("read"),
  "POST api/kv/rollback": parts("write"),

  "GET api/changes": parts("read"),
  "GET api/changes/stream": parts("read"),

  "POST api/db": parts("read"),
  "GET api/query": parts("read"),
  "GET api/history": parts("read"),
  "GET api/history/stats": parts("read"),
  "GET api/history/statements": parts("read"),
  "DELETE api/history": database("admin"),
  "DELETE api/history/:id": database("admin"),
  "GET api/queries": parts("read"),
  "PUT api/queries/:name": parts("write"),
  "DELETE api/queries/:name": parts("write"),
  "POST api/db/create": database("admin", "path"),
  "GET api/db/list": tokens,
  "GET api/db/schema": parts("read"),
  "DELETE api/db": database("admin"),
  "GET api/db/export": database("read"),
  "POST api/db/import": database("write"),
  "POST api/maintenance": database("admin"),

  "POST api/tokens": administrators,
  "GET api/tokens": administrators,
  "DELETE api/tokens/:id": administrators,
  "POST api/share": parts("read"),
  "GET api/share": parts("read"),
  "DELETE api/share/:id": tokens,
  "GET api/shared/:token": everybody,
};

export interface Route {
  readonly method: string;
  readonly path: string;
}

/** The name of a route in `ROUTE_RULES`. */
export function ruleName({ method, path }: Route): string {
  return `${method} ${path.replace(`${API_PREFIX}/`, "api/")}`;
}

/** The rule of a request, or undefined where no route has one. */
export function ruleOf(routes: readonly Route[], method: string, path: string) {
  const wanted = method === "HEAD" ? "GET" : method;
  const fitting = routes
    .filter((route) => route.method === wanted && fits(route.path, path))
    .sort((a, b) => b.path.length - a.path.length)[0];
  return fitting === undefined ? undefined : ROUTE_RULES[ruleName(fitting)];
}

/** Whether a path is one of a route's, whose last part may be any rest (`*`) or any name (`:id`). */
export function fits(route: string, path: string): boolean {
  const variable = /(?:\*|:\w+)$/.exec(route);
  if (variable === null) return route === path;
  const fixed = route.slice(0, variable.index);
  const rest = path.startsWith(fixed) ? path.slice(fixed.length) : "";
  return rest !== "" && (variable[0] === "*" || !rest.includes("/"));
}

/**
 * Whether a limited token may come to a route at all.
 * @returns whether it was found good for the whole of the database that the request names
 * @throws ApiError FORBIDDEN
 */
export function checkRoute(
  grant: Grant,
  rule: RouteRule | undefined,
  request: Request,
  root: DataRoot,
): boolean {
  switch (rule?.for) {
    case "everybody":
    case "tokens":
      return false;
    case "parts":
      requireLevel(grant, rule.level);
      return false;
    case "databases": {
      requireLevel(grant, rule.level);
      requireWholeDatabases(grant);
      const name = Query.of(request).get(rule.named);
      // Without a name the route itself says what is missing.
      if (name !== undefined && name !== "") requireDatabase(grant, namesOfDatabase(name, root));
      return true;
    }
    case "administrators":
      requireLevel(grant, "admin");
      return false;
    case "server":
      requireLevel(grant, "admin");
      requireWholeDatabases(grant);
      if (!grant.databases.includes("**"))
        throw forbidden(
          "This token is not for the server itself",
          'Use the root token, or one that administers all databases ("**").',
        );
      return false;
    default:
      throw forbidden("A limited token cannot use this address", "Use the root token.");
  }
}
