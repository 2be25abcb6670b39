/** SQL routes: contracts/hoody.md 1.1 to 1.3. The SQL itself runs in runner processes. */
import { statSync } from "node:fs";
import { Elysia } from "elysia";
import type { Database } from "../engine/database.ts";
import { ApiError } from "../errors.ts";
import { kvRelation } from "../kv/relation.ts";
import type { SqlResult, TransactionJob } from "../sql/jobs.ts";
import type { Past } from "../sql/past-tables.ts";
import { withRequestIndex } from "../sql/sql-error.ts";
import type { TransactionOptions } from "../sql/transaction.ts";
import { readText } from "./body.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented, PAST_ERRORS, SQL_ERRORS } from "./documentation.ts";
import { turnOf } from "./file-work.ts";
import { API_PREFIX } from "./kv-path.ts";
import { momentOf, momentParameter } from "./moment.ts";
import { acceptedFormat, QUERY_FORMATS, varyByAccept } from "./negotiate.ts";
import {
  blobs,
  cells,
  choice,
  createIfMissing,
  db,
  flag,
  integers,
  maxChars,
  optionalText,
  requiredText,
  timeout,
} from "./parameters.ts";
import { Query } from "./query.ts";
import { answerQuery, type QueryRequest, runQuery } from "./query-answer.ts";
import { SOURCE, SQL_ACTOR } from "./request-headers.ts";
import { CreateAnswer, QueryAnswer, TransactionAnswer, TransactionBody } from "./sql.model.ts";
import {
  recordFailedTransaction,
  recordSql,
  reportOptions,
  type SqlCaller,
  sqlCaller,
} from "./sql-record.ts";

const sql = requiredText("sql", "One SELECT or WITH statement, as it is or in base64.");
const values = optionalText("values", "Values of its parameters: a JSON array or object.");
const format = choice(
  "format",
  "Format of the answer; wins over the header Accept. CSV and NDJSON are streams without a bound on their rows.",
  QUERY_FORMATS,
  null,
);
const explain = flag("explain", "Answer the query plan as a tree, do not run the query.");
const sqlTime = momentParameter(
  "at_timestamp",
  "Key-value tables as they were then, the only ones that can be read so; 0 or nothing for now.",
  false,
);
const allowGaps = flag(
  "allow_gaps",
  "With at_timestamp: leave out keys of which nobody knows, and say so; else they are 409.",
);
const download = flag("download", "Have browsers save the answer to a file.");
const dryRun = flag(
  "dry_run",
  "Run it, answer as usual and also which rows would change in each table, then undo it.",
);
const createPath = requiredText(
  "path",
  "The new database: a bare name, or an absolute path where allowed.",
);
const initKv = flag("init_kv", "Make the key-value table at once.");
const kvTable = optionalText("kv_table", "Its name, `kv_store` if not given.");

/** The routes of one server. */
export function sqlRoutes(deps: ServerDeps) {
  const deadline = timeout(deps.config.timeoutMs);

  return new Elysia({ name: "sql" })
    .post(
      `${API_PREFIX}/db`,
      async ({ request, set }) => {
        set.headers["content-type"] = "application/json";
        const caller = sqlCaller(deps, request);
        try {
          const query = Query.of(request);
          const timeoutMs = deadline.read(query);
          const create = createIfMissing.read(query, deps.config.createMissing);
          const options: TransactionOptions = {
            nowMs: deps.clock.nowMs(),
            dryRun: dryRun.read(query),
            integers: integers.read(query),
            blobs: blobs.read(query),
            cells: cells.read(query),
            maxChars: maxChars.read(query),
          };
          const body = await readText(request, deps.config.maxBodyBytes);
          const { signal } = request;
          return await withDatabase(
            deps,
            query,
            (database) =>
              runTransaction(deps, database, { body, options, timeoutMs, signal, caller }),
            create,
          );
        } catch (error) {
          throw error instanceof ApiError ? withRequestIndex(error, -1) : error;
        }
      },
      {
        parse: "none",
        detail: documented({
          summary: "Run SQL in one transaction",
          tag: "SQL",
          parameters: [
            db,
            ...createIfMissing.documented,
            dryRun,
            integers,
            blobs,
            cells,
            maxChars,
            deadline,
          ],
          body: { description: "Items, run in order; all or nothing.", schema: TransactionBody },
          answers: { 200: { description: "Committed, and on disk", schema: TransactionAnswer } },
          headers: [SQL_ACTOR, SOURCE],
          errors: [
            ...SQL_ERRORS,
            "VALUES_CONFLICT",
            "SQL_CONSTRAINT",
            "CONFLICT",
            "DATABASE_READONLY",
            "PAYLOAD_TOO_LARGE",
            "DISK_FULL",
          ],
        }),
      },
    )
    .get(
      `${API_PREFIX}/query`,
      async ({ request, set }) => {
        const caller = sqlCaller(deps, request);
        const query = Query.of(request);
        const accepts = format.read(query);
        const queryRequest: QueryRequest = {
          sql: sql.read(query),
          values: values.read(query) ?? null,
          format: accepts ?? acceptedFormat(request.headers.get("accept"), QUERY_FORMATS),
          integers: integers.read(query),
          cells: cells.read(query),
          maxChars: maxChars.read(query),
          explain: explain.read(query),
          past: pastOf(query, deps.clock.nowMs()),
          download: download.read(query),
          links: otherFormats(request.url),
          timeoutMs: deadline.read(query),
          signal: request.signal,
          caller,
        };
        const { body, headers } = await withDatabase(deps, query, (database) =>
          answerQuery(deps, database, queryRequest),
        );
        if (accepts === null) varyByAccept(set.headers);
        if (typeof body !== "string") {
          if (request.method !== "HEAD") return new Response(body, { headers });
          await body.cancel();
          return new Response(null, { headers });
        }
        Object.assign(set.headers, headers);
        return body;
      },
      {
        detail: documented({
          summary: "Run a read-only query as a link",
          tag: "SQL",
          parameters: [
            db,
            sql,
            values,
            sqlTime,
            allowGaps,
            format,
            integers,
            cells,
            maxChars,
            explain,
            download,
            deadline,
          ],
          answers: {
            200: {
              description: "The rows; with `explain`, the plan",
              schema: QueryAnswer,
              otherTypes: ["text/csv", "application/x-ndjson", "text/html"],
              headers: {
                "X-Truncated": "With `max_chars`, where the body cannot say so: `true` or `false`.",
                "X-Gap-Keys":
                  "With `at_timestamp`, where the body cannot say so: how many keys are left out.",
                "Content-Disposition": "With `download`.",
                "Content-Security-Policy": "Of a page: nothing but its own styles.",
              },
            },
          },
          headers: [SQL_ACTOR, SOURCE],
          errors: [...SQL_ERRORS, ...PAST_ERRORS],
        }),
      },
    )
    .post(
      `${API_PREFIX}/db/create`,
      async ({ request, set }) => {
        const query = Query.of(request);
        const name = createPath.read(query);
        try {
          const relation = kvRelation(kvTable.read(query) || undefined);
          const withKv = initKv.read(query);
          const path = await deps.registry.create(name);
          if (withKv) {
            const database = await deps.registry.open(name);
            const deadlineMs = deps.clock.nowMs() + deps.config.timeoutMs;
            await database.write({ relation, steps: [] }, { deadlineMs });
          }
          const tables = await tablesOf(deps, name);
          const file = statSync(path, { throwIfNoEntry: false });
          if (file === undefined) throw new ApiError("DATABASE_NOT_FOUND", "The file is gone");
          set.status = 201;
          return {
            success: true,
            message: "Database created",
            path: name,
            size: file.size,
            kv_table: relation.name,
            tables,
          };
        } catch (error) {
          throw error instanceof ApiError ? creationError(error, name) : error;
        }
      },
      {
        parse: "none",
        detail: documented({
          summary: "Create a database",
          tag: "SQL",
          parameters: [createPath, initKv, kvTable],
          answers: { 201: { description: "Created, and on disk", schema: CreateAnswer } },
          errors: [
            "INVALID_DB_PATH",
            "DATABASE_EXISTS",
            "CONFLICT",
            "DATABASE_READONLY",
            "DISK_FULL",
            "SERVICE_UNAVAILABLE",
          ],
        }),
      },
    );
}

async function runTransaction(
  deps: ServerDeps,
  database: Database,
  request: {
    body: string;
    options: TransactionOptions;
    timeoutMs: number;
    signal: AbortSignal;
    caller: SqlCaller;
  },
): Promise<string> {
  const { body, options, timeoutMs, signal, caller } = request;
  const unpin = database.pin();
  using turn = turnOf(deps, database, timeoutMs);
  try {
    const payload: TransactionJob = {
      ...database.target,
      busyTimeoutMs: timeoutMs,
      body,
      options,
      report: reportOptions(deps),
    };
    const { json, reports } = await deps.runners.run<SqlResult>({
      kind: "sql.transaction",
      payload,
      timeoutMs,
      signal,
      takeTurn: turn.take,
    });
    if (turn.wasTaken) {
      // The next writer need not wait for the disk.
      turn[Symbol.dispose]();
      await database.syncWrites();
    }
    recordSql(deps, database, caller, reports);
    return json;
  } catch (error) {
    recordFailedTransaction(deps, database, caller, { body, error });
    throw error;
  } finally {
    unpin();
  }
}

/** The moment that a query is about, or null for the present. */
function pastOf(query: Query, nowMs: number): Past | null {
  const moment = momentOf(sqlTime, query, nowMs);
  return moment === null ? null : { moment, allowGaps: allowGaps.read(query) };
}

/** The same query in the other formats, for the page. */
function otherFormats(url: string): QueryRequest["links"] {
  return (["json", "csv", "ndjson"] as const).map((other) => {
    const parameters = new URLSearchParams(url.slice(url.indexOf("?") + 1));
    parameters.set("format", other);
    return { label: other.toUpperCase(), href: `?${parameters}` };
  });
}

const TABLES_SQL =
  "select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\' order by name";

async function tablesOf(deps: ServerDeps, name: string): Promise<string[]> {
  const database = await deps.registry.open(name);
  const { timeoutMs } = deps.config;
  const answer = await runQuery(deps, database, { sql: TABLES_SQL, values: null, timeoutMs });
  const { resultSet } = JSON.parse(answer) as { resultSet: { name: string }[] };
  return resultSet.map((row) => row.name);
}

/** Errors of db/create also name the path (contract 1.3). */
function creationError(error: ApiError, path: string): ApiError {
  if (error.kind === "DATABASE_NOT_FOUND")
    return new ApiError("CONFLICT", "The database was deleted as soon as it was made", {
      fields: { path },
    });
  const fields = {
    ...error.details.fields,
    path,
    ...(error.kind === "DATABASE_EXISTS" ? { exists: true } : {}),
  };
  return new ApiError(error.kind, error.message, { ...error.details, fields });
}
