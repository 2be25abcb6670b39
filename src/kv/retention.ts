/** Drops old history of the open databases now and then, where the server was told to. */
import type { Clock } from "../clock.ts";
import type { Engine } from "../engine/plan.ts";
import { PRUNE_INTERVAL_MS } from "../limits.ts";
import type { Log } from "../log.ts";
import { pruneHistory, type Retention } from "./prune.ts";
import { kvTable } from "./table.ts";

/** A database whose key-value tables can be told. */
export interface PrunedDatabase extends Engine {
  readonly path: string;
  /** Names of the relations of a kind. */
  relationNames(kind: string): string[];
  pin(): () => void;
}

export class RetentionTimer {
  readonly #databases: () => readonly PrunedDatabase[];
  readonly #retention: Retention;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #pruning: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(
    databases: () => readonly PrunedDatabase[],
    retention: Retention,
    deps: { clock: Clock; log: Log },
  ) {
    this.#databases = databases;
    this.#retention = retention;
    this.#clock = deps.clock;
    this.#log = deps.log;
    if (retention.ageMs === null && retention.maxOps === null) return;
    this.#timer = setInterval(() => void this.prune(), PRUNE_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Drops what is too old in every open database, one after the other. */
  prune(): Promise<void> {
    this.#pruning = this.#pruning.then(() => this.#pruneAll());
    return this.#pruning;
  }

  /** Begins nothing any more; resolves when what is under way is done. */
  stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    return this.#pruning;
  }

  async #pruneAll(): Promise<void> {
    for (const database of this.#databases()) {
      if (this.#stopped) return;
      const unpin = database.pin();
      try {
        await pruneDatabase(database, this.#retention, this.#clock.nowMs());
      } catch (error) {
        this.#log.error("prune_failed", error, { path: database.path });
      } finally {
        unpin();
      }
    }
  }
}

/**
 * Drops what a retention does not keep, in all key-value tables of a database or in one.
 * @returns how many rows of history
 */
export async function pruneDatabase(
  database: PrunedDatabase,
  retention: Retention,
  nowMs: number,
  only?: string,
): Promise<number> {
  let dropped = 0;
  for (const name of database.relationNames("kv")) {
    const table = kvTable(database, name);
    if (only === undefined || table.relation.name === kvTable(database, only).relation.name)
      dropped += await pruneHistory(table, retention, nowMs);
  }
  return dropped;
}
