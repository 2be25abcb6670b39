/** What the contract says of keys, as a Map: slow, plain, and with no SQL. */
import { expect } from "bun:test";

export interface Entry {
  value: string;
  type: string;
  createdAtMs: number;
  updatedAtMs: number;
  expireAtMs: number | null;
  etag: string;
}

/** A change of one key, of its whole value or of what is at `path`. */
export type Change = { path: string } & (
  | { op: "incr" | "decr"; delta: number }
  | { op: "set" | "push"; value: unknown }
  | { op: "pop" | "delete" }
  | { op: "remove"; index: number }
  | { op: "remove"; wanted: unknown }
);

/** The status that a change answers, and the value after it; null for none. */
export type Changed = { status: number } | { status: 200; value: string | null; told?: unknown };

const REFUSED = { status: 400 };
const MISSING = { status: 404 };

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is at a path; undefined for nothing. */
function memberAt(document: unknown, path: string): unknown {
  if (path === "") return document;
  return path
    .split(".")
    .reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), document);
}

/** The document with something else at a path, or null where that cannot be. */
function withMember(document: unknown, path: string, leaf: unknown): string | null {
  if (path === "") return JSON.stringify(leaf);
  const steps = path.split(".");
  let at = document;
  for (const [index, step] of steps.entries()) {
    if (!isObject(at)) return null;
    if (index === steps.length - 1) at[step] = leaf;
    else {
      if (!(step in at)) at[step] = {};
      at = at[step];
    }
  }
  return JSON.stringify(document);
}

/** What a change makes of a key's value. Numbers in documents are small; a bare one may be large. */
export function changed(before: string | undefined, change: Change): Changed {
  const { op, path } = change;
  if (op === "delete") return before === undefined ? MISSING : { status: 200, value: null };
  if (op === "set" && path === "") return { status: 200, value: JSON.stringify(change.value) };
  if (before === undefined && (op === "pop" || op === "remove")) return MISSING;
  if (before !== undefined && !isJson(before)) return REFUSED;
  const empty = path === "" ? (op === "push" ? [] : 0) : {};
  const document: unknown = before === undefined ? empty : JSON.parse(before);
  const there = memberAt(document, path);
  const put = (leaf: unknown, told?: unknown): Changed => {
    const value = withMember(document, path, leaf);
    return value === null ? REFUSED : { status: 200, value, told };
  };
  if (op === "set") return put(change.value);
  if (op === "incr" || op === "decr") {
    const delta = op === "incr" ? change.delta : -change.delta;
    if (there !== undefined && there !== null && typeof there !== "number") return REFUSED;
    if (path !== "") return put(Number(there ?? 0) + delta);
    const text = before === undefined || before === "null" ? "0" : before;
    const value = text.includes(".")
      ? (Number(text) + delta).toFixed(1)
      : String(BigInt(text) + BigInt(delta));
    return { status: 200, value };
  }
  if (op === "push") {
    if (there !== undefined && !Array.isArray(there)) return REFUSED;
    return put([...((there as unknown[] | undefined) ?? []), change.value]);
  }
  if (there === undefined) return MISSING;
  if (!Array.isArray(there)) return REFUSED;
  let index = there.length - 1;
  if (op === "remove") {
    index =
      "index" in change
        ? change.index
        : there.findIndex((item) => Bun.deepEquals(item, change.wanted));
    if (index < 0 && "wanted" in change && isObject(change.wanted))
      index = there.findIndex((item) => isObject(item) && hasMembers(item, change.wanted));
  }
  if (!(index in there)) return MISSING;
  return put(there.toSpliced(index, 1), there[index]);
}

function hasMembers(item: Record<string, unknown>, wanted: unknown): boolean {
  return Object.entries(Object(wanted)).every(([name, value]) => Bun.deepEquals(item[name], value));
}

export class Model {
  #entries = new Map<string, Entry>();
  readonly tags = new Set<string>();

  live(key: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry === undefined || (entry.expireAtMs !== null && entry.expireAtMs <= nowMs)
      ? undefined
      : entry;
  }

  /** Expired, and never deleted since. */
  hasExpired(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Whether there is an array at a path, expired or not. */
  hasArray(key: string, path: string): boolean {
    const value = this.#entries.get(key)?.value ?? "";
    return isJson(value) && Array.isArray(memberAt(JSON.parse(value), path));
  }

  store(key: string, nowMs: number, entry: Omit<Entry, "createdAtMs" | "updatedAtMs">): void {
    const createdAtMs = this.live(key, nowMs)?.createdAtMs ?? nowMs;
    this.#newTag(entry.etag);
    this.#entries.set(key, { ...entry, createdAtMs, updatedAtMs: nowMs });
  }

  /** Another time to live: a new tag, and the same value and times. */
  expire(key: string, expireAtMs: number | null, etag: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) throw new Error(`the model has no ${key}`);
    this.#newTag(etag);
    this.#entries.set(key, { ...entry, expireAtMs, etag });
  }

  /** A tag never comes back, whatever happened to its key. */
  #newTag(etag: string): void {
    expect(this.tags.has(etag)).toBeFalse();
    this.tags.add(etag);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** The keys that there are, in byte order. */
  keys(nowMs: number): string[] {
    return [...this.#entries.keys()]
      .filter((key) => this.live(key, nowMs) !== undefined)
      .sort(byBytes);
  }
}
