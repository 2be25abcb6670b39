/** Values are bytes with a type. How they are stored, typed and tagged. */
import { isUtf8 } from "node:buffer";
import type { SqlValue } from "../engine/plan.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import { MAX_KEY_BYTES } from "../limits.ts";

/** A stored value as SQLite gives it: TEXT as string, BLOB as bytes. */
export type StoredValue = string | Uint8Array;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** TEXT where the bytes are UTF-8 without NUL, so that SQL can work on it; BLOB otherwise. */
export function toStored(bytes: Uint8Array): StoredValue {
  if (!isUtf8(bytes) || bytes.includes(0)) return bytes;
  return utf8.decode(bytes);
}

/** The same for text that has no unpaired surrogate. */
export function textToStored(text: string): StoredValue {
  return text.includes("\0") ? toBytes(text) : text;
}

/** The bytes of a stored value. */
export function toBytes(value: StoredValue): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}

/** What is known of a new value's type before SQLite has looked whether it is JSON. */
export interface ValueType {
  /** The type to store, or null when it depends on that. */
  type: string | null;
  /** The type to store if the value is JSON. */
  jsonType: string;
  /** The type to store if it is not. */
  otherType: string;
}

/**
 * The stored type (contracts/hoody.md 1.5): as sent; but "JSON" only for JSON, and what clients send
 * without being asked (no type, a form, fetch's text/plain) says nothing.
 */
export function valueType(
  contentType: string | null,
  value: StoredValue,
  name = "Content-Type",
): ValueType {
  const known =
    contentType === null || contentType.length > 256 ? undefined : knownTypes.get(contentType);
  const declared = known ?? declaredType(contentType, name);
  if (known === undefined && contentType !== null && knownTypes.size < 1000)
    knownTypes.set(contentType, declared);
  if (declared.type === null && typeof value !== "string")
    return { ...declared, type: "application/octet-stream" };
  return declared;
}

const knownTypes = new Map<string, ValueType>();

function declaredType(contentType: string | null, name: string): ValueType {
  const sent = contentType?.trim() ?? "";
  const otherType = "text/plain";
  if (!/^[\x20-\x7e\t]*$/.test(sent)) throw invalidParameter(name, "is not a media type");
  const [essence = ""] = sent.toLowerCase().split(";", 1);
  const media = essence.trim();
  if (media === "application/json") return { type: null, jsonType: "application/json", otherType };
  if (media.endsWith("+json")) return { type: null, jsonType: sent, otherType };
  if (
    media === "" ||
    media === "application/x-www-form-urlencoded" ||
    /^text\/plain;\s*charset=utf-8$/i.test(sent)
  )
    return { type: null, jsonType: "application/json", otherType };
  return { type: sent, jsonType: sent, otherType: sent };
}

/** The ETag of a key whose newest history row is `seq`. */
export function toEtag(seq: SqlValue | undefined): string {
  return `"${Number(seq).toString(36)}"`;
}

/**
 * @param name what to call it in the error
 * @throws ApiError PAYLOAD_TOO_LARGE
 */
export function checkValueSize<Value extends StoredValue>(
  value: Value,
  maxBytes: number,
  name = "value",
): Value {
  // A UTF-16 unit is at most 3 bytes of UTF-8, so most values need no counting.
  if (value.length * 3 > maxBytes && Buffer.byteLength(value) > maxBytes)
    throw valueTooLarge(name, maxBytes);
  return value;
}

export function valueTooLarge(name: string, maxBytes: number): ApiError {
  return new ApiError("PAYLOAD_TOO_LARGE", `${name} is larger than ${maxBytes} bytes`, {
    hint: "Spread it over several keys, or raise --max-value-bytes.",
    fields: { parameter: name },
  });
}

/**
 * @param name what to call it in the error
 * @throws ApiError INVALID_PARAMETERS for keys that nobody could mean
 */
export function checkKey(key: string, name = "key"): string {
  if (key.trim() === "") throw invalidParameter(name, "must not be empty or blank");
  if (key.includes("\0")) throw invalidParameter(name, "must not contain NUL");
  // Only JSON bodies can have half a character; SQLite would replace it, and make two keys one.
  if (!key.isWellFormed()) throw invalidParameter(name, "has an unpaired surrogate");
  // A UTF-16 unit is at most 3 bytes of UTF-8, so most keys need no counting.
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw invalidParameter(name, `is longer than ${MAX_KEY_BYTES} bytes`);
  return key;
}
