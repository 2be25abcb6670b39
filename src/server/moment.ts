/** Moments of the past, as requests name them (contracts/hoody.md 0.0, decision 10). */
import { Type } from "@sinclair/typebox";
import { invalidParameter } from "../errors.ts";
import type { Moment } from "../kv/moment.ts";
import type { Parameter } from "./parameters.ts";
import type { Query } from "./query.ts";

/** A parameter whose value is a moment, for the description; `momentOf` reads it. */
export interface MomentParameter extends Parameter<string | undefined> {}

/** Declares a parameter that names a moment. */
export function momentParameter(
  name: string,
  description: string,
  required: boolean,
): MomentParameter {
  return {
    name,
    required,
    description: `${description} Unix seconds (the whole second counts), Unix milliseconds (13 digits), or RFC 3339 such as 2026-01-31T08:30:00Z. Not in the future.`,
    schema: Type.String({ examples: ["1767323045", "1767323045678", "2026-01-02T03:04:05.678Z"] }),
    read: (query) => query.get(name),
  };
}

/**
 * The moment that a parameter names, or null where it is missing, empty or 0.
 * @throws ApiError INVALID_PARAMETERS for what is no time, or a time to come
 */
export function momentOf(parameter: MomentParameter, query: Query, nowMs: number): Moment | null {
  const { name, required } = parameter;
  const text = parameter.read(query)?.trim() ?? "";
  if (text === "" || (text === "0" && !required)) {
    if (required) throw invalidParameter(name, "is missing");
    return null;
  }
  return parseMoment(name, text, nowMs);
}

/** The present. */
export function nowOf(nowMs: number): Moment {
  return { ms: nowMs, isNow: true, nowMs };
}

/** The same, for a parameter that must be there. */
export function requiredMoment(parameter: MomentParameter, query: Query, nowMs: number): Moment {
  const moment = momentOf({ ...parameter, required: true }, query, nowMs);
  if (moment === null) throw invalidParameter(parameter.name, "is missing");
  return moment;
}

/** Unix seconds have up to 12 digits for the next 30,000 years. */
const SECONDS = /^\d{1,12}$/;
const MILLISECONDS = /^\d{13,15}$/;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+\- ]\d{2}:\d{2})$/;

function parseMoment(name: string, text: string, nowMs: number): Moment {
  if (SECONDS.test(text)) {
    const seconds = Number(text);
    if (seconds < 1) throw invalidParameter(name, "must be at least 1");
    if (seconds > Math.floor(nowMs / 1000)) throw inFuture(name, nowMs);
    const ms = seconds * 1000 + 999;
    return { ms, isNow: ms >= nowMs, nowMs };
  }
  const ms = MILLISECONDS.test(text) ? Number(text) : parseRfc3339(text);
  if (!Number.isFinite(ms) || ms < 1)
    throw invalidParameter(
      name,
      `must be a time, not "${text.slice(0, 40)}"`,
      "Write Unix seconds (1767323045), milliseconds (1767323045678) or RFC 3339 (2026-01-02T03:04:05Z).",
    );
  if (ms > nowMs) throw inFuture(name, nowMs);
  return { ms, isNow: ms >= nowMs, nowMs };
}

/** A `+` of an offset that was not escaped has arrived as a space. */
function parseRfc3339(text: string): number {
  if (!RFC_3339.test(text)) return Number.NaN;
  const offset = text.replace(/ (\d{2}:\d{2})$/, "+$1").replace(/^(\S{10}) /, "$1T");
  return Date.parse(offset.toUpperCase());
}

function inFuture(name: string, nowMs: number) {
  return invalidParameter(name, `must not be in the future; it is ${Math.floor(nowMs / 1000)} now`);
}

/** Seconds of a moment, as answers tell it. */
export function momentSeconds(moment: Moment): number {
  return Math.floor(moment.ms / 1000);
}
