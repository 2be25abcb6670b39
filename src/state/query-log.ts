/**
 * The log of callers' SQL (contracts/hoody.md 1.23 to 1.26, decision 6): entries wait in memory and
 * are written in batches, off the path of the requests. When more come than can be written, or nothing
 * can be, the oldest are dropped and counted: no request waits for its entry, and none fails with it.
 */
import type { Clock } from "../clock.ts";
import { ApiError } from "../errors.ts";
import {
  DEFAULT_TIMEOUT_S,
  MAX_LOGGED_PAGE_READS,
  QUERY_LOG_BATCH_ENTRIES,
  QUERY_LOG_BUFFER_CHARS,
  QUERY_LOG_DELAY_MS,
  QUERY_LOG_RETRY_MS,
} from "../limits.ts";
import type { Log } from "../log.ts";
import {
  appendEntries,
  clearEntries,
  type LogEntry,
  type LogFilter,
  type LoggedStatement,
  type LogPage,
  type LogStats,
  listEntries,
  listStatements,
  logStats,
  removeEntry,
  type StoredEntry,
} from "./query-log-table.ts";
import type { StateEngine } from "./state-database.ts";

export interface QueryLogOptions {
  readonly state: StateEngine;
  readonly clock: Clock;
  readonly log: Log;
  /** Entries kept per database, beside a few of what pages read by themselves; 0 logs nothing. */
  readonly maxEntries: number;
}

/** What an entry takes beside its texts, in characters. */
const ENTRY_OVERHEAD_CHARS = 200;

export class QueryLog {
  readonly #options: QueryLogOptions;
  #waiting: LogEntry[] = [];
  #waitingChars = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** Entries that are still being found out. */
  readonly #expected = new Set<Promise<void>>();
  #unusableUntilMs = Number.NEGATIVE_INFINITY;
  /** Entries written, and entries lost, since the start. */
  readonly counters = { written: 0, dropped: 0 };

  constructor(options: QueryLogOptions) {
    this.#options = options;
  }

  get isOn(): boolean {
    return this.#options.maxEntries > 0;
  }

  get maxEntries(): number {
    return this.#options.maxEntries;
  }

  /** Takes entries, at once; they are written soon. */
  record(entries: readonly LogEntry[]): void {
    if (!this.isOn) return;
    for (const entry of entries) {
      this.#waiting.push(entry);
      this.#waitingChars += sizeChars(entry);
    }
    this.#dropBeyondBound();
    if (this.#waiting.length >= QUERY_LOG_BATCH_ENTRIES) this.#write();
    else if (this.#waiting.length > 0) this.#timer ??= this.#writeSoon();
  }

  /** The same for entries that are not known yet. They come before the next `flush` ends. */
  expect(entries: Promise<readonly LogEntry[]>): void {
    const expected: Promise<void> = entries
      .then((known) => this.record(known))
      .catch((error) => {
        this.counters.dropped += 1;
        this.#options.log.error("query_log_entry_lost", error);
      })
      .finally(() => this.#expected.delete(expected));
    this.#expected.add(expected);
  }

  /** Resolves when everything recorded before is written, or dropped. */
  async flush(): Promise<void> {
    await Promise.all(this.#expected);
    this.#write();
    await this.#writing;
  }

  /** Newest first. */
  async list(
    databasePath: string,
    page: LogFilter & LogPage,
  ): Promise<{ entries: StoredEntry[]; total: number }> {
    await this.flush();
    return listEntries(this.#options.state, databasePath, page);
  }

  /** Entries with the same SQL together; what took most time comes first. */
  async statements(
    databasePath: string,
    page: LogFilter & LogPage,
  ): Promise<{ statements: LoggedStatement[]; total: number }> {
    await this.flush();
    return listStatements(this.#options.state, databasePath, page);
  }

  async stats(
    databasePath: string,
    which: Pick<LogFilter, "source" | "tokenId">,
  ): Promise<LogStats> {
    await this.flush();
    return logStats(this.#options.state, databasePath, which, this.#options.clock.nowMs());
  }

  /**
   * Forgets entries of a database.
   * @param which `through`: the newest that may go, or null
   * @returns how many there were
   */
  async clear(
    databasePath: string,
    which: LogFilter & { through: number | null },
    deadlineMs: number,
  ): Promise<number> {
    await this.flush();
    return clearEntries(this.#options.state, databasePath, which, deadlineMs);
  }

  /**
   * Forgets one entry.
   * @throws ApiError HISTORY_ENTRY_NOT_FOUND
   */
  async remove(databasePath: string, id: number, deadlineMs: number): Promise<void> {
    await this.flush();
    if (!(await removeEntry(this.#options.state, databasePath, id, deadlineMs)))
      throw new ApiError("HISTORY_ENTRY_NOT_FOUND", `There is no entry ${id} of this database`, {
        hint: "List the entries with GET /api/v1/sqlite/history?db=….",
      });
  }

  #writeSoon(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => this.#write(), QUERY_LOG_DELAY_MS);
    timer.unref();
    return timer;
  }

  /** Writes what waits, after what is being written. */
  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    this.#writing = this.#writing.then(() => {
      const entries = this.#waiting;
      this.#waiting = [];
      this.#waitingChars = 0;
      return this.#append(entries);
    });
  }

  async #append(entries: readonly LogEntry[]): Promise<void> {
    const { state, clock, log, maxEntries } = this.#options;
    const nowMs = clock.nowMs();
    if (entries.length === 0) return;
    if (nowMs < this.#unusableUntilMs) {
      this.counters.dropped += entries.length;
      return;
    }
    try {
      const deadlineMs = nowMs + DEFAULT_TIMEOUT_S * 1000;
      const maxOfPage = Math.min(maxEntries, MAX_LOGGED_PAGE_READS);
      await appendEntries(state, entries, { max: maxEntries, maxOfPage, deadlineMs });
      this.counters.written += entries.length;
      this.#unusableUntilMs = Number.NEGATIVE_INFINITY;
    } catch (error) {
      this.counters.dropped += entries.length;
      // Said once, until it works again.
      if (this.#unusableUntilMs === Number.NEGATIVE_INFINITY)
        log.error("query_log_unavailable", error);
      this.#unusableUntilMs = nowMs + QUERY_LOG_RETRY_MS;
    }
  }

  #dropBeyondBound(): void {
    let dropped = 0;
    while (this.#waitingChars > QUERY_LOG_BUFFER_CHARS) {
      const oldest = this.#waiting[dropped];
      if (oldest === undefined) break;
      this.#waitingChars -= sizeChars(oldest);
      dropped += 1;
    }
    if (dropped === 0) return;
    this.#waiting.splice(0, dropped);
    this.counters.dropped += dropped;
  }
}

function sizeChars({ sql, values, error }: LogEntry): number {
  return ENTRY_OVERHEAD_CHARS + sql.length + (values?.length ?? 0) + (error?.length ?? 0);
}
