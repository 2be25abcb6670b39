/** Changes as answers and as server-sent events. */
import type { Change } from "../kv/changes.ts";
import { jsonAnswer, valueMembers } from "./json-body.ts";
import { toSeconds } from "./kv-answer.ts";

/** One event (contracts/hoody.md 1.32). */
export function changeText(change: Change, table: string, withValue: boolean): string {
  const hasValue = change.op === "set" || change.op === "ttl";
  return jsonAnswer(
    {
      cursor: change.seq,
      seq: change.seq,
      ts: toSeconds(change.atMs),
      ts_ms: change.atMs,
      table,
      key: change.key,
      op: change.op,
      operation: change.operation,
      ...(change.etag === null ? {} : { etag: change.etag }),
      ...(change.contentType === null ? {} : { content_type: change.contentType }),
      expire_at: change.expireAtMs === null ? null : toSeconds(change.expireAtMs),
      ...(withValue && hasValue && change.value === null ? { value_omitted: true } : {}),
    },
    change.value === null ? {} : valueMembers(change.value, change.isJson),
  );
}

/**
 * The text of one event. JSON has no line breaks, so its data is one line.
 * @param data JSON text, or what is to become it
 * @param place what `id` says where it is not the event's own cursor
 */
export function serverSentEvent(
  event: string,
  cursor: number | undefined,
  data: object | string,
  place: number | undefined = cursor,
): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  const id = place === undefined ? "" : `id: ${place}\n`;
  return `event: ${event}\n${id}data: ${text.replaceAll(/[\r\n]+/g, " ")}\n\n`;
}
