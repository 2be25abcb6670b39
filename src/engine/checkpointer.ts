/**
 * Copies the write-ahead log of one database back into its file when it has grown large, in another
 * process, so that no commit has to.
 */
import { CHECKPOINT_WAL_BYTES, HOUSEKEEPING_BUSY_MS, HOUSEKEEPING_TIMEOUT_MS } from "../limits.ts";
import type { Log } from "../log.ts";
import type { RunnerPool } from "../runner/pool.ts";
import type { EngineCounters } from "./counters.ts";
import type { PathJob } from "./jobs.ts";
import { JobTurn } from "./turn.ts";

export interface CheckpointerOptions {
  readonly path: string;
  readonly housekeepers: RunnerPool;
  readonly counters: EngineCounters;
  readonly log: Log;
  /** Size of the log, 0 before there is one. */
  readonly walBytes: () => number;
  /** Resolves with the function that gives the turn back. */
  readonly takeTurn: () => Promise<() => void>;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #atBytes = CHECKPOINT_WAL_BYTES;
  #running: Promise<void> | undefined;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  /** The one that is under way, if any. */
  get running(): Promise<void> | undefined {
    return this.#running;
  }

  /** Begins one if the log is large and none is under way. */
  beginIfLarge(): void {
    if (this.#running !== undefined || this.#options.walBytes() < this.#atBytes) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    const { path, housekeepers, counters, log, walBytes, takeTurn } = this.#options;
    const payload: PathJob = { path, busyTimeoutMs: HOUSEKEEPING_BUSY_MS };
    using turn = new JobTurn(takeTurn);
    try {
      await housekeepers.run({
        kind: "engine.checkpoint",
        payload,
        timeoutMs: HOUSEKEEPING_TIMEOUT_MS,
        takeTurn: turn.take,
      });
      counters.checkpoints += 1;
    } catch (error) {
      log.error("checkpoint_failed", error, { path });
    }
    // A long reader of another program can keep the log from being emptied: try again later, not at once.
    const remainingBytes = walBytes();
    this.#atBytes =
      CHECKPOINT_WAL_BYTES + (remainingBytes >= CHECKPOINT_WAL_BYTES ? remainingBytes : 0);
  }
}
