/**
 * Query parameters: each is declared once, and the declaration both reads it and describes it in the
 * OpenAPI document. (Elysia's own query schemas answer 422, know neither `yes` nor `1`, and made GET
 * 9 % slower.)
 */
import { type TSchema, Type } from "@sinclair/typebox";
import { narrowPrefix } from "../access/grant.ts";
import { parseDurationMs } from "../duration.ts";
import { invalidParameter } from "../errors.ts";
import { type JsonPath, parseJsonPath } from "../kv/json-path.ts";
import {
  MAX_DELTA,
  MAX_RESPONSE_BYTES,
  MAX_TIMEOUT_S,
  MAX_TTL_MS,
  MIN_MAX_CHARS,
  MIN_TIMEOUT_S,
} from "../limits.ts";
import type { Query } from "./query.ts";

export interface Parameter<Value> {
  readonly name: string;
  readonly required: boolean;
  readonly description: string;
  readonly schema: TSchema;
  /** @throws ApiError INVALID_PARAMETERS that names the parameter */
  read(query: Query): Value;
}

/** A text that must be there. */
export function requiredText(name: string, description: string): Parameter<string> {
  return {
    name,
    required: true,
    description,
    schema: Type.String(),
    read: (query) => {
      const text = query.get(name);
      if (text === undefined || text === "") throw invalidParameter(name, "is missing");
      return text;
    },
  };
}

/** A text that may be there. An empty one counts. */
export function optionalText(name: string, description: string): Parameter<string | undefined> {
  return {
    name,
    required: false,
    description,
    schema: Type.String(),
    read: (query) => query.get(name),
  };
}

/** `true`, `1`, `yes` or `false`, `0`, `no`. */
export function flag(name: string, description: string, whenAbsent = false): Parameter<boolean> {
  return {
    name,
    required: false,
    description,
    schema: Type.Boolean({ default: whenAbsent }),
    read: (query) => readFlag(name, query.get(name)) ?? whenAbsent,
  };
}

/** The same without a value of its own: null when it is not said. */
export function optionalFlag(name: string, description: string): Parameter<boolean | null> {
  return {
    name,
    required: false,
    description,
    schema: Type.Boolean(),
    read: (query) => readFlag(name, query.get(name)) ?? null,
  };
}

function readFlag(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^(true|1|yes)$/i.test(text)) return true;
  if (/^(false|0|no)$/i.test(text)) return false;
  throw invalidParameter(name, `must be true or false, not "${text.slice(0, 40)}"`);
}

/** One of a few words, in any letters. */
export function choice<const Choice extends string, const Absent extends Choice | null>(
  name: string,
  description: string,
  choices: readonly Choice[],
  whenAbsent: Absent,
): Parameter<Choice | Absent> {
  return {
    name,
    required: false,
    description,
    schema: Type.Unsafe({
      type: "string",
      enum: choices,
      ...(typeof whenAbsent === "string" ? { default: whenAbsent } : {}),
    }),
    read: (query) => {
      const text = query.get(name);
      if (text === undefined || text === "") return whenAbsent;
      const chosen = choices.find((each) => each === text.toLowerCase());
      if (chosen === undefined) throw invalidParameter(name, `must be ${choices.join(" or ")}`);
      return chosen;
    },
  };
}

/** A whole number within bounds. */
export function integer(
  name: string,
  description: string,
  bounds: { whenAbsent: number; minimum: number; maximum?: number },
): Parameter<number> {
  const { whenAbsent, minimum, maximum = Number.MAX_SAFE_INTEGER } = bounds;
  return {
    name,
    required: false,
    description,
    schema: Type.Integer({ default: whenAbsent, minimum }),
    read: (query) => {
      const text = query.get(name);
      if (text === undefined || text === "") return whenAbsent;
      const value = /^[+-]?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (!Number.isSafeInteger(value)) throw invalidParameter(name, "must be a whole number");
      if (value < minimum || value > maximum)
        throw invalidParameter(
          name,
          maximum === Number.MAX_SAFE_INTEGER
            ? `must be at least ${minimum}`
            : `must be from ${minimum} to ${maximum}`,
        );
      return value;
    },
  };
}

/** A whole number that may be missing, of any sign. */
export function optionalInteger(name: string, description: string): Parameter<number | null> {
  return {
    name,
    required: false,
    description,
    schema: Type.Integer(),
    read: (query) => {
      const text = query.get(name);
      if (text === undefined || text === "") return null;
      if (!/^[+-]?\d{1,15}$/.test(text)) throw invalidParameter(name, "must be a whole number");
      return Number(text) + 0; // Not -0, which SQLite would take for a real number.
    },
  };
}

/** The amount of incr and decr: 1 to 2^63-1. */
export const delta: Parameter<bigint> = {
  name: "delta",
  required: false,
  description: "How much, a positive integer of up to 64 bits.",
  schema: Type.Integer({ default: 1, minimum: 1 }),
  read: (query) => {
    const text = query.get("delta");
    if (text === undefined || text === "") return 1n;
    if (!/^[+-]?\d+$/.test(text)) throw invalidParameter("delta", "must be a positive integer");
    const value = BigInt(text);
    if (value <= 0n) throw invalidParameter("delta", "must be a positive integer");
    if (value > MAX_DELTA) throw invalidParameter("delta", "must fit into 64 bits");
    return value;
  },
};

/** A JSON path, see contracts/hoody.md 0.4. */
export const path: Parameter<JsonPath | null> = {
  name: "path",
  required: false,
  description: 'Part of a JSON value, such as `profile.email`, `items[0].name` or `$."a key"[2]`.',
  schema: Type.String(),
  read: (query) => {
    const text = query.get("path");
    return text === undefined || text === "" ? null : parseJsonPath(text);
  },
};

/** Time to live: seconds, or a duration such as `1h30m` or `500ms`; in milliseconds, null for none. */
export const ttl: Parameter<number | null> = {
  name: "ttl",
  required: false,
  description: "Time to live: seconds (`3600`) or a duration (`1h30m`, `500ms`); 0 for none.",
  schema: Type.String(),
  read: (query) => {
    const text = query.get("ttl");
    return text === undefined || text === "" ? null : parseTtlMs(text);
  },
};

function parseTtlMs(text: string): number | null {
  const ttlMs = parseDurationMs(text);
  if (Number.isNaN(ttlMs))
    throw invalidParameter("ttl", "must be seconds or a duration such as 90s, 1h30m or 500ms");
  if (ttlMs < 0) throw invalidParameter("ttl", "must not be negative");
  if (!(ttlMs <= MAX_TTL_MS)) throw invalidParameter("ttl", "must not be more than 100 years");
  return ttlMs === 0 ? null : ttlMs;
}

/**
 * A time to live in a JSON body: whole seconds, 0 or nothing for none; in milliseconds.
 * @throws ApiError INVALID_PARAMETERS
 */
export function parseTtlSeconds(json: unknown, name: string): number | null {
  if (json === undefined || json === null) return null;
  // 60.0 and 6e1 are whole numbers too, and come as the text they were written in.
  const seconds = typeof json === "object" ? Number(JSON.stringify(json)) : json;
  if (
    typeof seconds !== "number" ||
    !Number.isInteger(seconds) ||
    seconds < 0 ||
    seconds * 1000 > MAX_TTL_MS
  )
    throw invalidParameter(
      name,
      "must be whole seconds, not negative, and not more than 100 years",
    );
  return seconds === 0 ? null : seconds * 1000;
}

/** The caller's deadline in milliseconds; what is not a whole number is ignored (contract 0.1). */
export function timeout(whenAbsentMs: number): Parameter<number> {
  return {
    name: "timeout",
    required: false,
    description: `Seconds the request may take, ${MIN_TIMEOUT_S} to ${MAX_TIMEOUT_S}.`,
    schema: Type.Integer({ default: whenAbsentMs / 1000 }),
    read: (query) => {
      const text = query.get("timeout") ?? "";
      if (!/^-?\d+$/.test(text)) return whenAbsentMs;
      return Math.min(Math.max(Number(text), MIN_TIMEOUT_S), MAX_TIMEOUT_S) * 1000;
    },
  };
}

export const integers = choice(
  "integers",
  "`string`: integers beyond 2^53, which a JavaScript number would round, as JSON strings.",
  ["number", "string"],
  "number",
);

export const blobs = choice(
  "blobs",
  '`object`: BLOBs as `{"value_base64": "..."}`, so that they cannot be taken for text.',
  ["base64", "object"],
  "base64",
);

export const cells = choice(
  "cells",
  '`exact`: no value of JSON answers can be taken for another. BLOBs are `{"value_base64": "..."}`, and REALs without a fraction or without an end `{"real": "2.0"}`, `{"real": "Infinity"}`. `brief`: the same, but of BLOBs larger than 16 KiB only `{"blob_bytes": 40000}`.',
  ["plain", "exact", "brief"],
  "plain",
);

/** Longest answer in characters; Infinity when the caller sets none. */
export const maxChars: Parameter<number> = {
  name: "max_chars",
  required: false,
  description:
    "Longest answer in characters. Rows that do not fit are left out, and the answer says `truncated`.",
  schema: Type.Integer({ minimum: MIN_MAX_CHARS, maximum: MAX_RESPONSE_BYTES }),
  read: (query) => {
    const text = query.get("max_chars");
    if (text === undefined || text === "") return Number.POSITIVE_INFINITY;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= MIN_MAX_CHARS && value <= MAX_RESPONSE_BYTES))
      throw invalidParameter(
        "max_chars",
        `must be a whole number from ${MIN_MAX_CHARS} to ${MAX_RESPONSE_BYTES}`,
      );
    return value;
  },
};

export const db = requiredText(
  "db",
  "The database: a bare name such as `notes` (the file `notes.db` of the data folder). For single keys and lists also the absolute path of a folder, in which each key is a file.",
);

export const table = optionalText("table", "Key-value table, `kv_store` if not given.");

/** Narrowed to the keys that the caller may see; all keys if neither bounds them. */
export const prefix: Parameter<string> = {
  ...optionalText("prefix", "Only keys that begin with this text; `%`, `_`, `*` mean themselves."),
  /** @throws ApiError FORBIDDEN */
  read: (query) => narrowPrefix(query.caller, query.get("prefix") ?? ""),
};

export const history = flag("history", "Whether the write is recorded in the key's history.", true);

const createDbIfMissing = flag("create_db_if_missing", "Make the database file if it is missing.");
const autoCreate = flag("auto_create", "Another name of `create_db_if_missing`.");

/** Whether a write may make its database file. */
export const createIfMissing = {
  documented: [createDbIfMissing, autoCreate],
  /** @throws ApiError INVALID_PARAMETERS when both names are used and disagree */
  read(query: Query, whenAbsent: boolean): boolean {
    const create = readFlag("create_db_if_missing", query.get("create_db_if_missing"));
    const auto = readFlag("auto_create", query.get("auto_create"));
    if (create !== undefined && auto !== undefined && create !== auto)
      throw invalidParameter(
        "create_db_if_missing",
        "and auto_create disagree: conflicting flags: create_db_if_missing and auto_create must match",
      );
    return create ?? auto ?? whenAbsent;
  },
};

/** Parameters as an OpenAPI description. */
export function describe(parameters: readonly Parameter<unknown>[]): object[] {
  return parameters.map(({ name, required, description, schema }) => ({
    name,
    in: "query",
    required,
    description,
    schema,
  }));
}
