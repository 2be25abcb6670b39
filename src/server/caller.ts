/** Who sent a request: found out before anything else happens, and kept with it. */
import { type Caller, UNLIMITED } from "../access/grant.ts";

export interface RequestCaller extends Caller {
  /**
   * For limited tokens: whether the route is about whole databases, and the token was found good for
   * that. Otherwise what the route opens is guarded in every part.
   */
  readonly whole: boolean;
  /** @throws ApiError UNAUTHORIZED when the token has expired or was taken back since */
  readonly check: () => void;
  /** When the token expires, Unix milliseconds; null for what does not. */
  readonly expiresAtMs: number | null;
}

export const UNLIMITED_CALLER: RequestCaller = {
  ...UNLIMITED,
  whole: true,
  check: () => {},
  expiresAtMs: null,
};

const CALLER = Symbol("caller");
const REFUSAL = Symbol("refusal");
const RECEIVED = Symbol("received");

/** Properties of the request: a WeakMap takes ten times as long (260 ns), on every request. */
interface Known extends Request {
  [CALLER]?: RequestCaller;
  [REFUSAL]?: unknown;
  [RECEIVED]?: Request;
}

export function setCaller(request: Request, caller: RequestCaller): void {
  (request as Known)[CALLER] = caller;
}

export function setRefusal(request: Request, error: unknown): void {
  (request as Known)[REFUSAL] = error;
}

/** @throws Error when nobody asked who it is, which must not happen */
export function callerOf(request: Request): RequestCaller {
  const caller = (request as Known)[CALLER];
  if (caller === undefined) throw new Error("a request was let in without a caller");
  return caller;
}

/** A copy of a request, sent by whoever sent that. */
export function copyOf(request: Request, init: RequestInit): Request {
  const copy: Known = new Request(request.url, init);
  copy[CALLER] = callerOf(request);
  copy[RECEIVED] = receivedAs(request);
  return copy;
}

/** The request that came over the wire, of which the server knows the address. */
export function receivedAs(request: Request): Request {
  return (request as Known)[RECEIVED] ?? request;
}

/** Why the request is not let in. */
export function refusalOf(request: Request): unknown {
  const known = request as Known;
  return known[CALLER] === undefined
    ? (known[REFUSAL] ?? new Error("nobody asked who sent a request"))
    : undefined;
}
