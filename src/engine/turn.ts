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

/** The turn of a job in another process: taken when the job asks, given back when the job has ended. */
export class JobTurn implements Disposable {
  readonly #acquire: () => Promise<() => void>;
  #release: (() => void) | undefined;
  #ended = false;

  /** @param acquire resolves with the function that gives the turn back */
  constructor(acquire: () => Promise<() => void>) {
    this.#acquire = acquire;
  }

  /** Whether the job asked for it, and so may have written. */
  get wasTaken(): boolean {
    return this.#release !== undefined;
  }

  /** What a job's `takeTurn` calls. */
  readonly take = async (): Promise<void> => {
    const release = await this.#acquire();
    // The job may have met its deadline while it waited.
    if (this.#ended) release();
    else this.#release = release;
  };

  /** Gives it back, if it was taken; it is not taken any more after that. */
  [Symbol.dispose](): void {
    this.#ended = true;
    this.#release?.();
  }
}
