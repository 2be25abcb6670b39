/** Moments as people type them. Loaded when somebody is about to: see `MomentForm`. */
import { casual, GB, type ParsedResult } from "chrono-node/en";
import { type Moment, parseMoment } from "../api/moment.ts";

export interface TypedOptions {
  readonly nowMs: number;
  /** Whether `3/4` is the third of April. */
  readonly dayFirst: boolean;
}

export type Typed =
  | { readonly kind: "moment"; readonly at: Moment }
  | { readonly kind: "future" }
  /** It does not read as a moment. */
  | { readonly kind: "unknown" };

const UNKNOWN: Typed = { kind: "unknown" };

/** Reads `now`, Unix times, RFC 3339, dates and times, and words such as `5 minutes ago`. */
export function readTyped(text: string, options: TypedOptions): Typed {
  const typed = text.trim();
  if (typed === "") return UNKNOWN;
  if (/^now$/i.test(typed)) return { kind: "moment", at: null };
  const { nowMs } = options;
  const exact = parseMoment(typed);
  // Few digits alone are rather a day, a year or an hour.
  if (typeof exact === "number" && !/^\d{1,8}$/.test(typed)) return past(exact, nowMs, true);
  const found = parseWords(typed, options) ?? parseWords(`${typed} ago`, options);
  return found === null ? UNKNOWN : past(momentOf(found, nowMs), nowMs, false);
}

function past(ms: number, nowMs: number, exact: boolean): Typed {
  // The last millisecond of this second is still to come, and the second is meant.
  if (ms > nowMs && exact && ms - nowMs < 1000) return { kind: "moment", at: nowMs };
  return ms > nowMs ? { kind: "future" } : { kind: "moment", at: ms };
}

/** What all of the text says; half of it understood would be a guess. */
function parseWords(text: string, { nowMs, dayFirst }: TypedOptions): ParsedResult | null {
  const [found, ...more] = (dayFirst ? GB : casual).parse(text, new Date(nowMs));
  if (found === undefined || more.length > 0 || found.end !== null) return null;
  return found.text.length === text.length ? found : null;
}

/** The latest moment in the past that the words fit. */
function momentOf(found: ParsedResult, nowMs: number): number {
  const { start } = found;
  const date = start.date();
  if (!(found.tags().has("result/relativeDate") || start.isCertain("hour")))
    date.setHours(0, 0, 0, 0);
  // People read seconds off a clock; what happened within the second counts.
  else if (start.isCertain("second") && !start.isCertain("millisecond")) date.setMilliseconds(999);
  if (date.getTime() <= nowMs || start.isCertain("year")) return date.getTime();
  if (start.isCertain("weekday") && !start.isCertain("day")) date.setDate(date.getDate() - 7);
  else if (start.isCertain("month")) date.setFullYear(date.getFullYear() - 1);
  else if (!start.isCertain("day")) date.setDate(date.getDate() - 1);
  return date.getTime();
}
