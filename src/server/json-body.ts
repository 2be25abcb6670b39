/** JSON bodies of the key-value routes, and answers with JSON that is passed on as text. */
import { ApiError, invalidParameter } from "../errors.ts";
import { type StoredValue, toBytes } from "../kv/value.ts";
import { MAX_JSON_BODY_BYTES, MAX_JSON_LEVELS } from "../limits.ts";
import { readText } from "./body.ts";

/** JSON.rawJSON, which the type library does not know yet: text that JSON.stringify passes on. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/**
 * The body as a JSON object, whatever its content type says. Numbers that JavaScript would round keep
 * their text.
 * @throws ApiError INVALID_PARAMETERS, PAYLOAD_TOO_LARGE
 */
export async function readJsonObject(
  request: Request,
  maxBytes: number,
): Promise<Record<string, unknown>> {
  const json = parseKeepingDigits(await readJsonText(request, maxBytes));
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw invalidParameter("body", "must be a JSON object");
  return json as Record<string, unknown>;
}

async function readJsonText(request: Request, maxBytes: number): Promise<string> {
  if (maxBytes <= MAX_JSON_BODY_BYTES) return readText(request, maxBytes);
  try {
    return await readText(request, MAX_JSON_BODY_BYTES);
  } catch (error) {
    if (!(error instanceof ApiError) || error.kind !== "PAYLOAD_TOO_LARGE") throw error;
    throw new ApiError(error.kind, error.message, {
      hint: "Send less at once; large values one by one, with PUT.",
    });
  }
}

/** Levels of a batch or of atomic changes around a value: the body, its list, the entry. */
const LEVELS_AROUND_VALUE = 3;

/**
 * A JSON text as values that JSON.stringify writes with the same digits. So deep that no value in it
 * is deeper than SQLite takes, and that neither JSON.parse nor JSON.stringify runs out of stack.
 * @throws ApiError INVALID_PARAMETERS
 */
export function parseKeepingDigits(text: string): unknown {
  if (isDeeperThan(MAX_JSON_LEVELS + LEVELS_AROUND_VALUE, text))
    throw invalidParameter("body", `has a value that nests deeper than ${MAX_JSON_LEVELS} levels`);
  try {
    // The reviver takes ten times as long, and numbers that need it are rare.
    if (!MAY_LOSE_DIGITS.test(text)) return JSON.parse(text);
    return JSON.parse(text, (_key: string, value: unknown, ...rest: unknown[]) => {
      const { source } = (rest[0] ?? {}) as { source?: string };
      return typeof value === "number" && source !== undefined && source !== String(value)
        ? rawJSON(source)
        : value;
    });
  } catch {
    throw invalidParameter("body", "is not JSON: Invalid JSON body");
  }
}

/** What a number has that JavaScript would write differently: many digits, an exponent, idle zeros. */
const MAY_LOSE_DIGITS = /[\d.]{16}|\d[eE]|\.\d*0(?!\d)|0\.0{5}|-0/;

function isDeeperThan(levels: number, text: string): boolean {
  if (text.length < 2 * levels) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text[at];
    if (unit === '"') {
      for (at += 1; at < text.length && text[at] !== '"'; at += 1) if (text[at] === "\\") at += 1;
    } else if (unit === "[" || unit === "{") {
      depth += 1;
      if (depth > levels) return true;
    } else if (unit === "]" || unit === "}") depth -= 1;
  }
  return false;
}

/** An answer's JSON text: members as values, and members that are JSON text already. */
export function jsonAnswer(
  members: Record<string, unknown>,
  texts: Readonly<Record<string, string>> | ReadonlyMap<string, string> = {},
): string {
  // A map keeps the order of names like "10", and any name at all.
  const entries = texts instanceof Map ? [...texts] : Object.entries(texts);
  const parts = entries.map(([name, text]) => `${JSON.stringify(name)}:${text}`);
  const head = JSON.stringify(members).slice(0, -1);
  return parts.length === 0 ? `${head}}` : `${head}${head === "{" ? "" : ","}${parts.join(",")}}`;
}

/** A stored value as members of an answer: JSON as it is, text as text, bytes in base64. */
export function valueMembers(value: StoredValue, isJson: boolean): Record<string, string> {
  if (isJson && typeof value === "string") return { value };
  const base64 = JSON.stringify(Buffer.from(toBytes(value)).toString("base64"));
  return typeof value === "string"
    ? { value: JSON.stringify(value), value_base64: base64 }
    : { value_base64: base64 };
}
