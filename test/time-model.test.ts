/** Random operations, and every way to look at the past, against a model that kept all of it. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { momentParams } from "../src/kv/moment.ts";
import { kvRelation } from "../src/kv/relation.ts";
import { ABOVE_ALL_KEYS } from "../src/kv/table.ts";
import { timeStatements } from "../src/kv/time-statements.ts";
import { escaped, type KvCalls, kvCalls } from "./support/kv.ts";
import { byBytes, type Change, changed, isJson } from "./support/kv-model.ts";
import { type Random, randomFrom } from "./support/random.ts";
import { startTestServer, type TestServer } from "./support/server.ts";
import {
  type At,
  exists,
  isKnown,
  isSame,
  type Operation,
  type Rollback,
  type State,
  TimeModel,
} from "./support/time-model.ts";

const STEPS = 700;
const SEEDS = process.env["SEED"]?.split(",").map(Number) ?? [1, 2, 3, 4];

/** No timer of the server fires by itself within the test: `#sweep` wakes it. */
const MIN_TTL_MS = 120_000;
const LONG_AGO_MS = 10 * 86_400_000;
const KEYS = ["a", "ab", "abc", "b", "b/1", "é", "𝄞"] as const;
const PREFIXES = ["", "a", "ab", "b", "𝄞", "none"] as const;
const VALUES = ["1", "2", "text", '{"n":1}', '{"n":2,"l":[]}', "[1]", ""] as const;
const ELEMENTS: [unknown, ...unknown[]] = [1, "x", { id: 1 }];

/** A moment as a request names it: what it says, and its last millisecond; null for the present. */
interface Asked {
  text: string;
  ms: number | null;
}

/** A value as answers tell it. */
function told(state: State, prefix = ""): Record<string, unknown> {
  return isJson(state.value)
    ? { [`${prefix}value`]: JSON.parse(state.value) }
    : {
        [`${prefix}value`]: state.value,
        [`${prefix}value_base64`]: Buffer.from(state.value).toString("base64"),
      };
}

class Run {
  readonly #server: TestServer;
  readonly #kv: KvCalls;
  readonly #random: Random;
  readonly #model = new TimeModel();
  readonly log: string[] = [];
  #cursor = 0;
  #ticks = 0;
  #alarms = 0;

  constructor(server: TestServer, random: Random) {
    this.#server = server;
    this.#kv = kvCalls(server);
    this.#random = random;
  }

  get #nowMs(): number {
    return this.#server.clock.nowMs();
  }

  #note(...what: unknown[]): void {
    this.log.push(`${JSON.stringify(what)} @${this.#nowMs}`);
  }

  /** All that the model knows, for whoever looks into a failure. */
  dump(): string {
    return this.#model.keys.map((key) => Bun.inspect({ key, ...this.#model.past(key) })).join("\n");
  }

  async step(): Promise<void> {
    const key = this.#random.pick(KEYS);
    const roll = this.#random.below(100);
    if (roll < 14) await this.#put(key);
    else if (roll < 34) await this.#change(key);
    else if (roll < 39) await this.#timeToLive(key);
    else if (roll < 44) await this.#batch();
    else if (roll < 46) await this.#deletePrefix();
    else if (roll < 49) await this.#unseen(key);
    else if (roll < 58) await this.#rollbackKey(key);
    else if (roll < 62) await this.#rollbackTable();
    else if (roll < 64) await this.#sweep();
    else if (roll < 66) await this.#prune();
    else this.#moveClock();
    await this.#follow();
    await this.#look(key);
  }

  // ── what happens ─────────────────────────────────────────────────────────────────────────────
  #moveClock(): void {
    const random = this.#random;
    const ms = random.pick([1, 1, 7, 400, 1000, 60_000]) * (1 + random.below(3));
    this.#server.clock.advance(random.chance(0.12) ? -ms : ms);
  }

  #ttl(): { extra: string; expireAtMs: number | null } {
    if (!this.#random.chance(0.3)) return { extra: "", expireAtMs: null };
    const ttlMs = MIN_TTL_MS + this.#random.below(50_000);
    return { extra: `&ttl=${ttlMs}ms`, expireAtMs: this.#nowMs + ttlMs };
  }

  #tracked(): boolean {
    return !this.#random.chance(0.12);
  }

  #history = (tracked: boolean) => (tracked ? "" : "&history=false");

  #state(key: string, value: string, type: string, expireAtMs: number | null): State {
    const createdAtMs = this.#model.live(key, this.#nowMs)?.createdAtMs ?? this.#nowMs;
    return { value, type, createdAtMs, expireAtMs };
  }

  async #put(key: string): Promise<void> {
    const value = this.#random.pick(VALUES);
    const tracked = this.#tracked();
    const { extra, expireAtMs } = this.#ttl();
    this.#note("put", key, value, expireAtMs, tracked);
    const etag = await this.#kv.set(key, value, extra + this.#history(tracked));
    const type = isJson(value) ? "application/json" : "text/plain";
    const state = this.#state(key, value, type, expireAtMs);
    this.#wrote(this.#model.write(key, this.#nowMs, { op: "SET", state, tracked }), etag);
  }

  /** The timer may have swept before: `#follow` will tell. */
  readonly #etags: [Operation, string][] = [];
  #wrote(operation: Operation, etag: unknown): void {
    this.#etags.push([operation, String(etag)]);
  }

  async #change(key: string): Promise<void> {
    const random = this.#random;
    const op = random.pick(["set", "incr", "decr", "push", "push", "pop", "remove", "delete"]);
    const path = random.pick(["", "n", "l", "m.n"]);
    const by = { path, delta: 1 + random.below(5), value: random.pick(ELEMENTS), index: 0 };
    const change = { op, ...by, ...(op === "set" && path === "" ? { path: "n" } : {}) } as Change;
    const tracked = this.#tracked();
    this.#note(key, change, tracked);
    const at = change.path === "" || op === "delete" ? "" : `&path=${change.path}`;
    const extra = at + this.#history(tracked);
    const before = this.#model.live(key, this.#nowMs);
    const expected = changed(before?.value, { ...change, ...(op === "delete" && { path: "" }) });
    const { status, body } =
      op === "set"
        ? await this.#kv.put(key, JSON.stringify(by.value), extra)
        : op === "delete"
          ? await this.#kv.delete(key, extra)
          : op === "remove"
            ? await this.#kv.verb(op, key, `${extra}&index=0`, "{}")
            : op === "push"
              ? await this.#kv.verb(op, key, extra, JSON.stringify({ value: by.value }))
              : await this.#kv.verb(op, key, `${extra}&delta=${by.delta}`);
    expect({ status, body }).toMatchObject({ status: expected.status });
    if (!("value" in expected)) return;
    const isCount = op === "incr" || op === "decr";
    const bare = isCount && change.path === "";
    const type = before?.type ?? (bare ? "text/plain" : "application/json");
    const value = expected.value;
    const state = value === null ? null : this.#state(key, value, type, before?.expireAtMs ?? null);
    const operation = this.#model.write(
      key,
      this.#nowMs,
      {
        op: op.toUpperCase(),
        state,
        tracked,
        path: op === "delete" || change.path === "" ? null : change.path,
        delta: !isCount ? null : op === "incr" ? by.delta : -by.delta,
      },
      true,
    );
    if (state !== null) this.#wrote(operation, body["etag"]);
  }

  async #timeToLive(key: string): Promise<void> {
    const entry = this.#model.live(key, this.#nowMs);
    const ttlMs = MIN_TTL_MS + this.#random.below(50_000);
    const verb = this.#random.pick(["expire", "persist"]);
    this.#note(verb, key, ttlMs);
    const { status, body } = await this.#kv.verb(verb, key, `&ttl=${ttlMs}ms`);
    expect(status).toBe(entry === null ? 404 : 200);
    if (entry === null || (verb === "persist" && entry.expireAtMs === null)) return;
    const expireAtMs = verb === "expire" ? this.#nowMs + ttlMs : null;
    const state = { ...entry, expireAtMs };
    this.#wrote(
      this.#model.write(key, this.#nowMs, { op: "TTL", state, tracked: true }),
      body["etag"],
    );
  }

  /** Several keys in one transaction, at one time. */
  async #batch(): Promise<void> {
    const random = this.#random;
    const tracked = this.#tracked();
    const keys = Array.from({ length: 1 + random.below(4) }, () => random.pick(KEYS));
    const entries = keys.map((key) => ({ key, value: random.pick(VALUES) }));
    const kind = random.pick(["set", "delete", "atomic"]);
    this.#note("batch", kind, entries, tracked);
    const history = this.#history(tracked);
    if (kind === "delete") {
      const { body } = await this.#kv.post("batch/delete", { keys }, history);
      const there = [...new Set(keys)].filter((key) => this.#model.live(key, this.#nowMs) !== null);
      expect(body["deleted"]).toBe(there.length);
      for (const key of there)
        this.#model.write(key, this.#nowMs, { op: "DELETE", state: null, tracked });
      return;
    }
    if (kind === "set") {
      const { status } = await this.#kv.post("batch/set", { items: entries }, history);
      expect(status).toBe(200);
    } else {
      const mutations = entries.map(({ key, value }) => ({ op: "set", key, value: { v: value } }));
      expect(await this.#kv.post("atomic", { mutations }, history)).toMatchObject({ status: 200 });
    }
    for (const { key, value } of entries) {
      const text = kind === "set" ? value : JSON.stringify({ v: value });
      const type = isJson(text) ? "application/json" : "application/octet-stream";
      const state = this.#state(key, text, type, null);
      this.#model.write(key, this.#nowMs, { op: "SET", state, tracked });
    }
  }

  async #deletePrefix(): Promise<void> {
    const prefix = this.#random.pick(["ab", "b", "none"]);
    const tracked = this.#tracked();
    this.#note("delete prefix", prefix, tracked);
    const { body } = await this.#server.json(
      `/kv?db=t&prefix=${prefix}&confirm=yes${this.#history(tracked)}`,
      { method: "DELETE" },
    );
    const there = this.#model.keys.filter(
      (key) => key.startsWith(prefix) && this.#model.live(key, this.#nowMs) !== null,
    );
    expect(body["deleted"]).toBe(there.length);
    for (const key of there)
      this.#model.write(key, this.#nowMs, { op: "DELETE", state: null, tracked });
  }

  /** Another program, past the server. What it writes was never there before. */
  async #unseen(key: string): Promise<void> {
    if (this.#model.lastSeq === 0) return;
    const { row } = this.#model.past(key);
    this.#ticks += 1;
    const value = JSON.stringify({ sql: this.#ticks });
    const literal = `'${value}'`;
    const name = `'${key}'`;
    const isDelete = row !== null && this.#random.chance(0.4);
    this.#note("sql", key, isDelete ? "delete" : value);
    using database = new Database(this.#server.folder.file("t.db"));
    database.run("pragma busy_timeout = 5000");
    if (isDelete) database.run(`delete from kv_store where key = ${name}`);
    else if (row === null)
      database.run(`insert into kv_store (key, value) values (${name}, ${literal})`);
    else database.run(`update kv_store set value = ${literal} where key = ${name}`);
    this.#model.writeUnseen(key, isDelete ? null : { value });
  }

  /**
   * A key of another table that expires at once wakes the timer, which looks at all tables. Written in
   * the past, because the timer sleeps until the earliest time it knows of, and the clock has jumped.
   */
  async #sweep(): Promise<void> {
    if (this.#model.lastSeq === 0) return;
    const due = (ms: number) => this.#model.keys.filter((key) => this.#model.isDue(key, ms));
    // It goes to sleep until what is due next; that must be longer than this test.
    while (due(this.#nowMs + MIN_TTL_MS / 2).length > due(this.#nowMs).length)
      this.#server.clock.advance(MIN_TTL_MS / 2);
    const gone = due(this.#nowMs);
    this.#note("sweep", gone);
    this.#server.clock.advance(-LONG_AGO_MS);
    await this.#kv.set("x", "x", "&table=alarm&ttl=1ms");
    this.#server.clock.advance(LONG_AGO_MS);
    const expiries = async (query: string) => {
      const { body } = await this.#server.json(`/changes?db=t&limit=1000&${query}`);
      return (body["events"] as { op: string }[]).filter(({ op }) => op === "expire").length;
    };
    this.#alarms += 1;
    for (let attempt = 0; attempt < 2000; attempt += 1) {
      // The other table comes last, so then the timer sleeps again.
      if ((await expiries("table=alarm")) === this.#alarms) {
        expect(await expiries(`since=${this.#cursor}`)).toBe(gone.length);
        await Bun.sleep(5); // It looks once more, and goes to sleep by the clock as it is then.
        return;
      }
      await Bun.sleep(1);
    }
    throw new Error("the timer removed nothing");
  }

  async #rollbackKey(key: string): Promise<void> {
    const model = this.#model;
    const random = this.#random;
    const { operations } = model.past(key);
    const last = operations.at(-1);
    let extra: string;
    let back: Rollback | null = null;
    let status = 404;
    const kind = random.below(3);
    if (kind === 0) {
      const steps = 1 + random.below(4);
      extra = `&steps=${steps}`;
      back = model.backBySteps(key, steps, this.#nowMs);
    } else if (kind === 1) {
      const number = 1 + random.below((last?.number ?? 0) + 1);
      extra = `&to_op_number=${number}`;
      const target = operations.find((operation) => operation.number === number);
      if (target === undefined) {
        const first = operations[0]?.number ?? 0;
        if (number < first) status = 410;
      } else if (target.op === "UNRECORDED") status = 409;
      else if (target !== last || !model.holds(key, this.#nowMs))
        back = model.backTo(key, target, false, this.#nowMs);
    } else {
      const asked = this.#moment();
      extra = `&to_timestamp=${asked.text}`;
      const target =
        operations.findLast(({ atMs }) => asked.ms === null || atMs <= asked.ms) ?? null;
      if (asked.ms !== null && model.horizonMs !== null && asked.ms < model.horizonMs) status = 410;
      else if (last !== undefined) {
        const at = model.at(key, asked.ms ?? Number.MAX_SAFE_INTEGER, this.#nowMs);
        if (at.verdict === "pruned") status = 410;
        else if (!isKnown(at)) status = 409;
        else if (last !== target) {
          const wanted = at.verdict === "recorded" ? target : null;
          const undone = last.number - (target?.number ?? 0);
          back = model.backTo(key, wanted, false, this.#nowMs);
          back = { ...back, undone, target: target?.number ?? 0 };
        }
      }
    }
    if (back !== null) status = back.isGap ? 409 : 200;
    this.#note("rollback", key, extra, status);
    const answer = await this.#kv.verb("rollback", key, extra);
    expect(answer).toMatchObject({ status });
    if (back === null || status !== 200) return;
    expect(answer.body).toMatchObject({ rolled_back: back.undone });
    model.applyRollback(back, this.#nowMs);
    if (back.state === null) expect(answer.body["deleted"]).toBeTrue();
  }

  async #rollbackTable(): Promise<void> {
    const model = this.#model;
    const random = this.#random;
    const asked = this.#moment();
    const some = () => (random.chance(0.5) ? undefined : KEYS.filter(() => random.chance(0.5)));
    const [keys, exclude] = [some(), random.chance(0.7) ? undefined : some()];
    const request = JSON.stringify({ keys, exclude_keys: exclude });
    const isApplied = random.chance(0.6);
    const isPruned = asked.ms !== null && model.horizonMs !== null && asked.ms < model.horizonMs;
    const chosen = model.keys.filter(
      (key) => (!keys?.length || keys.includes(key as never)) && !exclude?.includes(key as never),
    );
    const back = isPruned ? [] : model.backToMoment(asked.ms, chosen, this.#nowMs);
    const gaps = back.filter(({ isGap }) => isGap).map(({ key }) => key);
    const changes = back.filter(({ isGap, action }) => !isGap && action !== null);
    const status = isPruned ? 410 : isApplied && gaps.length > 0 ? 409 : 200;
    this.#note("rollback table", asked, request, isApplied, status, changes.length);
    const { status: got, body } = await this.#kv.post(
      "rollback",
      request,
      `&to_timestamp=${asked.text}${isApplied ? "&confirm=yes" : ""}`,
    );
    expect({ status: got, body }).toMatchObject({ status });
    if (status === 409) expect(body["gap_keys"]).toEqual(gaps);
    if (status !== 200) return;
    const count = (action: string) => changes.filter((each) => each.action === action).length;
    const undone = changes.reduce((sum, each) => sum + each.undone, 0);
    const untouched = [...new Set(keys ?? [])]
      .filter((key) => !changes.some((each) => each.key === key))
      .filter((key) => !exclude?.includes(key) && !gaps.includes(key));
    if (isApplied) {
      expect(body).toMatchObject({
        rolled_back: count("rollback"),
        deleted: count("delete"),
        restored: count("restore"),
        total_operations_reversed: undone,
        untouched_keys: untouched,
      });
      // All at one time.
      for (const change of changes) model.applyRollback(change, this.#nowMs);
      return;
    }
    const preview = body["preview"] as Record<string, unknown>;
    expect(preview).toMatchObject({
      total_keys: back.length,
      keys_to_rollback: count("rollback"),
      keys_to_delete: count("delete"),
      keys_to_restore: count("restore"),
      operations_to_reverse: undone,
      untouched_keys: untouched,
      has_gaps: gaps.length > 0,
      gap_keys: gaps,
    });
    expect(preview["changes"]).toEqual(
      changes.map((change) => {
        const live = model.live(change.key, this.#nowMs);
        return {
          key: change.key,
          action: change.action,
          operations_to_undo: change.undone,
          ...(change.action === "delete" && { reason: expect.any(String) }),
          ...(live && { current_content_type: live.type, ...told(live, "current_") }),
          ...(change.state && {
            rollback_content_type: change.state.type,
            ...told(change.state, "rollback_"),
          }),
        };
      }),
    );
  }

  async #prune(): Promise<void> {
    const random = this.#random;
    if (!random.chance(0.3)) return;
    const byAge = random.chance(0.6);
    const ageMs = 1000 * random.pick([1, 60, 600, 3600]);
    const maxOps = 1 + random.below(8);
    const request = byAge ? { retention: `${ageMs}ms` } : { max_ops: maxOps };
    this.#note("prune", request);
    const { status, body } = await this.#server.json("/maintenance?db=t", {
      method: "POST",
      body: JSON.stringify({ op: "prune_history", table: "kv_store", ...request }),
    });
    expect(status).toBe(200);
    const dropped = byAge
      ? this.#model.pruneAge(this.#nowMs - ageMs)
      : this.#model.pruneOps(maxOps);
    expect(body["dropped"]).toBe(dropped);
    this.#cursor = Math.max(this.#cursor, this.#model.prunedSeq);
  }

  // ── what is seen of it ───────────────────────────────────────────────────────────────────────
  /** Reads on in the changes, pages of any size, all keys or some, and sees the model's log. */
  async #follow(): Promise<void> {
    const model = this.#model;
    const random = this.#random;
    const limit = 1 + random.below(5);
    const prefix = random.pick(PREFIXES);
    for (;;) {
      const { status, body } = await this.#server.json(
        `/changes?db=t&include_values=true&limit=${limit}&since=${this.#cursor}`,
      );
      expect({ status, body }).toMatchObject({
        status: 200,
        body: { oldest_cursor: model.prunedSeq },
      });
      for (const event of body["events"] as Record<string, unknown>[]) {
        const seq = Number(event["seq"]);
        if (
          event["op"] === "expire" &&
          !model.log.some((each) => each.seq === seq && each.op === "EXPIRE")
        )
          this.#expired(event);
        const next = model.log.find((each) => each.seq > this.#cursor);
        expect<unknown>(event).toEqual(this.#eventText(next));
        this.#cursor = seq;
      }
      expect(body["next_cursor"]).toBe(this.#cursor);
      if (body["has_more"] === true) continue;
      expect(model.log.filter(({ seq }) => seq > this.#cursor)).toEqual([]);
      break;
    }
    for (const [operation, etag] of this.#etags.splice(0))
      if (model.past(operation.key).operations.includes(operation))
        expect(etag).toBe(`"${operation.seq.toString(36)}"`);
    if (!random.chance(0.1)) return;
    // From anywhere, with a prefix.
    const since = model.prunedSeq + random.below(this.#cursor - model.prunedSeq + 1);
    const page = await this.#server.json(
      `/changes?db=t&include_values=true&limit=${limit}&since=${since}&prefix=${escaped(prefix)}`,
    );
    const rows = model.log.filter(({ seq, key }) => seq > since && key.startsWith(prefix));
    expect(page.body["events"]).toEqual(rows.slice(0, limit).map((row) => this.#eventText(row)));
  }

  /** The timer may come at any time, and takes what is past its time then. */
  #expired(event: Record<string, unknown>): void {
    const told = { seq: Number(event["seq"]), atMs: Number(event["ts_ms"]) };
    const isDue = this.#model.isDue(String(event["key"]), this.#nowMs);
    expect({ event, isDue }).toMatchObject({ isDue: true });
    expect({ event, ...told }).toMatchObject(this.#model.expire(String(event["key"]), this.#nowMs));
  }

  #eventText(event: TimeModel["log"][number] | undefined): unknown {
    if (event === undefined) return undefined;
    const { state } = event;
    const isUnseen = event.op === "UNRECORDED";
    return {
      cursor: event.seq,
      seq: event.seq,
      ts: Math.floor(event.atMs / 1000),
      ts_ms: event.atMs,
      table: "kv_store",
      key: event.key,
      op:
        event.op === "EXPIRE"
          ? "expire"
          : state === null
            ? "delete"
            : event.op === "TTL"
              ? "ttl"
              : "set",
      operation: event.op,
      ...(state && { etag: `"${event.seq.toString(36)}"`, content_type: state.type }),
      expire_at: event.expireAtMs === null ? null : Math.floor(event.expireAtMs / 1000),
      ...(state && (isUnseen ? { value_omitted: true } : told(state))),
    };
  }

  /** Any moment so far, more often than not where something happened. */
  #moment(): Asked {
    const random = this.#random;
    const nowMs = this.#nowMs;
    const { log } = this.#model;
    let ms = nowMs - random.below(200_000);
    const event = log[random.below(Math.max(log.length, 1))];
    if (event !== undefined && random.chance(0.7)) ms = event.atMs - 1 + random.below(3);
    if (random.chance(0.1)) ms = nowMs;
    ms = Math.min(ms, nowMs);
    const kind = random.below(3);
    if (kind === 0) {
      const seconds = Math.floor(ms / 1000);
      const end = seconds * 1000 + 999;
      return { text: String(seconds), ms: end >= nowMs ? null : end };
    }
    const text = kind === 1 ? String(ms) : new Date(ms).toISOString();
    return { text, ms: ms >= nowMs ? null : ms };
  }

  async #look(key: string): Promise<void> {
    const roll = this.#random.below(100);
    await this.#lookAt(key, this.#moment());
    if (roll < 25) await this.#lookBack(key);
    else if (roll < 40) await this.#snapshotOf(key);
    else if (roll < 50) await this.#table(this.#moment());
    else if (roll < 55) await this.#sql(this.#moment());
    else if (roll < 65) await this.#diff();
    else if (roll < 80)
      expect(await this.#now(key)).toEqual(this.#model.live(key, this.#nowMs)?.value);
  }

  async #now(key: string): Promise<string | undefined> {
    const response = await this.#kv.get(key);
    const text = await response.text();
    return response.status === 200 ? text : undefined;
  }

  /** Whether all of then was dropped. */
  #isPruned({ ms }: Asked): boolean {
    const { horizonMs } = this.#model;
    return ms !== null && horizonMs !== null && ms < horizonMs;
  }

  #at(key: string, { ms }: Asked): At {
    const at = this.#model.at(key, ms, this.#nowMs);
    if (ms !== null && isKnown(at))
      expect({ key, at, isTrue: this.#model.isTrue(key, ms, at.state) }).toMatchObject({
        isTrue: true,
      });
    return at;
  }

  async #lookAt(key: string, asked: Asked): Promise<void> {
    const response = await this.#kv.get(key, `&at_timestamp=${asked.text}`);
    const text = await response.text();
    const at = this.#at(key, asked);
    const seen = {
      key,
      asked,
      status: response.status,
      code: response.headers.get("x-error-code"),
      op: response.headers.get("x-op-number"),
    };
    const op = at.opNumber === null ? null : String(at.opNumber);
    const expected = this.#isPruned(asked)
      ? { status: 410, code: "HISTORY_PRUNED", op: null }
      : {
          recorded: { status: 200, code: null, op },
          current: { status: 200, code: null, op },
          absent: { status: 404, code: "KEY_NOT_FOUND", op },
          expired: { status: 404, code: "KEY_EXPIRED", op },
          gap: { status: 409, code: "TIME_TRAVEL_CHAIN_GAP", op },
          pruned: { status: 410, code: "HISTORY_PRUNED", op },
        }[at.verdict];
    expect({ ...seen, verdict: at.verdict }).toEqual({
      key,
      asked,
      verdict: at.verdict,
      ...expected,
    });
    if (response.status === 200) expect(text).toBe(at.state?.value ?? "none");
  }

  /** The list and the snapshot of then. */
  async #table(asked: Asked): Promise<void> {
    const prefix = this.#random.pick(PREFIXES);
    const limit = this.#random.pick([0, 1, 3, 100]);
    const offset = this.#random.below(3);
    const query = `&prefix=${escaped(prefix)}&limit=${limit}`;
    const states = this.#model.keys
      .filter((key) => key.startsWith(prefix))
      .map((key) => ({ key, at: this.#at(key, asked) }));
    const there = states.filter(({ at }) => exists(at));
    const gapKeys = states.filter(({ at }) => !isKnown(at)).map(({ key }) => key);
    const shown = there.slice(0, limit === 0 ? undefined : limit);
    const snapshot = await this.#server.json(`/kv/snapshot?db=t&timestamp=${asked.text}${query}`);
    const list = await this.#kv.list(`&at_timestamp=${asked.text}&offset=${offset}${query}`);
    if (this.#isPruned(asked)) {
      expect([snapshot.status, list.status]).toEqual([410, 410]);
      return;
    }
    expect({ asked, query, ...snapshot.body }).toMatchObject({
      keys: shown.map(({ key, at }) => ({
        key,
        content_type: at.state?.type,
        op_number: at.opNumber ?? 0,
        ...(at.state && told(at.state)),
      })),
      count: shown.length,
      total_keys_at_snapshot: there.length,
      has_gaps: gapKeys.length > 0,
      gap_keys: gapKeys,
    });
    const page = there.slice(offset, limit === 0 ? undefined : offset + limit);
    expect({ asked, query, offset, ...list.body }).toMatchObject({
      keys: page.map(({ key }) => key),
      items: page.map(({ key, at }) => ({
        key,
        content_type: at.state?.type,
        existed_at_timestamp: true,
        op_number: at.opNumber ?? 0,
        size_estimate: Buffer.byteLength(at.state?.value ?? ""),
      })),
      total: there.length,
      gap_keys: gapKeys,
    });
  }

  /** The whole table to SQL, and a part of it. */
  async #sql(asked: Asked): Promise<void> {
    if (this.#model.lastSeq === 0) return;
    const ask = (sql: string, more = "") =>
      this.#server.json(`/query?db=t&sql=${escaped(sql)}&at_timestamp=${asked.text}${more}`);
    const all = "select key, value, content_type, created_at_ms, expire_at_ms from kv_store";
    const { status, body } = await ask(all, "&allow_gaps=true");
    if (this.#isPruned(asked)) {
      expect({ status, body }).toMatchObject({ status: 410, body: { code: "HISTORY_PRUNED" } });
      return;
    }
    const states = this.#model.keys.map((key) => ({ key, at: this.#at(key, asked) }));
    const there = states.filter(({ at }) => exists(at));
    const gapKeys = states.filter(({ at }) => !isKnown(at)).map(({ key }) => key);
    expect({ asked, status, ...body }).toMatchObject({
      status: 200,
      resultSet: there.map(({ key, at: { state } }) => ({
        key,
        value: state?.value,
        content_type: state?.type,
        created_at_ms: state?.createdAtMs,
        expire_at_ms: state?.expireAtMs,
      })),
      rowCount: there.length,
      has_gaps: gapKeys.length > 0,
      gap_keys: gapKeys,
    });
    this.#fillsAgree(asked);
    const key = this.#random.pick(KEYS);
    const part = await ask(`select count(*) as n from kv_store where key >= '${key}'`);
    expect({ asked, key, ...part }).toMatchObject(
      gapKeys.length > 0
        ? { status: 409, body: { code: "TIME_TRAVEL_CHAIN_GAP", gap_keys: gapKeys } }
        : {
            status: 200,
            body: { resultSet: [{ n: there.filter((one) => byBytes(one.key, key) >= 0).length }] },
          },
    );
  }

  /** Which way the server goes depends on how many operations there are: the other must lead there too. */
  #fillsAgree({ ms }: Asked): void {
    using database = new Database(this.#server.folder.file("t.db"), { strict: true });
    const then = timeStatements(kvRelation()).asThen("states", "rows", [], ms === null);
    database.run(then.makeStates);
    const moment = momentParams({ ms: ms ?? 0, isNow: ms === null, nowMs: this.#nowMs });
    const range = { from: "", below: ABOVE_ALL_KEYS, suffix: null, contains: null };
    const [halved, scanned] = [
      [then.fillByHalving, { ...moment, ...range }] as const,
      [then.fillByScan, moment] as const,
    ].map(([fill, params]) => {
      database.prepare(fill).run(params);
      const rows = database.prepare("select * from temp.states").all();
      database.run("delete from temp.states");
      return rows;
    });
    expect(scanned).toEqual(halved);
  }

  async #diff(): Promise<void> {
    const model = this.#model;
    const random = this.#random;
    const [a, b] = [this.#moment(), this.#moment()];
    const end = (asked: Asked) => asked.ms ?? Number.MAX_SAFE_INTEGER;
    const [from, to] = end(a) < end(b) ? [a, b] : [b, a];
    if (end(from) === end(to) || from.ms === null) return;
    if (model.lastSeq === 0) return;
    const only = random.chance(0.3) ? KEYS.filter(() => random.chance(0.4)) : [];
    const { status, body } = await this.#server.json(
      `/kv/diff?db=t&from=${from.text}&to=${to.text}&keys=${only.map(escaped).join(",")}`,
    );
    if (this.#isPruned(from)) {
      expect(status).toBe(410);
      return;
    }
    const within = (op: Operation) => op.atMs > (from.ms ?? 0) && op.atMs <= end(to);
    const keys: string[] =
      only.length > 0
        ? [...only].sort(byBytes)
        : model.keys.filter((key) =>
            model
              .past(key)
              .operations.some(
                (op) =>
                  within(op) || (op.atMs > end(to) && op.sinceMs !== null && op.sinceMs <= end(to)),
              ),
          );
    const gapKeys: string[] = [];
    const changes: object[] = [];
    const stats = { created: 0, modified: 0, deleted: 0, unchanged: 0 };
    for (const key of keys) {
      const [before, after] = [this.#at(key, from), this.#at(key, to)];
      if (!isKnown(before) || !isKnown(after)) gapKeys.push(key);
      else if (isSame(before.state, after.state)) stats.unchanged += 1;
      else {
        const kind =
          before.state === null ? "created" : after.state === null ? "deleted" : "modified";
        stats[kind] += 1;
        const side = (name: string, state: State | null) =>
          state && { [`${name}_content_type`]: state.type, ...told(state, `${name}_`) };
        const expiry = (name: string, state: State | null) =>
          state?.expireAtMs != null && { [name]: Math.floor(state.expireAtMs / 1000) };
        changes.push({
          key,
          change_type: kind,
          ...side("from", before.state),
          ...side("to", after.state),
          ...expiry("old_expire_at", before.state),
          ...expiry("new_expire_at", after.state),
          ...(kind === "modified" && {
            operations_between: model
              .past(key)
              .operations.filter(within)
              .map((op) => ({
                op_number: op.number,
                operation: op.op,
                path: op.path ?? "",
                timestamp: Math.floor(op.atMs / 1000),
                delta: op.delta,
              })),
          }),
        });
      }
    }
    expect({ from, to, only, ...body }).toMatchObject({
      from,
      changes,
      stats: { ...stats, total_changes: changes.length },
      has_gaps: gapKeys.length > 0,
      gap_keys: gapKeys,
    });
    expect(body["changes"]).toEqual(changes);
  }

  /** All of a key's history, page by page. */
  async #lookBack(key: string): Promise<void> {
    const model = this.#model;
    const { operations } = model.past(key);
    const limit = 1 + this.#random.below(6);
    const seen: unknown[] = [];
    let before = "";
    for (let page = 0; page < 1000; page += 1) {
      const { body } = await this.#server.json<{
        operations: unknown[];
        next_before: number | null;
      }>(`/kv/${escaped(key)}/history?db=t&limit=${limit}${before}`);
      seen.push(...body.operations);
      if (body.next_before === null) {
        expect(body).toMatchObject({ pruned: (operations[0]?.number ?? 1) > 1, has_more: false });
        break;
      }
      before = `&before=${body.next_before}`;
    }
    const gap = (number: number | null, sinceMs: number, untilMs: number | null) => {
      const until = untilMs === null ? null : Math.floor(untilMs / 1000);
      const timestamp = Math.floor(sinceMs / 1000);
      return {
        op_number: number,
        timestamp,
        timestamp_ms: sinceMs,
        unrecorded_until: until,
        op: "UNRECORDED",
        operation: { op: "UNRECORDED", timestamp, unrecorded_until: until },
      };
    };
    const undone = model.undone(key);
    const expected = operations.flatMap((operation, index) => {
      const { number, atMs, op, state, sinceMs, target, path, delta } = operation;
      if (op === "UNRECORDED") return [gap(number, sinceMs ?? atMs, atMs)];
      const previous = operations[index - 1];
      const isKnownBefore =
        sinceMs === null &&
        (number === 1 || (previous !== undefined && previous.op !== "UNRECORDED"));
      const old = previous?.state ?? null;
      const found = old !== null && old.expireAtMs !== null && old.expireAtMs <= atMs ? null : old;
      const side = (name: string, value: State | null) => {
        if (value === null) return { [`${name}_value`]: null };
        const { value: plain, value_base64: raw } = told(value) as Record<string, unknown>;
        return {
          [`${name}_value`]: plain,
          ...(raw !== undefined && { [`raw_${name}_value`]: raw }),
        };
      };
      const values = { ...(isKnownBefore && side("old", found)), ...side("new", state) };
      const entry = {
        op_number: number,
        timestamp: Math.floor(atMs / 1000),
        timestamp_ms: atMs,
        op,
        ...(undone.has(number) && { undone: true }),
        actor: null,
        client_ip: null,
        ...values,
        ...(delta !== null && { delta }),
        operation: {
          op,
          path: path ?? "",
          delta,
          ...(!isKnownBefore && { old_value_known: false }),
          content_type: state?.type ?? null,
          expire_at: state?.expireAtMs == null ? null : Math.floor(state.expireAtMs / 1000),
          ...(target !== null && { target_op_number: target }),
          ...values,
        },
      };
      return sinceMs === null ? [entry] : [gap(null, sinceMs, atMs), entry];
    });
    const last = operations.at(-1);
    if (last !== undefined && !model.holds(key, this.#nowMs))
      expected.push(gap(null, last.atMs, null));
    expect(seen).toEqual(expected.reverse());
  }

  /** The value right after an operation. */
  async #snapshotOf(key: string): Promise<void> {
    const { operations } = this.#model.past(key);
    const number = 1 + this.#random.below((operations.at(-1)?.number ?? 0) + 1);
    const operation = operations.find((each) => each.number === number);
    const response = await this.#server.api(
      `/kv/${escaped(key)}/snapshot?db=t&op_number=${number}`,
    );
    const { status, headers } = response;
    const body = (await response.json()) as object;
    const seen = { key, number, status, code: headers.get("x-error-code") };
    const expectCode = (expectedStatus: number, code: string) =>
      expect(seen).toEqual({ key, number, status: expectedStatus, code });
    if (operation === undefined && number < (operations[0]?.number ?? 0))
      expectCode(410, "HISTORY_PRUNED");
    else if (operation === undefined) expectCode(404, "HISTORY_ENTRY_NOT_FOUND");
    else if (operation.op === "UNRECORDED") expectCode(409, "TIME_TRAVEL_CHAIN_GAP");
    else if (operation.state === null) expectCode(404, "KEY_NOT_FOUND");
    else
      expect<object>({ status, ...body }).toEqual({
        status: 200,
        success: true,
        key,
        op_number: number,
        content_type: operation.state.type,
        ...told(operation.state),
      });
  }
}

describe("time travel", () => {
  test.each(SEEDS)(
    `${STEPS} random operations, and all of the past is as it was: seed %d`,
    async (seed) => {
      await using server = await startTestServer();
      const run = new Run(server, randomFrom(seed));
      try {
        for (let step = 0; step < STEPS; step += 1) await run.step();
      } catch (error) {
        console.error(`seed ${seed}, the last operations:\n${run.log.slice(-30).join("\n")}`);
        if (process.env["SEED"] !== undefined) console.error(run.dump());
        throw error;
      }
    },
    120_000,
  );
});
