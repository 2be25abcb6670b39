/** The server's table of contents. */
import { Elysia } from "elysia";
import { toApiError } from "../errors.ts";
import { accessCheck } from "./access.ts";
import { changesRoutes } from "./changes.routes.ts";
import { dbRoutes } from "./db.routes.ts";
import type { ServerDeps } from "./deps.ts";
import { docsRoutes } from "./docs.routes.ts";
import { errorHandler, errorResponse } from "./error-handler.ts";
import { exportRoutes } from "./export.routes.ts";
import { healthRoutes } from "./health.routes.ts";
import { historyRoutes } from "./history.routes.ts";
import { homeRoutes } from "./home.routes.ts";
import { importRoutes } from "./import.routes.ts";
import { answerHead, kvRoutes } from "./kv.routes.ts";
import { kvListRoutes } from "./kv-list.routes.ts";
import { API_PREFIX } from "./kv-path.ts";
import { keyPastDetails, kvTimeRoutes } from "./kv-time.routes.ts";
import { maintenanceRoutes } from "./maintenance.routes.ts";
import { metricsRoutes } from "./metrics.routes.ts";
import { createMetrics } from "./metrics.ts";
import { openApiFrame } from "./openapi.ts";
import { pageRoutes } from "./page/routes.ts";
import { timeout } from "./parameters.ts";
import { countRequests } from "./request-figures.ts";
import { allowForDeadline } from "./silence.ts";
import { sqlRoutes } from "./sql.routes.ts";
import { Tallies } from "./tally.ts";

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
  const requests = new Tallies();
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
    .wrap(countRequests(requests, () => patternsOf(routes)) as never)
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
    .use(historyRoutes(deps))
    .use(dbRoutes(deps))
    .use(maintenanceRoutes(deps))
    .use(exportRoutes(deps))
    .use(importRoutes(deps))
    .use(healthRoutes(deps))
    .use(metricsRoutes(createMetrics(deps, requests)))
    .use(docsRoutes(openApiFrame(kv.routes, timeout(deps.config.timeoutMs), keyPastDetails(deps))));
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

function allowedMethods(routes: readonly Route[], url: string): string[] {
  const { pathname } = new URL(url);
  const methods = routes.filter(({ path }) => matches(path, pathname)).map(({ method }) => method);
  return methods.includes("GET") ? ["HEAD", ...methods] : methods;
}

/** Paths as the description has them, without the prefix of the API. */
function patternsOf(routes: readonly Route[]): string[] {
  const paths = new Set(routes.map(({ path }) => path));
  return [...paths].map((path) =>
    path.replace(/:(\w+)/g, "{$1}").slice(path.startsWith(API_PREFIX) ? API_PREFIX.length : 0),
  );
}

/** Whether a path is one of a route's, whose last part may be any rest (`*`) or any name (`:id`). */
function matches(route: string, pathname: string): boolean {
  const variable = /(?:\*|:\w+)$/.exec(route);
  if (variable === null) return route === pathname;
  const fixed = route.slice(0, variable.index);
  const rest = pathname.startsWith(fixed) ? pathname.slice(fixed.length) : "";
  return rest !== "" && (variable[0] === "*" || !rest.includes("/"));
}
