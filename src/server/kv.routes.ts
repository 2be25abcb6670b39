/** Key-value routes: contracts/hoody.md 1.4 to 1.8, 1.12, 1.13. */
import { Elysia } from "elysia";
import { ApiError, invalidParameter } from "../errors.ts";
import { type Entry, type Found, KvStore } from "../kv/store.ts";
import { toStored, valueType } from "../kv/value.ts";
import type { WriteContext } from "../kv/write-plan.ts";
import { DEFAULT_LIST_KEYS, MAX_LIST_KEYS } from "../limits.ts";
import { readBody } from "./body.ts";
import { conditionsOf, ifMatch, matchesEtag } from "./conditions.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented } from "./documentation.ts";
import { DeleteAnswer, ListAnswer, PutAnswer, SumAnswer } from "./kv.model.ts";
import { API_PREFIX, kvKey, kvTarget } from "./kv-path.ts";
import {
  createIfMissing,
  db,
  delta,
  history,
  integer,
  optionalText,
  path,
  table,
  timeout,
  ttl,
} from "./parameters.ts";
import { Query } from "./query.ts";

const prefix = optionalText(
  "prefix",
  "Only keys that begin with this text; `%` and `*` mean themselves.",
);
const after = optionalText(
  "after",
  "Only keys after this one, in byte order: `next_after` of the page before.",
);
const limit = integer("limit", `Keys per page; more than ${MAX_LIST_KEYS} is ${MAX_LIST_KEYS}.`, {
  whenAbsent: DEFAULT_LIST_KEYS,
  minimum: 0,
});
const offset = integer("offset", "Keys to skip. For deep pages use `after`.", {
  whenAbsent: 0,
  minimum: 0,
});

type Headers = Record<string, string | number>;

/**
 * The routes of one server.
 * @param deps.config.timeoutMs the deadline of a request that names none
 */
export function kvRoutes(deps: ServerDeps) {
  const deadline = timeout(deps.config.timeoutMs);
  const target = [db, table];
  const writing = [...target, history, ...createIfMissing.documented, deadline];

  const contextOf = (request: Request, query: Query): WriteContext => {
    const nowMs = deps.clock.nowMs();
    return {
      nowMs,
      deadlineMs: nowMs + deadline.read(query),
      history: history.read(query),
      actor: request.headers.get("x-actor")?.slice(0, 256) ?? null,
      clientAddress: null,
    };
  };

  const mayCreate = (query: Query) => createIfMissing.read(query, deps.config.createMissing);

  return new Elysia({ name: "kv" })
    .get(
      `${API_PREFIX}/kv/*`,
      ({ request, set }) => {
        const key = keyWithoutVerb(request);
        const query = Query.of(request.url);
        refuseTimeTravel(query);
        const at = path.read(query);
        return withDatabase(deps, query, (database) => {
          const found = new KvStore(database, table.read(query)).get(key, at, deps.clock.nowMs());
          const answer = (value: Found) => {
            const headers = set.headers as Headers;
            describeFound(headers, value);
            if (at !== null) headers["x-json-path"] = at.text;
            const known = request.headers.get("if-none-match");
            if (known === null || !matchesEtag(known, value.etag)) return value.value;
            set.status = 304;
            return "";
          };
          return found instanceof Promise ? found.then(answer) : answer(found);
        });
      },
      {
        detail: documented({
          summary: "Read a key",
          description:
            "The value's bytes as they were put, with their content type. A missing key: 404, body `null`.",
          tag: "Key-value",
          key: true,
          parameters: [...target, path],
          answers: {
            200: { description: "The value" },
            304: { description: "If-None-Match has its ETag" },
          },
          errors: [
            "INVALID_PARAMETERS",
            "DATABASE_NOT_FOUND",
            "INVALID_DB_PATH",
            "KEY_NOT_FOUND",
            "KEY_EXPIRED",
            "NOT_FOUND",
          ],
        }),
      },
    )
    .put(
      `${API_PREFIX}/kv/*`,
      async ({ request }) => {
        const key = kvKey("PUT", request.url);
        const query = Query.of(request.url);
        const context = contextOf(request, query);
        const at = path.read(query);
        const ttlMs = ttl.read(query);
        const conditions = conditionsOf(request, query);
        const value = toStored(await readBody(request, deps.config.maxBodyBytes));
        if (at !== null && typeof value !== "string")
          throw invalidParameter("body", "must be JSON when path is given");
        const type = valueType(request.headers.get("content-type"), value);
        const written = await withDatabase(
          deps,
          query,
          (database) =>
            new KvStore(database, table.read(query)).put(
              key,
              {
                value,
                type,
                path: at,
                expireAtMs: ttlMs === null ? null : context.nowMs + ttlMs,
                conditions,
              },
              context,
            ),
          mayCreate(query),
        );
        return {
          success: true,
          status: "ok",
          key,
          created: written.created,
          size: written.sizeBytes,
          ...(at === null ? {} : { path: at.text }),
          etag: written.etag,
        };
      },
      {
        parse: "none",
        detail: documented({
          summary: "Write a key",
          description:
            "The body becomes the value, whatever its type; with `path`, one member of a JSON document.",
          tag: "Key-value",
          key: true,
          parameters: [...writing, path, ttl, ifMatch],
          body: { description: "The value, any bytes.", required: false },
          answers: { 200: { description: "Written, and on disk", schema: PutAnswer } },
          errors: [
            "INVALID_PARAMETERS",
            "DATABASE_NOT_FOUND",
            "CONFLICT",
            "PRECONDITION_FAILED",
            "PAYLOAD_TOO_LARGE",
            "DATABASE_BUSY",
            "DISK_FULL",
          ],
        }),
      },
    )
    .delete(
      `${API_PREFIX}/kv/*`,
      async ({ request }) => {
        const key = kvKey("DELETE", request.url);
        const query = Query.of(request.url);
        const context = contextOf(request, query);
        const conditions = conditionsOf(request, query);
        await withDatabase(deps, query, (database) =>
          new KvStore(database, table.read(query)).delete(key, conditions, context),
        );
        return { success: true, status: "ok", key, deleted: true };
      },
      {
        parse: "none",
        detail: documented({
          summary: "Delete a key",
          tag: "Key-value",
          key: true,
          parameters: [...target, history, deadline, ifMatch],
          answers: { 200: { description: "Deleted, and on disk", schema: DeleteAnswer } },
          errors: [
            "INVALID_PARAMETERS",
            "DATABASE_NOT_FOUND",
            "KEY_NOT_FOUND",
            "PRECONDITION_FAILED",
            "DATABASE_BUSY",
          ],
        }),
      },
    )
    .post(
      `${API_PREFIX}/kv/*`,
      async ({ request, set }) => {
        const to = kvTarget("POST", request.url);
        if (to.kind === "table") throw notServed(`POST kv/${to.route}`);
        if (to.verb === null)
          throw new ApiError(
            "METHOD_NOT_ALLOWED",
            "POST needs a verb after the key, such as /incr",
            {
              headers: { allow: "GET, HEAD, PUT, DELETE" },
              hint: "To write a value use PUT.",
            },
          );
        if (to.verb !== "incr" && to.verb !== "decr") throw notServed(`POST kv/KEY/${to.verb}`);
        const { key, verb } = to;
        const query = Query.of(request.url);
        const context = contextOf(request, query);
        const at = path.read(query);
        const amount = delta.read(query);
        const sum = await withDatabase(
          deps,
          query,
          (database) =>
            new KvStore(database, table.read(query)).add(
              key,
              verb === "incr" ? amount : -amount,
              at,
              context,
            ),
          mayCreate(query),
        );
        // As text: JSON.stringify has no way to write an integer beyond 2^53.
        set.headers["content-type"] = "application/json";
        const members = {
          success: true,
          status: "ok",
          key,
          ...(at === null ? {} : { path: at.text }),
          etag: sum.etag,
        };
        return `${JSON.stringify(members).slice(0, -1)},"value":${sum.valueText},"previous":${sum.previousText}}`;
      },
      {
        parse: "none",
        detail: documented({
          summary: "Count: KEY/incr and KEY/decr",
          description:
            "Adds `delta` to the number at the key, or at a path in it. A missing key counts as 0.",
          tag: "Key-value",
          key: true,
          parameters: [...writing, path, delta],
          answers: { 200: { description: "Counted, and on disk", schema: SumAnswer } },
          errors: ["INVALID_PARAMETERS", "DATABASE_NOT_FOUND", "DATABASE_BUSY"],
        }),
      },
    )
    .get(
      `${API_PREFIX}/kv`,
      async ({ request }) => {
        const query = Query.of(request.url);
        refuseTimeTravel(query);
        const page = {
          prefix: prefix.read(query) ?? "",
          after: after.read(query) ?? null,
          limit: Math.min(limit.read(query), MAX_LIST_KEYS),
          offset: offset.read(query),
          nowMs: deps.clock.nowMs(),
        };
        if (page.after !== null && page.offset > 0)
          throw invalidParameter("after", "and offset exclude each other");
        const { entries, hasMore } = await withDatabase(deps, query, (database) =>
          new KvStore(database, table.read(query)).list(page),
        );
        return {
          success: true,
          items: entries.map(toListItem),
          keys: entries.map((entry) => entry.key),
          count: entries.length,
          limit: page.limit,
          offset: page.offset,
          prefix: page.prefix,
          has_more: hasMore,
          next_after: hasMore ? (entries.at(-1)?.key ?? null) : null,
        };
      },
      {
        detail: documented({
          summary: "List keys",
          description: "In byte order, without values. Expired keys are not listed.",
          tag: "Key-value",
          parameters: [...target, prefix, limit, offset, after],
          answers: { 200: { description: "A page of keys", schema: ListAnswer } },
          errors: ["INVALID_PARAMETERS", "DATABASE_NOT_FOUND"],
        }),
      },
    );
}

/**
 * HEAD of a key, without its value. Elysia answers HEAD by running the GET route and measuring its
 * body, so this is called before the routes are.
 */
export async function headKey(deps: ServerDeps, request: Request): Promise<Response> {
  const key = kvKey("HEAD", request.url);
  const query = Query.of(request.url);
  const entry = await withDatabase(deps, query, (database) =>
    new KvStore(database, table.read(query)).head(key, deps.clock.nowMs()),
  );
  const headers: Headers = {};
  describeFound(headers, entry);
  headers["content-length"] = String(entry.sizeBytes);
  return new Response(null, { headers: headers as Record<string, string> });
}

function keyWithoutVerb(request: Request): string {
  const to = kvTarget("GET", request.url);
  if (to.kind === "table") throw notServed(`GET kv/${to.route}`);
  if (to.verb !== null) throw notServed(`GET kv/KEY/${to.verb}`);
  return to.key;
}

/** For routes of the contract that this version does not have; the changelog lists them. */
function notServed(what: string): ApiError {
  return new ApiError("NOT_FOUND", `${what} is not served by this version`);
}

function refuseTimeTravel(query: Query): void {
  const at = query.get("at_timestamp");
  if (at !== undefined && at !== "" && at !== "0")
    throw invalidParameter("at_timestamp", "is not served by this version");
}

function describeFound(headers: Headers, found: Omit<Found, "value">): void {
  headers["content-type"] = found.contentType;
  headers["x-created-at"] = toSeconds(found.createdAtMs);
  headers["x-updated-at"] = toSeconds(found.updatedAtMs);
  if (found.expireAtMs !== null) headers["x-expire-at"] = toSeconds(found.expireAtMs);
  headers["etag"] = found.etag;
  headers["x-content-type-options"] = "nosniff";
  // A stored page must not act in the name of this server's own page.
  if (/html|xml/i.test(found.contentType)) headers["content-security-policy"] = "sandbox";
}

function toSeconds(ms: number): string {
  return String(Math.floor(ms / 1000));
}

function toListItem(entry: Entry) {
  return {
    key: entry.key,
    content_type: entry.contentType,
    size: entry.sizeBytes,
    created_at: Math.floor(entry.createdAtMs / 1000),
    updated_at: Math.floor(entry.updatedAtMs / 1000),
    ...(entry.expireAtMs === null ? {} : { expire_at: Math.floor(entry.expireAtMs / 1000) }),
    etag: entry.etag,
  };
}
