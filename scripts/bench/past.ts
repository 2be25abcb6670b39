/** Reads of the past: that their cost does not follow the length of the history. */
import { Database } from "bun:sqlite";

const API = "/api/v1/sqlite";
const KEYS = 10_000;
/** Requests in one round. */
const READS = 200;
const DIFFS = 10;
/** Operations of the window that is compared. */
const WINDOW = 100;

/** What is compared, in milliseconds a request, by name. */
export type Timings = Map<string, number[]>;

export const STATE_LONG = "state at a time, key with 100,000 operations";
export const STATE_SHORT = "state at a time, key with 10 operations";
export const DIFF_LARGE = `diff of ${WINDOW} operations among 1,000,000`;
export const DIFF_SMALL = `diff of ${WINDOW} operations among 1,000`;

/**
 * Times each kind of read in turn, round by round.
 * @param file the path of the database `db`, which must not exist yet
 */
export async function timePast(
  origin: string,
  db: string,
  file: string,
  rounds: number,
): Promise<Timings> {
  await expectOk(fetch(`${origin}${API}/db/create?path=${db}`, { method: "POST" }));
  for (const table of ["keys", "large", "small"])
    await expectOk(
      fetch(`${origin}${API}/kv/a?db=${db}&table=${table}`, { method: "PUT", body: "1" }),
    );
  // A millisecond apart, the last of them in the past.
  const endMs = Date.now() - 10_000;
  const lengths = { long: 100_000, short: 10, large: 1_000_000, small: 1_000 };
  {
    using database = new Database(file);
    database.run("pragma busy_timeout = 60000");
    database.run("pragma synchronous = off");
    for (const table of ["keys", "large", "small"]) database.run(`delete from ${table}_history`);
    for (const key of ["long", "short"] as const)
      insert(database, "keys", lengths[key], endMs - lengths[key], () => `'${key}'`);
    for (const table of ["large", "small"] as const)
      insert(
        database,
        table,
        lengths[table],
        endMs - lengths[table],
        // Numbers without order, so that neighbours in time are not neighbours in the index.
        (i) => `'user:' || (${i} * 7919 % ${KEYS})`,
        (i) => `1 + (${i} - 1) / ${KEYS}`,
      );
    database.run("pragma wal_checkpoint(truncate)");
  }
  const stateOf = (key: "long" | "short") => () => {
    const ms = endMs - 1 - Math.floor(Math.random() * (lengths[key] - 1));
    return `${API}/kv/${key}?db=${db}&table=keys&at_timestamp=${ms}`;
  };
  const diffOf = (table: "large" | "small") => () => {
    const from = endMs - lengths[table] + Math.floor(Math.random() * (lengths[table] - WINDOW));
    return `${API}/kv/diff?db=${db}&table=${table}&from=${from}&to=${from + WINDOW}`;
  };
  const kinds: [string, number, () => string][] = [
    [STATE_LONG, READS, stateOf("long")],
    [STATE_SHORT, READS, stateOf("short")],
    [DIFF_LARGE, DIFFS, diffOf("large")],
    [DIFF_SMALL, DIFFS, diffOf("small")],
  ];
  const timings: Timings = new Map(kinds.map(([name]) => [name, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const [name, count, path] of round % 2 === 0 ? kinds : kinds.toReversed()) {
      const tookMs: number[] = [];
      for (let request = 0; request < count; request += 1) {
        const startMs = performance.now();
        await expectOk(fetch(origin + path()));
        tookMs.push(performance.now() - startMs);
      }
      tookMs.sort((a, b) => a - b);
      timings.get(name)?.push(tookMs[count >> 1] ?? Number.NaN);
    }
  return timings;
}

/** Adds operations in the layout of the server's own (src/kv/relation.ts), a millisecond apart. */
function insert(
  database: Database,
  table: string,
  count: number,
  startMs: number,
  key: (i: string) => string,
  number: (i: string) => string = (i) => i,
): void {
  database.run(
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})
     insert into ${table}_history (key, op_number, at_ms, op, value, content_type, created_at_ms)
     select ${key("i")}, ${number("i")}, ${startMs} + i, 'SET', '{"n":' || i || '}',
       'application/json', ${startMs} from n`,
  );
}

async function expectOk(answer: Promise<Response>): Promise<void> {
  const response = await answer;
  const body = await response.text();
  if (!response.ok) throw new Error(`${response.status} from ${response.url}: ${body}`);
}
