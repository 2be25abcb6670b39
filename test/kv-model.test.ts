/** Random operations against a plain Map that follows the contract; both on the test's clock. */
import { describe, expect, test } from "bun:test";
import { escaped, type KvAnswer, type KvCalls, kvCalls } from "./support/kv.ts";
import { byBytes, type Change, changed, isJson, Model } from "./support/kv-model.ts";
import { type Random, randomFrom } from "./support/random.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

const STEPS = 3000;
const FULL_CHECK_EVERY = 100;

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
  '[2,{"id":1,"x":[2]},{"id":2}]',
  '{"n":1}',
  '{"n":"x","m":{}}',
  '{"l":[1,{"id":1,"x":[2]}],"m":{"l":[]}}',
  "9007199254740993",
] as const;
const ELEMENTS: [unknown, ...unknown[]] = [1, 2, "x", null, { id: 1, x: [2] }, { id: 2 }, [1]];
const WANTED: [unknown, ...unknown[]] = [...ELEMENTS, { x: [2] }, { x: [2] }, { id: 3 }];
const PREFIXES = ["", "a", "a%", "B", "é", "\ud7ff", "none"] as const;

interface Written {
  etag: string;
  created?: boolean;
  size?: number;
}

class Run {
  readonly #server: TestServer;
  readonly #kv: KvCalls;
  readonly #random: Random;
  readonly #model = new Model();
  readonly log: string[] = [];

  constructor(server: TestServer, random: Random) {
    this.#server = server;
    this.#kv = kvCalls(server);
    this.#random = random;
  }

  get #nowMs(): number {
    return this.#server.clock.nowMs();
  }

  async step(): Promise<void> {
    const random = this.#random;
    const key = random.pick(KEYS);
    const roll = random.below(100);
    if (roll < 22) await this.#put(key);
    else if (roll < 50) await this.#change(key);
    else if (roll < 57) await this.#timeToLive(key);
    else if (roll < 65) await this.#batchSet();
    else if (roll < 68) await this.#batchDelete();
    else if (roll < 77) await this.#atomic();
    else if (roll < 79) await this.#deletePrefix();
    else if (roll < 89) this.#moveClock();
    else await this.#list();
    await this.#check(key);
  }

  #note(...what: unknown[]): void {
    this.log.push(`${JSON.stringify(what)} @${this.#nowMs}`);
  }

  /** As people write it: milliseconds, or the same in parts; in a body only whole seconds. */
  #ttl(): { extra: string; expireAtMs: number | null } {
    if (!this.#random.chance(0.4)) return { extra: "", expireAtMs: null };
    const ttlMs = 1 + this.#random.below(40);
    const extra = this.#random.pick([
      `&ttl=${ttlMs}ms`,
      `&ttl=0s${ttlMs}ms`,
      `&ttl=${ttlMs - 1}ms1ms`,
    ]);
    return { extra, expireAtMs: this.#nowMs + ttlMs };
  }

  #ttlInBody(): { ttl?: number; expireAtMs: number | null } {
    return this.#random.chance(0.2)
      ? { ttl: 1, expireAtMs: this.#nowMs + 1000 }
      : { expireAtMs: null };
  }

  #history(): string {
    return this.#random.chance(0.2) ? "&history=false" : "";
  }

  /** A tag: the key's own, one that it may have had, or nobody's. */
  #tag(key: string): string {
    const own = this.#model.live(key, this.#nowMs)?.etag;
    const tags = [...this.#model.tags];
    const old = tags[this.#random.below(tags.length || 1)];
    return this.#random.pick([own ?? '"none"', own ?? '"none"', old ?? '"none"', '"other"']);
  }

  /** Headers or a literal value, and whether they hold for the key as it is. */
  #condition(key: string): { extra: string; headers: Record<string, string>; holds: boolean } {
    const entry = this.#model.live(key, this.#nowMs);
    const none = { extra: "", headers: {}, holds: true };
    if (!this.#random.chance(0.35)) return none;
    const tag = this.#tag(key);
    switch (this.#random.below(5)) {
      case 0: {
        const value = this.#random.chance(0.5) ? (entry?.value ?? "") : this.#random.pick(VALUES);
        const extra = `&if_match=${escaped(value)}`;
        return { ...none, extra, holds: entry?.value === value };
      }
      case 1:
        return { ...none, headers: { "if-match": "*" }, holds: entry !== undefined };
      case 2:
        return { ...none, headers: { "if-none-match": "*" }, holds: entry === undefined };
      case 3:
        return { ...none, headers: { "if-none-match": tag }, holds: entry?.etag !== tag };
      default:
        return { ...none, headers: { "if-match": `"x", ${tag}` }, holds: entry?.etag === tag };
    }
  }

  async #put(key: string): Promise<void> {
    const value = this.#random.pick(VALUES);
    const before = this.#model.live(key, this.#nowMs);
    const ttl = this.#ttl();
    const { extra, headers, holds } = this.#condition(key);
    this.#note("PUT", key, value, ttl.extra, extra, headers);
    const query = ttl.extra + extra + this.#history();
    const { status, body } = await this.#kv.put(key, value, query, headers);
    expect(status).toBe(holds ? 200 : 412);
    if (!holds) {
      if (extra === "") expect(body["current_etag"]).toBe(before?.etag ?? null);
      return;
    }
    const { created, etag, size } = body as unknown as Written;
    expect({ created, size }).toEqual({
      created: before === undefined,
      size: Buffer.byteLength(value),
    });
    const type = isJson(value) ? "application/json" : "text/plain";
    this.#model.store(key, this.#nowMs, { value, type, expireAtMs: ttl.expireAtMs, etag });
  }

  #randomChange(key: string): Change {
    const random = this.#random;
    const op = random.pick(["set", "incr", "decr", "push", "push", "pop", "remove", "delete"]);
    let path = random.pick(["", "n", "m", "m.n", "l", "m.l"]);
    // Left to chance, elements would seldom be taken from where there are any.
    if ((op === "pop" || op === "remove") && random.chance(0.8))
      path = ["", "n", "l", "m.l"].find((each) => this.#model.hasArray(key, each)) ?? path;
    switch (op) {
      case "set":
        return { op: "set", path, value: random.pick<unknown>([random.below(100), ...ELEMENTS]) };
      case "incr":
        return { op: "incr", path, delta: 1 + random.below(5) };
      case "decr":
        return { op: "decr", path, delta: 1 + random.below(5) };
      case "push":
        return { op: "push", path, value: random.pick(ELEMENTS) };
      case "pop":
        return { op: "pop", path };
      case "remove":
        return random.chance(0.4)
          ? { op: "remove", path, index: random.below(4) }
          : { op: "remove", path, wanted: random.pick(WANTED) };
      default:
        return { op: "delete", path: "" };
    }
  }

  /** One change by its own route. */
  async #change(key: string): Promise<void> {
    const random = this.#randomChange(key);
    // A whole value is set by #put.
    const change = random.op === "set" && random.path === "" ? { ...random, path: "n" } : random;
    const condition = this.#condition(key);
    const before = this.#model.live(key, this.#nowMs);
    const ttl = change.op === "set" ? this.#ttl() : { extra: "", expireAtMs: null };
    this.#note(key, change, condition, ttl.extra);
    const path = change.path === "" ? "" : `&path=${change.path}`;
    const extra = path + ttl.extra + condition.extra + this.#history();
    const { status, body } = await this.#request(key, change, extra, condition.headers);
    if (!condition.holds) {
      expect(status).toBe(412);
      return;
    }
    const expected = changed(before?.value, change);
    expect(status).toBe(expected.status);
    if ("value" in expected)
      this.#apply(key, change, expected.value, String(body["etag"]), ttl.expireAtMs);
    if ("value" in expected && (change.op === "pop" || change.op === "remove"))
      expect(body[change.op === "pop" ? "value" : "removed"]).toEqual(expected.told);
  }

  #request(key: string, change: Change, extra: string, headers: object): Promise<KvAnswer> {
    switch (change.op) {
      case "set":
        return this.#kv.put(key, JSON.stringify(change.value), extra, headers);
      case "delete":
        return this.#kv.delete(key, extra, headers);
      case "incr":
      case "decr":
        return this.#kv.verb(change.op, key, `${extra}&delta=${change.delta}`, undefined, headers);
      case "push":
        return this.#kv.verb("push", key, extra, JSON.stringify(change.value), headers);
      case "pop":
        return this.#kv.verb("pop", key, extra, undefined, headers);
      default:
        return "index" in change
          ? this.#kv.verb("remove", key, `${extra}&index=${change.index}`, "{}", headers)
          : this.#kv.verb("remove", key, extra, JSON.stringify({ value: change.wanted }), headers);
    }
  }

  /** A change that happened: what is there keeps its type, and its time to live without another. */
  #apply(
    key: string,
    change: Change,
    value: string | null,
    etag: string,
    expireAtMs: number | null,
  ): void {
    if (value === null) {
      this.#model.delete(key);
      return;
    }
    const before = this.#model.live(key, this.#nowMs);
    const bare = change.path === "" && (change.op === "incr" || change.op === "decr");
    this.#model.store(key, this.#nowMs, {
      value,
      type: before?.type ?? (bare ? "text/plain" : "application/json"),
      expireAtMs: expireAtMs ?? before?.expireAtMs ?? null,
      etag,
    });
  }

  async #timeToLive(key: string): Promise<void> {
    const entry = this.#model.live(key, this.#nowMs);
    const { extra, headers, holds } = this.#condition(key);
    const persist = this.#random.chance(0.5);
    const ttlMs = 1 + this.#random.below(40);
    this.#note(persist ? "persist" : "expire", key, ttlMs, headers, extra);
    const { status, body } = persist
      ? await this.#kv.verb("persist", key, extra, undefined, headers)
      : await this.#kv.verb("expire", key, `&ttl=${ttlMs}ms${extra}`, undefined, headers);
    if (entry === undefined || !holds) {
      expect(status).toBe(holds ? 404 : 412);
      return;
    }
    expect(status).toBe(200);
    const etag = String(body["etag"]);
    if (!persist) this.#model.expire(key, this.#nowMs + ttlMs, etag);
    else if (entry.expireAtMs !== null) this.#model.expire(key, null, etag);
    else expect(etag).toBe(entry.etag);
  }

  /** Tags for an entry of a batch, and whether they hold. */
  #entryCondition(key: string): { members: object; holds: boolean } {
    const entry = this.#model.live(key, this.#nowMs);
    if (this.#random.chance(0.7)) return { members: {}, holds: true };
    const tag = this.#tag(key);
    return this.#random.pick<{ members: object; holds: boolean }>([
      { members: { if_match: tag }, holds: entry?.etag === tag },
      { members: { if_none_match: tag }, holds: entry?.etag !== tag },
      { members: { if_none_match: "*" }, holds: entry === undefined },
    ]);
  }

  #some<Item>(make: (key: string) => Item): Item[] {
    return Array.from({ length: 1 + this.#random.below(4) }, () => make(this.#random.pick(KEYS)));
  }

  async #batchSet(): Promise<void> {
    const verbatim = this.#random.chance(0.5);
    const entries = this.#some((key) => {
      const value = this.#random.pick(VALUES);
      const { ttl, expireAtMs } = this.#ttlInBody();
      const condition = this.#entryCondition(key);
      const entry = { key, value, ...(ttl && { ttl }), ...condition.members };
      return { key, value, expireAtMs, entry, holds: condition.holds };
    });
    const request = { [verbatim ? "items" : "batch"]: entries.map(({ entry }) => entry) };
    this.#note("batch/set", request);
    const { status, body } = await this.#kv.post("batch/set", request, this.#history());
    const failed = entries.filter(({ holds }) => !holds);
    if (failed.length > 0) {
      expect({ status, failed: body["failed"] }).toEqual({
        status: 412,
        failed: failed.map(({ key }) => ({
          key,
          current_etag: this.#model.live(key, this.#nowMs)?.etag ?? null,
        })),
      });
      return;
    }
    expect(status).toBe(200);
    const items = body["items"] as Written[];
    for (const [at, { key, value, expireAtMs }] of entries.entries()) {
      const text = verbatim ? value : JSON.stringify(value);
      const type = isJson(text) ? "application/json" : "application/octet-stream";
      const etag = items[at]?.etag ?? "";
      this.#model.store(key, this.#nowMs, { value: text, type, expireAtMs, etag });
    }
  }

  async #batchDelete(): Promise<void> {
    const entries = this.#some((key) => ({ key, condition: this.#entryCondition(key) }));
    const items = entries.map(({ key, condition }) => ({ key, ...condition.members }));
    this.#note("batch/delete", items);
    const { status, body } = await this.#kv.post("batch/delete", { items }, this.#history());
    const holds = entries.every(({ condition }) => condition.holds);
    expect(status).toBe(holds ? 200 : 412);
    if (!holds) return;
    const there = entries.filter(({ key }) => this.#model.live(key, this.#nowMs) !== undefined);
    const keys = new Set(there.map(({ key }) => key));
    expect(body["deleted"]).toBe(keys.size);
    for (const key of keys) this.#model.delete(key);
  }

  async #atomic(): Promise<void> {
    const checks = this.#random.chance(0.4)
      ? this.#some((key) => {
          const entry = this.#model.live(key, this.#nowMs);
          const tag = this.#tag(key);
          const [check, holds] = this.#random.pick<[object, boolean]>([
            [{ exists: true }, entry !== undefined],
            [{ exists: false }, entry === undefined],
            [{ etag: null }, entry === undefined],
            [{ etag: tag }, entry?.etag === tag],
          ]);
          return { check: { key, ...check }, holds };
        })
      : [];
    const mutations = this.#some((key) => {
      const change = this.#randomChange(key);
      const { ttl, expireAtMs } =
        change.op === "set" ? this.#ttlInBody() : { ttl: undefined, expireAtMs: null };
      return { key, change, ttl, expireAtMs };
    });
    const request = {
      checks: checks.map(({ check }) => check),
      mutations: mutations.map(({ key, change, ttl }) => {
        const wanted = "wanted" in change ? { value: change.wanted } : {};
        return { key, ...change, ...wanted, ...(ttl && { ttl }) };
      }),
    };
    this.#note("atomic", request);
    const { status, body } = await this.#kv.post("atomic", request, this.#history());
    if (checks.some(({ holds }) => !holds)) {
      expect({ status, failed: (body["failed"] as unknown[]).length }).toEqual({
        status: 409,
        failed: checks.filter(({ holds }) => !holds).length,
      });
      return;
    }
    // The values as the mutations before left them.
    const values = new Map<string, string | undefined>();
    const valueNow = (key: string) =>
      values.has(key) ? values.get(key) : this.#model.live(key, this.#nowMs)?.value;
    const made: (string | null)[] = [];
    for (const [at, { key, change }] of mutations.entries()) {
      const result = changed(valueNow(key), change);
      if (!("value" in result)) {
        expect({ status, mutation: body["mutation"] }).toEqual({
          status: result.status,
          mutation: at,
        });
        return;
      }
      values.set(key, result.value ?? undefined);
      made.push(result.value);
    }
    expect(status).toBe(200);
    const results = body["results"] as Written[];
    for (const [at, { key, change, expireAtMs }] of mutations.entries()) {
      const etag = results[at]?.etag ?? "";
      const value = made[at] ?? null;
      if (change.op === "set" && change.path === "" && value !== null)
        this.#model.store(key, this.#nowMs, { value, type: "application/json", expireAtMs, etag });
      else this.#apply(key, change, value, etag, expireAtMs);
    }
  }

  async #deletePrefix(): Promise<void> {
    const prefix = this.#random.pick(["a", "a%", "B", "none", "\ud7ff"]);
    const confirm = this.#random.chance(0.5);
    this.#note("DELETE prefix", prefix, confirm);
    const { body } = await this.#server.json(
      `/kv?db=t&prefix=${escaped(prefix)}${confirm ? "&confirm=yes" : ""}${this.#history()}`,
      { method: "DELETE" },
    );
    const keys = this.#model.keys(this.#nowMs).filter((key) => key.startsWith(prefix));
    expect(body[confirm ? "deleted" : "would_delete"]).toBe(keys.length);
    if (confirm) for (const key of keys) this.#model.delete(key);
  }

  #moveClock(): void {
    // Mostly a little; sometimes past what a body's whole seconds can say.
    this.#server.clock.advance(this.#random.chance(0.1) ? 1000 : 1 + this.#random.below(15));
    this.#note("clock");
  }

  async #list(): Promise<void> {
    const random = this.#random;
    const some = <Item>(make: () => Item) => (random.chance(0.3) ? make() : null);
    const filters = {
      prefix: random.pick(PREFIXES),
      suffix: some(() => random.pick(["b", "%", "_", "é", ""])),
      contains: some(() => random.pick(["/", "%", "a", " "])),
      start: some(() => random.pick(KEYS)),
      end: some(() => random.pick(KEYS)),
      after: some(() => random.pick(KEYS)),
      reverse: random.chance(0.3) ? "true" : null,
      values: random.chance(0.3) ? "true" : null,
      limit: String(1 + random.below(6)),
    };
    const { prefix, suffix, contains, start, end, after, reverse, limit } = filters;
    const offset = after === null ? random.below(3) : 0;
    this.#note("list", filters, offset);
    const extra = Object.entries(filters)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => `&${name}=${escaped(value ?? "")}`)
      .join("");
    const { body } = await this.#kv.list(`${extra}&offset=${offset}`);
    const compare = (a: string, b: string) => byBytes(a, b) * (reverse === null ? 1 : -1);
    const matching = this.#model
      .keys(this.#nowMs)
      .filter(
        (key) =>
          key.startsWith(prefix) &&
          (suffix === null || key.endsWith(suffix)) &&
          (contains === null || key.includes(contains)) &&
          (start === null || byBytes(key, start) >= 0) &&
          (end === null || byBytes(key, end) < 0) &&
          (after === null || compare(key, after) > 0),
      )
      .sort(compare);
    const page = matching.slice(offset, offset + Number(limit));
    expect({ keys: body["keys"], more: body["has_more"] }).toEqual({
      keys: page,
      more: matching.length > offset + page.length,
    });
  }

  /** Compares one key, with everything that GET tells. */
  async #check(key: string): Promise<void> {
    const entry = this.#model.live(key, this.#nowMs);
    const got = await this.#kv.get(key);
    const outcome = { status: got.status, body: await got.text() };
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

  /** Compares all keys, one by one, in a list and in a batch. */
  async checkAll(): Promise<void> {
    for (const key of KEYS) await this.#check(key);
    const keys = this.#model.keys(this.#nowMs);
    const { body } = await this.#kv.list();
    const items = body["items"] as { key: string; size: number; etag: string }[];
    expect(items.map(({ key, size, etag }) => ({ key, size, etag }))).toEqual(
      keys.map((key) => {
        const entry = this.#model.live(key, this.#nowMs);
        return { key, size: Buffer.byteLength(entry?.value ?? ""), etag: entry?.etag ?? "" };
      }),
    );
    const got = await this.#kv.post("batch/get", { keys: KEYS });
    const there = Object.entries(got.body["results"] as object).filter(([, one]) => one !== null);
    expect(there.map(([key, { etag }]) => [key, etag]).sort()).toEqual(
      keys.map((key) => [key, this.#model.live(key, this.#nowMs)?.etag]).sort(),
    );
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
