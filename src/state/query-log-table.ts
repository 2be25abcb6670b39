/** The query log's table in the server's own database, and what is done with it. */
import type { Plan, Row, Rows, SqlValue, Statement } from "../engine/plan.ts";
import { QUERY_LOG_BATCH_ENTRIES } from "../limits.ts";
import { type StateEngine, stateRelation } from "./state-database.ts";

/** One statement of a caller. */
export interface LogEntry {
  /** Real path of the database file. */
  readonly databasePath: string;
  readonly atMs: number;
  readonly sql: string;
  /** JSON, or null where values are not logged. */
  readonly values: string | null;
  readonly source: string;
  readonly isStatement: boolean;
  readonly durationMs: number;
  /** Rows answered, or changed. */
  readonly rowCount: number;
  /** Why it had no effect, or null. */
  readonly error: string | null;
  readonly clientAddress: string | null;
  readonly actor: string | null;
}

export interface StoredEntry extends LogEntry {
  readonly id: number;
}

/** Which entries; null for any. */
export interface LogFilter {
  /** Part of the SQL or the error, without regard to the case of ASCII letters. */
  readonly text: string | null;
  readonly source: string | null;
  readonly success: boolean | null;
}

export interface LogStats {
  readonly total: number;
  readonly successes: number;
  readonly averageMs: number;
  readonly lastHour: number;
  readonly lastMinute: number;
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
  actor text
) strict`,
  },
  {
    type: "index",
    name: "query_log_db",
    sql: `CREATE INDEX "query_log_db" on "query_log" (db, id)`,
  },
]);

const COLUMNS =
  'db, at_ms, sql, "values", source, is_statement, duration_ms, row_count, error, client_address, actor';

const INSERT: Statement = {
  sql: `insert into query_log (${COLUMNS})
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
      value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10
    from json_each($entries) order by key`,
};

const TRIM: Statement = {
  sql: `delete from query_log where db = $db and id <=
    (select id from query_log where db = $db order by id desc limit 1 offset +$max)`,
};

const WHERE = `where db = $db
    and ($text is null or instr(lower(sql), lower($text)) > 0
      or instr(lower(ifnull(error, '')), lower($text)) > 0)
    and ($source is null or source = $source)
    and ($success is null or (error is null) = $success)`;

const LIST: Statement = {
  sql: `select id, ${COLUMNS} from query_log ${WHERE} order by id desc limit +$limit offset +$offset`,
};

const COUNT: Statement = { sql: `select count(*) as total from query_log ${WHERE}` };

const CLEAR: Statement = { sql: "delete from query_log where db = $db" };

const REMOVE: Statement = {
  sql: "delete from query_log where db = $db and id = $id returning id",
};

const STATS: Statement = {
  sql: `select count(*) as total, count(*) filter (where error is null) as successes,
      ifnull(avg(duration_ms), 0) as average_ms,
      count(*) filter (where at_ms > +$now_ms - 3600000) as last_hour,
      count(*) filter (where at_ms > +$now_ms - 60000) as last_minute
    from query_log where db = $db`,
};

/** Writes entries, and keeps the newest `max` of each of their databases. */
export async function appendEntries(
  engine: StateEngine,
  entries: readonly LogEntry[],
  options: { max: number; deadlineMs: number },
): Promise<void> {
  for (let first = 0; first < entries.length; first += QUERY_LOG_BATCH_ENTRIES) {
    const batch = entries.slice(first, first + QUERY_LOG_BATCH_ENTRIES);
    const databases = new Set(batch.map((entry) => entry.databasePath));
    await engine.write(
      plan([
        [INSERT, { entries: JSON.stringify(batch.map(toColumns)) }],
        ...[...databases].map((db): [Statement, Params] => [TRIM, { db, max: options.max }]),
      ]),
      options,
    );
  }
}

/** Newest first. A search of the text may take long, and is done elsewhere. */
export async function listEntries(
  engine: StateEngine,
  databasePath: string,
  page: LogFilter & { limit: number; offset: number },
): Promise<{ entries: StoredEntry[]; total: number }> {
  const filter = {
    db: databasePath,
    text: page.text,
    source: page.source,
    success: page.success === null ? null : Number(page.success),
  };
  const reading = plan([
    [COUNT, filter],
    [LIST, { ...filter, limit: page.limit, offset: page.offset }],
  ]);
  const [counted = [], rows = []] =
    page.text === null ? await engine.read(reading) : await engine.readElsewhere(reading);
  return { entries: rows.map(toEntry), total: Number(counted[0]?.["total"] ?? 0) };
}

export async function clearEntries(
  engine: StateEngine,
  databasePath: string,
  deadlineMs: number,
): Promise<void> {
  await engine.write(plan([[CLEAR, { db: databasePath }]]), { deadlineMs });
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
  nowMs: number,
): Promise<LogStats> {
  const [rows = []]: Rows[] = await engine.read(
    plan([[STATS, { db: databasePath, now_ms: nowMs }]]),
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
  ];
}

function toEntry(row: Row): StoredEntry {
  return {
    id: Number(row["id"]),
    databasePath: String(row["db"]),
    atMs: Number(row["at_ms"]),
    sql: String(row["sql"]),
    values: row["values"] as string | null,
    source: String(row["source"]),
    isStatement: row["is_statement"] === 1,
    durationMs: Number(row["duration_ms"]),
    rowCount: Number(row["row_count"]),
    error: row["error"] as string | null,
    clientAddress: row["client_address"] as string | null,
    actor: row["actor"] as string | null,
  };
}
