/** Makes a signed token, from the command line or over HTTP. */
import { randomUUID } from "node:crypto";
import type { Grant } from "../access/grant.ts";
import type { TokenSigner } from "../access/tokens.ts";
import { invalidParameter } from "../errors.ts";
import { DEFAULT_TIMEOUT_S, MAX_TOKEN_CHARS } from "../limits.ts";
import type { ListedToken, TokenList } from "./token-list.ts";

export interface TokenRequest {
  readonly name: string;
  readonly grant: Grant;
  readonly lifeMs: number;
  /** Who asks for it, null for the root token and the command line. */
  readonly createdBy: string | null;
  readonly nowMs: number;
}

/**
 * Signs a token and lists it. The token itself is kept nowhere.
 * @throws ApiError INVALID_PARAMETERS when it has become too long
 */
export async function issueToken(
  signer: TokenSigner,
  tokens: TokenList,
  { name, grant, lifeMs, createdBy, nowMs }: TokenRequest,
): Promise<{ token: string; listed: ListedToken }> {
  const listed: ListedToken = {
    id: randomUUID(),
    name,
    grant,
    createdAtMs: nowMs,
    createdBy,
    // A token says it in seconds.
    expiresAtMs: Math.floor((nowMs + lifeMs) / 1000) * 1000,
    revokedAtMs: null,
  };
  const token = await signer.signToken(listed);
  if (token.length > MAX_TOKEN_CHARS)
    throw invalidParameter(
      "databases",
      `with tables and prefixes make a token of more than ${MAX_TOKEN_CHARS} characters`,
      "Use globs, or several tokens.",
    );
  await tokens.add(listed, nowMs + DEFAULT_TIMEOUT_S * 1000);
  return { token, listed };
}
