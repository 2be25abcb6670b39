/**
 * One open database file. The way of a write: `write` puts its plan into the commit queue, which runs
 * the plans of one turn of the event loop in one transaction (`#runPlan` each), commits, and waits
 * for the sync of the write-ahead log (`#committed`) before anybody is answered. Plans that must not
 * run on this thread go to other processes, by the same turn.
 */
import type { Database as Connection } from "bun:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import type { Grant } from "../access/grant.ts";
import type { Clock } from "../clock.ts";
import { ApiError } from "../errors.ts";
import {
  BUSY_RETRY_MS,
  DEFAULT_TIMEOUT_S,
  HOUSEKEEPING_BUSY_MS,
  HOUSEKEEPING_TIMEOUT_MS,
  LARGE_PLAN_BYTES,
} from "../limits.ts";
import type { Log } from "../log.ts";
import type { RunnerPool } from "../runner/pool.ts";
import { Checkpointer } from "./checkpointer.ts";
import { CommitQueue } from "./commit-queue.ts";
import { isBusy, openConnection, PreparedStatements } from "./connection.ts";
import type { EngineCounters } from "./counters.ts";
import { ExpiryTimer } from "./expiry.ts";
import { fileIdentity, identityOf } from "./file-identity.ts";
import { ForeignPlans, RunsElsewhere } from "./foreign.ts";
import { HousekeptPlans } from "./housekept-plans.ts";
import type { PathJob } from "./jobs.ts";
import { type Engine, type Plan, PlanUndone, type Rows, type WriteOptions } from "./plan.ts";
import { ReadTurn } from "./read-turn.ts";
import { Relations } from "./relations.ts";
import { type FileNumbers, replaced } from "./resolve.ts";
import { Turn } from "./turn.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

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
  readonly #identity: string;
  readonly #connection: Connection;
  readonly #statements: PreparedStatements;
  readonly #relations: Relations;
  readonly #readTurn: ReadTurn;
  readonly #queue: CommitQueue;
  readonly #log: WriteAheadLog;
  readonly #checkpoints: Checkpointer;
  readonly #housekept: HousekeptPlans;
  readonly #foreign: ForeignPlans;
  readonly #watchers = new Set<() => void>();
  /** Uses that outlast a turn of the event loop, such as a running SQL job. */
  #pins = 0;
  #leaving = new AbortController();
  #replaced = false;
  #closing: Promise<void> | undefined;
  #closed = false;

  /** The file must exist, be a SQLite database, and have been prepared (see Registry). */
  constructor(path: string, deps: EngineDeps) {
    const { housekeepers, sqlRunners, durability, counters, log } = deps;
    this.path = path;
    this.#deps = deps;
    this.#identity = fileIdentity(path);
    this.#connection = openConnection(path, this.#identity);
    this.#statements = new PreparedStatements(this.#connection);
    this.#relations = new Relations(this.#connection);
    this.#readTurn = new ReadTurn(this.#connection, () => this.#relations.refresh());
    this.#log = new WriteAheadLog({ path, connection: this.#connection, housekeepers, counters });
    this.#housekept = new HousekeptPlans(path, housekeepers);
    this.#foreign = new ForeignPlans({ path, durability, runners: sqlRunners });
    this.#checkpoints = new Checkpointer({
      path,
      housekeepers,
      counters,
      log,
      walBytes: () => this.#log.sizeBytes(),
      takeTurn: () => this.takeTurn(),
    });
    this.expiry = new ExpiryTimer(this, deps);
    this.#queue = new CommitQueue(this.#connection, this.turn, {
      aboutToBegin: () => {
        this.#readTurn.end();
        if (!this.isCurrent()) throw replaced();
      },
      began: () => this.#relations.refresh(),
      run: (plan) => this.#runPlan(plan),
      rolledBack: () => this.#relations.forget(),
      committed: (plans) => this.#committed(plans),
      nowMs: () => performance.now(),
    });
  }

  // ── reads ────────────────────────────────────────────────────────────────────────────────────

  read(plan: Plan): Rows[] | Promise<Rows[]> {
    try {
      return this.#readNow(plan);
    } catch (error) {
      if (!isBusy(error)) throw error;
      return this.#readSoon(plan);
    }
  }

  #readNow(plan: Plan): Rows[] | Promise<Rows[]> {
    this.#readTurn.begin();
    const state = this.#relations.state(plan.relation);
    if (state === "absent") return plan.steps.map(() => []);
    if (state === "foreign") return this.#readForeign(plan);
    return plan.steps.map((step) => this.#statements.get(step.statement).all(step.params));
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

  /** Names of the relations of a kind. */
  relationNames(kind: string): string[] {
    this.#readTurn.begin();
    return this.#relations.names(kind);
  }

  // ── writes ───────────────────────────────────────────────────────────────────────────────────

  async write(plan: Plan, options: WriteOptions): Promise<Rows[]> {
    this.#refuseWhenClosing();
    const deadlineMs = this.#monotonic(options.deadlineMs);
    if (this.#mustRunElsewhere(plan)) return this.#writeForeign(plan, deadlineMs);
    if ((plan.bytes ?? 0) > LARGE_PLAN_BYTES && plan.conclude === undefined) {
      await this.#makeRelation(plan, options);
      return this.#writeForeign(plan, deadlineMs);
    }
    try {
      if (this.#log.isOpen) return await this.#queue.submit(plan, deadlineMs);
      return await this.#writeFirst(plan, deadlineMs);
    } catch (error) {
      if (!(error instanceof RunsElsewhere)) throw error;
      return this.#writeForeign(plan, deadlineMs);
    }
  }

  /** The first write of this connection. Until it is in the queue only the pin says that it is there. */
  #writeFirst(plan: Plan, deadlineMs: number): Promise<Rows[]> {
    return this.#pinned(async () => {
      await this.#log.open(deadlineMs);
      return this.#queue.submit(plan, deadlineMs);
    });
  }

  /** In the transaction of its batch. */
  #runPlan(plan: Plan): Rows[] {
    for (const relation of [plan.relation, ...(plan.also ?? [])]) this.#relations.ensure(relation);
    const rows: Rows[] = [];
    for (const [index, step] of plan.steps.entries()) {
      const given = this.#statements.get(step.statement).all(step.params);
      if (step.required === true && given.length === 0) throw new PlanUndone(index, rows);
      rows.push(given);
    }
    for (const { statement, params } of plan.conclude?.(rows) ?? [])
      this.#statements.get(statement).run(params);
    return rows;
  }

  /** Resolves when the commit may be answered. */
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

  /**
   * Resolves when what was committed before the call is on disk. For writers outside the queue that
   * commit with synchronous=NORMAL: their syncs are shared too, and none happens during a turn.
   * @throws ApiError DATABASE_ERROR
   */
  async syncWrites(): Promise<void> {
    if (this.#deps.durability === "full") await this.#log.sync();
  }

  /**
   * Puts the file into WAL mode and opens its log, once. A file that was made elsewhere and is only
   * read stays as it is.
   * @throws ApiError DATABASE_BUSY when another program holds the file until the deadline
   */
  prepareWrites(deadlineMs: number): Promise<void> {
    return this.#log.open(this.#monotonic(deadlineMs));
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

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  #tellWatchers(): void {
    for (const changed of this.#watchers) changed();
  }

  /** A deadline by performance.now(): the machine's clock may be set while the caller waits. */
  #monotonic(deadlineMs: number): number {
    return performance.now() + deadlineMs - this.#deps.clock.nowMs();
  }

  // ── plans in other processes: those that take long, and those that set somebody's SQL off ────────

  async readElsewhere(plan: Plan): Promise<Rows[]> {
    this.#readTurn.begin();
    const state = this.#relations.state(plan.relation);
    if (state === "absent") return plan.steps.map(() => []);
    if (state === "foreign") return this.#readForeign(plan);
    return this.#pinned(() => this.#housekept.read(plan));
  }

  #readForeign(plan: Plan): Promise<Rows[]> {
    return this.#pinned(() => this.#foreign.read(plan));
  }

  writeElsewhere(plan: Plan, { deadlineMs }: WriteOptions): Promise<Rows[]> {
    return this.#pinned(async () => {
      await this.#makeRelation(plan, { deadlineMs });
      const untilMs = this.#monotonic(deadlineMs);
      if (this.#mustRunElsewhere(plan)) return this.#writeForeign(plan, untilMs);
      const remainingMs = untilMs - performance.now();
      const rows = await this.#housekept.write(plan, remainingMs, () => this.takeTurn());
      this.expiry.expect(plan.relation, plan.expiresAtMs ?? null);
      return rows;
    });
  }

  /** @param deadlineMs monotonic */
  async #writeForeign(plan: Plan, deadlineMs: number): Promise<Rows[]> {
    if (plan.conclude !== undefined)
      throw new ApiError("CONFLICT", "The table is changed by SQL that is not the server's own", {
        hint: "Send the request without Idempotency-Key.",
      });
    return this.#pinned(async () => {
      const rows = await this.#foreign.write(plan, deadlineMs - performance.now(), async () => {
        await this.#log.open(deadlineMs);
        return this.takeTurn();
      });
      this.expiry.expect(plan.relation, plan.expiresAtMs ?? null);
      return rows;
    });
  }

  /** The relation of a plan that another process will run, and the log. */
  async #makeRelation({ relation }: Plan, options: WriteOptions): Promise<void> {
    await this.write({ relation, steps: [] }, options);
  }

  /** Looked at before the queue is, where a plan that cannot run costs its batch a second start. */
  #mustRunElsewhere(plan: Plan): boolean {
    const suspects = [plan.relation, ...(plan.also ?? [])].filter((relation) =>
      this.#relations.isSuspect(relation),
    );
    if (suspects.length === 0) return false;
    this.#readTurn.begin();
    return suspects.some((relation) =>
      ["surrounded", "foreign"].includes(this.#relations.state(relation)),
    );
  }

  // ── the file ─────────────────────────────────────────────────────────────────────────────────

  get target(): DatabaseTarget {
    return { path: this.path, grant: null };
  }

  /** Whether this is the database in that file, whatever name led to it. */
  isFile(file: FileNumbers): boolean {
    return identityOf(file) === this.#identity;
  }

  /** Whether the file at the path is still the one that was opened, and can be trusted. */
  isCurrent(): boolean {
    this.#replaced ||= fileIdentity(this.path) !== this.#identity;
    return !this.lost;
  }

  /** Set when the file is gone or cannot be trusted any more; the registry then drops this object. */
  get lost(): boolean {
    return this.#replaced || this.#log.isLost;
  }

  // ── who uses it, and its end ─────────────────────────────────────────────────────────────────

  /** Plans that wait for their transaction, and the size of the write-ahead log. */
  get stats(): { waiting: number; walBytes: number } {
    return { waiting: this.#queue.depth, walBytes: this.#log.sizeBytes() };
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
    this.#refuseWhenClosing();
    this.#pins += 1;
    return () => {
      this.#pins -= 1;
    };
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

  #refuseWhenClosing(): void {
    if (this.#closing !== undefined)
      throw new ApiError("SERVICE_UNAVAILABLE", "The database is being closed");
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
    if (!this.lost && this.#log.isOpen)
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
    // With a statement left SQLite would keep the file open until that is collected as garbage.
    for (const holder of [this.#readTurn, this.#statements, this.#queue, this.#relations])
      holder.finalize();
    this.#log.close();
    this.#connection.close(true);
  }
}
