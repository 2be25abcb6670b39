/** Durations as people write them: `90s`, `1h30m`, `500ms`, `30d`. */

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** @returns milliseconds, NaN for what is no duration; a number without a unit is seconds */
export function parseDurationMs(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text) * 1000;
  if (!/^(\d+(ms|s|m|h|d|w))+$/.test(text)) return Number.NaN;
  return [...text.matchAll(/(\d+)(ms|s|m|h|d|w)/g)].reduce(
    (sum, [, amount, unit = "s"]) => sum + Number(amount) * (UNIT_MS[unit] ?? Number.NaN),
    0,
  );
}
