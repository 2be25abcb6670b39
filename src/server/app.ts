/** The server's table of contents. */
import { Elysia } from "elysia";
import { TokenSigner } from "../access/tokens.ts";
import { toApiError } from "../errors.ts";
import { SavedQueryList } from "../state/saved-query-list.ts";
import { ShareList } from "../state/share-list.ts";
import { TokenList } from "../state/token-list.ts";
import { TokenSecret } from "../state/token-secret.ts";
import { Access, admit } from "./access.ts";
import { receivedAs, refusalOf } from "./caller.ts";
import { changesRoutes } from "./changes.routes.ts";
import { corsOf } from "./cors.ts";
import { dbRoutes } from "./db.routes.ts";
import type { AppDeps, ServerDeps } from "./deps.ts";
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
import { proxiesOf } from "./proxies.ts";
import { countRequests } from "./request-figures.ts";
import { fits, type Route } from "./route-access.ts";
import { savedQueryRoutes } from "./saved-queries.routes.ts";
import { shareRoutes } from "./share.routes.ts";
import { allowForDeadline } from "./silence.ts";
import { sqlRoutes } from "./sql.routes.ts";
import { Tallies } from "./tally.ts";
import { tokenRoutes } from "./token.routes.ts";

/** Bodies are measured as they are read, and answered with the envelope; Bun's own 413 is bare. */
const NO_BODY_BOUND = Number.MAX_SAFE_INTEGER;

/** @returns the application; `listen` makes it a server */
export function createApp(given: AppDeps) {
  const { config, clock, state } = given;
  const proxies = proxiesOf(config);
  const peerOf = (request: Request) => app.server?.requestIP(receivedAs(request))?.address ?? null;
  const deps: ServerDeps = {
    ...given,
    tokens: new TokenList(state),
    signer: new TokenSigner(new TokenSecret(state, clock, config.tokenSecret), clock),
    shares: new ShareList(state),
    savedQueries: new SavedQueryList(state),
    clientAddress: (request) => proxies.clientAddress(request, peerOf(request)),
    publicOrigin: (request) => proxies.publicOrigin(request, peerOf(request)),
  };
  const routes: Route[] = [];
  const access = new Access({
    ...deps,
    routes,
    root: deps.registry.root,
    isRevoked: (id) => deps.tokens.isRevoked(id),
  });
  const cors = corsOf(config);
  const answerEarly = (
    request: Request,
    headers: Record<string, string | number | undefined>,
  ): Response | Promise<Response> | undefined => {
    if (cors !== undefined) {
      const preflight = cors.preflight(request);
      if (preflight !== undefined) return preflight;
      cors.describe(request, headers);
    }
    const refusal = refusalOf(request);
    if (refusal !== undefined) return errorResponse(toApiError(refusal), request);
    if (request.method !== "HEAD" || !isKeyPath(request.url)) return undefined;
    return answerHead(deps, request).catch((error) => errorResponse(toApiError(error), request));
  };
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
    // Around the routes and not a hook: only here a request may wait without all others doing so.
    .wrap((handle, request) => {
      const admitted = admit(access, request);
      return admitted === undefined ? handle : () => admitted.then(() => handle(request));
    })
    .wrap(countRequests(requests, () => patternsOf(routes)) as never)
    .onRequest(({ request, set }) => {
      allowForDeadline(app.server, request, deps.config);
      // Written so that Elysia, which reads this text, does not make every request wait for a promise.
      const early = answerEarly(request, set.headers);
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
    .use(savedQueryRoutes(deps))
    .use(dbRoutes(deps))
    .use(maintenanceRoutes(deps))
    .use(exportRoutes(deps))
    .use(importRoutes(deps))
    .use(tokenRoutes(deps))
    .use(shareRoutes(deps))
    .use(healthRoutes(deps))
    .use(metricsRoutes(createMetrics(deps, requests)))
    .use(docsRoutes(openApiFrame(kv.routes, timeout(deps.config.timeoutMs), keyPastDetails(deps))));
  routes.push(...app.routes.map(({ method, path }) => ({ method, path })));
  return app;
}

function isKeyPath(url: string): boolean {
  return url.startsWith(`${API_PREFIX}/kv/`, url.indexOf("/", url.indexOf("//") + 2));
}

function allowedMethods(routes: readonly Route[], url: string): string[] {
  const { pathname } = new URL(url);
  const methods = routes.filter(({ path }) => fits(path, pathname)).map(({ method }) => method);
  return methods.includes("GET") ? ["HEAD", ...methods] : methods;
}

/** Paths as the description has them, without the prefix of the API. */
function patternsOf(routes: readonly Route[]): string[] {
  const paths = new Set(routes.map(({ path }) => path));
  return [...paths].map((path) =>
    path.replace(/:(\w+)/g, "{$1}").slice(path.startsWith(API_PREFIX) ? API_PREFIX.length : 0),
  );
}
