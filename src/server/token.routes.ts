/** Signed tokens: made, listed, taken back. */
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import type { Grant } from "../access/grant.ts";
import {
  checkTokenName,
  isWithin,
  parseGrant,
  parseLifeMs,
  requireWithin,
} from "../access/grant-request.ts";
import { ApiError } from "../errors.ts";
import { DEFAULT_TIMEOUT_S, DEFAULT_TOKEN_LIFE } from "../limits.ts";
import { issueToken } from "../state/issue-token.ts";
import type { ListedToken } from "../state/token-list.ts";
import { callerOf } from "./caller.ts";
import type { ServerDeps } from "./deps.ts";
import { documented, STATE_WRITE_ERRORS } from "./documentation.ts";
import { readJsonObject } from "./json-body.ts";
import { toSeconds } from "./kv-answer.ts";
import { API_PREFIX } from "./kv-path.ts";
import { CreatedToken, TokenListAnswer, TokenRequestBody, TokenRevoked } from "./token.model.ts";

export function tokenRoutes(deps: ServerDeps) {
  const holderOf = (request: Request): Grant | null => callerOf(request).token?.grant ?? null;

  return new Elysia({ name: "tokens" })
    .post(
      `${API_PREFIX}/tokens`,
      async ({ request, set }) => {
        const body = await readJsonObject(request, deps.config.maxBodyBytes);
        const holder = callerOf(request).token;
        const nowMs = deps.clock.nowMs();
        const grant = parseGrant({ ...body, databases: body["databases"] ?? body["db"] });
        requireWithin(holder?.grant ?? null, grant);
        const { token, listed } = await issueToken(deps.signer, deps.tokens, {
          name: checkTokenName(body["name"]),
          grant,
          lifeMs: parseLifeMs(body["expires_in"] ?? DEFAULT_TOKEN_LIFE, "expires_in"),
          createdBy: holder?.name ?? null,
          nowMs,
        });
        set.status = 201;
        set.headers["cache-control"] = "no-store";
        return { success: true, token, ...tokenMembers(listed) };
      },
      {
        parse: "none",
        detail: documented({
          summary: "Make a limited token",
          description:
            'Needs the root token, or one that administers the databases named. The token is answered once and kept nowhere; it goes into `Authorization: Bearer TOKEN`. `databases` are names or globs (`"**"` for all), `tables` and `prefixes` narrow them further, `name` is what histories show as the actor.',
          tag: "Access",
          body: { description: "What it may do, and how long.", schema: TokenRequestBody },
          answers: {
            201: {
              description: "The token",
              schema: CreatedToken,
              headers: { "Cache-Control": "`no-store`: it is a secret." },
            },
          },
          errors: ["INVALID_PARAMETERS", "PAYLOAD_TOO_LARGE", ...STATE_WRITE_ERRORS],
        }),
      },
    )
    .get(
      `${API_PREFIX}/tokens`,
      async ({ request }) => {
        const holder = holderOf(request);
        const listed = (await deps.tokens.list()).filter(({ grant }) => isWithin(holder, grant));
        return { success: true, count: listed.length, tokens: listed.map(tokenMembers) };
      },
      {
        detail: documented({
          summary: "List limited tokens",
          description:
            "Newest first, also expired and revoked ones. Those that the caller could have made.",
          tag: "Access",
          answers: {
            200: { description: "The tokens, without what is secret", schema: TokenListAnswer },
          },
          errors: STATE_WRITE_ERRORS,
        }),
      },
    )
    .delete(
      `${API_PREFIX}/tokens/:id`,
      async ({ request, params }) => {
        const found = await deps.tokens.find(params.id);
        if (found === undefined || !isWithin(holderOf(request), found.grant)) throw noToken();
        const nowMs = deps.clock.nowMs();
        const revoked = await deps.tokens.revoke(found.id, nowMs, nowMs + DEFAULT_TIMEOUT_S * 1000);
        if (revoked === undefined) throw noToken();
        return { success: true, ...tokenMembers(revoked) };
      },
      {
        parse: "none",
        detail: documented({
          summary: "Take a token back",
          description: "It holds for the next request already. Share links made with it end too.",
          tag: "Access",
          pathParameters: [{ name: "id", description: "The token's `id`.", schema: Type.String() }],
          answers: { 200: { description: "Revoked", schema: TokenRevoked } },
          errors: ["NOT_FOUND", ...STATE_WRITE_ERRORS],
        }),
      },
    );
}

function tokenMembers(token: ListedToken) {
  return {
    id: token.id,
    name: token.name,
    databases: [...token.grant.databases],
    tables: [...token.grant.tables],
    prefixes: [...token.grant.prefixes],
    level: token.grant.level,
    created_at: toSeconds(token.createdAtMs),
    created_by: token.createdBy,
    expires_at: toSeconds(token.expiresAtMs),
    revoked_at: token.revokedAtMs === null ? null : toSeconds(token.revokedAtMs),
  };
}

function noToken(): ApiError {
  return new ApiError("NOT_FOUND", "There is no such token", {
    hint: "List them with GET /api/v1/sqlite/tokens.",
  });
}
