/** How long fault tests and fuzzing go on: a little in every run, longer with `npm run test:faults`. */

/** Minutes for all tests that ask here together, or 0 for their own short times. */
const MINUTES = Number(process.env["CHRONOLITE_FAULT_MINUTES"] ?? 0);

/**
 * The time of one test in milliseconds: `shortMs` in a normal run.
 * @param share its part of a longer run, 0 to 1
 */
export function faultMs(shortMs: number, share: number): number {
  return MINUTES > 0 ? Math.max(shortMs, MINUTES * 60_000 * share) : shortMs;
}

/** The seed of this run's random choices, printed so that a failure can be repeated. */
export const FAULT_SEED = Number(process.env["CHRONOLITE_FAULT_SEED"] ?? Date.now() % 2 ** 31);

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
