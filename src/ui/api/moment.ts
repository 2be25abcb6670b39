/** Moments in addresses and in requests. */

/** Milliseconds since 1970; null is now. */
export type Moment = number | null;

/** Unix seconds have up to 12 digits for the next 30,000 years, as the server has it. */
const SECONDS = /^\d{1,12}$/;
const MILLISECONDS = /^\d{13,15}$/;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;
/** Milliseconds with fewer digits would be read as seconds. */
const LEAST_PRINTED_MS = 10 ** 12;

/** Reads what an address says; undefined when that is no moment. */
export function parseMoment(text: string | undefined): Moment | undefined {
  if (text === undefined || text === "") return null;
  // A whole second means its last millisecond: what was reported with this time counts.
  if (SECONDS.test(text)) return Number(text) < 1 ? undefined : Number(text) * 1000 + 999;
  const ms = MILLISECONDS.test(text)
    ? Number(text)
    : RFC_3339.test(text)
      ? Date.parse(text.replace(" ", "T").toUpperCase())
      : Number.NaN;
  return Number.isFinite(ms) && ms >= 1 ? ms : undefined;
}

/** For addresses and requests; empty for now. */
export function printMoment(at: Moment): string {
  if (at === null) return "";
  return at >= LEAST_PRINTED_MS ? String(at) : new Date(at).toISOString();
}

/** The parameters of a request that reads what was there; keys that nobody knows of are left out. */
export function pastQuery(at: Moment) {
  return at === null ? {} : { at_timestamp: printMoment(at), allow_gaps: true };
}
