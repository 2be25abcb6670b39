/** Counts and times requests, by the pattern of their route. */
import { API_PREFIX, keyPattern } from "./kv-path.ts";
import type { Tallies } from "./tally.ts";

const METHODS = new Set(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"]);
/** For what no route answers: anybody may ask for any path. */
const NO_ROUTE = "none";

const KEYS = `${API_PREFIX}/kv/`;

type Handler = (request: Request) => Response | Promise<Response>;

/**
 * What Elysia's `wrap` takes: runs a request, and counts it when its answer has a head.
 * @param patterns the routes' paths without the prefix of the API; known when all are there
 */
export function countRequests(tallies: Tallies, patterns: () => readonly string[]) {
  let find: ((pathname: string) => string) | undefined;
  const count = (request: Request, response: Response | undefined, startedMs: number) => {
    find ??= patternFinder(patterns());
    const { method, url } = request;
    tallies
      .of(METHODS.has(method) ? method : "other", routeOf(method, url, find))
      .add(response?.status ?? 200, (performance.now() - startedMs) / 1000);
  };
  return (handler: Handler) => (request: Request) => {
    const startedMs = performance.now();
    const answer = handler(request);
    if (answer instanceof Promise)
      answer.then(
        (response) => count(request, response, startedMs),
        () => {}, // The error handler answers every error; Bun tells of one in itself.
      );
    else count(request, answer, startedMs);
    return answer;
  };
}

function routeOf(method: string, url: string, find: (pathname: string) => string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const end = url.indexOf("?", start);
  const to = end === -1 ? undefined : end;
  if (url.startsWith(KEYS, start)) return keyPattern(method, url.slice(start + KEYS.length, to));
  const pathname = url.slice(start, to);
  return find(pathname.startsWith(API_PREFIX) ? pathname.slice(API_PREFIX.length) : pathname);
}

function patternFinder(patterns: readonly string[]): (pathname: string) => string {
  const fixed = new Set(patterns.filter((path) => !/[{*]/.test(path)));
  const open = patterns
    .filter((path) => /[{*]/.test(path))
    .map((path) => ({ path, before: path.slice(0, path.search(/[{*]/)) }));
  return (pathname) =>
    fixed.has(pathname)
      ? pathname
      : (open.find(({ before }) => pathname.startsWith(before))?.path ?? NO_ROUTE);
}
