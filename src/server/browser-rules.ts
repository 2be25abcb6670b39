/**
 * What web pages may do where no token protects the databases: a page in the developer's browser can
 * reach loopback addresses too, and a name of its own can be made to lead to one (DNS rebinding).
 */
import { type Config, isLoopback } from "../config.ts";
import { ApiError } from "../errors.ts";

/** @throws ApiError FORBIDDEN */
export type BrowserRules = (request: Request) => void;

/** The rules of a server without a token: only this machine, and only its own pages. */
export function browserRules(config: Pick<Config, "tls" | "corsOrigins">): BrowserRules {
  const scheme = config.tls === null ? "http" : "https";
  return (request) => {
    const { headers } = request;
    const host = headers.get("host") ?? "";
    if (!isLoopback(host.replace(/:\d+$/, "")))
      throw new ApiError("FORBIDDEN", `Host ${host} is not this machine`, {
        hint: "Without a token the server answers to localhost only: use http://127.0.0.1, or set --token.",
      });
    const origin = headers.get("origin");
    if (origin !== null) {
      if (origin !== `${scheme}://${host}` && !config.corsOrigins.includes(origin))
        throw foreignPage();
    } else if (headers.get("sec-fetch-site") === "cross-site" && !isFollowedLink(request))
      throw foreignPage();
  };
}

/** Links of other pages may lead here. Frames, images and scripts of theirs may not: they would tell them something. */
function isFollowedLink({ method, headers }: Request): boolean {
  const target = headers.get("sec-fetch-dest") ?? "document";
  return (method === "GET" || method === "HEAD") && target === "document";
}

function foreignPage(): ApiError {
  return new ApiError("FORBIDDEN", "Pages of another origin have no access", {
    hint: "Open the page from this server, name its origin in --cors-origin, or set --token and send it.",
  });
}
