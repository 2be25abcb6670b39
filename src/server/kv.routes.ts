/** Routes of a key: contracts/hoody.md 1.4 to 1.16, and entry, expire, persist of 1.32. */
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import type { Database } from "../engine/database.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import { setMember } from "../kv/change.ts";
import type { Idempotency } from "../kv/idempotency.ts";
import type { JsonPath } from "../kv/json-path.ts";
import { type Moment, valueAt } from "../kv/moment.ts";
import { type Found, getEntry, getValue, headKey } from "../kv/read.ts";
import { type KvTable, kvTable } from "../kv/table.ts";
import { checkValueSize, type StoredValue, toBytes, toStored, valueType } from "../kv/value.ts";
import { deleteKey, putValue } from "../kv/write.ts";
import { perform } from "../kv/write-plan.ts";
import { readBody } from "./body.ts";
import { conditionsOf, ifMatch, matchesEtag } from "./conditions.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented, PAST_ERRORS, WRITE_ERRORS } from "./documentation.ts";
import { repeatable } from "./idempotency.ts";
import { KEY_ERRORS, VALUE_HEADERS } from "./kv.docs.ts";
import { DeleteAnswer, PutAnswer } from "./kv.model.ts";
import { describeFound, describeType, entryText, type Headers, toSeconds } from "./kv-answer.ts";
import { kvBatchRoutes } from "./kv-batch.routes.ts";
import { type KvCall, type KvHandler, kvCalls } from "./kv-call.ts";
import {
  deleteInDirectory,
  getInDirectory,
  headInDirectory,
  putInDirectory,
  rebuild,
} from "./kv-directory.ts";
import { API_PREFIX, kvKey, kvTarget } from "./kv-path.ts";
import { atTimestamp, envelope } from "./kv-time.parameters.ts";
import { KEY_PAST, type KeyCall } from "./kv-time.ts";
import { pastEnvelope } from "./kv-time-answer.ts";
import { KEY_VERBS } from "./kv-verbs.ts";
import { momentOf, momentSeconds } from "./moment.ts";
import { createIfMissing, db, history, path, table, timeout, ttl } from "./parameters.ts";
import { Query } from "./query.ts";
import { ACTOR, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, KNOWN_ETAG } from "./request-headers.ts";

/**
 * The routes of one server.
 * @param deps.config.timeoutMs the deadline of a request that names none
 */
export function kvRoutes(deps: ServerDeps) {
  const deadline = timeout(deps.config.timeoutMs);
  const target = [db, table];
  const writing = [...target, history, ...createIfMissing.documented, deadline];
  const { maxBodyBytes } = deps.config;
  const callOf = kvCalls(deps);

  const post = ({ request, set }: { request: Request; set: { headers: object } }) => {
    (set.headers as Headers)["content-type"] = "application/json";
    return repeatable(request, set, maxBodyBytes, change);
  };
  const change = (request: Request, idempotency: Idempotency | null) => {
    const to = kvTarget("POST", request.url);
    const call = callOf(request, idempotency);
    if (to.kind === "table") throw new Error(`no handler of ${to.route}`);
    if (to.verb === null)
      throw new ApiError("METHOD_NOT_ALLOWED", "POST needs a verb after the key, such as /incr", {
        headers: { allow: "GET, HEAD, PUT, DELETE" },
        hint: "To write a value use PUT.",
      });
    const handler = KEY_VERBS[to.verb];
    if (handler === undefined) throw new Error(`no handler of ${to.verb}`);
    return handler({ ...call, key: to.key, conditions: conditionsOf(request, call.query) });
  };

  const put = async (request: Request, idempotency: Idempotency | null) => {
    const key = kvKey("PUT", request.url);
    const { query, context } = callOf(request, idempotency);
    const at = path.read(query);
    const ttlMs = ttl.read(query);
    const conditions = conditionsOf(request, query);
    const value = toStored(await readBody(request, maxBodyBytes));
    checkValueSize(value, context.maxValueBytes, "body");
    const expireAtMs = ttlMs === null ? null : context.nowMs + ttlMs;
    const type = valueType(request.headers.get("content-type"), value);
    if (at !== null && typeof value !== "string")
      throw invalidParameter("body", "must be JSON when path is given");
    const write = async (database: Database): Promise<Record<string, unknown>> => {
      const to = kvTable(database, table.read(query));
      const operation =
        at !== null && typeof value === "string"
          ? setMember(to, key, at, { leaf: value, expireAtMs, conditions }, context)
          : putValue(to, key, { value, type, expireAtMs, conditions }, context);
      const written = await perform(to, operation, context);
      return {
        success: true,
        status: "ok",
        key,
        created: written.created,
        size: written.sizeBytes,
        ...(at === null ? {} : { path: at.text }),
        etag: written.etag,
      };
    };
    const create = createIfMissing.read(query, deps.config.createMissing);
    return withDatabase(deps, query, write, create, (folder) =>
      putInDirectory(
        { deps, request, query, folder },
        key,
        at !== null && typeof value === "string"
          ? { path: at, leaf: value }
          : { bytes: toBytes(value) },
      ),
    );
  };

  const remove = async (request: Request, idempotency: Idempotency | null) => {
    const key = kvKey("DELETE", request.url);
    const { query, context } = callOf(request, idempotency);
    const conditions = conditionsOf(request, query);
    const removeFrom = async (database: Database): Promise<Record<string, unknown>> => {
      const from = kvTable(database, table.read(query));
      await perform(from, deleteKey(from, key, conditions, context), context);
      return { success: true, status: "ok", key, deleted: true };
    };
    return withDatabase(deps, query, removeFrom, false, (folder) =>
      deleteInDirectory({ deps, request, query, folder }, key),
    );
  };

  return new Elysia({ name: "kv" })
    .use(kvBatchRoutes(deps))
    .get(
      `${API_PREFIX}/kv/*`,
      ({ request, set }) => {
        const to = kvTarget("GET", request.url);
        const query = Query.of(request);
        if (to.kind === "table") throw new Error(`no handler of ${to.route}`);
        const { key, verb } = to;
        const past = KEY_PAST[verb ?? ""];
        if (past !== undefined) {
          set.headers["content-type"] = "application/json";
          return answerPast(past, key, callOf(request));
        }
        const at = verb === null ? path.read(query) : null;
        const moment = verb === null ? momentOf(atTimestamp, query, deps.clock.nowMs()) : null;
        const read = (database: Database) => {
          const from = kvTable(database, table.read(query));
          if (moment !== null) return answerMoment(from, key, at, moment, query, set);
          const nowMs = deps.clock.nowMs();
          const found = verb === null ? getValue(from, key, at, nowMs) : getEntry(from, key, nowMs);
          const answer = (value: Found): StoredValue => {
            const headers = set.headers as Headers;
            const known = request.headers.get("if-none-match");
            if (known !== null && matchesEtag(known, value.etag)) {
              headers["etag"] = value.etag;
              set.status = 304;
              return "";
            }
            if (verb === "entry") {
              headers["content-type"] = "application/json";
              headers["etag"] = value.etag;
              return entryText(key, value);
            }
            describeFound(headers, value);
            if (at !== null) headers["x-json-path"] = encodeURI(at.text);
            return value.value;
          };
          return found instanceof Promise ? found.then(answer) : answer(found);
        };
        const readFile = (folder: string): Promise<Uint8Array | StoredValue> =>
          getInDirectory({ deps, request, query, folder }, key, at, set.headers as Headers);
        return withDatabase<Uint8Array | StoredValue>(
          deps,
          query,
          read,
          false,
          verb === null ? readFile : undefined,
        );
      },
      {
        detail: documented({
          summary: "Read a key",
          description:
            "The value's bytes as they were put, with their content type. With `path`, that part of a JSON document. A missing key answers 404 with the body `null`.",
          tag: "Key-value",
          key: true,
          parameters: [...target, path, atTimestamp, envelope, rebuild],
          headers: [KNOWN_ETAG],
          answers: {
            200: {
              description: "The value, of its own type",
              schema: Type.Unknown(),
              mediaType: "*/*",
              headers: VALUE_HEADERS,
            },
            304: { description: "If-None-Match has its ETag", headers: { ETag: "That tag." } },
          },
          errors: [
            ...KEY_ERRORS,
            ...PAST_ERRORS,
            "NOT_FOUND",
            "RESPONSE_TOO_LARGE",
            "FILE_SYSTEM_ERROR",
          ],
          nullWhenMissing: true,
        }),
      },
    )
    .put(
      `${API_PREFIX}/kv/*`,
      async ({ request: sent, set }) => repeatable(sent, set, maxBodyBytes, put),
      {
        parse: "none",
        detail: documented({
          summary: "Write a key",
          description:
            "The body becomes the value, whatever its type; with `path`, one member of a JSON document. With the header Idempotency-Key the same request can be sent again for a day and is answered again, not done again.",
          tag: "Key-value",
          key: true,
          parameters: [...writing, path, ttl, ifMatch],
          headers: [IF_MATCH, IF_NONE_MATCH, ACTOR, IDEMPOTENCY_KEY],
          body: { description: "The value, any bytes.", required: false },
          answers: { 200: { description: "Written, and on disk", schema: PutAnswer } },
          errors: [...WRITE_ERRORS, "NOT_FOUND", "FILE_SYSTEM_ERROR"],
        }),
      },
    )
    .delete(
      `${API_PREFIX}/kv/*`,
      ({ request: sent, set }) => repeatable(sent, set, maxBodyBytes, remove),
      {
        parse: "none",
        detail: documented({
          summary: "Delete a key",
          tag: "Key-value",
          key: true,
          parameters: [...target, history, deadline, ifMatch],
          headers: [IF_MATCH, IF_NONE_MATCH, ACTOR, IDEMPOTENCY_KEY],
          answers: { 200: { description: "Deleted, and on disk", schema: DeleteAnswer } },
          errors: [...WRITE_ERRORS, "KEY_NOT_FOUND", "FILE_SYSTEM_ERROR"],
        }),
      },
    )
    .post(`${API_PREFIX}/kv/*`, post, {
      parse: "none",
      // Each verb is described by itself: see kv.docs.ts.
      detail: { hide: true },
    });
}

/** Elysia reads the text of a route's handler; with a promise in it every GET would wait. */
function answerPast(handler: KvHandler<KeyCall>, key: string, call: KvCall): Promise<string> {
  return handler({ ...call, key });
}

/** A key as it was at a moment. */
async function answerMoment(
  from: KvTable,
  key: string,
  path: JsonPath | null,
  moment: Moment,
  query: Query,
  set: { headers: object },
): Promise<StoredValue> {
  const found = await valueAt(from, key, path, moment);
  const headers = set.headers as Headers;
  if (envelope.read(query)) {
    headers["content-type"] = "application/json";
    return pastEnvelope(key, momentSeconds(moment), found);
  }
  describeType(headers, found.contentType);
  if (path !== null) headers["x-json-path"] = encodeURI(path.text);
  if (found.opNumber !== null) {
    headers["x-op-number"] = String(found.opNumber);
    headers["x-op-timestamp"] = String(toSeconds(found.opAtMs ?? 0));
  }
  return found.value;
}

/**
 * HEAD of a key, without its value. Elysia answers HEAD by running the GET route and measuring its
 * body, so this is called before the routes are.
 */
export async function answerHead(deps: ServerDeps, request: Request): Promise<Response> {
  const key = kvKey("HEAD", request.url);
  const query = Query.of(request);
  const head = async (database: Database): Promise<Headers> => {
    const headers: Headers = {};
    const from = kvTable(database, table.read(query));
    const entry = await headKey(from, key, deps.clock.nowMs());
    describeFound(headers, entry);
    headers["content-length"] = String(entry.sizeBytes);
    return headers;
  };
  const headers = await withDatabase(deps, query, head, false, (folder) =>
    headInDirectory({ deps, request, query, folder }, key),
  );
  headers["x-content-type-options"] = "nosniff";
  return new Response(null, { headers: headers as Record<string, string> });
}
