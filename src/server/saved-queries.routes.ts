/** Saved queries: text that people keep under a name, with its database. */
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { coversWholeDatabases } from "../access/grant.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import {
  MAX_KEPT_SQL_CHARS,
  MAX_SAVED_CHART_CHARS,
  MAX_SAVED_NAME_CHARS,
  MAX_SAVED_QUERIES,
  MAX_SAVED_QUERIES_BYTES,
} from "../limits.ts";
import type { Saved, SavedPlace, SavedQuery, SavedText } from "../state/saved-query-list.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented, STATE_WRITE_ERRORS } from "./documentation.ts";
import { jsonAnswer, readJsonObject } from "./json-body.ts";
import { toSeconds } from "./kv-answer.ts";
import { API_PREFIX } from "./kv-path.ts";
import { csvOf, LIST_TYPES, listFormat, readListFormat } from "./list-format.ts";
import { CONTENT_TYPE } from "./negotiate.ts";
import { db, timeout } from "./parameters.ts";
import { Query } from "./query.ts";
import { IF_ABSENT, SAVING_ACTOR } from "./request-headers.ts";
import {
  DeletedQueryAnswer,
  SavedQueriesAnswer,
  SavedQueryAnswer,
  SavedQueryBody,
} from "./saved-queries.model.ts";
import { actorOf } from "./write-context.ts";

const PREFIX = `${API_PREFIX}/queries`;

const NAME = {
  name: "name",
  description: `Any text of 1 to ${MAX_SAVED_NAME_CHARS} characters without control characters, percent-encoded; not \`.\` or \`..\`, which clients take for folders.`,
  schema: Type.String({ minLength: 1, maxLength: MAX_SAVED_NAME_CHARS }),
};

/** The routes of one server. */
export function savedQueryRoutes(deps: ServerDeps) {
  const deadline = timeout(deps.config.timeoutMs);
  const placeOf = async (query: Query): Promise<SavedPlace> => ({
    databasePath: await withDatabase<string>(deps, query, (open) => open.target.path),
    ownToken: ownTokenOf(query),
  });

  return new Elysia({ name: "saved-queries" })
    .get(
      PREFIX,
      async ({ request, set }) => {
        const query = Query.of(request);
        const format = readListFormat(query, request, set.headers);
        const queries = await deps.savedQueries.list(await placeOf(query));
        set.headers["content-type"] = CONTENT_TYPE[format];
        if (format === "csv")
          return csvOf(
            COLUMNS,
            queries.map((saved) => ({ ...membersOf(saved), values: saved.values })),
          );
        return jsonAnswer({ success: true }, { queries: `[${queries.map(toJson).join(",")}]` });
      },
      {
        detail: documented({
          summary: "List the saved queries of a database",
          description:
            "By name. They belong to the database's path: they are kept when the file is deleted, and are there again with a new one. A token that is limited to tables or prefixes sees what it saved itself.",
          tag: "SQL",
          parameters: [db, listFormat],
          answers: {
            200: {
              description: "The queries",
              schema: SavedQueriesAnswer,
              otherTypes: LIST_TYPES,
            },
          },
          errors: STATE_WRITE_ERRORS,
        }),
      },
    )
    .put(
      `${PREFIX}/:name`,
      async ({ request, set }) => {
        const query = Query.of(request);
        const name = nameOf(request);
        const ifAbsent = ifAbsentOf(request);
        const nowMs = deps.clock.nowMs();
        const deadlineMs = nowMs + deadline.read(query);
        const text = readText(await readJsonObject(request, deps.config.maxBodyBytes));
        const tokenId = query.caller.token?.id ?? null;
        const saving = { ...text, name, nowMs, actor: actorOf(request), tokenId, ifAbsent };
        const saved = await deps.savedQueries.save(await placeOf(query), saving, deadlineMs);
        if (saved.outcome !== "saved") throw refusal(saved.outcome);
        set.headers["content-type"] = "application/json";
        const { query: kept, before } = saved;
        return jsonAnswer(
          { success: true, created: before === null },
          { query: toJson(kept), previous: before === null ? "null" : toJson(before) },
        );
      },
      {
        parse: "none",
        detail: documented({
          summary: "Save a query",
          description: `Under a name of its database; one of that name is replaced, and answered as \`previous\`. A database has at most ${MAX_SAVED_QUERIES}. A token that is limited to tables or prefixes cannot replace what others saved.`,
          tag: "SQL",
          pathParameters: [NAME],
          parameters: [db, deadline],
          headers: [IF_ABSENT, SAVING_ACTOR],
          body: { description: "The query.", schema: SavedQueryBody },
          answers: { 200: { description: "It is saved", schema: SavedQueryAnswer } },
          errors: ["CONFLICT", "PRECONDITION_FAILED", "PAYLOAD_TOO_LARGE", ...STATE_WRITE_ERRORS],
        }),
      },
    )
    .delete(
      `${PREFIX}/:name`,
      async ({ request, set }) => {
        const query = Query.of(request);
        const name = nameOf(request);
        const deadlineMs = deps.clock.nowMs() + deadline.read(query);
        const removed = await deps.savedQueries.remove(await placeOf(query), name, deadlineMs);
        if (removed === undefined)
          throw new ApiError("NOT_FOUND", "There is no saved query of that name", {
            hint: "List them with GET /api/v1/sqlite/queries?db=….",
          });
        set.headers["content-type"] = "application/json";
        return jsonAnswer({ success: true }, { query: toJson(removed) });
      },
      {
        parse: "none",
        detail: documented({
          summary: "Delete a saved query",
          description: "It is answered once more, so that it can be saved again.",
          tag: "SQL",
          pathParameters: [NAME],
          parameters: [db, deadline],
          answers: { 200: { description: "It is deleted", schema: DeletedQueryAnswer } },
          errors: ["NOT_FOUND", ...STATE_WRITE_ERRORS],
        }),
      },
    );
}

/**
 * Whose queries a caller sees: of a token for whole databases all, of one that is limited to a part its
 * own. What others saved may name tables and values that are not for it.
 */
function ownTokenOf(query: Query): string | null {
  const { token } = query.caller;
  return token === null || coversWholeDatabases(token.grant) ? null : token.id;
}

/** @throws ApiError INVALID_PARAMETERS */
function nameOf(request: Request): string {
  const { url } = request;
  const start = url.indexOf(`${PREFIX}/`) + PREFIX.length + 1;
  const end = url.indexOf("?", start);
  let name: string;
  try {
    name = decodeURIComponent(end === -1 ? url.slice(start) : url.slice(start, end));
  } catch {
    throw invalidParameter("name", "has a malformed percent escape");
  }
  if (name.length > MAX_SAVED_NAME_CHARS)
    throw invalidParameter("name", `must have at most ${MAX_SAVED_NAME_CHARS} characters`);
  if (name.trim() === "") throw invalidParameter("name", "must not be blank");
  if (/\p{Cc}/u.test(name)) throw invalidParameter("name", "must not have control characters");
  if (name === "." || name === "..") throw invalidParameter("name", `must not be "${name}"`);
  return name;
}

/** @throws ApiError INVALID_PARAMETERS */
function ifAbsentOf(request: Request): boolean {
  const header = request.headers.get("if-none-match");
  if (header !== null && header.trim() !== "*")
    throw invalidParameter("If-None-Match", "must be *: saved queries have no ETags");
  return header !== null;
}

/** @throws ApiError INVALID_PARAMETERS */
function readText(body: Readonly<Record<string, unknown>>): SavedText {
  const { sql, values = null, chart = null } = body;
  if (typeof sql !== "string" || sql.trim() === "") throw invalidParameter("sql", "is missing");
  if (typeof values !== "object")
    throw invalidParameter("values", "must be an array, an object or null");
  // A number whose digits were kept is an object too, and no set of values.
  const text = values === null ? null : JSON.stringify(values);
  if (text !== null && !/^[[{]/.test(text))
    throw invalidParameter("values", "must be an array, an object or null");
  if (sql.length + (text?.length ?? 0) > MAX_KEPT_SQL_CHARS)
    throw invalidParameter(
      "sql",
      `with its values must have at most ${MAX_KEPT_SQL_CHARS} characters`,
    );
  if (chart !== null && typeof chart !== "string")
    throw invalidParameter("chart", "must be a string or null");
  if (chart !== null && chart.length > MAX_SAVED_CHART_CHARS)
    throw invalidParameter("chart", `must have at most ${MAX_SAVED_CHART_CHARS} characters`);
  // Half a character would come back as another one.
  if (!sql.isWellFormed()) throw invalidParameter("sql", "is not well-formed Unicode");
  if (chart?.isWellFormed() === false)
    throw invalidParameter("chart", "is not well-formed Unicode");
  return { sql, values: text, chart };
}

function refusal(outcome: Exclude<Saved["outcome"], "saved">): ApiError {
  switch (outcome) {
    case "present":
      return new ApiError("PRECONDITION_FAILED", "There is a saved query of that name", {
        hint: "Choose another name, or replace it: leave If-None-Match out.",
      });
    case "taken":
      return new ApiError("CONFLICT", "Somebody else's query has that name", {
        hint: "Choose another name. This token can replace what it saved itself.",
      });
    case "many":
      return new ApiError("CONFLICT", `This database has ${MAX_SAVED_QUERIES} saved queries`, {
        hint: "Delete those that nobody needs.",
      });
    case "large":
      return new ApiError(
        "CONFLICT",
        `The saved queries of a database may have ${MAX_SAVED_QUERIES_BYTES} bytes together`,
        { hint: "Delete those that nobody needs." },
      );
  }
}

const COLUMNS = ["name", "sql", "values", "chart", "created_at", "updated_at", "actor"] as const;

function membersOf(query: SavedQuery) {
  return {
    name: query.name,
    sql: query.sql,
    chart: query.chart,
    created_at: toSeconds(query.createdAtMs),
    updated_at: toSeconds(query.updatedAtMs),
    actor: query.actor,
  };
}

/** JSON text; the values as they were sent, digit by digit. */
function toJson(query: SavedQuery): string {
  return jsonAnswer(membersOf(query), { values: query.values ?? "null" });
}
