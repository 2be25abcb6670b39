/** Where the time comes from. SQL is never asked for it, so that tests can own it. */
export interface Clock {
  /** Unix time in whole milliseconds. */
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now() };
