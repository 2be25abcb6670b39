/**
 * Who gets in at all. With a token: whoever sends it. Without one: only this machine, and no web page
 * of another origin (a page in the developer's browser can reach loopback addresses too).
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { type Config, isLoopback } from "../config.ts";
import { ApiError } from "../errors.ts";
import { DOCS_PATHS } from "./docs.routes.ts";
import { API_PREFIX } from "./kv-path.ts";
import { PAGE_FOLDER } from "./page/names.ts";

const OPEN_PATHS = new Set(["/", "/readme", ...DOCS_PATHS, `${API_PREFIX}/health`]);

/** @throws ApiError UNAUTHORIZED, FORBIDDEN */
export type AccessCheck = (request: Request) => void;

export function accessCheck(config: Config): AccessCheck {
  if (config.token !== "") return tokenCheck(config.token);
  return config.insecureNoAuth ? () => {} : localCheck();
}

function tokenCheck(token: string): AccessCheck {
  const expected = digest(token);
  return (request) => {
    const given = /^Bearer +(\S+)\s*$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    // Digests have one length, so the comparison takes one time.
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
    if (given === undefined && isOpen(pathOf(request.url))) return;
    throw new ApiError(
      "UNAUTHORIZED",
      given === undefined ? "A token is needed" : "The token is wrong",
    );
  };
}

/** The page asks for the token itself, so its files need none. */
function isOpen(path: string): boolean {
  return OPEN_PATHS.has(path) || path.startsWith(PAGE_FOLDER);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function localCheck(): AccessCheck {
  return (request) => {
    const host = request.headers.get("host") ?? "";
    if (!isLoopback(host.replace(/:\d+$/, "")))
      throw new ApiError("FORBIDDEN", `Host ${host} is not this machine`, {
        hint: "Without a token the server answers to localhost only: use http://127.0.0.1, or set --token.",
      });
    const origin = request.headers.get("origin");
    const foreign =
      origin !== null
        ? origin !== `http://${host}`
        : request.headers.get("sec-fetch-site") === "cross-site";
    // Links and frames of other pages may show what a GET answers; only they cannot read it.
    const reads = request.method === "GET" || request.method === "HEAD";
    if (foreign && !(reads && origin === null))
      throw new ApiError("FORBIDDEN", "Pages of another origin have no access", {
        hint: "Open the page from this server, or set --token and send it.",
      });
  };
}

function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const end = url.indexOf("?", start);
  return url.slice(start, end === -1 ? undefined : end);
}
