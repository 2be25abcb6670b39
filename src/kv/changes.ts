/** What happened to a table's keys, in order, for those who follow. The history itself is the feed. */
import type { Row } from "../engine/plan.ts";
import { ApiError } from "../errors.ts";
import { MAX_CHANGE_VALUE_BYTES, MAX_SCANNED_CHANGES } from "../limits.ts";
import { prefixEnd } from "./read.ts";
import { ABOVE_ALL_KEYS, type KvTable } from "./table.ts";
import { type StoredValue, toEtag } from "./value.ts";

export interface Change {
  /** Its place in the feed; also what a cursor is. */
  seq: number;
  atMs: number;
  key: string;
  op: "set" | "ttl" | "delete" | "expire";
  /** The operation of the history, such as `INCR`. */
  operation: string;
  etag: string | null;
  contentType: string | null;
  expireAtMs: number | null;
  /** Null where it was not asked for, is too large, is not recorded, or is not there. */
  value: StoredValue | null;
  isJson: boolean;
}

export interface ChangePage {
  changes: Change[];
  /** Where the next page begins. */
  next: number;
  hasMore: boolean;
  /** The oldest cursor that misses nothing, and the newest there is. */
  oldest: number;
  newest: number;
}

/** @param since null for the present: only what comes */
export async function changesSince(
  table: KvTable,
  since: number | null,
  request: { prefix: string; limit: number; values: boolean },
): Promise<ChangePage> {
  const { changes, horizon, newest, scanned } = table.time;
  const params = {
    since: since ?? Number.MAX_SAFE_INTEGER,
    from: request.prefix,
    below: prefixEnd(request.prefix) ?? ABOVE_ALL_KEYS,
    limit: request.limit + 1,
    scan: MAX_SCANNED_CHANGES,
    values: request.values ? 1 : 0,
    max_bytes: MAX_CHANGE_VALUE_BYTES,
  };
  const [[pruned] = [], [last] = [], rows = [], [reach] = []] = await table.engine.read({
    relation: table.relation,
    steps: [horizon, newest, changes, scanned].map((statement) => ({ statement, params })),
  });
  const oldestSeq = Number(pruned?.["pruned_seq"] ?? 0);
  const newestSeq = Number(last?.["seq"] ?? 0);
  const page = { oldest: oldestSeq, newest: newestSeq };
  if (since === null) return { changes: [], next: newestSeq, hasMore: false, ...page };
  if (since > newestSeq)
    throw new ApiError("CHANGE_CURSOR_INVALID", "since is ahead of everything that happened", {
      fields: { reason: "ahead", newest_cursor: newestSeq },
    });
  if (since < oldestSeq)
    throw new ApiError("CHANGE_CURSOR_EXPIRED", "The changes after since were dropped", {
      fields: { reason: "pruned", oldest_cursor: oldestSeq },
    });
  const shown = rows.slice(0, request.limit).map(toChange);
  const isCut = rows.length > request.limit;
  const reached = Number(reach?.["seq"] ?? since);
  const next = isCut ? (shown.at(-1)?.seq ?? since) : reached;
  return { changes: shown, next, hasMore: next < newestSeq, ...page };
}

function toChange(row: Row): Change {
  const contentType = row["content_type"] as string | null;
  const operation = row["op"] as string;
  const seq = Number(row["seq"]);
  const op =
    operation === "EXPIRE"
      ? "expire"
      : contentType === null
        ? "delete"
        : operation === "TTL"
          ? "ttl"
          : "set";
  return {
    seq,
    atMs: Number(row["at_ms"]),
    key: row["key"] as string,
    op,
    operation,
    etag: contentType === null ? null : toEtag(seq),
    contentType,
    expireAtMs: row["expire_at_ms"] as number | null,
    value: row["value"] as StoredValue | null,
    isJson: row["is_json"] === 1,
  };
}
