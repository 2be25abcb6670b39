/** The log of callers' SQL: contracts/hoody.md 1.23 to 1.26. */
import { basename } from "node:path";
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { includesLevel } from "../access/grant.ts";
import { invalidParameter } from "../errors.ts";
import { DEFAULT_QUERY_LOG_PAGE, MAX_QUERY_LOG_PAGE } from "../limits.ts";
import {
  LOG_SOURCES,
  type LogFilter,
  type LoggedStatement,
  type LogPage,
  type StoredEntry,
} from "../state/query-log-table.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented } from "./documentation.ts";
import {
  HistoryAnswer,
  HistoryDeleted,
  HistoryStatementsAnswer,
  HistoryStatsAnswer,
  MessageAnswer,
} from "./history.model.ts";
import { API_PREFIX } from "./kv-path.ts";
import { csvOf, LIST_TYPES, listFormat, readListFormat } from "./list-format.ts";
import { CONTENT_TYPE } from "./negotiate.ts";
import {
  choice,
  db,
  integer,
  optionalFlag,
  optionalInteger,
  optionalText,
  timeout,
} from "./parameters.ts";
import { Query } from "./query.ts";

const limit = integer(
  "limit",
  `Entries per page; 0 is ${DEFAULT_QUERY_LOG_PAGE}, and more than ${MAX_QUERY_LOG_PAGE} is ${MAX_QUERY_LOG_PAGE}.`,
  { whenAbsent: DEFAULT_QUERY_LOG_PAGE, minimum: 0 },
);
const offset = integer("offset", "How many to skip.", { whenAbsent: 0, minimum: 0 });
const search = optionalText("q", "Only entries that have this text in their SQL or their error.");
const source = choice(
  "source",
  "Only entries of this source: `page` is what pages read by themselves (header Chronolite-Source).",
  LOG_SOURCES,
  null,
);
const success = optionalFlag("success", "Only what succeeded, or only what did not.");
const statement = optionalText(
  "statement",
  "Only entries of exactly this SQL, white space and semicolons around it aside.",
);
const through = optionalInteger("through", "Only entries up to this `id`: what is newer stays.");

/** Which entries; `db` comes with them. */
const FILTER = [search, statement, source, success] as const;

/** The routes of one server. */
export function historyRoutes(deps: ServerDeps) {
  const deadline = timeout(deps.config.timeoutMs);
  const pathOf = async (query: Query) =>
    withDatabase<string>(deps, query, (database) => database.target.path);

  return new Elysia({ name: "history" })
    .get(
      `${API_PREFIX}/history`,
      async ({ request, set }) => {
        const query = Query.of(request);
        const format = readListFormat(query, request, set.headers);
        const page = pageOf(query);
        const filter = filterOf(query);
        const path = await pathOf(query);
        const { entries, total } = await deps.queryLog.list(path, { ...page, ...filter });
        const history = entries.map(entryOf);
        if (format === "csv") {
          Object.assign(set.headers, csvHeaders(total));
          return csvOf(ENTRY_COLUMNS, history);
        }
        return { success: true, history, entries: history, count: history.length, total, ...page };
      },
      {
        detail: documented({
          summary: "List the SQL that was run",
          description:
            "Newest first: every item of `POST /db`, also failed and undone ones, and every `GET /query`. The newest 1000 of each database are kept (`--query-log-max`), and beside them the newest 250 that pages read by themselves. Values of parameters are not logged (`--query-log-values`). A limited token sees what it sent itself, one that administers the database all.",
          tag: "SQL",
          parameters: [db, limit, offset, ...FILTER, listFormat],
          answers: {
            200: {
              description: "A page of entries",
              schema: HistoryAnswer,
              otherTypes: LIST_TYPES,
              headers: TOTAL_HEADER,
            },
          },
          errors: ["DATABASE_READONLY", "REQUEST_TIMEOUT"],
        }),
      },
    )
    .delete(
      `${API_PREFIX}/history`,
      async ({ request }) => {
        const query = Query.of(request);
        const deadlineMs = deps.clock.nowMs() + deadline.read(query);
        const which = { ...filterOf(query), through: through.read(query) };
        const path = await pathOf(query);
        const deleted = await deps.queryLog.clear(path, which, deadlineMs);
        return { success: true, message: `Entries forgotten: ${deleted}`, deleted };
      },
      {
        parse: "none",
        detail: documented({
          summary: "Forget the SQL that was run",
          description: "All of it, or what the filters let through. There is no way back.",
          tag: "SQL",
          parameters: [db, ...FILTER, through, deadline],
          answers: { 200: { description: "Forgotten", schema: HistoryDeleted } },
          errors: ["DATABASE_READONLY", "REQUEST_TIMEOUT"],
        }),
      },
    )
    .delete(
      `${API_PREFIX}/history/:id`,
      async ({ request, params }) => {
        const query = Query.of(request);
        const deadlineMs = deps.clock.nowMs() + deadline.read(query);
        const id = parseId(params.id);
        const path = await pathOf(query);
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
        const query = Query.of(request);
        const which = { source: source.read(query), tokenId: ownTokenOf(query) };
        const path = await pathOf(query);
        const stats = await deps.queryLog.stats(path, which);
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
          description: "For a limited token, about what it sent itself.",
          tag: "SQL",
          parameters: [db, source],
          answers: { 200: { description: "The figures", schema: HistoryStatsAnswer } },
          errors: ["DATABASE_READONLY"],
        }),
      },
    )
    .get(
      `${API_PREFIX}/history/statements`,
      async ({ request, set }) => {
        const query = Query.of(request);
        const format = readListFormat(query, request, set.headers);
        const page = pageOf(query);
        const filter = filterOf(query);
        const path = await pathOf(query);
        const found = await deps.queryLog.statements(path, { ...page, ...filter });
        const statements = found.statements.map(statementOf);
        if (format === "csv") {
          Object.assign(set.headers, csvHeaders(found.total));
          return csvOf(STATEMENT_COLUMNS, statements);
        }
        return { success: true, statements, count: statements.length, total: found.total, ...page };
      },
      {
        detail: documented({
          summary: "Which SQL took how long",
          description:
            "The entries of the log by their SQL, what took most time in all first. Values of parameters make no difference, values that are written into the SQL do.",
          tag: "SQL",
          parameters: [db, limit, offset, ...FILTER, listFormat],
          answers: {
            200: {
              description: "A page of statements",
              schema: HistoryStatementsAnswer,
              otherTypes: LIST_TYPES,
              headers: TOTAL_HEADER,
            },
          },
          errors: ["DATABASE_READONLY", "REQUEST_TIMEOUT"],
        }),
      },
    );
}

const TOTAL_HEADER = { "X-Total-Count": "Of CSV: how many there are on all pages." };

function csvHeaders(total: number): Record<string, string> {
  return { "content-type": CONTENT_TYPE.csv, "x-total-count": String(total) };
}

/** @throws ApiError INVALID_PARAMETERS */
function pageOf(query: Query): LogPage {
  return {
    limit: Math.min(limit.read(query) || DEFAULT_QUERY_LOG_PAGE, MAX_QUERY_LOG_PAGE),
    offset: offset.read(query),
  };
}

/** @throws ApiError INVALID_PARAMETERS */
function filterOf(query: Query): LogFilter {
  return {
    text: search.read(query) || null,
    statement: withoutEnds(statement.read(query) ?? "") || null,
    source: source.read(query),
    success: success.read(query),
    tokenId: ownTokenOf(query),
  };
}

/** As the log compares SQL. */
function withoutEnds(sql: string): string {
  return sql.replace(/^[ ;\t\n\r]+|[ ;\t\n\r]+$/g, "");
}

/** Whose entries a caller sees: a token that administers the database sees all, another one its own. */
function ownTokenOf(query: Query): string | null {
  const { token } = query.caller;
  return token === null || includesLevel(token.grant, "admin") ? null : token.id;
}

function parseId(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw invalidParameter("id", "must be the number of an entry");
  return Number(text);
}

/** Columns of the CSV, in the order of the JSON. */
const ENTRY_COLUMNS = [
  "id",
  "sql",
  "values",
  "timestamp",
  "execution_time_ms",
  "row_count",
  "is_statement",
  "success",
  "source",
  "client_ip",
  "actor",
  "error",
  "db",
  "duration_ms",
  "rows_affected",
  "status",
] as const;

const STATEMENT_COLUMNS = [
  "statement",
  "runs",
  "failures",
  "total_ms",
  "avg_ms",
  "max_ms",
  "row_count",
  "first_run",
  "last_run",
] as const;

function statementOf(group: LoggedStatement) {
  return {
    statement: group.statement,
    runs: group.runs,
    failures: group.failures,
    total_ms: hundredths(group.totalMs),
    avg_ms: hundredths(group.averageMs),
    max_ms: hundredths(group.maxMs),
    row_count: group.rows,
    first_run: new Date(group.firstAtMs).toISOString(),
    last_run: new Date(group.lastAtMs).toISOString(),
  };
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
