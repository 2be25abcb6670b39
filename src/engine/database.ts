/** One open database file: runs plans on it, keeps it durable, tidy, and open to other programs. */
import { Database as Connection, type Statement as Prepared } from "bun:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import type { Grant } from "../access/grant.ts";
import type { Clock } from "../clock.ts";
import { ApiError, sqliteCode, toApiError } from "../errors.ts";
import {
  BUSY_RETRY_MS,
  DEFAULT_TIMEOUT_S,
  HOUSEKEEPING_BUSY_MS,
  HOUSEKEEPING_TIMEOUT_MS,
  LARGE_PLAN_BYTES,
  PAGE_CACHE_KIB,
} from "../limits.ts";
import type { Log } from "../log.ts";
import type { RunnerPool } from "../runner/pool.ts";
import { Checkpointer } from "./checkpointer.ts";
import { CommitQueue } from "./commit-queue.ts";
import type { EngineCounters } from "./counters.ts";
import { ExpiryTimer } from "./expiry.ts";
import { fileIdentity, identityOf, isStillAt } from "./file-identity.ts";
import { ForeignPlans, RunsElsewhere } from "./foreign.ts";
import { HousekeptPlans } from "./housekept-plans.ts";
import type { PathJob, PrepareJob } from "./jobs.ts";
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
import { type FileNumbers, replaced } from "./resolve.ts";
import { Turn } from "./turn.ts";
import { WalSync } from "./wal-sync.ts";

export interface EngineDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Processes for the engine's own jobs; callers' SQL has others, so it cannot hold these up. */
  readonly housekeepers: RunnerPool;
  /** Processes for callers' SQL, and for plans that set somebody's SQL off. */
  readonly sqlRunners: RunnerPool;
  readonly durability: "full" | "relaxed";
  /** Has other processes close files that they only keep open for their next job. */
  readonly letGo?: () => Promise<void>;
  readonly counters: EngineCounters;
}

/** An open database as requests use it. */
export interface Database extends Engine {
  /** Real path of the file. Whoever has it can do anything with it. */
  readonly path: string;
  /** What a job on the file needs to know; the two belong together. */
  readonly target: DatabaseTarget;
  /** Names of the relations of a kind. */
  relationNames(kind: string): string[];
  /** Aborted when the database is about to be closed for good. */
  readonly leaving: AbortSignal;
  pin(): () => void;
  prepareWrites(deadlineMs: number): Promise<void>;
  takeTurn(): Promise<() => void>;
  /** Resolves when everything committed is on disk. */
  syncWrites(): Promise<void>;
}

/** A file, and what may be done with it. */
export interface DatabaseTarget {
  readonly path: string;
  /** Null: anything. */
  readonly grant: Grant | null;
}

export class OpenDatabase implements Database {
  /** Real path of the file. */
  readonly path: string;
  /** Turns for writers of this process. */
  readonly turn = new Turn();
  readonly expiry: ExpiryTimer;
  readonly #deps: EngineDeps;
  readonly #connection: Connection;
  readonly #relations: Relations;
  readonly #housekept: HousekeptPlans;
  readonly #foreign: ForeignPlans;
  readonly #checkpoints: Checkpointer;
  readonly #queue: CommitQueue;
  readonly #prepared = new Map<Statement, Prepared<Rows[number], [Record<string, SqlValue>]>>();
  readonly #identity: string;
  readonly #beginRead;
  readonly #endRead;
  #inReadTurn = false;
  #closed = false;
  #wal: WalSync | undefined;
  #preparingWrites: Promise<void> | undefined;
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
    this.#connection = openConnection(path, this.#identity);
    this.#beginRead = this.#connection.prepare("begin");
    this.#endRead = this.#connection.prepare("commit");
    this.#relations = new Relations(this.#connection);
    this.#housekept = new HousekeptPlans(path, deps.housekeepers);
    this.#checkpoints = new Checkpointer({
      path,
      housekeepers: deps.housekeepers,
      counters: deps.counters,
      log: deps.log,
      walBytes: () => this.#wal?.sizeBytes() ?? 0,
      takeTurn: () => this.takeTurn(),
    });
    this.#foreign = new ForeignPlans({
      path,
      durability: deps.durability,
      runners: deps.sqlRunners,
    });
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
      nowMs: () => performance.now(),
    });
  }

  get target(): DatabaseTarget {
    return { path: this.path, grant: null };
  }

  /** Plans that wait for their transaction, and the size of the write-ahead log. */
  get stats(): { waiting: number; walBytes: number } {
    return { waiting: this.#queue.depth, walBytes: this.#wal?.sizeBytes() ?? 0 };
  }

  get isIdle(): boolean {
    return (
      this.#pins === 0 &&
      this.#queue.isIdle &&
      this.turn.isFree &&
      this.#checkpoints.running === undefined
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
    const state = this.#relations.state(plan.relation);
    if (state === "absent") return plan.steps.map(() => []);
    if (state === "foreign") return this.#readForeign(plan);
    return this.#pinned(() => this.#housekept.read(plan));
  }

  writeElsewhere(plan: Plan, { deadlineMs }: WriteOptions): Promise<Rows[]> {
    return this.#pinned(async () => {
      // Makes the relation, and the log.
      await this.write({ relation: plan.relation, steps: [] }, { deadlineMs });
      const untilMs = this.#monotonic(deadlineMs);
      if (this.#mustRunElsewhere(plan)) return this.#writeForeign(plan, untilMs);
      const remainingMs = untilMs - performance.now();
      const rows = await this.#housekept.write(plan, remainingMs, () => this.takeTurn());
      this.expiry.expect(plan.relation, plan.expiresAtMs ?? null);
      return rows;
    });
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

  async write(plan: Plan, options: WriteOptions): Promise<Rows[]> {
    if (this.#closing !== undefined)
      throw new ApiError("SERVICE_UNAVAILABLE", "The database is being closed");
    const deadlineMs = this.#monotonic(options.deadlineMs);
    if (this.#mustRunElsewhere(plan)) return this.#writeForeign(plan, deadlineMs);
    if ((plan.bytes ?? 0) > LARGE_PLAN_BYTES && plan.conclude === undefined) {
      await this.write({ relation: plan.relation, steps: [] }, options);
      return this.#writeForeign(plan, deadlineMs);
    }
    try {
      if (this.#wal !== undefined) return await this.#queue.submit(plan, deadlineMs);
      return await this.#writeFirst(plan, deadlineMs);
    } catch (error) {
      if (!(error instanceof RunsElsewhere)) throw error;
      return this.#writeForeign(plan, deadlineMs);
    }
  }

  /** A deadline by performance.now(): the machine's clock may be set while the caller waits. */
  #monotonic(deadlineMs: number): number {
    return performance.now() + deadlineMs - this.#deps.clock.nowMs();
  }

  /** Looked at before the queue is, where a plan that cannot run costs its batch a second start. */
  #mustRunElsewhere(plan: Plan): boolean {
    const suspects = [plan.relation, ...(plan.also ?? [])].filter((relation) =>
      this.#relations.isSuspect(relation),
    );
    if (suspects.length === 0) return false;
    this.#beginReadTurn();
    return suspects.some((relation) =>
      ["surrounded", "foreign"].includes(this.#relations.state(relation)),
    );
  }

  #readForeign(plan: Plan): Promise<Rows[]> {
    return this.#pinned(() => this.#foreign.read(plan));
  }

  /** Keeps the database open during the work. */
  async #pinned<Result>(work: () => Promise<Result>): Promise<Result> {
    const unpin = this.pin();
    try {
      return await work();
    } finally {
      unpin();
    }
  }

  /** @param deadlineMs monotonic */
  async #writeForeign(plan: Plan, deadlineMs: number): Promise<Rows[]> {
    if (plan.conclude !== undefined)
      throw new ApiError("CONFLICT", "The table is changed by SQL that is not the server's own", {
        hint: "Send the request without Idempotency-Key.",
      });
    return this.#pinned(async () => {
      const rows = await this.#foreign.write(plan, deadlineMs - performance.now(), async () => {
        await this.#prepareWrites(deadlineMs);
        return this.takeTurn();
      });
      this.expiry.expect(plan.relation, plan.expiresAtMs ?? null);
      return rows;
    });
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
  #writeFirst(plan: Plan, deadlineMs: number): Promise<Rows[]> {
    return this.#pinned(async () => {
      await this.#prepareWrites(deadlineMs);
      return this.#queue.submit(plan, deadlineMs);
    });
  }

  /**
   * Puts the file into WAL mode and opens its log, once. A file that was made elsewhere and is only
   * read stays as it is.
   * @throws ApiError DATABASE_BUSY when another program holds the file until the deadline
   */
  prepareWrites(deadlineMs: number): Promise<void> {
    return this.#prepareWrites(this.#monotonic(deadlineMs));
  }

  /** @param deadlineMs monotonic */
  #prepareWrites(deadlineMs: number): Promise<void> {
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
    throw replaced();
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
      this.#checkpoints.beginIfLarge();
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
    await this.#checkpoints.running;
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

  #readNow(plan: Plan): Rows[] | Promise<Rows[]> {
    this.#beginReadTurn();
    const state = this.#relations.state(plan.relation);
    if (state === "absent") return plan.steps.map(() => []);
    if (state === "foreign") return this.#readForeign(plan);
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
    const deadlineMs = performance.now() + DEFAULT_TIMEOUT_S * 1000;
    for (;;) {
      await pause(BUSY_RETRY_MS);
      try {
        return this.#readNow(plan);
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadlineMs) throw error;
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
    this.#checkpoints.beginIfLarge();
    await this.syncWrites();
    this.#tellWatchers();
  }

  async #sync(): Promise<void> {
    try {
      await this.#wal?.sync();
    } catch (error) {
      // After a failed sync nobody knows what is on disk: start anew from the file.
      this.lost = true;
      const known = toApiError(error);
      throw known.kind === "DISK_FULL"
        ? known
        : new ApiError("DATABASE_ERROR", "The write could not be put on disk", { cause: error });
    }
    if (this.#wal?.isRemoved() !== true) return;
    this.lost = true;
    throw new ApiError("DATABASE_ERROR", "The write-ahead log was removed, and the write with it");
  }

  #tellWatchers(): void {
    for (const changed of this.#watchers) changed();
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
      if (performance.now() >= deadlineMs)
        throw new ApiError(
          "DATABASE_BUSY",
          "The database could not be put into WAL mode: it is in use",
        );
      await pause(BUSY_RETRY_MS);
    }
    // The first read creates the -wal file, if it is not there.
    using first = this.#connection.prepare("select count(*) from sqlite_schema");
    first.get();
    this.#wal = await WalSync.open(this.path, this.#deps.counters).catch((error) => {
      if (toApiError(error).kind !== "FORBIDDEN") throw error;
      throw new ApiError("DATABASE_READONLY", "The database file cannot be written to", {
        cause: error,
      });
    });
  }
}

/** @throws ApiError DATABASE_NOT_FOUND when the file is not the one that was meant any more */
function openConnection(path: string, identity: string): Connection {
  const connection = new Connection(path, { readwrite: true, create: false, strict: true });
  try {
    if (!isStillAt(path, identity)) throw replaced();
    connection.run("pragma busy_timeout = 0");
    // NORMAL: the frames of a commit are synced by WalSync, off the thread, before the answer.
    connection.run("pragma synchronous = normal");
    connection.run("pragma wal_autocheckpoint = 0");
    connection.run(`pragma cache_size = -${PAGE_CACHE_KIB}`);
    connection.run("pragma trusted_schema = off");
    connection.run("pragma temp_store = memory");
    return connection;
  } catch (error) {
    // Left to the garbage collector it would keep hold of the file.
    connection.close(true);
    throw error;
  }
}

function isBusy(error: unknown): boolean {
  return sqliteCode(error)?.startsWith("SQLITE_BUSY") === true;
}
