/** Batches of keys: contracts/hoody.md 1.9 to 1.11. */
import { invalidParameter } from "../errors.ts";
import { type DeleteOfMany, deleteMany, type PutOfMany, putMany } from "../kv/batch.ts";
import { getMany } from "../kv/read.ts";
import { kvTable } from "../kv/table.ts";
import { checkValueSize, textToStored, type ValueType, valueType } from "../kv/value.ts";
import { type Conditions, NO_CONDITIONS, type WriteContext } from "../kv/write-plan.ts";
import { etagsOf } from "./conditions.ts";
import { jsonAnswer, readJsonObject, valueMembers } from "./json-body.ts";
import { entriesOf, keyOf, type Members, objectOf, valueIn } from "./json-members.ts";
import type { KvHandler } from "./kv-call.ts";
import { parseTtlSeconds, table } from "./parameters.ts";

/** Handlers by the route below `kv/batch/`. */
export const BATCH = {
  async get(call) {
    const body = await readJsonObject(call.request, call.maxBodyBytes);
    const keys = entriesOf(body["keys"], "keys").map((key, at) => keyOf(key, `keys[${at}]`));
    const target = kvTable(await call.database("read"), table.read(call.query));
    const found = await getMany(target, keys, call.context.nowMs);
    const results = new Map<string, string>();
    const values = new Map<string, string>();
    for (const [at, key] of keys.entries()) {
      const entry = found[at];
      if (entry === null || entry === undefined) {
        results.set(key, "null");
        values.set(key, "null");
        continue;
      }
      const members = valueMembers(entry.value, entry.isJson);
      results.set(key, jsonAnswer({ content_type: entry.contentType, etag: entry.etag }, members));
      values.set(key, members["value"] ?? members["value_base64"] ?? "null");
    }
    return jsonAnswer(
      { success: true },
      { results: jsonAnswer({}, results), values: jsonAnswer({}, values) },
    );
  },

  async set(call) {
    const body = await readJsonObject(call.request, call.maxBodyBytes);
    const verbatim = body["items"] !== undefined;
    const name = verbatim ? "items" : "batch";
    const entries = entriesOf(body[name], name).map((entry, at) =>
      putOf(entry, `${name}[${at}]`, verbatim, call.context),
    );
    const target = kvTable(await call.database("write"), table.read(call.query));
    const etags = await putMany(target, entries, call.context);
    return jsonAnswer({
      success: true,
      status: "ok",
      count: entries.length,
      items: entries.map(({ key }, at) => ({ key, etag: etags[at] })),
    });
  },

  async delete(call) {
    const body = await readJsonObject(call.request, call.maxBodyBytes);
    const name = body["keys"] !== undefined ? "keys" : "items";
    const entries = entriesOf(body[name], name).map((entry, at): DeleteOfMany => {
      const what = `${name}[${at}]`;
      if (name === "keys") return { key: keyOf(entry, what), conditions: NO_CONDITIONS };
      const members = objectOf(entry, what);
      return { key: keyOf(members["key"], `${what}.key`), conditions: conditionsIn(members, what) };
    });
    const target = kvTable(await call.database("write"), table.read(call.query));
    const deleted = await deleteMany(target, entries, call.context);
    return jsonAnswer({ success: true, status: "ok", deleted });
  },
} satisfies Readonly<Record<string, KvHandler>>;

/**
 * One entry of batch/set (the table of 1.10). In `items` a string is the value's bytes; in `batch` it
 * is a JSON string. Everything else is its JSON text.
 */
function putOf(
  json: unknown,
  what: string,
  verbatim: boolean,
  { nowMs, maxValueBytes }: WriteContext,
): PutOfMany {
  const members = objectOf(json, what);
  const { content_type: contentType, ttl } = members;
  const value = valueIn(members, what);
  if (contentType !== undefined && contentType !== null && typeof contentType !== "string")
    throw invalidParameter(`${what}.content_type`, "must be a string");
  const ttlMs = parseTtlSeconds(ttl, `${what}.ttl`);
  const isText = verbatim && typeof value === "string";
  if (isText && !value.isWellFormed())
    throw invalidParameter(`${what}.value`, "has an unpaired surrogate, which no bytes can hold");
  const stored = textToStored(isText ? value : JSON.stringify(value));
  checkValueSize(stored, maxValueBytes, `${what}.value`);
  let type: ValueType;
  if (typeof contentType === "string")
    type = valueType(contentType, stored, `${what}.content_type`);
  else type = { type: null, jsonType: "application/json", otherType: "application/octet-stream" };
  return {
    key: keyOf(members["key"], `${what}.key`),
    value: stored,
    type,
    expireAtMs: ttlMs === null ? null : nowMs + ttlMs,
    conditions: conditionsIn(members, what),
  };
}

/** `if_match` and `if_none_match` of an entry: ETags, as the headers have them. */
function conditionsIn(members: Members, what: string): Conditions {
  const { if_match: wanted, if_none_match: refused } = members;
  if (wanted == null && refused == null) return NO_CONDITIONS;
  return {
    ifMatch: null,
    ifEtags: wanted == null ? null : etagsOf(`${what}.if_match`, wanted),
    ifNoneEtags: refused == null ? null : etagsOf(`${what}.if_none_match`, refused),
  };
}
