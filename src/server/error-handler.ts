/** The one place where errors become answers. */
import { Elysia, NotFoundError } from "elysia";
import { ApiError, toApiError } from "../errors.ts";
import type { Log } from "../log.ts";

/** Methods of each path, for 405 instead of 404. */
export type AllowedMethods = (url: string) => readonly string[];

export function errorHandler(log: Log, allowedMethods: AllowedMethods) {
  return new Elysia({ name: "error-handler" }).onError({ as: "global" }, ({ error, request }) => {
    const known =
      error instanceof NotFoundError ? noRoute(request, allowedMethods) : toApiError(error);
    if (known.status >= 500 && known.status !== 503)
      log.error("request_failed", known, { method: request.method, code: known.kind });
    return errorResponse(known, request);
  });
}

/** The envelope; except that a missing key reads as JSON null (contracts/hoody.md 0.0, decision 1). */
export function errorResponse(error: ApiError, request: Request): Response {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    ...error.toHeaders(),
  };
  if (request.method === "HEAD") return new Response(null, { status: error.status, headers });
  const missingKey = error.kind === "KEY_NOT_FOUND" || error.kind === "KEY_EXPIRED";
  if (missingKey && request.method === "GET") {
    headers["x-error-message"] = error.message;
    return new Response("null", { status: error.status, headers });
  }
  return new Response(JSON.stringify(error.toEnvelope()), { status: error.status, headers });
}

function noRoute(request: Request, allowedMethods: AllowedMethods): ApiError {
  const methods = allowedMethods(request.url);
  if (methods.length === 0)
    return new ApiError("NOT_FOUND", "There is nothing at this address", {
      hint: "The API is under /api/v1/sqlite; GET /api/v1/sqlite/openapi.json describes it.",
    });
  return new ApiError("METHOD_NOT_ALLOWED", `${request.method} is not a method of this address`, {
    headers: { allow: methods.join(", ") },
    hint: `Use ${methods.join(" or ")}.`,
  });
}
