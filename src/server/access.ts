/**
 * Who gets in, and as whom. With a token configured: whoever sends the root token or a signed one.
 * Without: this machine, and no web page of another origin. What a limited token may do is decided
 * here for the route, and then wherever keys, tables and SQL are come upon.
 */
import { hash, timingSafeEqual } from "node:crypto";
import type { Caller } from "../access/grant.ts";
import type { TokenClaims, TokenSigner } from "../access/tokens.ts";
import type { Clock } from "../clock.ts";
import { type Config, needsToken } from "../config.ts";
import type { DataRoot } from "../engine/resolve.ts";
import { ApiError } from "../errors.ts";
import { MAX_KNOWN_TOKENS } from "../limits.ts";
import { type BrowserRules, browserRules } from "./browser-rules.ts";
import { type RequestCaller, setCaller, setRefusal, UNLIMITED_CALLER } from "./caller.ts";
import { FailureLimiter } from "./failure-limiter.ts";
import { API_PREFIX } from "./kv-path.ts";
import { PAGE_FOLDER } from "./page/names.ts";
import { checkRoute, type Route, ruleOf } from "./route-access.ts";

/** Share links: whoever has one may open it, from wherever. */
export const SHARED_PREFIX = `${API_PREFIX}/shared/`;

export interface AccessOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly signer: TokenSigner;
  /** Whether a signed token was taken back. */
  readonly isRevoked: (id: string) => boolean | Promise<boolean>;
  readonly root: DataRoot;
  /** All routes, known once the application is complete. */
  readonly routes: readonly Route[];
  readonly clientAddress: (request: Request) => string | null;
}

/** A signed token that was found genuine. */
interface KnownToken {
  readonly caller: Caller;
  readonly expiresAtMs: number;
}

/** Comes to open routes without a token, and may nothing else. */
const NOBODY: RequestCaller = {
  token: { id: "", name: "", grant: { databases: [], tables: [], prefixes: [], level: "read" } },
  whole: false,
  check: () => {},
  expiresAtMs: null,
};

export class Access {
  readonly #options: AccessOptions;
  readonly #rootDigest: Buffer | null;
  readonly #tokenNeeded: boolean;
  readonly #browserRules: BrowserRules | null;
  readonly #limiter: FailureLimiter;
  /** By digest. In the order of their first use, the oldest go first. */
  readonly #known = new Map<string, KnownToken>();

  constructor(options: AccessOptions) {
    const { config, clock } = options;
    this.#options = options;
    this.#rootDigest = config.token === "" ? null : digestOf(config.token);
    this.#tokenNeeded = needsToken(config);
    this.#browserRules = this.#tokenNeeded || config.insecureNoAuth ? null : browserRules(config);
    this.#limiter = new FailureLimiter(clock);
  }

  /**
   * Who sends the request: at once, except for a signed token that was not seen before.
   * @throws ApiError UNAUTHORIZED, FORBIDDEN, TOO_MANY_REQUESTS
   */
  admit(request: Request): RequestCaller | Promise<RequestCaller> {
    if (this.#browserRules !== null) this.#checkBrowser(request, this.#browserRules);
    const header = request.headers.get("authorization");
    const given = header === null ? undefined : /^Bearer +(\S+)\s*$/i.exec(header)?.[1];
    if (given === undefined) return this.#withoutToken(request);
    const digest = digestOf(given);
    if (this.#rootDigest === null) return this.#withSigned(request, given, digest);
    const address = this.#options.clientAddress(request) ?? "";
    const name = digest.toString("base64");
    this.#checkPatience(address, name);
    // Digests have one length, so the comparison takes one time.
    if (!timingSafeEqual(digest, this.#rootDigest)) return this.#withSigned(request, given, digest);
    this.#limiter.accepted(address, name);
    return UNLIMITED_CALLER;
  }

  #withoutToken(request: Request): RequestCaller {
    if (!this.#tokenNeeded) return UNLIMITED_CALLER;
    const path = pathOf(request.url);
    // The page asks for the token itself, so its files need none.
    if (path.startsWith(PAGE_FOLDER)) return NOBODY;
    const rule = ruleOf(this.#options.routes, request.method, path);
    if (rule?.for === "everybody") return NOBODY;
    throw unauthorized("A token is needed");
  }

  #withSigned(
    request: Request,
    given: string,
    digest: Buffer,
  ): RequestCaller | Promise<RequestCaller> {
    const name = digest.toString("base64");
    const known = this.#known.get(name);
    return known === undefined ? this.#verify(request, given, name) : this.#asKnown(request, known);
  }

  async #verify(request: Request, given: string, name: string): Promise<RequestCaller> {
    const address = this.#options.clientAddress(request) ?? "";
    this.#checkPatience(address, name);
    const claims = await this.#options.signer.verifyToken(given);
    if (claims === "foreign") {
      // Where no token is needed, one that is none of ours is somebody else's business.
      if (!this.#tokenNeeded) return UNLIMITED_CALLER;
      this.#limiter.failed(address);
      throw unauthorized("The token is wrong");
    }
    if (claims === "expired") throw expired();
    this.#limiter.accepted(address, name);
    const known = this.#remember(name, claims);
    return this.#asKnown(request, known);
  }

  #remember(name: string, claims: Omit<TokenClaims, "createdAtMs">): KnownToken {
    const { id, name: tokenName, grant, expiresAtMs } = claims;
    const known = { caller: { token: { id, name: tokenName, grant } }, expiresAtMs };
    if (this.#known.size >= MAX_KNOWN_TOKENS)
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    this.#known.set(name, known);
    return known;
  }

  #asKnown(request: Request, known: KnownToken): RequestCaller | Promise<RequestCaller> {
    const { token } = known.caller;
    if (token === null) return UNLIMITED_CALLER;
    if (known.expiresAtMs <= this.#options.clock.nowMs()) throw expired();
    const revoked = this.#options.isRevoked(token.id);
    if (revoked instanceof Promise)
      return revoked.then((isRevoked) => this.#atRoute(request, known, isRevoked));
    return this.#atRoute(request, known, revoked);
  }

  #atRoute(request: Request, known: KnownToken, revoked: boolean): RequestCaller {
    if (revoked) throw revokedError();
    const { caller, expiresAtMs } = known;
    const { token } = caller;
    if (token === null) return UNLIMITED_CALLER;
    const { routes, root } = this.#options;
    const rule = ruleOf(routes, request.method, pathOf(request.url));
    return {
      token,
      whole: checkRoute(token.grant, rule, request, root),
      check: () => {
        if (expiresAtMs <= this.#options.clock.nowMs()) throw expired();
        // Where it takes time to find out, the next time will tell.
        if (this.#options.isRevoked(token.id) === true) throw revokedError();
      },
      expiresAtMs,
    };
  }

  /** @throws ApiError TOO_MANY_REQUESTS */
  #checkPatience(address: string, digest: string): void {
    const waitMs = this.#limiter.waitMs(address, digest);
    if (waitMs === 0) return;
    const waitS = Math.ceil(waitMs / 1000);
    throw new ApiError("TOO_MANY_REQUESTS", "Too many wrong tokens came from this address", {
      headers: { "retry-after": String(waitS) },
      hint: `Try again in ${waitS} s.`,
    });
  }

  /** @throws ApiError FORBIDDEN */
  #checkBrowser(request: Request, rules: BrowserRules): void {
    const refusal = rules(request);
    if (refusal !== undefined && !pathOf(request.url).startsWith(SHARED_PREFIX)) throw refusal;
  }
}

/**
 * Finds out who sends a request, or why it is refused, and notes that with it.
 * @returns a promise only where that takes time
 */
export function admit(access: Access, request: Request): Promise<void> | undefined {
  try {
    const caller = access.admit(request);
    if (caller instanceof Promise)
      return caller.then(
        (known) => setCaller(request, known),
        (error: unknown) => setRefusal(request, error),
      );
    setCaller(request, caller);
  } catch (error) {
    setRefusal(request, error);
  }
  return undefined;
}

function digestOf(text: string): Buffer {
  return hash("sha256", text, "buffer");
}

function revokedError(): ApiError {
  return unauthorized("The token was revoked", "invalid_token");
}

function expired(): ApiError {
  return unauthorized("The token has expired", "invalid_token");
}

function unauthorized(message: string, error?: string): ApiError {
  return new ApiError(
    "UNAUTHORIZED",
    message,
    error === undefined
      ? {}
      : { headers: { "www-authenticate": `Bearer realm="chronolite", error="${error}"` } },
  );
}

function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const end = url.indexOf("?", start);
  return url.slice(start, end === -1 ? undefined : end);
}
