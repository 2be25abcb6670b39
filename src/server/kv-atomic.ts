/** `POST /kv/atomic`: checks and changes of many keys in one transaction, all or nothing. */
import { ApiError, invalidParameter } from "../errors.ts";
import {
  addNumber,
  type ElementChoice,
  popElement,
  pushElement,
  removeElement,
  setMember,
} from "../kv/change.ts";
import { type JsonPath, parseJsonPath } from "../kv/json-path.ts";
import { type KvTable, kvTable } from "../kv/table.ts";
import { checkValueSize, textToStored, valueType } from "../kv/value.ts";
import { deleteKey, putValue } from "../kv/write.ts";
import {
  type Conditions,
  checkConditions,
  type KeyOperation,
  NO_CONDITIONS,
  performAll,
  type WriteContext,
} from "../kv/write-plan.ts";
import { MAX_DELTA } from "../limits.ts";
import { etagsOf } from "./conditions.ts";
import { jsonAnswer, readJsonObject } from "./json-body.ts";
import { entriesOf, keyOf, type Members, objectOf, valueIn } from "./json-members.ts";
import type { KvCall } from "./kv-call.ts";
import { parseTtlSeconds, table } from "./parameters.ts";

/** One mutation as the body has it, checked; made for a table when that is known. */
type Mutation = (to: KvTable, context: WriteContext) => KeyOperation<string>;

/**
 * Answers with JSON text: `results`, one per mutation.
 * @throws ApiError CONFLICT with `failed` checks, or the error of a mutation with its index
 */
export async function atomic(call: KvCall): Promise<string> {
  const body = await readJsonObject(call.request, call.maxBodyBytes);
  const checks = entriesOf(body["checks"] ?? [], "checks", 0).map(checkOf);
  const mutations = entriesOf(body["mutations"] ?? [], "mutations").map((json, at) =>
    mutationOf(json, `mutations[${at}]`, call.context),
  );
  const to = kvTable(await call.database("write"), table.read(call.query));
  const failedChecks = (failed: object[]) =>
    new ApiError("CONFLICT", "A check does not hold", { fields: { failed } });
  const operations: KeyOperation<string | undefined>[] = [
    checkConditions(to, checks, call.context, failedChecks),
    ...mutations.map((mutation) => mutation(to, call.context)),
  ];
  const [, ...results] = await performAll(to, operations, call.context, locate);
  return jsonAnswer({ success: true, status: "ok" }, { results: `[${results.join(",")}]` });
}

/** Names the mutation in its error; operation 0 are the checks. */
function locate(error: ApiError, operation: number): ApiError {
  if (operation === 0) return error;
  const fields = { ...error.details.fields, mutation: operation - 1 };
  return new ApiError(error.kind, error.message, { ...error.details, fields });
}

/** `{key, etag}`, where null means that the key must be absent; or `{key, exists}`. */
function checkOf(json: unknown, at: number): { key: string; conditions: Conditions } {
  const what = `checks[${at}]`;
  const members = objectOf(json, what);
  const { etag, exists } = members;
  const key = keyOf(members["key"], `${what}.key`);
  if (etag !== undefined && exists === undefined)
    return {
      key,
      conditions:
        etag === null
          ? { ...NO_CONDITIONS, ifNoneEtags: "*" }
          : { ...NO_CONDITIONS, ifEtags: etagsOf(`${what}.etag`, etag) },
    };
  if (typeof exists !== "boolean" || etag !== undefined)
    throw invalidParameter(what, "needs either etag (null: absent) or exists (true or false)");
  return {
    key,
    conditions: exists
      ? { ...NO_CONDITIONS, ifEtags: "*" }
      : { ...NO_CONDITIONS, ifNoneEtags: "*" },
  };
}

function mutationOf(json: unknown, what: string, context: WriteContext): Mutation {
  const members = objectOf(json, what);
  const key = keyOf(members["key"], `${what}.key`);
  const op = members["op"];
  const path = pathOf(members, what);
  const done = (more: Members, texts: Record<string, string> = {}) =>
    jsonAnswer({ op, key, ...(path === null ? {} : { path: path.text }), ...more }, texts);
  switch (op) {
    case "set":
      return setOf(members, what, key, path, context, done);
    case "delete":
      return (to, by) =>
        mapped(deleteKey(to, key, NO_CONDITIONS, by), ({ etag }) => done({ deleted: true, etag }));
    case "incr":
    case "decr": {
      const amount = amountOf(members, what);
      return (to, by) =>
        mapped(addNumber(to, key, op === "incr" ? amount : -amount, path, by), (sum) =>
          done({ etag: sum.etag }, { value: sum.valueText, previous: sum.previousText }),
        );
    }
    case "push": {
      const element = valueIn(members, what);
      // In its wrapper an element is taken as it is, whatever it looks like.
      const body = `{"value":${JSON.stringify(element)}}`;
      return (to, by) =>
        mapped(pushElement(to, key, body, path, by), ({ etag, length }) => done({ etag, length }));
    }
    case "pop":
      return (to, by) =>
        mapped(popElement(to, key, path, by), ({ etag, length, elementText }) =>
          done({ etag, length }, { value: elementText }),
        );
    case "remove": {
      const choice = choiceOf(members, what);
      return (to, by) =>
        mapped(removeElement(to, key, choice, path, by), ({ etag, length, elementText }) =>
          done({ etag, length }, { removed: elementText }),
        );
    }
    default:
      throw invalidParameter(`${what}.op`, "must be set, delete, incr, decr, push, pop or remove");
  }
}

function setOf(
  members: Members,
  what: string,
  key: string,
  path: JsonPath | null,
  context: WriteContext,
  done: (more: Members) => string,
): Mutation {
  const text = JSON.stringify(valueIn(members, what));
  checkValueSize(text, context.maxValueBytes, `${what}.value`);
  const ttlMs = parseTtlSeconds(members["ttl"], `${what}.ttl`);
  const expireAtMs = ttlMs === null ? null : context.nowMs + ttlMs;
  const conditions = NO_CONDITIONS;
  return (to, by) => {
    const value = textToStored(text);
    const type = valueType("application/json", value);
    const operation =
      path === null
        ? putValue(to, key, { value, type, expireAtMs, conditions }, by)
        : setMember(to, key, path, { leaf: text, expireAtMs, conditions }, by);
    return mapped(operation, ({ etag, created, sizeBytes }) =>
      done({ created, size: sizeBytes, etag }),
    );
  };
}

function mapped<From, To>(
  operation: KeyOperation<From>,
  map: (result: From) => To,
): KeyOperation<To> {
  return {
    ...operation,
    outcome: (rows) => map(operation.outcome(rows)),
    explain: (rows) => operation.explain(rows),
  };
}

function pathOf(members: Members, what: string): JsonPath | null {
  const { path } = members;
  if (path === undefined || path === null || path === "") return null;
  if (typeof path !== "string") throw invalidParameter(`${what}.path`, "must be a string");
  return parseJsonPath(path);
}

function amountOf(members: Members, what: string): bigint {
  const text = JSON.stringify(members["delta"] ?? 1);
  const amount = /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
  if (amount <= 0n || amount > MAX_DELTA)
    throw invalidParameter(`${what}.delta`, "must be a positive integer of up to 64 bits");
  return amount;
}

function choiceOf(members: Members, what: string): ElementChoice {
  const { index } = members;
  if (index === undefined || index === null)
    return { wanted: JSON.stringify(valueIn(members, what)) };
  if (!Number.isSafeInteger(index))
    throw invalidParameter(`${what}.index`, "must be a whole number");
  return { index: index as number };
}
