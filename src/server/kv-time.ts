/** Time travel of keys and tables: contracts/hoody.md 1.17 to 1.22. One handler a route. */

import { ApiError, invalidParameter } from "../errors.ts";
import { difference } from "../kv/diff.ts";
import { keyHistory, valueAfter } from "../kv/key-history.ts";
import { tableAt } from "../kv/moment.ts";
import { tableMoments } from "../kv/moments.ts";
import { type KeyTarget, rollBackKey, rollBackTable } from "../kv/rollback.ts";
import { kvTable } from "../kv/table.ts";
import {
  DEFAULT_HISTORY_ENTRIES,
  MAX_HISTORY_ENTRIES,
  MAX_LIST_KEYS,
  MAX_ROLLBACK_KEYS,
  MAX_SNAPSHOT_KEYS,
} from "../limits.ts";
import { readText } from "./body.ts";
import { refuseConditions } from "./conditions.ts";
import { refuseIdempotency } from "./idempotency.ts";
import { jsonAnswer, parseKeepingDigits, valueMembers } from "./json-body.ts";
import { keyOf } from "./json-members.ts";
import type { KvCall, KvHandler } from "./kv-call.ts";
import * as parameters from "./kv-time.parameters.ts";
import { changeText, entryText, gapMembers, isGap, named, rfc3339 } from "./kv-time-answer.ts";
import { momentOf, momentSeconds, nowOf, requiredMoment } from "./moment.ts";
import { prefix, table } from "./parameters.ts";

/** A request to read something about one key. */
export interface KeyCall extends KvCall {
  readonly key: string;
}

/** `GET /kv/KEY/…` */
export const KEY_PAST: Readonly<Record<string, KvHandler<KeyCall>>> = {
  async history(call) {
    const limit = Math.min(
      parameters.historyLimit.read(call.query) || DEFAULT_HISTORY_ENTRIES,
      MAX_HISTORY_ENTRIES,
    );
    const beforeNumber = parameters.before.read(call.query);
    if (beforeNumber !== null && beforeNumber < 1)
      throw invalidParameter("before", "must be at least 1");
    const of = kvTable(await call.database("read"), table.read(call.query));
    const { entries, nextBefore, isPruned } = await keyHistory(
      of,
      call.key,
      { limit, before: beforeNumber },
      call.context.nowMs,
    );
    return jsonAnswer(
      {
        success: true,
        key: call.key,
        table: of.relation.name,
        count: entries.length,
        limit,
        has_more: nextBefore !== null,
        next_before: nextBefore,
        has_gaps: entries.some(isGap),
        pruned: isPruned,
      },
      { operations: `[${entries.map(entryText).join(",")}]` },
    );
  },

  async snapshot(call) {
    const number = parameters.opNumber.read(call.query);
    if (number === null) throw invalidParameter("op_number", "is missing");
    if (number < 1) throw invalidParameter("op_number", "must be at least 1");
    const of = kvTable(await call.database("read"), table.read(call.query));
    const found = await valueAfter(of, call.key, number);
    return jsonAnswer(
      { success: true, key: call.key, op_number: number, content_type: found.contentType },
      valueMembers(found.value, found.isJson),
    );
  },
};

/** `POST /kv/KEY/rollback` */
export async function rollbackKey(call: KeyCall): Promise<string> {
  refuseConditions(call.request);
  refuseIdempotency(call.request);
  const target = keyTarget(call);
  const of = kvTable(await call.database("write"), table.read(call.query));
  const { undone, etag } = await rollBackKey(of, call.key, target, call.context);
  return jsonAnswer({
    success: true,
    status: "ok",
    key: call.key,
    rolled_back: undone,
    ...(etag === null ? { deleted: true } : { etag }),
  });
}

function keyTarget({ query, context }: KeyCall): KeyTarget {
  const number = parameters.toOpNumber.read(query);
  const moment = momentOf(parameters.toTimestampOfKey, query, context.nowMs);
  const given = [query.get("steps") || undefined, number ?? undefined, moment ?? undefined];
  if (given.filter((each) => each !== undefined).length > 1)
    throw invalidParameter("steps", "to_op_number and to_timestamp exclude each other");
  if (moment !== null) return { moment };
  if (number === null) return { steps: parameters.steps.read(query) };
  if (number < 1) throw invalidParameter("to_op_number", "must be at least 1");
  return { opNumber: number };
}

/** `GET /kv/…`, by the route below it. */
export const TABLE_PAST: Readonly<Record<string, KvHandler>> = {
  async snapshot(call) {
    const { query, context } = call;
    const moment = requiredMoment(parameters.snapshotTime, query, context.nowMs);
    const asked = parameters.snapshotLimit.read(query);
    const limit = asked === 0 ? MAX_SNAPSHOT_KEYS : Math.min(asked, MAX_LIST_KEYS);
    const range = {
      prefix: prefix.read(query),
      suffix: null,
      contains: null,
    };
    const of = kvTable(await call.database("read"), table.read(query));
    const past = await tableAt(of, { ...range, offset: 0, limit, values: true }, moment);
    const items = past.keys.map((entry) =>
      jsonAnswer(
        { key: entry.key, content_type: entry.contentType, op_number: entry.opNumber ?? 0 },
        valueMembers(entry.value ?? "", entry.isJson),
      ),
    );
    return jsonAnswer(
      {
        success: true,
        timestamp: momentSeconds(moment),
        snapshot_time: rfc3339(moment.ms),
        count: past.keys.length,
        total_keys_at_snapshot: past.total,
        ...gapMembers(past.gapKeys),
        candidate_truncated: asked === 0 && past.total > limit,
      },
      { keys: `[${items.join(",")}]` },
    );
  },

  async moments({ query, context, database }) {
    const { nowMs } = context;
    const present = { ms: nowMs, isNow: true, nowMs };
    const moment = momentOf(parameters.atTimestamp, query, nowMs) ?? present;
    const count = parameters.buckets.read(query);
    const of = kvTable(await database("read"), table.read(query));
    const found = await tableMoments(of, moment, count);
    return jsonAnswer({
      success: true,
      table: of.relation.name,
      first_ms: found.firstMs,
      last_ms: found.lastMs,
      horizon_ms: found.horizonMs,
      at_ms: found.atMs,
      previous_ms: found.previousMs,
      next_ms: found.nextMs,
      operations: found.operations,
      total: found.total,
      buckets: found.buckets.map(({ fromMs, toMs, operations }) => ({
        from_ms: fromMs,
        to_ms: toMs,
        operations,
      })),
    });
  },

  async diff(call) {
    const { query, context } = call;
    const earlier = requiredMoment(parameters.from, query, context.nowMs);
    const later = momentOf(parameters.to, query, context.nowMs) ?? nowOf(context.nowMs);
    if (earlier.ms >= later.ms) throw invalidParameter("from", "must be before to");
    const only = parameters.keys.read(query);
    const wanted =
      only === undefined || only === ""
        ? null
        : [...new Set(only.split(","))].map((key) => keyOf(key, "keys"));
    if (wanted !== null && wanted.length > MAX_ROLLBACK_KEYS) throw tooManyKeys("keys");
    const of = kvTable(await call.database("read"), table.read(query));
    const found = await difference(of, earlier, later, wanted);
    const count = (change: string) => found.changes.filter((each) => each.change === change).length;
    return jsonAnswer(
      {
        success: true,
        from_timestamp: momentSeconds(earlier),
        to_timestamp: momentSeconds(later),
        stats: {
          created: count("created"),
          modified: count("modified"),
          deleted: count("deleted"),
          unchanged: found.unchanged,
          total_changes: found.changes.length,
        },
        ...gapMembers(found.gapKeys),
        candidate_truncated: found.isTruncated,
      },
      { changes: `[${found.changes.map(changeText).join(",")}]` },
    );
  },
};

/** `POST /kv/rollback` */
export async function rollbackTable(call: KvCall): Promise<string> {
  const { query, context } = call;
  const moment = requiredMoment(parameters.toTimestamp, query, context.nowMs);
  const apply =
    parameters.confirm.read(query)?.toLowerCase() === "yes" && !parameters.dryRun.read(query);
  const choice = await keyChoice(call);
  const of = kvTable(await call.database("write"), table.read(query));
  const startedMs = performance.now();
  const done = await rollBackTable(of, moment, choice, apply, context);
  const changed = new Set(done.changes.map(({ key }) => key));
  const untouched = (choice.keys ?? []).filter(
    (key) => !changed.has(key) && !done.gapKeys.includes(key) && !choice.exclude?.includes(key),
  );
  if (apply)
    return jsonAnswer({
      success: true,
      status: "ok",
      to_timestamp: momentSeconds(moment),
      rolled_back: done.rolledBack,
      deleted: done.deleted,
      restored: done.restored,
      total_operations_reversed: done.undone,
      untouched_keys: untouched,
      duration_ms: Math.round(performance.now() - startedMs),
    });
  const total = done.rolledBack + done.deleted + done.restored;
  const preview = jsonAnswer(
    {
      total_keys: done.keys,
      keys_to_rollback: done.rolledBack,
      keys_to_delete: done.deleted,
      keys_to_restore: done.restored,
      operations_to_reverse: done.undone,
      untouched_keys: untouched,
      ...gapMembers(done.gapKeys),
      discovery_truncated: total > done.changes.length,
    },
    {
      changes: `[${done.changes
        .map(({ key, action, undone, current, wanted }) =>
          jsonAnswer(
            {
              key,
              action,
              operations_to_undo: undone,
              ...(action === "delete" ? { reason: "the key did not exist then" } : {}),
              ...(current === null ? {} : { current_content_type: current.contentType }),
              ...(wanted === null ? {} : { rollback_content_type: wanted.contentType }),
            },
            { ...named("current", current), ...named("rollback", wanted) },
          ),
        )
        .join(",")}]`,
    },
  );
  return jsonAnswer(
    {
      success: true,
      dry_run: true,
      to_timestamp: momentSeconds(moment),
      message: "Nothing was changed: add confirm=yes to apply",
    },
    { preview },
  );
}

async function keyChoice(call: KvCall) {
  const text = await readText(call.request, call.maxBodyBytes);
  if (text.trim() === "") return { keys: null, exclude: null };
  const body = parseKeepingDigits(text);
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw invalidParameter("body", "must be a JSON object");
  const { keys: only, exclude_keys: exclude } = body as Record<string, unknown>;
  return { keys: keyList(only, "keys"), exclude: keyList(exclude, "exclude_keys") };
}

/** An empty list is the same as none (contract 1.22). */
function keyList(json: unknown, name: string): string[] | null {
  if (json === undefined || json === null) return null;
  if (!Array.isArray(json)) throw invalidParameter(name, "must be an array of keys");
  if (json.length > MAX_ROLLBACK_KEYS) throw tooManyKeys(name);
  const list = [...new Set(json.map((key, at) => keyOf(key, `${name}[${at}]`)))];
  return list.length === 0 ? null : list;
}

function tooManyKeys(name: string): ApiError {
  return new ApiError("PAYLOAD_TOO_LARGE", `${name} has more than ${MAX_ROLLBACK_KEYS} keys`);
}
