/** What follows a key in a path: counters, arrays, time to live. One handler a verb. */
import { invalidParameter } from "../errors.ts";
import {
  addNumber,
  type ElementChoice,
  type ElementTaken,
  popElement,
  pushElement,
  removeElement,
} from "../kv/change.ts";
import { type KvTable, kvTable } from "../kv/table.ts";
import { expireKey, persistKey } from "../kv/write.ts";
import { type Conditions, type KeyOperation, perform } from "../kv/write-plan.ts";
import { readText } from "./body.ts";
import { jsonAnswer, parseKeepingDigits } from "./json-body.ts";
import type { KvCall, KvHandler } from "./kv-call.ts";
import { rollbackKey } from "./kv-time.ts";
import { delta, optionalInteger, path, table, ttl } from "./parameters.ts";

/** A request to change one key. */
export interface VerbCall extends KvCall {
  readonly key: string;
  readonly conditions: Conditions;
}

export const index = optionalInteger("index", "Position of the element, from 0.");

const count =
  (sign: 1n | -1n): KvHandler<VerbCall> =>
  async (call) => {
    const at = path.read(call.query);
    const amount = sign * delta.read(call.query);
    const sum = await performOn(call, (to) =>
      addNumber(to, call.key, amount, at, call.context, call.conditions),
    );
    return jsonAnswer(
      { ...ok(call), ...pathMember(call), etag: sum.etag },
      { value: sum.valueText, previous: sum.previousText },
    );
  };

/** Handlers by verb (contracts/hoody.md 1.12 to 1.16, 1.32). */
export const KEY_VERBS: Readonly<Record<string, KvHandler<VerbCall>>> = {
  incr: count(1n),
  decr: count(-1n),

  async push(call) {
    const at = path.read(call.query);
    const body = await readText(call.request, call.maxBodyBytes);
    const { length, etag } = await performOn(call, (to) =>
      pushElement(to, call.key, body, at, call.context, call.conditions),
    );
    return jsonAnswer({ ...ok(call), ...pathMember(call), length, newLength: length, etag });
  },

  async pop(call) {
    const at = path.read(call.query);
    const taken = await performOn(call, (to) =>
      popElement(to, call.key, at, call.context, call.conditions),
    );
    return elementAnswer(call, "value", taken);
  },

  async remove(call) {
    const at = path.read(call.query);
    const choice = await chosenElement(call);
    const taken = await performOn(call, (to) =>
      removeElement(to, call.key, choice, at, call.context, call.conditions),
    );
    return elementAnswer(call, "removed", taken);
  },

  async expire(call) {
    const ttlMs = ttl.read(call.query);
    if (ttlMs === null) throw invalidParameter("ttl", "is missing: the time to live, more than 0");
    const { etag, expireAtMs } = await performOn(call, (to) =>
      expireKey(to, call.key, call.context.nowMs + ttlMs, call.conditions, call.context),
    );
    return jsonAnswer({ ...ok(call), expire_at: Math.floor(Number(expireAtMs) / 1000), etag });
  },

  rollback(call) {
    return rollbackKey(call);
  },

  async persist(call) {
    const { etag } = await performOn(call, (to) =>
      persistKey(to, call.key, call.conditions, call.context),
    );
    return jsonAnswer({ ...ok(call), expire_at: null, etag });
  },
};

async function performOn<Result>(
  call: VerbCall,
  operation: (to: KvTable) => KeyOperation<Result>,
): Promise<Result> {
  const to = kvTable(await call.database("write"), table.read(call.query));
  return perform(to, operation(to), call.context);
}

function ok({ key }: VerbCall) {
  return { success: true, status: "ok", key };
}

function pathMember({ query }: VerbCall) {
  const at = path.read(query);
  return at === null ? {} : { path: at.text };
}

function elementAnswer(call: VerbCall, name: string, taken: ElementTaken): string {
  const { length, etag, elementText } = taken;
  return jsonAnswer(
    { ...ok(call), ...pathMember(call), length, newLength: length, etag },
    { [name]: elementText },
  );
}

/** `index` wins over the body, which may then be anything. */
async function chosenElement(call: VerbCall): Promise<ElementChoice> {
  const position = index.read(call.query);
  if (position !== null) return { index: position };
  const body = await readText(call.request, call.maxBodyBytes);
  const wanted = body.trim() === "" ? undefined : memberText(body);
  if (wanted === undefined)
    throw invalidParameter("body", 'must be {"value": …} where index is not given');
  return { wanted };
}

/** The member `value` of a JSON object, as text: digits and all. */
function memberText(body: string): string | undefined {
  const json = parseKeepingDigits(body);
  if (typeof json !== "object" || json === null || !Object.hasOwn(json, "value")) return undefined;
  return JSON.stringify((json as { value: unknown }).value);
}
