/** Waiting for a database to change, without a timer per client where nothing happens. */
import type { Engine } from "../engine/plan.ts";
import { CHANGE_POLL_MS } from "../limits.ts";

export class Waker implements Disposable {
  readonly #signals: readonly AbortSignal[];
  readonly #unwatch: () => void;
  #wake: (() => void) | undefined;
  #changed = false;
  closed = false;
  readonly #onChange = () => {
    this.#changed = true;
    this.#wake?.();
  };

  /** @param signals what ends the waiting: the client, the server */
  constructor(engine: Engine, signals: readonly AbortSignal[]) {
    this.#signals = signals;
    this.#unwatch = engine.watch(this.#onChange);
    for (const signal of signals) signal.addEventListener("abort", this.#onChange);
  }

  /** Whether nobody waits any more. */
  get ended(): boolean {
    return this.closed || this.#signals.some((signal) => signal.aborted);
  }

  /**
   * Waits until something changed since the last wait, but not longer than this; and not longer than
   * another program's writes, of which nobody tells, may go unnoticed.
   */
  async wait(ms: number): Promise<void> {
    if (!this.#changed && !this.ended)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(Math.min(ms, CHANGE_POLL_MS), 0));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#wake = undefined;
    this.#changed = false;
  }

  [Symbol.dispose](): void {
    if (this.closed) return;
    this.closed = true;
    this.#unwatch();
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#onChange);
    this.#wake?.();
  }
}
