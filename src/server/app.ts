/** The server's table of contents. */
import { swagger } from "@elysiajs/swagger";
import { Elysia } from "elysia";
import { toApiError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { accessCheck } from "./access.ts";
import { changesRoutes } from "./changes.routes.ts";
import { dbRoutes } from "./db.routes.ts";
import type { ServerDeps } from "./deps.ts";
import { errorHandler, errorResponse } from "./error-handler.ts";
import { exportRoutes } from "./export.routes.ts";
import { healthRoutes } from "./health.routes.ts";
import { homeRoutes } from "./home.routes.ts";
import { importRoutes } from "./import.routes.ts";
import { answerHead, kvRoutes } from "./kv.routes.ts";
import { kvListRoutes } from "./kv-list.routes.ts";
import { API_PREFIX } from "./kv-path.ts";
import { keyPastDetails, kvTimeRoutes } from "./kv-time.routes.ts";
import { maintenanceRoutes } from "./maintenance.routes.ts";
import { pageRoutes } from "./page/routes.ts";
import { allowForDeadline } from "./silence.ts";
import { sqlRoutes } from "./sql.routes.ts";

/** Bodies are measured as they are read, and answered with the envelope; Bun's own 413 is bare. */
const NO_BODY_BOUND = Number.MAX_SAFE_INTEGER;

/** Bun closes connections on which nothing moves for so long, unless the request may take longer. */

/** @returns the application; `listen` makes it a server */
export function createApp(deps: ServerDeps) {
  const checkAccess = accessCheck(deps.config);
  const answerEarly = (request: Request): Response | Promise<Response> | undefined => {
    try {
      checkAccess(request);
    } catch (error) {
      return errorResponse(toApiError(error), request);
    }
    if (request.method !== "HEAD" || !isKeyPath(request.url)) return undefined;
    return answerHead(deps, request).catch((error) => errorResponse(toApiError(error), request));
  };
  const routes: Route[] = [];
  const kv = kvRoutes(deps);
  const app = new Elysia({
    // Elysia's defaults would share the port with a second server, drop unknown members of bodies,
    // and misread short Host headers (styles.md P8, P11, P13).
    normalize: false,
    strictPath: true,
    handler: { standardHostname: false },
    serve: {
      reusePort: false,
      development: false,
      maxRequestBodySize: NO_BODY_BOUND,
      idleTimeout: deps.config.idleTimeoutS,
    },
  })
    .onRequest(({ request }) => {
      allowForDeadline(app.server, request, deps.config);
      // Written so that Elysia, which reads this text, does not make every request wait for a promise.
      const early = answerEarly(request);
      if (early !== undefined) return early;
    })
    .headers({ "x-content-type-options": "nosniff" })
    .use(errorHandler(deps.log, (url) => allowedMethods(routes, url)))
    .use(pageRoutes())
    .use(homeRoutes())
    .use(kv)
    .use(kvListRoutes(deps))
    .use(kvTimeRoutes(deps))
    .use(changesRoutes(deps))
    .use(sqlRoutes(deps))
    .use(dbRoutes(deps))
    .use(maintenanceRoutes(deps))
    .use(exportRoutes(deps))
    .use(importRoutes(deps))
    .use(healthRoutes(deps))
    .use(
      swagger({
        path: `${API_PREFIX}/openapi`,
        specPath: `${API_PREFIX}/openapi.json`,
        exclude: [`${API_PREFIX}/openapi`, `${API_PREFIX}/openapi.json`],
        documentation: {
          paths: { ...keyPaths(kv.routes), ...verbPaths(keyPastDetails(deps)) },
          info: {
            title: "chronolite",
            version: VERSION,
            description: "Your database is a URL: SQLite files over HTTP.",
          },
        },
      }),
    );
  routes.push(...app.routes.map(({ method, path }) => ({ method, path })));
  return app;
}

function isKeyPath(url: string): boolean {
  return url.startsWith(`${API_PREFIX}/kv/`, url.indexOf("/", url.indexOf("//") + 2));
}

interface Route {
  method: string;
  path: string;
}

/** The routes of keys for the API description: the plugin leaves out every path with a star. */
function keyPaths(kvRoutes: readonly (Route & { hooks: { detail?: object } })[]) {
  const starred = kvRoutes.filter(({ path }) => path.endsWith("/*"));
  const operations = starred.map(({ method, hooks }) => [method.toLowerCase(), hooks.detail ?? {}]);
  return { [`${API_PREFIX}/kv/{key}`]: Object.fromEntries(operations) };
}

function verbPaths(details: Readonly<Record<string, object>>) {
  return Object.fromEntries(
    Object.entries(details).map(([verb, methods]) => [`${API_PREFIX}/kv/{key}/${verb}`, methods]),
  );
}

function allowedMethods(routes: readonly Route[], url: string): string[] {
  const { pathname } = new URL(url);
  const methods = routes
    .filter(({ path }) =>
      path.endsWith("/*")
        ? pathname.startsWith(path.slice(0, -1)) && pathname.length > path.length - 1
        : path === pathname,
    )
    .map(({ method }) => method);
  return methods.includes("GET") ? ["HEAD", ...methods] : methods;
}
