/** Random operations against a plain Map that follows the contract; both on the test's clock. */
import { describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";

const STEPS = 3000;
const FULL_CHECK_EVERY = 100;

interface Entry {
  value: string;
  type: string;
  createdAtMs: number;
  updatedAtMs: number;
  expireAtMs: number | null;
  etag: string;
}

/** What a request answered, as far as the model foretells it. */
interface Outcome {
  status: number;
  body?: unknown;
}

/** mulberry32: the same seed gives the same steps. */
function randomFrom(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number) => Math.floor(next() * bound);
  return {
    below,
    chance: (probability: number) => next() < probability,
    pick<Item>(items: readonly [Item, ...Item[]]): Item {
      return items[below(items.length)] ?? items[0];
    },
  };
}

type Random = ReturnType<typeof randomFrom>;

const KEYS = ["a", "b", "B", "a/b", "a%", "a_", "é", "𝄞", "\ud7ff", "\ue000", "a b"] as const;
const VALUES = [
  "",
  "text",
  "7",
  "-3",
  "1.5",
  "null",
  '"7"',
  "[1,2]",
  '{"n":1}',
  '{"n":"x","m":{}}',
  "9007199254740993",
] as const;
const MEMBERS = ["n", "m", "m.n"] as const;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The documents of this test have no numbers that JavaScript would round inside objects. */
function parse(text: string): unknown {
  return JSON.parse(text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

class Model {
  readonly #entries = new Map<string, Entry>();
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

  store(key: string, nowMs: number, change: Omit<Entry, "createdAtMs" | "updatedAtMs">): void {
    const createdAtMs = this.live(key, nowMs)?.createdAtMs ?? nowMs;
    this.#entries.set(key, { ...change, createdAtMs, updatedAtMs: nowMs });
    expect(this.tags.has(change.etag)).toBeFalse();
    this.tags.add(change.etag);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  list(prefix: string, nowMs: number): string[] {
    return [...this.#entries.keys()]
      .filter((key) => key.startsWith(prefix) && this.live(key, nowMs) !== undefined)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  /** The document after setting a member, or null where that cannot be. */
  withMember(key: string, path: string, leaf: unknown, nowMs: number): string | null {
    const entry = this.live(key, nowMs);
    if (entry !== undefined && !isJson(entry.value)) return null;
    const document = entry === undefined ? {} : parse(entry.value);
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
}

class Run {
  readonly #server: TestServer;
  readonly #random: Random;
  readonly #model = new Model();
  readonly log: string[] = [];

  constructor(server: TestServer, random: Random) {
    this.#server = server;
    this.#random = random;
  }

  get #nowMs(): number {
    return this.#server.clock.nowMs();
  }

  async step(): Promise<void> {
    const random = this.#random;
    const key = random.pick(KEYS);
    const roll = random.below(100);
    if (roll < 30) await this.#put(key);
    else if (roll < 42) await this.#putPath(key);
    else if (roll < 54) await this.#delete(key);
    else if (roll < 76) await this.#count(key);
    else if (roll < 90) this.#moveClock();
    else await this.#list();
    await this.#check(key);
  }

  async #request(method: string, key: string, extra: string, body?: string): Promise<Response> {
    this.log.push(`${method} ${key}${extra} ${body ?? ""} @${this.#nowMs}`);
    const verb = method === "incr" || method === "decr";
    return this.#server.api(
      `/kv/${encodeURIComponent(key)}${verb ? `/${method}` : ""}?db=t${extra}`,
      {
        method: verb ? "POST" : method,
        ...(body === undefined ? {} : { body }),
      },
    );
  }

  #ttl(): { extra: string; expireAtMs: number | null } {
    if (!this.#random.chance(0.4)) return { extra: "", expireAtMs: null };
    const ttlMs = 1 + this.#random.below(40);
    return { extra: `&ttl=${ttlMs}ms`, expireAtMs: this.#nowMs + ttlMs };
  }

  #history(): string {
    return this.#random.chance(0.2) ? "&history=false" : "";
  }

  async #put(key: string): Promise<void> {
    const value = this.#random.pick(VALUES);
    const before = this.#model.live(key, this.#nowMs);
    const ttl = this.#ttl();
    const expected = this.#random.chance(0.3) ? this.#random.pick(VALUES) : null;
    const condition = expected === null ? "" : `&if_match=${encodeURIComponent(expected)}`;
    const response = await this.#request(
      "PUT",
      key,
      ttl.extra + condition + this.#history(),
      value,
    );
    if (expected !== null && before?.value !== expected) {
      expect(response.status).toBe(412);
      return;
    }
    const { created, etag, size } = (await response.json()) as {
      created: boolean;
      etag: string;
      size: number;
    };
    expect({ status: response.status, created, size }).toEqual({
      status: 200,
      created: before === undefined,
      size: Buffer.byteLength(value),
    });
    const type = isJson(value) ? "application/json" : "text/plain";
    this.#model.store(key, this.#nowMs, { value, type, expireAtMs: ttl.expireAtMs, etag });
  }

  async #putPath(key: string): Promise<void> {
    const path = this.#random.pick(MEMBERS);
    const leaf = this.#random.below(100);
    const before = this.#model.live(key, this.#nowMs);
    const after = this.#model.withMember(key, path, leaf, this.#nowMs);
    const ttl = this.#ttl();
    const extra = `&path=${path}${ttl.extra}${this.#history()}`;
    const response = await this.#request("PUT", key, extra, String(leaf));
    expect(response.status).toBe(after === null ? 400 : 200);
    if (after === null) return;
    const { etag, created } = (await response.json()) as { etag: string; created: boolean };
    expect(created).toBe(before === undefined);
    this.#model.store(key, this.#nowMs, {
      value: after,
      type: before?.type ?? "application/json",
      expireAtMs: ttl.expireAtMs ?? before?.expireAtMs ?? null,
      etag,
    });
  }

  async #delete(key: string): Promise<void> {
    const before = this.#model.live(key, this.#nowMs);
    const response = await this.#request("DELETE", key, this.#history());
    expect(response.status).toBe(before === undefined ? 404 : 200);
    if (before !== undefined) this.#model.delete(key);
  }

  async #count(key: string): Promise<void> {
    const verb = this.#random.pick(["incr", "decr"]);
    const delta = 1 + this.#random.below(5);
    const before = this.#model.live(key, this.#nowMs);
    const value = before?.value ?? "0";
    const response = await this.#request(verb, key, `&delta=${delta}${this.#history()}`);
    if (!/^(null|-?\d+(\.\d+)?)$/.test(value)) {
      expect(response.status).toBe(400);
      return;
    }
    const number = value === "null" ? "0" : value;
    const signed = verb === "incr" ? delta : -delta;
    const sum = number.includes(".")
      ? (Number(number) + signed).toFixed(1)
      : String(BigInt(number) + BigInt(signed));
    const raw = await response.text();
    expect({ status: response.status, value: /"value":([^,}]*)/.exec(raw)?.[1] }).toEqual({
      status: 200,
      value: sum,
    });
    const { etag } = JSON.parse(raw) as { etag: string };
    this.#model.store(key, this.#nowMs, {
      value: sum,
      type: before?.type ?? "text/plain",
      expireAtMs: before?.expireAtMs ?? null,
      etag,
    });
  }

  #moveClock(): void {
    this.#server.clock.advance(1 + this.#random.below(15));
    this.log.push(`clock ${this.#nowMs}`);
  }

  async #list(): Promise<void> {
    const prefix = this.#random.pick(["", "a", "a%", "B", "é", "\ud7ff", "none"]);
    const limit = 1 + this.#random.below(6);
    const all = this.#model.list(prefix, this.#nowMs);
    const after = this.#random.chance(0.5) ? this.#random.pick(KEYS) : null;
    const rest = all.filter(
      (key) => after === null || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0,
    );
    const cursor = after === null ? "" : `&after=${encodeURIComponent(after)}`;
    this.log.push(`list ${prefix} ${limit} ${after}`);
    const { body } = await this.#server.json<{ keys: string[]; has_more: boolean }>(
      `/kv?db=t&prefix=${encodeURIComponent(prefix)}&limit=${limit}${cursor}`,
    );
    expect({ keys: body.keys, more: body.has_more }).toEqual({
      keys: rest.slice(0, limit),
      more: rest.length > limit,
    });
  }

  /** Compares one key, with everything that GET tells. */
  async #check(key: string): Promise<void> {
    const entry = this.#model.live(key, this.#nowMs);
    const got = await this.#server.api(`/kv/${encodeURIComponent(key)}?db=t`);
    const outcome: Outcome = { status: got.status, body: await got.text() };
    if (entry === undefined) {
      expect(outcome).toEqual({ status: 404, body: "null" });
      expect(got.headers.get("x-error-code")).toBe(
        this.#model.hasExpired(key) ? "KEY_EXPIRED" : "KEY_NOT_FOUND",
      );
      return;
    }
    expect(outcome).toEqual({ status: 200, body: entry.value });
    const seconds = (ms: number | null) => (ms === null ? null : String(Math.floor(ms / 1000)));
    const { headers } = got;
    expect({
      type: headers.get("content-type"),
      created: headers.get("x-created-at"),
      updated: headers.get("x-updated-at"),
      expires: headers.get("x-expire-at"),
      etag: headers.get("etag"),
    }).toEqual({
      type: entry.type,
      created: seconds(entry.createdAtMs),
      updated: seconds(entry.updatedAtMs),
      expires: seconds(entry.expireAtMs),
      etag: entry.etag,
    });
  }

  /** Compares all keys and the whole list. */
  async checkAll(): Promise<void> {
    for (const key of KEYS) await this.#check(key);
    const { body } = await this.#server.json<{
      items: { key: string; size: number; etag: string }[];
    }>("/kv?db=t");
    const expected = this.#model.list("", this.#nowMs).map((key) => {
      const entry = this.#model.live(key, this.#nowMs);
      return { key, size: Buffer.byteLength(entry?.value ?? ""), etag: entry?.etag ?? "" };
    });
    expect(body.items.map(({ key, size, etag }) => ({ key, size, etag }))).toEqual(expected);
  }
}

describe("key-value store", () => {
  test(`${STEPS} random operations leave what a Map would hold`, async () => {
    const seed = Number(process.env["TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
    await using server = await startTestServer();
    const run = new Run(server, randomFrom(seed));
    try {
      for (let step = 1; step <= STEPS; step += 1) {
        await run.step();
        if (step % FULL_CHECK_EVERY === 0) await run.checkAll();
      }
    } catch (error) {
      throw new Error(
        `TEST_SEED=${seed} fails at step ${run.log.length}, after:\n${run.log.slice(-15).join("\n")}`,
        { cause: error },
      );
    }
  }, 30_000);
});
