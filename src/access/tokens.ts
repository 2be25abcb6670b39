/** Signed tokens (JWT, HS256): what they say, and whether they are ours. */
import { errors, jwtVerify, SignJWT } from "jose";
import type { Clock } from "../clock.ts";
import { ApiError } from "../errors.ts";
import { MAX_TOKEN_CHARS } from "../limits.ts";
import type { Grant } from "./grant.ts";
import { parseGrant } from "./grant-request.ts";

const ISSUER = "chronolite";
const ALGORITHM = "HS256";

/** What a token is for; none is good for anything else. */
export type Purpose = "api" | "share";

export interface TokenClaims {
  readonly id: string;
  readonly name: string;
  readonly grant: Grant;
  readonly createdAtMs: number;
  /** Unix milliseconds, a whole second. */
  readonly expiresAtMs: number;
}

export interface ShareClaims {
  readonly id: string;
  /** With which a link is always the same text. */
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

/** Why a token is no good. */
export type Fault = "foreign" | "expired";

/** Where the secret comes from: the settings, or the state database. */
export interface SecretSource {
  /** The secret, or null when nothing was ever signed. */
  secret(): Uint8Array | null | Promise<Uint8Array | null>;
  /** The secret, made if need be. */
  ensureSecret(): Promise<Uint8Array>;
}

export class TokenSigner {
  readonly #secrets: SecretSource;
  readonly #clock: Clock;

  constructor(secrets: SecretSource, clock: Clock) {
    this.#secrets = secrets;
    this.#clock = clock;
  }

  signToken(claims: TokenClaims): Promise<string> {
    return this.#sign("api", claims, { sub: claims.name, grant: claims.grant });
  }

  signShare(claims: ShareClaims): Promise<string> {
    return this.#sign("share", claims, {});
  }

  /** The claims of a token of ours, or what is wrong with it. */
  async verifyToken(token: string): Promise<Omit<TokenClaims, "createdAtMs"> | Fault> {
    const payload = await this.#verify("api", token);
    if (typeof payload === "string") return payload;
    const { jti, sub, grant, exp } = payload;
    if (typeof sub !== "string" || jti === undefined || exp === undefined) return "foreign";
    return { id: jti, name: sub, grant: parseGrant(grant), expiresAtMs: exp * 1000 };
  }

  async verifyShare(token: string): Promise<{ id: string } | Fault> {
    const payload = await this.#verify("share", token);
    if (typeof payload === "string") return payload;
    const { jti } = payload;
    return jti === undefined ? "foreign" : { id: jti };
  }

  async #sign(
    purpose: Purpose,
    { id, createdAtMs, expiresAtMs }: ShareClaims,
    members: Record<string, unknown>,
  ): Promise<string> {
    return new SignJWT(members)
      .setProtectedHeader({ alg: ALGORITHM })
      .setIssuer(ISSUER)
      .setAudience(purpose)
      .setJti(id)
      .setIssuedAt(Math.floor(createdAtMs / 1000))
      .setExpirationTime(Math.floor(expiresAtMs / 1000))
      .sign(await this.#secrets.ensureSecret());
  }

  async #verify(purpose: Purpose, token: string) {
    if (!isCanonical(token)) return "foreign";
    const secret = await this.#secrets.secret();
    if (secret === null) return "foreign";
    try {
      const { payload } = await jwtVerify<{ grant?: unknown }>(token, secret, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: purpose,
        requiredClaims: ["exp", "jti"],
        currentDate: new Date(this.#clock.nowMs()),
      });
      return payload;
    } catch (error) {
      // jose looks at the claims of genuine tokens only.
      if (error instanceof errors.JWTExpired) return "expired";
      if (error instanceof errors.JOSEError) return "foreign";
      throw new ApiError("INTERNAL_ERROR", "The token could not be checked", { cause: error });
    }
  }
}

/** Whether a text has the shape of a token, and no other text means the same bytes. */
function isCanonical(token: string): boolean {
  if (token.length > MAX_TOKEN_CHARS || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return false;
  return token
    .split(".")
    .every((part) => Buffer.from(part, "base64url").toString("base64url") === part);
}
