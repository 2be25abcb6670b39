/**
 * What time travel has to answer: every operation of every key in plain lists, and beside them every
 * state that there really was. The lists say what can be known; the states, that it is true.
 */
import { byBytes } from "./kv-model.ts";

export interface State {
  value: string;
  type: string;
  createdAtMs: number;
  expireAtMs: number | null;
}

/** A key's row as it is; `seq` of the operation that wrote it, 0 where SQL made it. */
interface Row extends State {
  seq: number;
  updatedAtMs: number;
}

export interface Operation {
  key: string;
  seq: number;
  number: number;
  atMs: number;
  op: string;
  path: string | null;
  delta: number | null;
  /** After it. */
  state: State | null;
  /** Since when nobody knows what happened to the key, until this operation. */
  sinceMs: number | null;
  target: number | null;
}

export interface Event {
  seq: number;
  key: string;
  atMs: number;
  op: string;
  state: State | null;
  expireAtMs: number | null;
}

export type Verdict = "recorded" | "current" | "absent" | "expired" | "gap" | "pruned";

/** A key at a moment. */
export interface At {
  verdict: Verdict;
  state: State | null;
  opNumber: number | null;
}

interface Past {
  operations: Operation[];
  row: Row | null;
  /** Every state that there was, by the log's time, whether or not anybody recorded it. */
  truth: { atMs: number; state: State | null }[];
  /** Times of which SQL that nobody saw makes the truth unsure: from, until. */
  murky: [number, number][];
}

export interface Write {
  op: string;
  state: State | null;
  tracked: boolean;
  path?: string | null;
  delta?: number | null;
}

export interface Rollback {
  key: string;
  action: "rollback" | "restore" | "delete" | null;
  undone: number;
  target: number;
  state: State | null;
  isGap: boolean;
}

const isPast = (expireAtMs: number | null, ms: number) => expireAtMs !== null && expireAtMs <= ms;
export const isKnown = ({ verdict }: At) => verdict !== "gap" && verdict !== "pruned";
export const exists = ({ verdict }: At) => verdict === "recorded" || verdict === "current";

export function isSame(a: State | null, b: State | null): boolean {
  if (a === null || b === null) return a === b;
  return a.value === b.value && a.type === b.type && a.expireAtMs === b.expireAtMs;
}

export class TimeModel {
  readonly #pasts = new Map<string, Past>();
  /** What the changes tell, oldest first. */
  log: Event[] = [];
  lastSeq = 0;
  /** Time of the newest row of the log. */
  lastAtMs = 0;
  horizonMs: number | null = null;
  prunedSeq = 0;

  past(key: string): Past {
    let past = this.#pasts.get(key);
    if (past === undefined) {
      past = { operations: [], row: null, truth: [], murky: [] };
      this.#pasts.set(key, past);
    }
    return past;
  }

  get keys(): string[] {
    return [...this.#pasts.keys()].sort(byBytes);
  }

  live(key: string, nowMs: number): Row | null {
    const { row } = this.past(key);
    return row === null || isPast(row.expireAtMs, nowMs) ? null : row;
  }

  /** Whether the key is as its last operation left it. What has expired may be gone. */
  holds(key: string, nowMs: number): boolean {
    const { operations, row } = this.past(key);
    const last = operations.at(-1);
    if (last === undefined || last.op === "UNRECORDED") return true;
    if (last.state === null || row === null)
      return row === null && (last.state === null || this.#isOver(last.state, nowMs));
    return row.seq === last.seq && isSame(row, last.state);
  }

  /** Whether it has ever been past its time: a clock that was set back does not bring it back. */
  #isOver({ expireAtMs }: State, nowMs: number): boolean {
    return isPast(expireAtMs, Math.max(nowMs, this.lastAtMs));
  }

  #stamp(nowMs: number): { seq: number; atMs: number } {
    this.lastSeq += 1;
    this.lastAtMs = Math.max(nowMs, this.lastAtMs);
    return { seq: this.lastSeq, atMs: this.lastAtMs };
  }

  /** @param isFresh whether an expired row was dropped before */
  write(key: string, nowMs: number, write: Write, isFresh = false): Operation {
    const past = this.past(key);
    const last = past.operations.at(-1);
    if (isFresh && past.row !== null && isPast(past.row.expireAtMs, nowMs)) past.row = null;
    const holds = this.holds(key, nowMs);
    const { seq, atMs } = this.#stamp(nowMs);
    let sinceMs: number | null;
    if (last === undefined) sinceMs = past.row === null ? (write.tracked ? null : atMs) : 0;
    else if (last.op === "UNRECORDED") sinceMs = write.tracked ? null : last.sinceMs;
    else if (holds) sinceMs = write.tracked ? null : atMs;
    else sinceMs = last.atMs;
    const isMore = !write.tracked && last?.op === "UNRECORDED";
    if (isMore) {
      past.operations.pop();
      this.log = this.log.filter((event) => event.seq !== last.seq);
    }
    const operation: Operation = {
      key,
      seq,
      number: (last?.number ?? 0) + (isMore ? 0 : 1),
      atMs,
      op: write.tracked ? write.op : "UNRECORDED",
      path: write.tracked ? (write.path ?? null) : null,
      delta: write.tracked ? (write.delta ?? null) : null,
      state: write.state,
      sinceMs,
      target: null,
    };
    this.#add(operation, nowMs);
    return operation;
  }

  #add(operation: Operation, nowMs: number): void {
    const { key, seq, atMs, op, state } = operation;
    const past = this.past(key);
    past.operations.push(operation);
    past.row = state === null ? null : { ...state, seq, updatedAtMs: nowMs };
    past.truth.push({ atMs, state });
    for (const time of past.murky) if (time[1] > atMs) time[1] = atMs;
    this.log.push({ seq, key, atMs, op, state, expireAtMs: state?.expireAtMs ?? null });
  }

  /** Somebody's own SQL: nobody is told. */
  writeUnseen(key: string, row: { value: string } | null): void {
    const past = this.past(key);
    past.murky.push([past.operations.at(-1)?.atMs ?? 0, Number.POSITIVE_INFINITY]);
    if (row === null) past.row = null;
    else if (past.row === null)
      past.row = {
        ...row,
        type: "text/plain",
        createdAtMs: 0,
        expireAtMs: null,
        seq: 0,
        updatedAtMs: 0,
      };
    else past.row = { ...past.row, ...row };
  }

  isDue(key: string, nowMs: number): boolean {
    return isPast(this.past(key).row?.expireAtMs ?? null, nowMs);
  }

  /** The timer removed a key. @returns its row in the log */
  expire(key: string, nowMs: number): { seq: number; atMs: number } {
    const past = this.past(key);
    const expireAtMs = past.row?.expireAtMs ?? null;
    past.row = null;
    const stamp = this.#stamp(nowMs);
    this.log.push({ ...stamp, key, op: "EXPIRE", state: null, expireAtMs });
    return stamp;
  }

  // ── what was ─────────────────────────────────────────────────────────────────────────────────
  /** @param ms null for the present */
  at(key: string, ms: number | null, nowMs: number): At {
    const { operations, row } = this.past(key);
    const index =
      ms === null ? operations.length - 1 : operations.findLastIndex((op) => op.atMs <= ms);
    const [p, n] = [operations[index], operations[index + 1]];
    const tell = (
      verdict: Verdict,
      state: State | null = null,
      opNumber: number | null = null,
    ) => ({
      verdict,
      state,
      opNumber,
    });
    const recorded = (): At => {
      if (p === undefined || p.state === null) return tell("absent");
      if (isPast(p.state.expireAtMs, ms ?? nowMs)) return tell("expired");
      return tell("recorded", p.state, p.number);
    };
    const current = (): At => {
      if (row === null) {
        const isOver =
          p?.state != null && isPast(p.state.expireAtMs, ms ?? Math.max(nowMs, this.lastAtMs));
        return tell(isOver ? "expired" : "absent");
      }
      if (isPast(row.expireAtMs, ms ?? nowMs)) return tell("expired");
      const isRecorded =
        p !== undefined && p.op !== "UNRECORDED" && p.seq === row.seq && isSame(row, p.state);
      return tell("current", row, isRecorded ? p.number : p === undefined ? null : 0);
    };
    if (n !== undefined) {
      if (p === undefined && n.number > 1) return tell("pruned");
      if (p?.op === "UNRECORDED" || (ms !== null && n.sinceMs !== null && n.sinceMs <= ms))
        return tell("gap");
      return recorded();
    }
    if (ms === null) return current();
    if (p === undefined) return row === null || row.updatedAtMs <= ms ? current() : tell("gap");
    if (p.op === "UNRECORDED" && row === null && p.state !== null)
      return tell(isPast(p.state.expireAtMs, ms) ? "expired" : "gap");
    if (p.op === "UNRECORDED") return row === null || row.seq === p.seq ? current() : tell("gap");
    return this.holds(key, nowMs) ? recorded() : tell("gap");
  }

  /** Whether a state that was told is what there really was. */
  isTrue(key: string, ms: number, told: State | null): boolean {
    const { truth, murky } = this.past(key);
    if (murky.some(([from, until]) => from <= ms && ms < until)) return true;
    const state = truth.findLast(({ atMs }) => atMs <= ms)?.state ?? null;
    return isSame(told, state === null || isPast(state.expireAtMs, ms) ? null : state);
  }

  // ── going back ───────────────────────────────────────────────────────────────────────────────
  /** Numbers of the operations in effect after an operation, oldest first; `null`: what was before is dropped. */
  #chain(key: string, number: number): (Operation | null)[] {
    const { operations } = this.past(key);
    if (number === 0) return [];
    const operation = operations.find((each) => each.number === number);
    if (operation === undefined) return [null];
    if (operation.target !== null) return this.#chain(key, operation.target);
    return [...this.#chain(key, number - 1), operation];
  }

  #last(key: string): Operation | undefined {
    return this.past(key).operations.at(-1);
  }

  /** Undoing the newest `steps` operations; null where there is nothing to undo. */
  backBySteps(key: string, steps: number, nowMs: number): Rollback | null {
    const last = this.#last(key);
    if (last === undefined) return null;
    const chain = this.#chain(key, last.number);
    const kept = [...chain];
    let undone = 0;
    let isGap = !this.holds(key, nowMs);
    while (undone < steps && kept.length > 0 && kept.at(-1) !== null) {
      const operation = kept.pop();
      undone += 1;
      isGap ||= operation?.sinceMs != null;
    }
    const target = kept.at(-1);
    isGap ||= target === null || target?.op === "UNRECORDED";
    if (undone === 0 && !isGap) return null;
    return this.#rollback(key, target ?? null, undone, isGap, nowMs);
  }

  /** Back to the state after an operation, or before all of them. */
  backTo(key: string, target: Operation | null, isGap: boolean, nowMs: number): Rollback {
    const undone = (this.#last(key)?.number ?? 0) - (target?.number ?? 0);
    return this.#rollback(key, target, undone, isGap, nowMs);
  }

  #rollback(
    key: string,
    target: Operation | null,
    undone: number,
    isGap: boolean,
    nowMs: number,
  ): Rollback {
    const then = target?.state ?? null;
    const state = then === null || isPast(then.expireAtMs, nowMs) ? null : then;
    const live = this.live(key, nowMs);
    const action =
      state === null
        ? live === null
          ? null
          : "delete"
        : live === null
          ? "restore"
          : isSame(live, state)
            ? null
            : "rollback";
    return { key, action, undone, target: target?.number ?? 0, state, isGap };
  }

  applyRollback({ key, state, target }: Rollback, nowMs: number, at = this.#stamp(nowMs)): void {
    const last = this.#last(key);
    const sinceMs = this.holds(key, nowMs) ? null : (last?.atMs ?? null);
    const operation = {
      key,
      ...at,
      number: (last?.number ?? 0) + 1,
      op: "ROLLBACK",
      path: null,
      delta: null,
    };
    this.#add({ ...operation, state, sinceMs, target }, nowMs);
  }

  /** What taking the table back does, of the keys with operations since; at most one can be a gap of its own. */
  backToMoment(ms: number | null, keys: readonly string[], nowMs: number): Rollback[] {
    return keys.flatMap((key) => {
      const { operations } = this.past(key);
      const last = operations.at(-1);
      if (ms === null || last === undefined || last.atMs <= ms) return [];
      const at = this.at(key, ms, nowMs);
      const target = operations.findLast((op) => op.atMs <= ms) ?? null;
      const since = operations.slice(target === null ? 0 : operations.indexOf(target) + 1);
      const isGap =
        !isKnown(at) || since.some((op) => op.sinceMs !== null) || !this.holds(key, nowMs);
      const back = this.backTo(key, target, isGap, nowMs);
      return [
        at.verdict === "recorded"
          ? back
          : { ...this.#rollback(key, null, back.undone, isGap, nowMs), target: back.target },
      ];
    });
  }

  /** Numbers of the operations that later rollbacks undid. */
  undone(key: string): Set<number> {
    const numbers = new Set<number>();
    const { operations } = this.past(key);
    let at = operations.at(-1)?.number ?? 0;
    while (at > 0) {
      const operation = operations.find(({ number }) => number === at);
      if (operation === undefined) break;
      const target = operation.target ?? at - 1;
      for (let number = target + 1; number < at; number += 1) numbers.add(number);
      at = target;
    }
    return numbers;
  }

  // ── forgetting ───────────────────────────────────────────────────────────────────────────────
  #drop(isDropped: (event: Event) => boolean): number {
    const dropped = this.log.filter(isDropped);
    if (dropped.length === 0) return 0;
    const seqs = new Set(dropped.map(({ seq }) => seq));
    this.log = this.log.filter(({ seq }) => !seqs.has(seq));
    for (const past of this.#pasts.values())
      past.operations = past.operations.filter(({ seq }) => !seqs.has(seq));
    this.prunedSeq = Math.max(this.prunedSeq, ...seqs);
    return dropped.length;
  }

  /** The newest row of all stays: what comes next counts on from it. */
  pruneAge(horizonMs: number): number {
    const bases = new Set<number>();
    for (const { operations } of this.#pasts.values()) {
      const base = operations.findLast(({ atMs }) => atMs <= horizonMs);
      if (base !== undefined) bases.add(base.seq);
    }
    const count = this.#drop(
      ({ seq, atMs }) => atMs <= horizonMs && !bases.has(seq) && seq !== this.lastSeq,
    );
    if (count > 0) this.horizonMs = Math.max(this.horizonMs ?? 0, horizonMs);
    return count;
  }

  pruneOps(maxOps: number): number {
    const kept = new Map<string, number>();
    for (const [key, { operations }] of this.#pasts)
      kept.set(key, (operations.at(-1)?.number ?? 0) - maxOps);
    const surplus = new Set<number>();
    for (const [key, { operations }] of this.#pasts)
      for (const { seq, number } of operations)
        if (number <= (kept.get(key) ?? 0)) surplus.add(seq);
    return this.#drop(({ seq }) => surplus.has(seq));
  }
}
