/** Cross-origin calls of web pages whose origin `--cors-origin` names (the Fetch standard's CORS). */

import type { Config } from "../config.ts";
import { PREFLIGHT_MAX_AGE_S } from "../limits.ts";

const METHODS = "GET, HEAD, PUT, POST, DELETE";
/** What our clients send beyond what every page may. */
const REQUEST_HEADERS = [
  "authorization",
  "chronolite-source",
  "content-type",
  "if-match",
  "if-none-match",
  "idempotency-key",
  "last-event-id",
  "x-actor",
].join(", ");
/** What pages may read of an answer. */
const EXPOSED_HEADERS = [
  "etag",
  "retry-after",
  "www-authenticate",
  "content-disposition",
  "idempotent-replayed",
  "x-created-at",
  "x-directory-mode",
  "x-error-code",
  "x-error-message",
  "x-expire-at",
  "x-file-hash",
  "x-hoody-error-code",
  "x-json-path",
  "x-kv-nesting-depth",
  "x-op-number",
  "x-op-timestamp",
  "x-total-count",
  "x-updated-at",
].join(", ");

export interface Cors {
  /** The answer to a preflight, if the request is one and its origin may call. */
  preflight(request: Request): Response | undefined;
  /** Adds what lets the page read the answer, if its origin may call. */
  describe(request: Request, headers: Record<string, string | number | undefined>): void;
}

/** @returns undefined where no origin may call */
export function corsOf(config: Pick<Config, "corsOrigins">): Cors | undefined {
  const origins = new Set(config.corsOrigins);
  if (origins.size === 0) return undefined;
  const any = origins.has("*");
  const allowed = (request: Request): string | null => {
    const origin = request.headers.get("origin");
    if (origin === null) return null;
    if (any) return "*";
    return origins.has(origin) ? origin : null;
  };
  return {
    preflight(request) {
      if (request.method !== "OPTIONS") return undefined;
      if (!request.headers.has("access-control-request-method")) return undefined;
      const origin = allowed(request);
      if (origin === null) return undefined;
      const headers: Record<string, string> = {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": METHODS,
        "access-control-allow-headers": REQUEST_HEADERS,
        "access-control-max-age": String(PREFLIGHT_MAX_AGE_S),
        vary: "Origin, Access-Control-Request-Private-Network",
      };
      if (request.headers.get("access-control-request-private-network") === "true")
        headers["access-control-allow-private-network"] = "true";
      return new Response(null, { status: 204, headers });
    },
    describe(request, headers) {
      // Caches must not give one origin what another was answered.
      if (!any) headers["vary"] = "Origin";
      const origin = allowed(request);
      if (origin === null) return;
      headers["access-control-allow-origin"] = origin;
      headers["access-control-expose-headers"] = EXPOSED_HEADERS;
    },
  };
}
