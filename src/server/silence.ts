/**
 * How long a connection may be silent. Bun drops it after the idle timeout, also while the server works
 * on its request; so a request with a longer deadline is given longer, once its body is there. (Until
 * then the idle timeout is what drops a body that comes by drops.)
 */
import type { Config } from "../config.ts";
import { ANSWER_GRACE_S, MAX_IDLE_TIMEOUT_S } from "../limits.ts";

/** What Bun's server has for this. */
interface Connections {
  timeout(request: Request, seconds: number): void;
}

/** Requests whose bodies are awaited, with what to do then. */
const awaited = new WeakMap<Request, () => void>();

/** Before anything of the request is read. */
export function allowForDeadline(
  server: Connections | null,
  request: Request,
  config: Pick<Config, "idleTimeoutS" | "timeoutMs">,
): void {
  const neededS = deadlineS(request.url, config.timeoutMs) + ANSWER_GRACE_S;
  if (neededS <= config.idleTimeoutS || server === null) return;
  // What Bun cannot be told is the deadline's own to keep.
  const allow = () => server.timeout(request, neededS > MAX_IDLE_TIMEOUT_S ? 0 : neededS);
  if (hasBody(request)) awaited.set(request, allow);
  else allow();
}

/** When the whole body is there. */
export function bodyArrived(request: Request): void {
  awaited.get(request)?.();
}

function deadlineS(url: string, whenAbsentMs: number): number {
  const named = url.includes("timeout=")
    ? /[?&]timeout=(\d{1,9})(?:&|$)/.exec(url)?.[1]
    : undefined;
  return named === undefined ? whenAbsentMs / 1000 : Number(named);
}

function hasBody({ headers }: Request): boolean {
  return headers.has("transfer-encoding") || (headers.get("content-length") ?? "0") !== "0";
}
