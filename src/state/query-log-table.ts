/** The query log's table in the server's own database, and what is done with it. */
import type { Plan, Row, Rows, SqlValue, Statement } from "../engine/plan.ts";
import { QUERY_LOG_BATCH_ENTRIES } from "../limits.ts";
import { type StateEngine, stateRelation } from "./state-database.ts";

/**
 * Where a statement came from: a caller, a key-value operation (these have histories of their own), or
 * a page that reads by itself what it shows.
 */
export const LOG_SOURCES = ["sql", "kv", "page"] as const;
export type LogSource = (typeof LOG_SOURCES)[number];

/** One statement of a caller. */
export interface LogEntry {
  /** Real path of the database file. */
  readonly databasePath: string;
  readonly atMs: number;
  readonly sql: string;
  /** JSON, or null where values are not logged. */
  readonly values: string | null;
  readonly source: LogSource;
  readonly isStatement: boolean;
  readonly durationMs: number;
  /** Rows answered, or changed. */
  readonly rowCount: number;
  /** Why it had no effect, or null. */
  readonly error: string | null;
  readonly clientAddress: string | null;
  readonly actor: string | null;
  /** The signed token that sent it, if it was one. */
  readonly tokenId: string | null;
}

export interface StoredEntry extends LogEntry {
  readonly id: number;
}

/** Which entries; null for any. */
export interface LogFilter {
  /** Part of the SQL or the error, without regard to the case of ASCII letters. */
  readonly text: string | null;
  /** The SQL as `LoggedStatement` has it. */
  readonly statement: string | null;
  readonly source: LogSource | null;
  readonly success: boolean | null;
  /** Only what this signed token sent. */
  readonly tokenId: string | null;
}

/** Entries with the same SQL. */
export interface LoggedStatement {
  /** Without the white space and the semicolons around it. */
  readonly statement: string;
  readonly runs: number;
  readonly failures: number;
  /** Of all runs together. */
  readonly totalMs: number;
  readonly averageMs: number;
  readonly maxMs: number;
  readonly rows: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

export interface LogStats {
  readonly total: number;
  readonly successes: number;
  readonly averageMs: number;
  readonly lastHour: number;
  readonly lastMinute: number;
}

export interface LogPage {
  readonly limit: number;
  readonly offset: number;
}

/* `id` is never given twice, also after a deletion: autoincrement. */
const RELATION = stateRelation("query_log", [
  {
    type: "table",
    name: "query_log",
    sql: `CREATE TABLE "query_log" (
  id integer primary key autoincrement,
  db text not null,
  at_ms integer not null,
  sql text not null,
  "values" text,
  source text not null,
  is_statement integer not null,
  duration_ms real not null,
  row_count integer not null,
  error text,
  client_address text,
  actor text,
  token_id text
) strict`,
  },
  {
    type: "index",
    name: "query_log_db",
    sql: `CREATE INDEX "query_log_db" on "query_log" (db, id)`,
  },
]);

const COLUMNS =
  'db, at_ms, sql, "values", source, is_statement, duration_ms, row_count, error, client_address, actor, token_id';

const INSERT: Statement = {
  sql: `insert into query_log (${COLUMNS})
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
      value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10,
      value ->> 11
    from json_each($entries) order by key`,
};

/* What pages read by themselves counts apart, so that it pushes out nothing else. */
const TRIM: Statement = {
  sql: `delete from query_log where db = $db and (source = 'page') = $of_page and id <=
    (select id from query_log where db = $db and (source = 'page') = $of_page
      order by id desc limit 1 offset +$max)`,
};

const STATEMENT = "trim(sql, ' ;' || char(9, 10, 13))";

const WHERE = `where db = $db
    and ($statement is null or ${STATEMENT} = $statement)
    and ($text is null or instr(lower(sql), lower($text)) > 0
      or instr(lower(ifnull(error, '')), lower($text)) > 0)
    and ($source is null or source = $source)
    and ($success is null or (error is null) = $success)
    and ($token_id is null or token_id = $token_id)`;

const LIST: Statement = {
  sql: `select id, ${COLUMNS} from query_log ${WHERE} order by id desc limit +$limit offset +$offset`,
};

const COUNT: Statement = { sql: `select count(*) as total from query_log ${WHERE}` };

const IDS: Statement = {
  sql: `select id from query_log ${WHERE} and ($through is null or id <= $through)`,
};

const REMOVE_ALL: Statement = {
  sql: `delete from query_log where db = $db and id in (select value from json_each($ids))
    returning id`,
};

const STATEMENTS: Statement = {
  sql: `select ${STATEMENT} as statement, count(*) as runs,
      count(*) filter (where error is not null) as failures,
      sum(duration_ms) as total_ms, avg(duration_ms) as average_ms, max(duration_ms) as max_ms,
      sum(row_count) as "rows", min(at_ms) as first_at_ms, max(at_ms) as last_at_ms
    from query_log ${WHERE}
    group by 1 order by total_ms desc, statement limit +$limit offset +$offset`,
};

const COUNT_STATEMENTS: Statement = {
  sql: `select count(distinct ${STATEMENT}) as total from query_log ${WHERE}`,
};

const REMOVE: Statement = {
  sql: "delete from query_log where db = $db and id = $id returning id",
};

const STATS: Statement = {
  sql: `select count(*) as total, count(*) filter (where error is null) as successes,
      ifnull(avg(duration_ms), 0) as average_ms,
      count(*) filter (where at_ms > +$now_ms - 3600000) as last_hour,
      count(*) filter (where at_ms > +$now_ms - 60000) as last_minute
    from query_log where db = $db and ($source is null or source = $source)
      and ($token_id is null or token_id = $token_id)`,
};

/** Writes entries, and keeps the newest of each of their databases: `max`, and `maxOfPage` beside. */
export async function appendEntries(
  engine: StateEngine,
  entries: readonly LogEntry[],
  options: { max: number; maxOfPage: number; deadlineMs: number },
): Promise<void> {
  const trim = ({ databasePath: db, source }: LogEntry): [Statement, Params] => {
    const ofPage = source === "page";
    const max = ofPage ? options.maxOfPage : options.max;
    return [TRIM, { db, of_page: Number(ofPage), max }];
  };
  for (let first = 0; first < entries.length; first += QUERY_LOG_BATCH_ENTRIES) {
    const batch = entries.slice(first, first + QUERY_LOG_BATCH_ENTRIES);
    const grown = Map.groupBy(batch, ({ databasePath, source }) =>
      source === "page" ? `page ${databasePath}` : databasePath,
    );
    await engine.write(
      plan([
        [INSERT, { entries: JSON.stringify(batch.map(toColumns)) }],
        ...[...grown.values()].flatMap(([entry]) => (entry === undefined ? [] : [trim(entry)])),
      ]),
      options,
    );
  }
}

/** Newest first. */
export async function listEntries(
  engine: StateEngine,
  databasePath: string,
  page: LogFilter & LogPage,
): Promise<{ entries: StoredEntry[]; total: number }> {
  const filter = toParams(databasePath, page);
  const [counted = [], rows = []] = await readFiltered(engine, page, [
    [COUNT, filter],
    [LIST, { ...filter, limit: page.limit, offset: page.offset }],
  ]);
  return { entries: rows.map(toEntry), total: Number(counted[0]?.["total"] ?? 0) };
}

/** What took most time comes first. */
export async function listStatements(
  engine: StateEngine,
  databasePath: string,
  page: LogFilter & LogPage,
): Promise<{ statements: LoggedStatement[]; total: number }> {
  const filter = toParams(databasePath, page);
  // All texts are compared with one another.
  const [counted = [], rows = []] = await engine.readElsewhere(
    plan([
      [COUNT_STATEMENTS, filter],
      [STATEMENTS, { ...filter, limit: page.limit, offset: page.offset }],
    ]),
  );
  return { statements: rows.map(toStatement), total: Number(counted[0]?.["total"] ?? 0) };
}

/**
 * @param through the newest entry that may go, or null
 * @returns how many entries there were
 */
export async function clearEntries(
  engine: StateEngine,
  databasePath: string,
  which: LogFilter & { through: number | null },
  deadlineMs: number,
): Promise<number> {
  const filter = { ...toParams(databasePath, which), through: which.through };
  const [found = []] = await readFiltered(engine, which, [[IDS, filter]]);
  if (found.length === 0) return 0;
  const ids = JSON.stringify(found.map(({ id }) => Number(id)));
  const [removed = []] = await engine.write(plan([[REMOVE_ALL, { db: databasePath, ids }]]), {
    deadlineMs,
  });
  return removed.length;
}

/** @returns whether there was such an entry */
export async function removeEntry(
  engine: StateEngine,
  databasePath: string,
  id: number,
  deadlineMs: number,
): Promise<boolean> {
  const [rows = []] = await engine.write(plan([[REMOVE, { db: databasePath, id }]]), {
    deadlineMs,
  });
  return rows.length > 0;
}

export async function logStats(
  engine: StateEngine,
  databasePath: string,
  which: Pick<LogFilter, "source" | "tokenId">,
  nowMs: number,
): Promise<LogStats> {
  const { source, tokenId } = which;
  const [rows = []]: Rows[] = await engine.read(
    plan([[STATS, { db: databasePath, source, token_id: tokenId, now_ms: nowMs }]]),
  );
  const row = rows[0] ?? {};
  return {
    total: Number(row["total"] ?? 0),
    successes: Number(row["successes"] ?? 0),
    averageMs: Number(row["average_ms"] ?? 0),
    lastHour: Number(row["last_hour"] ?? 0),
    lastMinute: Number(row["last_minute"] ?? 0),
  };
}

type Params = Record<string, SqlValue>;

function toParams(databasePath: string, filter: LogFilter): Params {
  const { text, statement, source, success, tokenId } = filter;
  return {
    db: databasePath,
    text,
    statement,
    source,
    success: success === null ? null : Number(success),
    token_id: tokenId,
  };
}

/** What looks into texts may take long, and is done elsewhere. */
async function readFiltered(
  engine: StateEngine,
  { text, statement }: LogFilter,
  steps: [Statement, Params][],
): Promise<Rows[]> {
  const here = text === null && statement === null;
  return here ? engine.read(plan(steps)) : engine.readElsewhere(plan(steps));
}

function plan(steps: [Statement, Params][]): Plan {
  return { relation: RELATION, steps: steps.map(([statement, params]) => ({ statement, params })) };
}

/** In the order of `COLUMNS`. */
function toColumns(entry: LogEntry): unknown[] {
  return [
    entry.databasePath,
    entry.atMs,
    entry.sql,
    entry.values,
    entry.source,
    Number(entry.isStatement),
    // A whole number would not become REAL on its way through JSON; SQLite makes it one here.
    entry.durationMs,
    entry.rowCount,
    entry.error,
    entry.clientAddress,
    entry.actor,
    entry.tokenId,
  ];
}

function toEntry(row: Row): StoredEntry {
  return {
    id: Number(row["id"]),
    databasePath: String(row["db"]),
    atMs: Number(row["at_ms"]),
    sql: String(row["sql"]),
    values: row["values"] as string | null,
    source: row["source"] as LogSource,
    isStatement: row["is_statement"] === 1,
    durationMs: Number(row["duration_ms"]),
    rowCount: Number(row["row_count"]),
    error: row["error"] as string | null,
    clientAddress: row["client_address"] as string | null,
    actor: row["actor"] as string | null,
    tokenId: row["token_id"] as string | null,
  };
}

function toStatement(row: Row): LoggedStatement {
  return {
    statement: String(row["statement"]),
    runs: Number(row["runs"]),
    failures: Number(row["failures"]),
    totalMs: Number(row["total_ms"]),
    averageMs: Number(row["average_ms"]),
    maxMs: Number(row["max_ms"]),
    rows: Number(row["rows"]),
    firstAtMs: Number(row["first_at_ms"]),
    lastAtMs: Number(row["last_at_ms"]),
  };
}
