/** The past of keys and tables as JSON. */
import type { KeyDifference } from "../kv/diff.ts";
import type { Gap, RecordedOperation } from "../kv/key-history.ts";
import type { PastValue } from "../kv/moment.ts";
import type { StoredValue } from "../kv/value.ts";
import { jsonAnswer, valueMembers } from "./json-body.ts";
import { toSeconds } from "./kv-answer.ts";

/**
 * `GET /kv/KEY?at_timestamp=…` with `envelope=true`.
 * @param found what `valueAt` found
 */
export function pastEnvelope(key: string, seconds: number, found: PastValue): string {
  return jsonAnswer(
    {
      success: true,
      key,
      timestamp: seconds,
      content_type: found.contentType,
      ...(found.opNumber === null
        ? {}
        : { op_number: found.opNumber, op_timestamp: toSeconds(found.opAtMs ?? 0) }),
    },
    valueMembers(found.value, found.isJson),
  );
}

export function isGap(entry: RecordedOperation | Gap): entry is Gap {
  return entry.op === "UNRECORDED";
}

/** An entry of a key's history; also its members that other servers put at the top (1.17). */
export function entryText(entry: RecordedOperation | Gap): string {
  if (isGap(entry)) {
    const until = entry.untilMs === null ? null : toSeconds(entry.untilMs);
    return JSON.stringify({
      op_number: entry.opNumber,
      timestamp: toSeconds(entry.sinceMs),
      timestamp_ms: entry.sinceMs,
      unrecorded_until: until,
      op: entry.op,
      operation: { op: entry.op, timestamp: toSeconds(entry.sinceMs), unrecorded_until: until },
    });
  }
  const { op, before: found, after } = entry;
  const values = {
    ...(found === undefined ? {} : past("old", found)),
    ...past("new", after),
    ...(entry.delta === null ? {} : { delta: entry.delta }),
  };
  const operation = jsonAnswer(
    {
      op,
      path: entry.path ?? "",
      ...(entry.delta === null ? { delta: null } : {}),
      ...(found === undefined ? { old_value_known: false } : {}),
      content_type: after?.contentType ?? null,
      expire_at: after?.expireAtMs == null ? null : toSeconds(after.expireAtMs),
      ...(entry.targetOpNumber === null ? {} : { target_op_number: entry.targetOpNumber }),
    },
    values,
  );
  return jsonAnswer(
    {
      op_number: entry.opNumber,
      timestamp: toSeconds(entry.atMs),
      timestamp_ms: entry.atMs,
      op,
      ...(entry.undone ? { undone: true } : {}),
      actor: entry.actor,
      client_ip: entry.clientAddress,
    },
    { ...values, operation },
  );
}

/** `old_value` and `raw_old_value`, or the same with `new`; null where there was no key. */
function past(
  side: "old" | "new",
  state: { value: StoredValue; isJson: boolean } | null,
): Record<string, string> {
  if (state === null) return { [`${side}_value`]: "null" };
  const { value, value_base64: raw } = valueMembers(state.value, state.isJson);
  return {
    ...(value === undefined ? {} : { [`${side}_value`]: value }),
    ...(raw === undefined ? {} : { [`raw_${side}_value`]: raw }),
  };
}

/** `from_value` and `from_value_base64`, and the like. */
export function named(
  side: string,
  state: { value: StoredValue; isJson: boolean } | null,
): Record<string, string> {
  if (state === null) return {};
  const members = Object.entries(valueMembers(state.value, state.isJson));
  return Object.fromEntries(members.map(([name, text]) => [`${side}_${name}`, text]));
}

export function changeText(change: KeyDifference): string {
  const { from: before_, to: after } = change;
  const expiry = (name: string, ms: number | null | undefined) =>
    ms == null ? {} : { [name]: toSeconds(ms) };
  return jsonAnswer(
    {
      key: change.key,
      change_type: change.change,
      ...(before_ === null ? {} : { from_content_type: before_.contentType }),
      ...(after === null ? {} : { to_content_type: after.contentType }),
      ...expiry("old_expire_at", before_?.expireAtMs),
      ...expiry("new_expire_at", after?.expireAtMs),
    },
    {
      ...named("from", before_),
      ...named("to", after),
      ...(change.change === "modified"
        ? {
            operations_between: `[${change.operations
              .map(({ opNumber: number, op, path, atMs, delta }) =>
                jsonAnswer(
                  {
                    op_number: number,
                    operation: op,
                    path: path ?? "",
                    timestamp: toSeconds(atMs),
                    ...(delta === null ? { delta: null } : {}),
                  },
                  delta === null ? {} : { delta },
                ),
              )
              .join(",")}]`,
          }
        : {}),
    },
  );
}

export function gapMembers(gapKeys: readonly string[]) {
  return { has_gaps: gapKeys.length > 0, gap_keys: gapKeys };
}

export function rfc3339(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace(".000Z", "Z");
}
