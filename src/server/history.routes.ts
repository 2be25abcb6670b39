/** The log of callers' SQL: contracts/hoody.md 1.23 to 1.26. */
import { basename } from "node:path";
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import type { Database } from "../engine/database.ts";
import { invalidParameter } from "../errors.ts";
import { DEFAULT_QUERY_LOG_PAGE, MAX_QUERY_LOG_PAGE } from "../limits.ts";
import type { StoredEntry } from "../state/query-log-table.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented } from "./documentation.ts";
import { HistoryAnswer, HistoryStatsAnswer, MessageAnswer } from "./history.model.ts";
import { API_PREFIX } from "./kv-path.ts";
import { choice, db, integer, optionalFlag, optionalText, timeout } from "./parameters.ts";
import { Query } from "./query.ts";
import { LOG_SOURCES } from "./sql-record.ts";

const limit = integer(
  "limit",
  `Entries per page; 0 is ${DEFAULT_QUERY_LOG_PAGE}, and more than ${MAX_QUERY_LOG_PAGE} is ${MAX_QUERY_LOG_PAGE}.`,
  { whenAbsent: DEFAULT_QUERY_LOG_PAGE, minimum: 0 },
);
const offset = integer("offset", "Entries to skip.", { whenAbsent: 0, minimum: 0 });
const search = optionalText("q", "Only entries that have this text in their SQL or their error.");
const source = choice("source", "Only entries of this source.", LOG_SOURCES, null);
const success = optionalFlag("success", "Only what succeeded, or only what did not.");

/** The routes of one server. */
export function historyRoutes(deps: ServerDeps) {
  const deadline = timeout(deps.config.timeoutMs);
  const databaseOf = async (query: Query) =>
    withDatabase<Database>(deps, query, (database) => database);

  return new Elysia({ name: "history" })
    .get(
      `${API_PREFIX}/history`,
      async ({ request }) => {
        const query = Query.of(request.url);
        const page = {
          limit: Math.min(limit.read(query) || DEFAULT_QUERY_LOG_PAGE, MAX_QUERY_LOG_PAGE),
          offset: offset.read(query),
        };
        const filter = {
          text: search.read(query) || null,
          source: source.read(query),
          success: success.read(query),
        };
        const { path } = await databaseOf(query);
        const { entries, total } = await deps.queryLog.list(path, { ...page, ...filter });
        const history = entries.map(entryOf);
        return { success: true, history, entries: history, count: history.length, total, ...page };
      },
      {
        detail: documented({
          summary: "List the SQL that was run",
          description:
            "Newest first: every item of `POST /db`, also failed and undone ones, and every `GET /query`. The newest 1000 of each database are kept (`--query-log-max`). Values of parameters are not logged (`--query-log-values`).",
          tag: "SQL",
          parameters: [db, limit, offset, search, source, success],
          answers: { 200: { description: "A page of entries", schema: HistoryAnswer } },
          errors: ["DATABASE_READONLY", "REQUEST_TIMEOUT"],
        }),
      },
    )
    .delete(
      `${API_PREFIX}/history`,
      async ({ request }) => {
        const query = Query.of(request.url);
        const deadlineMs = deps.clock.nowMs() + deadline.read(query);
        const { path } = await databaseOf(query);
        await deps.queryLog.clear(path, deadlineMs);
        return { success: true, message: "The log of this database is empty" };
      },
      {
        parse: "none",
        detail: documented({
          summary: "Forget the SQL that was run",
          tag: "SQL",
          parameters: [db, deadline],
          answers: { 200: { description: "Forgotten", schema: MessageAnswer } },
          errors: ["DATABASE_READONLY"],
        }),
      },
    )
    .delete(
      `${API_PREFIX}/history/:id`,
      async ({ request, params }) => {
        const query = Query.of(request.url);
        const deadlineMs = deps.clock.nowMs() + deadline.read(query);
        const id = parseId(params.id);
        const { path } = await databaseOf(query);
        await deps.queryLog.remove(path, id, deadlineMs);
        return { success: true, message: `Entry ${id} is forgotten` };
      },
      {
        parse: "none",
        detail: documented({
          summary: "Forget one entry",
          tag: "SQL",
          pathParameters: [
            { name: "id", description: "The entry's `id`.", schema: Type.Integer({ minimum: 1 }) },
          ],
          parameters: [db, deadline],
          answers: { 200: { description: "Forgotten", schema: MessageAnswer } },
          errors: ["HISTORY_ENTRY_NOT_FOUND", "DATABASE_READONLY"],
        }),
      },
    )
    .get(
      `${API_PREFIX}/history/stats`,
      async ({ request }) => {
        const query = Query.of(request.url);
        const { path } = await databaseOf(query);
        const stats = await deps.queryLog.stats(path);
        return {
          success: true,
          total_queries: stats.total,
          success_count: stats.successes,
          failure_count: stats.total - stats.successes,
          avg_exec_time_ms: hundredths(stats.averageMs),
          last_hour: stats.lastHour,
          last_minute: stats.lastMinute,
        };
      },
      {
        detail: documented({
          summary: "Figures about the SQL that was run",
          tag: "SQL",
          parameters: [db],
          answers: { 200: { description: "The figures", schema: HistoryStatsAnswer } },
          errors: ["DATABASE_READONLY"],
        }),
      },
    );
}

function parseId(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw invalidParameter("id", "must be the number of an entry");
  return Number(text);
}

function entryOf(entry: StoredEntry) {
  const durationMs = hundredths(entry.durationMs);
  return {
    id: entry.id,
    sql: entry.sql,
    ...(entry.values === null ? {} : { values: entry.values }),
    timestamp: new Date(entry.atMs).toISOString(),
    execution_time_ms: durationMs,
    row_count: entry.rowCount,
    is_statement: entry.isStatement,
    success: entry.error === null,
    source: entry.source,
    client_ip: entry.clientAddress,
    actor: entry.actor,
    ...(entry.error === null ? {} : { error: entry.error }),
    db: basename(entry.databasePath),
    duration_ms: durationMs,
    rows_affected: entry.rowCount,
    status: entry.error === null ? "ok" : "error",
  };
}

function hundredths(number: number): number {
  return Math.round(number * 100) / 100;
}
