/** Share links: a URL that anyone may open, and that runs one query, read-only. */
import { randomUUID } from "node:crypto";
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { allowsDatabase, includesLevel } from "../access/grant.ts";
import { parseLifeMs } from "../access/grant-request.ts";
import type { Database } from "../engine/database.ts";
import { namesOfPath } from "../engine/resolve.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import { LimitedDatabase } from "../kv/limited-database.ts";
import { DEFAULT_SHARE_LIFE, DEFAULT_TIMEOUT_S, MAX_KEPT_SQL_CHARS } from "../limits.ts";
import type { Share } from "../state/share-list.ts";
import { SHARED_PREFIX } from "./access.ts";
import { callerOf, type RequestCaller } from "./caller.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented, SQL_ERRORS, STATE_WRITE_ERRORS, WITH_DATABASE } from "./documentation.ts";
import { jsonAnswer, readJsonObject } from "./json-body.ts";
import { toSeconds } from "./kv-answer.ts";
import { API_PREFIX } from "./kv-path.ts";
import { csvOf, LIST_TYPES, listFormat, readListFormat } from "./list-format.ts";
import { CONTENT_TYPE, QUERY_FORMATS } from "./negotiate.ts";
import { db } from "./parameters.ts";
import { Query } from "./query.ts";
import { answerQuery, checkQuery } from "./query-answer.ts";
import { QueryAnswer } from "./sql.model.ts";
import { ShareAnswer, ShareListAnswer, ShareRequestBody, ShareRevoked } from "./token.model.ts";
import { actorOf } from "./write-context.ts";

export function shareRoutes(deps: ServerDeps) {
  const urlOf = async (request: Request, share: Share): Promise<string> =>
    `${deps.publicOrigin(request)}${SHARED_PREFIX}${await deps.signer.signShare(share)}`;

  return new Elysia({ name: "shares" })
    .post(
      `${API_PREFIX}/share`,
      async ({ request, set }) => {
        const query = Query.of(request);
        const body = await readJsonObject(request, deps.config.maxBodyBytes);
        const wanted = readShare(body);
        const lifeMs = parseLifeMs(body["expires_in"] ?? DEFAULT_SHARE_LIFE, "expires_in");
        const { token } = query.caller;
        const database = await withDatabase<Database>(deps, query, (open) => open);
        const { timeoutMs } = deps.config;
        await checkQuery(deps, database, { ...wanted, timeoutMs, signal: request.signal });
        const nowMs = deps.clock.nowMs();
        const expiresAtMs = Math.min(
          nowMs + lifeMs,
          query.caller.expiresAtMs ?? Number.POSITIVE_INFINITY,
        );
        const share: Share = {
          ...wanted,
          id: randomUUID(),
          db: db.read(query),
          databasePath: database.target.path,
          createdAtMs: nowMs,
          // A link says it in seconds.
          expiresAtMs: Math.floor(expiresAtMs / 1000) * 1000,
          revokedAtMs: null,
          actor: actorOf(request),
          tokenId: token?.id ?? null,
          grant: token?.grant ?? null,
        };
        const url = await urlOf(request, share);
        await deps.shares.add(share, nowMs + DEFAULT_TIMEOUT_S * 1000);
        set.status = 201;
        set.headers["cache-control"] = "no-store";
        return { success: true, id: share.id, url, expires_at: toSeconds(share.expiresAtMs) };
      },
      {
        parse: "none",
        detail: documented({
          summary: "Make a link that runs one query",
          description:
            "Anyone can open the link, with or without a token, also in a frame of another page. It runs exactly this query on this database, read-only, with the rights of who made it, until it expires or is taken back. It ends with the token that made it.",
          tag: "Access",
          parameters: [db],
          body: { description: "The query.", schema: ShareRequestBody },
          answers: {
            201: {
              description: "The link",
              schema: ShareAnswer,
              headers: { "Cache-Control": "`no-store`: whoever has it can open it." },
            },
          },
          errors: ["PAYLOAD_TOO_LARGE", ...SQL_ERRORS, ...STATE_WRITE_ERRORS],
        }),
      },
    )
    .get(
      `${API_PREFIX}/share`,
      async ({ request, set }) => {
        const query = Query.of(request);
        const format = readListFormat(query, request, set.headers);
        const path = await withDatabase<string>(deps, query, (open) => open.target.path);
        const { token } = query.caller;
        const own = token === null || includesLevel(token.grant, "admin") ? null : token.id;
        const shares = await deps.shares.list(path, own);
        const nowMs = deps.clock.nowMs();
        const links = await Promise.all(
          shares.map(async (share) => {
            const ended = share.revokedAtMs !== null || share.expiresAtMs <= nowMs;
            const url = ended ? null : await urlOf(request, share);
            return { members: shareMembers(share, url), values: share.values };
          }),
        );
        set.headers["content-type"] = CONTENT_TYPE[format];
        set.headers["cache-control"] = "no-store";
        if (format === "csv")
          return csvOf(
            SHARE_COLUMNS,
            links.map(({ members, values }) => ({ ...members, values })),
          );
        const items = links.map(({ members, values }) =>
          jsonAnswer(members, { values: values ?? "null" }),
        );
        return jsonAnswer(
          { success: true, count: items.length },
          { shares: `[${items.join(",")}]` },
        );
      },
      {
        detail: documented({
          summary: "List the links of a database",
          description:
            "Newest first, also expired and revoked ones, whose `url` is null. A limited token sees its own, one that administers the database all.",
          tag: "Access",
          parameters: [db, listFormat],
          answers: {
            200: {
              description: "The links",
              schema: ShareListAnswer,
              otherTypes: LIST_TYPES,
              headers: { "Cache-Control": "`no-store`." },
            },
          },
          errors: STATE_WRITE_ERRORS,
        }),
      },
    )
    .delete(
      `${API_PREFIX}/share/:id`,
      async ({ request, params }) => {
        const share = await deps.shares.find(params.id);
        if (share === undefined || !mayRevoke(deps, callerOf(request), share))
          throw new ApiError("NOT_FOUND", "There is no such link", {
            hint: "List them with GET /api/v1/sqlite/share?db=….",
          });
        const nowMs = deps.clock.nowMs();
        await deps.shares.revoke(share.id, nowMs, nowMs + DEFAULT_TIMEOUT_S * 1000);
        return { success: true, id: share.id };
      },
      {
        parse: "none",
        detail: documented({
          summary: "Take a link back",
          tag: "Access",
          pathParameters: [{ name: "id", description: "The link's `id`.", schema: Type.String() }],
          answers: { 200: { description: "It no longer works", schema: ShareRevoked } },
          errors: ["NOT_FOUND", ...STATE_WRITE_ERRORS],
        }),
      },
    )
    .get(
      `${API_PREFIX}/shared/:token`,
      async ({ request }) => {
        const share = await sharedBy(deps, request);
        const open = await deps.registry.open(share.db);
        const database =
          share.grant === null ? open : new LimitedDatabase(open, share.grant, () => {});
        const { body, headers } = await answerQuery(deps, database, {
          sql: share.sql,
          values: share.values,
          format: QUERY_FORMATS.find((format) => format === share.format) ?? "json",
          integers: "number",
          cells: "plain",
          maxChars: Number.POSITIVE_INFINITY,
          explain: false,
          past: null,
          download: false,
          links: [],
          timeoutMs: deps.config.timeoutMs,
          signal: request.signal,
        });
        return new Response(body, { headers: { ...headers, ...SHARED_HEADERS } });
      },
      {
        detail: documented({
          summary: "Open a link",
          description:
            "Answers as `GET /query` does. A link that was changed is 403, one that has expired or was taken back 410.",
          tag: "Access",
          pathParameters: [
            { name: "token", description: "What `POST /share` signed.", schema: Type.String() },
          ],
          open: true,
          answers: {
            200: {
              description: "The rows, in the format of the link",
              schema: QueryAnswer,
              otherTypes: ["text/csv", "application/x-ndjson", "text/html"],
              headers: {
                "Cache-Control": "`no-store`: it may be taken back.",
                "Content-Security-Policy": "Of a page: nothing but its own styles.",
              },
            },
          },
          errors: ["SHARE_ENDED", ...WITH_DATABASE, ...SQL_ERRORS],
        }),
      },
    );
}

/** Any page may read it and put it into a frame; nobody keeps it, since it may be taken back. */
const SHARED_HEADERS = {
  "access-control-allow-origin": "*",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
};

/**
 * The link that a request opens.
 * @throws ApiError FORBIDDEN for one that is not ours as it stands, SHARE_ENDED
 */
async function sharedBy(deps: ServerDeps, request: Request): Promise<Share> {
  const { pathname } = new URL(request.url);
  // As it was written: nothing that only decodes to the link is the link.
  const claims = await deps.signer.verifyShare(pathname.slice(SHARED_PREFIX.length));
  if (claims === "foreign")
    throw new ApiError("FORBIDDEN", "This link was not made here, or was changed", {
      hint: "Ask for the link again, and copy all of it.",
    });
  if (claims === "expired") throw ended("This link has expired");
  const share = await deps.shares.find(claims.id);
  const madeBy = share?.tokenId ?? null;
  if (
    share === undefined ||
    share.revokedAtMs !== null ||
    (madeBy !== null && (await deps.tokens.isRevoked(madeBy)))
  )
    throw ended("This link was taken back");
  return share;
}

function ended(message: string): ApiError {
  return new ApiError("SHARE_ENDED", message, { hint: "Ask who shared it for a new one." });
}

function mayRevoke(deps: ServerDeps, { token }: RequestCaller, share: Share): boolean {
  if (token === null || token.id === share.tokenId) return true;
  const names = namesOfPath(share.databasePath, deps.registry.root);
  return includesLevel(token.grant, "admin") && allowsDatabase(token.grant, names);
}

const SHARE_COLUMNS = [
  "id",
  "db",
  "sql",
  "values",
  "format",
  "created_at",
  "expires_at",
  "revoked",
  "url",
  "actor",
] as const;

function shareMembers(share: Share, url: string | null) {
  return {
    id: share.id,
    db: share.db,
    sql: share.sql,
    format: share.format,
    created_at: toSeconds(share.createdAtMs),
    expires_at: toSeconds(share.expiresAtMs),
    revoked: share.revokedAtMs !== null,
    url,
    actor: share.actor,
  };
}

type Wanted = Pick<Share, "sql" | "values" | "format">;

/** @throws ApiError INVALID_PARAMETERS */
function readShare(body: Readonly<Record<string, unknown>>): Wanted {
  const { sql, values, format = "json" } = body;
  if (typeof sql !== "string" || sql.trim() === "") throw invalidParameter("sql", "is missing");
  const text = values === undefined || values === null ? null : JSON.stringify(values);
  if (sql.length + (text?.length ?? 0) > MAX_KEPT_SQL_CHARS)
    throw invalidParameter(
      "sql",
      `with its values must have at most ${MAX_KEPT_SQL_CHARS} characters`,
    );
  const known = QUERY_FORMATS.find((one) => one === format);
  if (known === undefined)
    throw invalidParameter("format", `must be ${QUERY_FORMATS.join(" or ")}`);
  return { sql, values: text, format: known };
}
