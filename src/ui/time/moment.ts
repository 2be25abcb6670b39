/** Moments as people read them, by their own clock. */
const WORDS: Intl.DateTimeFormatOptions = {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
};
const TO_SECONDS = new Intl.DateTimeFormat(undefined, WORDS);
const TO_MILLISECONDS = new Intl.DateTimeFormat(undefined, {
  ...WORDS,
  weekday: "short",
  fractionalSecondDigits: 3,
  timeZoneName: "short",
});

/** `21 Nov 2026, 14:03:05`, by the clock of who reads it. */
export function formatMoment(ms: number): string {
  return TO_SECONDS.format(ms);
}

/** The same with weekday, milliseconds and time zone, for where it matters. */
export function formatExactly(ms: number): string {
  return TO_MILLISECONDS.format(ms);
}
