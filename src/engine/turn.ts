/**
 * Whose turn it is to write to a file, within this process: the commit queue, callers' SQL and
 * checkpoints go one after the other, first come first served, instead of meeting as SQLITE_BUSY.
 */
export class Turn {
  #taken = false;
  readonly #waiting: (() => void)[] = [];

  get isFree(): boolean {
    return !this.#taken;
  }

  /** Takes the turn if nobody has it. */
  tryTake(): boolean {
    if (this.#taken) return false;
    this.#taken = true;
    return true;
  }

  /** Waits for the turn. */
  take(): Promise<void> {
    if (this.tryTake()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives the turn to whoever waited longest. */
  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken = false;
    else next();
  }
}
