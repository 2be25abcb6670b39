/** One open database file: runs plans on it, keeps it durable, tidy, and open to other programs. */
import { Database as Connection, type Statement as Prepared } from "bun:sqlite";
import { statSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { ApiError, sqliteCode, toApiError } from "../errors.ts";
import {
  BUSY_RETRY_MS,
  CHECKPOINT_WAL_BYTES,
  DEFAULT_TIMEOUT_S,
  PAGE_CACHE_KIB,
} from "../limits.ts";
import type { Log } from "../log.ts";
import type { RunnerPool } from "../runner/pool.ts";
import { CommitQueue } from "./commit-queue.ts";
import type { EngineCounters } from "./counters.ts";
import { ExpiryTimer } from "./expiry.ts";
import type { PathJob, PlanJob, PlanResult, PrepareJob } from "./jobs.ts";
import {
  type Engine,
  type Plan,
  PlanUndone,
  type Rows,
  type SqlValue,
  type Statement,
  type WriteOptions,
} from "./plan.ts";
import { Relations } from "./relations.ts";
import type { FileNumbers } from "./resolve.ts";
import { Turn } from "./turn.ts";
import { WalSync } from "./wal-sync.ts";

export interface EngineDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Processes for the engine's own jobs; callers' SQL has others, so it cannot hold these up. */
  readonly housekeepers: RunnerPool;
  readonly durability: "full" | "relaxed";
  /** Has other processes close files that they only keep open for their next job. */
  readonly letGo?: () => Promise<void>;
  readonly counters: EngineCounters;
}

/** How long a housekeeping job may take, and how long it waits for another program's lock. */
const HOUSEKEEPING_TIMEOUT_MS = 60_000;
const HOUSEKEEPING_BUSY_MS = 200;

export class Database implements Engine {
  /** Real path of the file. */
  readonly path: string;
  /** Turns for writers of this process. */
  readonly turn = new Turn();
  readonly expiry: ExpiryTimer;
  readonly #deps: EngineDeps;
  readonly #connection: Connection;
  readonly #relations: Relations;
  readonly #queue: CommitQueue;
  readonly #prepared = new Map<Statement, Prepared<Rows[number], [Record<string, SqlValue>]>>();
  readonly #identity: string;
  readonly #beginRead;
  readonly #endRead;
  #inReadTurn = false;
  #closed = false;
  #wal: WalSync | undefined;
  #preparingWrites: Promise<void> | undefined;
  #checkpointAtBytes = CHECKPOINT_WAL_BYTES;
  #checkpoint: Promise<void> | undefined;
  /** Uses that outlast a turn of the event loop, such as a running SQL job. */
  #pins = 0;
  readonly #watchers = new Set<() => void>();
  #leaving = new AbortController();
  #closing: Promise<void> | undefined;
  /** Set when the file is gone or cannot be trusted any more; the registry then drops this object. */
  lost = false;

  /** The file must exist, be a SQLite database, and have been prepared (see Registry). */
  constructor(path: string, deps: EngineDeps) {
    this.path = path;
    this.#deps = deps;
    this.#identity = fileIdentity(path);
    this.#connection = new Connection(path, { readwrite: true, create: false, strict: true });
    this.#connection.run("pragma busy_timeout = 0");
    // NORMAL: the frames of a commit are synced by WalSync, off the thread, before the answer.
    this.#connection.run("pragma synchronous = normal");
    this.#connection.run("pragma wal_autocheckpoint = 0");
    this.#connection.run(`pragma cache_size = -${PAGE_CACHE_KIB}`);
    this.#connection.run("pragma trusted_schema = off");
    this.#connection.run("pragma temp_store = memory");
    this.#beginRead = this.#connection.prepare("begin");
    this.#endRead = this.#connection.prepare("commit");
    this.#relations = new Relations(this.#connection);
    this.expiry = new ExpiryTimer(this, deps);
    this.#queue = new CommitQueue(this.#connection, this.turn, {
      aboutToBegin: () => {
        this.#endReadTurn();
        this.checkFile();
      },
      began: () => this.#relations.refresh(),
      run: (plan) => this.#runWrite(plan),
      rolledBack: () => this.#relations.forget(),
      committed: (plans) => this.#committed(plans),
      nowMs: () => deps.clock.nowMs(),
    });
  }

  /** Plans that wait for their transaction, and the size of the write-ahead log. */
  get stats(): { waiting: number; walBytes: number } {
    return { waiting: this.#queue.depth, walBytes: this.#wal?.sizeBytes() ?? 0 };
  }

  get isIdle(): boolean {
    return (
      this.#pins === 0 && this.#queue.isIdle && this.turn.isFree && this.#checkpoint === undefined
    );
  }

  /**
   * Keeps the database open until the returned function is called.
   * @throws ApiError SERVICE_UNAVAILABLE when it is being closed
   */
  pin(): () => void {
    if (this.#closing !== undefined)
      throw new ApiError("SERVICE_UNAVAILABLE", "The database is being closed");
    this.#pins += 1;
    return () => {
      this.#pins -= 1;
    };
  }

  read(plan: Plan): Rows[] | Promise<Rows[]> {
    try {
      return this.#readNow(plan);
    } catch (error) {
      if (!isBusy(error)) throw error;
      return this.#readSoon(plan);
    }
  }

  async readElsewhere(plan: Plan): Promise<Rows[]> {
    this.#beginReadTurn();
    if (this.#relations.state(plan.relation) === "absent") return plan.steps.map(() => []);
    const unpin = this.pin();
    try {
      return await this.#deps.housekeepers.run<Rows[]>({
        kind: "engine.read",
        payload: this.#planJob(plan),
        timeoutMs: DEFAULT_TIMEOUT_S * 1000,
      });
    } finally {
      unpin();
    }
  }

  async writeElsewhere(plan: Plan, { deadlineMs }: WriteOptions): Promise<Rows[]> {
    const unpin = this.pin();
    let release: (() => void) | undefined;
    let ended = false;
    try {
      await this.write({ relation: plan.relation, steps: [] }, { deadlineMs });
      const { rows, undoneBy } = await this.#deps.housekeepers.run<PlanResult>({
        kind: "engine.write",
        payload: this.#planJob(plan),
        timeoutMs: Math.max(deadlineMs - this.#deps.clock.nowMs(), 1),
        takeTurn: async () => {
          const taken = await this.takeTurn();
          // The job may have met its deadline while it waited.
          if (ended) taken();
          else release = taken;
        },
      });
      if (undoneBy !== null) throw new PlanUndone(undoneBy, rows);
      this.expiry.expect(plan.relation, plan.expiresAtMs ?? null);
      return rows;
    } finally {
      ended = true;
      release?.();
      unpin();
    }
  }

  /** Names of the relations of a kind. */
  relationNames(kind: string): string[] {
    this.#beginReadTurn();
    return this.#relations.names(kind);
  }

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  write(plan: Plan, options: WriteOptions): Promise<Rows[]> {
    if (this.#closing !== undefined)
      return Promise.reject(new ApiError("SERVICE_UNAVAILABLE", "The database is being closed"));
    if (this.#wal !== undefined) return this.#queue.submit(plan, options.deadlineMs);
    return this.#writeFirst(plan, options.deadlineMs);
  }

  /** Aborted when those who only listen shall go, because the database is to be deleted. */
  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }

  /** Sends away those who only listen. Who comes after that may listen again. */
  dismissListeners(): void {
    this.#leaving.abort();
    this.#leaving = new AbortController();
  }

  /** The first write of this connection. Until it is in the queue only the pin says that it is there. */
  async #writeFirst(plan: Plan, deadlineMs: number): Promise<Rows[]> {
    const unpin = this.pin();
    try {
      await this.prepareWrites(deadlineMs);
      return await this.#queue.submit(plan, deadlineMs);
    } finally {
      unpin();
    }
  }

  /**
   * Puts the file into WAL mode and opens its log, once. A file that was made elsewhere and is only
   * read stays as it is.
   * @throws ApiError DATABASE_BUSY when another program holds the file until the deadline
   */
  prepareWrites(deadlineMs: number): Promise<void> {
    this.#preparingWrites ??= this.#openWal(deadlineMs).catch((error) => {
      this.#preparingWrites = undefined;
      throw error;
    });
    return this.#preparingWrites;
  }

  /** Whether this is the database in that file, whatever name led to it. */
  isFile(file: FileNumbers): boolean {
    return identityOf(file) === this.#identity;
  }

  /** Whether the file at the path is still the one that was opened, and can be trusted. */
  isCurrent(): boolean {
    this.lost ||= fileIdentity(this.path) !== this.#identity;
    return !this.lost;
  }

  /**
   * Notices that the file at the path is not the one that was opened.
   * @throws ApiError DATABASE_NOT_FOUND
   */
  checkFile(): void {
    if (this.isCurrent()) return;
    throw new ApiError("DATABASE_NOT_FOUND", "The database file was removed or replaced", {
      hint: "Try again: the file now at this path, if any, will be opened.",
    });
  }

  /**
   * Takes the turn for a writer outside the queue, such as callers' SQL.
   * @returns the function that gives it back
   */
  async takeTurn(): Promise<() => void> {
    await this.turn.take();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.turn.release();
      this.#checkpointIfLarge();
      this.#tellWatchers();
    };
  }

  /**
   * Resolves when what was committed before the call is on disk. For writers outside the queue that
   * commit with synchronous=NORMAL: their syncs are shared too, and none happens during a turn.
   * @throws ApiError DATABASE_ERROR
   */
  async syncWrites(): Promise<void> {
    if (this.#deps.durability === "full") await this.#sync();
  }

  /** Answers everything submitted, checkpoints, closes. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.expiry.stop();
    await this.#queue.drained();
    await this.#checkpoint;
    await this.#deps.letGo?.();
    const payload: PathJob = { path: this.path, busyTimeoutMs: HOUSEKEEPING_BUSY_MS };
    if (!this.lost && this.#wal !== undefined)
      await this.#deps.housekeepers
        .run({
          kind: "engine.release",
          payload,
          timeoutMs: HOUSEKEEPING_TIMEOUT_MS,
          takeTurn: () => Promise.resolve(this.#closeConnection()),
        })
        .catch((error) => this.#deps.log.error("release_failed", error, { path: this.path }));
    this.#closeConnection();
  }

  #closeConnection(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endReadTurn();
    // With a statement left SQLite would keep the file open until that is collected as garbage.
    const statements = [...this.#prepared.values(), this.#beginRead, this.#endRead];
    for (const statement of statements) statement.finalize();
    this.#queue.finalize();
    this.#relations.finalize();
    this.#wal?.close();
    this.#connection.close(true);
  }

  #readNow(plan: Plan): Rows[] {
    this.#beginReadTurn();
    if (this.#relations.state(plan.relation) === "absent") return plan.steps.map(() => []);
    return plan.steps.map((step) => this.#prepare(step.statement).all(step.params));
  }

  /**
   * All reads of one turn of the event loop share one snapshot: taking SQLite's read lock costs more
   * than finding a key (3.5 µs against 0.9 µs). The requests of a turn had arrived before it began,
   * so none is answered with a state older than itself; a commit of ours ends the snapshot.
   */
  #beginReadTurn(): void {
    if (this.#inReadTurn) return;
    if (this.#closed) throw new ApiError("SERVICE_UNAVAILABLE", "The database is being closed");
    this.#beginRead.run();
    this.#inReadTurn = true;
    setImmediate(() => this.#endReadTurn());
    try {
      this.#relations.refresh();
    } catch (error) {
      this.#endReadTurn();
      throw error;
    }
  }

  #endReadTurn(): void {
    if (!this.#inReadTurn) return;
    this.#inReadTurn = false;
    this.#endRead.run();
  }

  /** Another program has the file locked for a moment. */
  async #readSoon(plan: Plan): Promise<Rows[]> {
    const deadlineMs = this.#deps.clock.nowMs() + DEFAULT_TIMEOUT_S * 1000;
    for (;;) {
      await pause(BUSY_RETRY_MS);
      try {
        return this.#readNow(plan);
      } catch (error) {
        if (!isBusy(error) || this.#deps.clock.nowMs() > deadlineMs) throw error;
      }
    }
  }

  #runWrite(plan: Plan): Rows[] {
    for (const relation of [plan.relation, ...(plan.also ?? [])]) this.#relations.ensure(relation);
    const rows: Rows[] = [];
    for (const [index, step] of plan.steps.entries()) {
      const given = this.#prepare(step.statement).all(step.params);
      if (step.required === true && given.length === 0) throw new PlanUndone(index, rows);
      rows.push(given);
    }
    for (const { statement, params } of plan.conclude?.(rows) ?? [])
      this.#prepare(statement).run(params);
    return rows;
  }

  #prepare(statement: Statement): Prepared<Rows[number], [Record<string, SqlValue>]> {
    let prepared = this.#prepared.get(statement);
    if (prepared === undefined) {
      prepared = this.#connection.prepare<Rows[number], [Record<string, SqlValue>]>(statement.sql);
      this.#prepared.set(statement, prepared);
    }
    return prepared;
  }

  async #committed(plans: readonly Plan[]): Promise<void> {
    this.#deps.counters.committed(plans.length);
    for (const { relation, also, expiresAtMs = null } of plans) {
      this.expiry.expect(relation, expiresAtMs);
      for (const further of also ?? []) this.expiry.expect(further, null);
    }
    this.#checkpointIfLarge();
    await this.syncWrites();
    this.#tellWatchers();
  }

  async #sync(): Promise<void> {
    try {
      await this.#wal?.sync();
    } catch (error) {
      // After a failed sync nobody knows what is on disk: start anew from the file.
      this.lost = true;
      throw new ApiError("DATABASE_ERROR", "The write could not be put on disk", { cause: error });
    }
  }

  #tellWatchers(): void {
    for (const changed of this.#watchers) changed();
  }

  #planJob(plan: Plan): PlanJob {
    return {
      path: this.path,
      busyTimeoutMs: HOUSEKEEPING_BUSY_MS,
      steps: plan.steps.map(({ statement, params, required }) => ({
        sql: statement.sql,
        params,
        required: required === true,
      })),
    };
  }

  async #openWal(deadlineMs: number): Promise<void> {
    const payload: PrepareJob = { path: this.path, wal: true, busyTimeoutMs: HOUSEKEEPING_BUSY_MS };
    for (;;) {
      const { journalMode } = await this.#deps.housekeepers
        .run<{ journalMode: string }>({
          kind: "engine.prepare",
          payload,
          timeoutMs: HOUSEKEEPING_TIMEOUT_MS,
          takeTurn: () => Promise.resolve(),
        })
        .catch((error) => {
          if (toApiError(error).kind !== "DATABASE_BUSY") throw error;
          return { journalMode: "busy" };
        });
      if (journalMode === "wal") break;
      if (this.#deps.clock.nowMs() >= deadlineMs)
        throw new ApiError(
          "DATABASE_BUSY",
          "The database could not be put into WAL mode: it is in use",
        );
      await pause(BUSY_RETRY_MS);
    }
    // The first read creates the -wal file, if it is not there.
    using first = this.#connection.prepare("select count(*) from sqlite_schema");
    first.get();
    this.#wal = await WalSync.open(this.path, this.#deps.counters);
  }

  #checkpointIfLarge(): void {
    if (this.#checkpoint !== undefined || this.#wal === undefined) return;
    if (this.#wal.sizeBytes() < this.#checkpointAtBytes) return;
    this.#checkpoint = this.#runCheckpoint().finally(() => {
      this.#checkpoint = undefined;
    });
  }

  async #runCheckpoint(): Promise<void> {
    const payload: PathJob = { path: this.path, busyTimeoutMs: HOUSEKEEPING_BUSY_MS };
    let release: (() => void) | undefined;
    try {
      await this.#deps.housekeepers.run({
        kind: "engine.checkpoint",
        payload,
        timeoutMs: HOUSEKEEPING_TIMEOUT_MS,
        takeTurn: async () => {
          release = await this.takeTurn();
        },
      });
      this.#deps.counters.checkpoints += 1;
    } catch (error) {
      this.#deps.log.error("checkpoint_failed", error, { path: this.path });
    }
    // A long reader of another program can keep the log from being emptied: try again later, not at once.
    const remainingBytes = this.#wal?.sizeBytes() ?? 0;
    this.#checkpointAtBytes =
      CHECKPOINT_WAL_BYTES + (remainingBytes >= CHECKPOINT_WAL_BYTES ? remainingBytes : 0);
    release?.();
  }
}

function fileIdentity(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? "none" : identityOf(stats);
}

function identityOf({ dev, ino }: FileNumbers): string {
  return `${dev}:${ino}`;
}

function isBusy(error: unknown): boolean {
  return sqliteCode(error)?.startsWith("SQLITE_BUSY") === true;
}
