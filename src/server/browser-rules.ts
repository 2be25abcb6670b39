/**
 * What web pages may do where no token protects the databases: a page in the developer's browser can
 * reach loopback addresses too, and a name of its own can be made to lead to one (DNS rebinding).
 */
import { type Config, isLoopback } from "../config.ts";
import { ApiError } from "../errors.ts";

/** @returns ApiError FORBIDDEN for what is refused */
export type BrowserRules = (request: Request) => ApiError | undefined;

/** The rules of a server without a token: only this machine, and only its own pages. */
export function browserRules(config: Pick<Config, "tls" | "corsOrigins">): BrowserRules {
  const scheme = config.tls === null ? "http" : "https";
  // Whoever asks again names the host as before.
  let lastHost = "";
  return (request) => {
    const { headers } = request;
    const host = headers.get("host") ?? "";
    if (host !== lastHost) {
      if (!isLoopback(host.replace(/:\d+$/, ""))) return foreignHost(host);
      lastHost = host;
    }
    const origin = headers.get("origin");
    if (origin !== null) {
      const known = origin === `${scheme}://${host}` || config.corsOrigins.includes(origin);
      return known ? undefined : foreignPage();
    }
    const isForeign = headers.get("sec-fetch-site") === "cross-site" && !isFollowedLink(request);
    return isForeign ? foreignPage() : undefined;
  };
}

/** Links of other pages may lead here. Frames, images and scripts of theirs may not: they would tell them something. */
function isFollowedLink({ method, headers }: Request): boolean {
  const target = headers.get("sec-fetch-dest") ?? "document";
  return (method === "GET" || method === "HEAD") && target === "document";
}

function foreignHost(host: string): ApiError {
  return new ApiError("FORBIDDEN", `Host ${host} is not this machine`, {
    hint: "Without a token the server answers to localhost only: use http://127.0.0.1, or set --token.",
  });
}

function foreignPage(): ApiError {
  return new ApiError("FORBIDDEN", "Pages of another origin have no access", {
    hint: "Open the page from this server, name its origin in --cors-origin, or set --token and send it.",
  });
}
