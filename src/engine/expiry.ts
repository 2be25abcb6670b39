/**
 * Reclaims the space of rows past their time: one timer per database, asleep until the next deadline,
 * small batches. Reads filter by themselves; no answer depends on this.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { EXPIRY_BATCH_KEYS, EXPIRY_MAX_SLEEP_MS } from "../limits.ts";
import type { Log } from "../log.ts";
import type { EngineCounters } from "./counters.ts";
import type { Engine, Relation } from "./plan.ts";

export class ExpiryTimer {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #counters: EngineCounters;
  /** When something of a relation may next expire. */
  readonly #dueMs = new Map<Relation, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #armedForMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(engine: Engine, deps: { clock: Clock; log: Log; counters: EngineCounters }) {
    this.#engine = engine;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#counters = deps.counters;
  }

  /** Something of the relation may expire at that time. The first call also looks for older deadlines. */
  expect(relation: Relation, atMs: number | null): void {
    if (relation.expiry === undefined) return;
    const known = this.#dueMs.get(relation);
    const dueMs = known === undefined ? this.#clock.nowMs() : Math.min(known, atMs ?? known);
    if (dueMs === known) return;
    this.#dueMs.set(relation, dueMs);
    if (dueMs < this.#armedForMs) this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Removes everything that has expired, and arms the timer for what is next. */
  async sweep(): Promise<void> {
    for (const [relation, dueMs] of this.#dueMs) {
      if (dueMs > this.#clock.nowMs()) continue;
      // Writes that come meanwhile may name an earlier time than the one read below.
      this.#dueMs.set(relation, Number.POSITIVE_INFINITY);
      const nextMs = await this.#sweepRelation(relation);
      this.#dueMs.set(relation, Math.min(nextMs, this.#dueMs.get(relation) ?? nextMs));
    }
    this.#arm();
  }

  async #sweepRelation(relation: Relation): Promise<number> {
    const { expiry } = relation;
    if (expiry === undefined) return Number.POSITIVE_INFINITY;
    while (!this.#stopped) {
      const [[next] = []] = await this.#engine.read({
        relation,
        steps: [{ statement: expiry.next, params: {} }],
      });
      const nextMs = Number(next?.["next_ms"] ?? Number.POSITIVE_INFINITY);
      const nowMs = this.#clock.nowMs();
      if (nextMs > nowMs) return nextMs;
      const params = { now_ms: nowMs, limit: EXPIRY_BATCH_KEYS };
      await this.#engine.write(
        { relation, steps: expiry.sweep.map((statement) => ({ statement, params })) },
        { deadlineMs: nowMs + EXPIRY_MAX_SLEEP_MS },
      );
      this.#counters.expirySweeps += 1;
      await pause(1); // Everybody else first.
    }
    return Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#armedForMs = Math.min(...this.#dueMs.values(), Number.POSITIVE_INFINITY);
    if (this.#stopped || this.#armedForMs === Number.POSITIVE_INFINITY) return;
    const sleepMs = Math.min(
      Math.max(this.#armedForMs - this.#clock.nowMs(), 1),
      EXPIRY_MAX_SLEEP_MS,
    );
    this.#timer = setTimeout(() => {
      this.sweep().catch((error) => {
        // The one place that catches and goes on: space is reclaimed at the next try.
        if (this.#stopped) return;
        this.#log.error("expiry_sweep_failed", error);
        const laterMs = this.#clock.nowMs() + EXPIRY_MAX_SLEEP_MS;
        for (const [relation, dueMs] of this.#dueMs)
          this.#dueMs.set(relation, Math.max(dueMs, laterMs));
        this.#arm();
      });
    }, sleepMs);
    this.#timer.unref();
  }
}
