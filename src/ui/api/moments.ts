/** The history of a key-value table: when something happened, what differs, going back. */
import { call } from "./client.ts";

export interface MomentBucket {
  readonly from_ms: number;
  readonly to_ms: number;
  readonly operations: number;
}

/** Times are milliseconds since 1970. */
export interface Moments {
  readonly table: string;
  /** Null where nothing was recorded. */
  readonly first_ms: number | null;
  readonly last_ms: number | null;
  /** What was before is forgotten; null when all is known. */
  readonly horizon_ms: number | null;
  /** Where one step back and one on lead. */
  readonly previous_ms: number | null;
  readonly next_ms: number | null;
  /** Recorded so far at the moment, and in all. */
  readonly operations: number;
  readonly total: number;
  readonly buckets: readonly MomentBucket[];
}

export interface TableAddress {
  readonly db: string;
  readonly table: string;
}

/** @param at as requests name moments; empty for now */
export function readMoments(
  { db, table }: TableAddress,
  at: string,
  buckets: number | undefined,
  signal?: AbortSignal,
): Promise<Moments> {
  const query = { db, table, at_timestamp: at === "" ? null : at, buckets };
  return call("/kv/moments", { query, signal });
}

/** A value of the one side of a difference: JSON, or bytes where it is none. */
interface Sides {
  readonly from_value?: unknown;
  readonly from_value_base64?: string;
  readonly from_content_type?: string;
  readonly to_value?: unknown;
  readonly to_value_base64?: string;
  readonly to_content_type?: string;
  /** Seconds since 1970. */
  readonly old_expire_at?: number;
  readonly new_expire_at?: number;
}

export interface KeyDifference extends Sides {
  readonly key: string;
  readonly change_type: "created" | "modified" | "deleted";
}

export interface Difference {
  readonly changes: readonly KeyDifference[];
  readonly stats: {
    readonly created: number;
    readonly modified: number;
    readonly deleted: number;
    readonly total_changes: number;
  };
  readonly gap_keys: readonly string[];
  /** There is more than fits one answer. */
  readonly candidate_truncated: boolean;
}

/** What changed from a moment until now. */
export function readDifference(
  { db, table }: TableAddress,
  from: string,
  signal: AbortSignal,
): Promise<Difference> {
  return call("/kv/diff", { query: { db, table, from }, signal });
}

export interface RollbackChange {
  readonly key: string;
  readonly action: "rollback" | "delete" | "restore";
  readonly current_value?: unknown;
  readonly current_value_base64?: string;
  readonly current_content_type?: string;
  readonly rollback_value?: unknown;
  readonly rollback_value_base64?: string;
  readonly rollback_content_type?: string;
}

export interface RollbackPreview {
  readonly keys_to_rollback: number;
  readonly keys_to_delete: number;
  readonly keys_to_restore: number;
  readonly operations_to_reverse: number;
  readonly gap_keys: readonly string[];
  /** `changes` has only the first. */
  readonly discovery_truncated: boolean;
  readonly changes: readonly RollbackChange[];
}

/** What going back to a moment would do; nothing is changed. */
export async function previewRollback(
  { db, table }: TableAddress,
  to: string,
  signal: AbortSignal,
): Promise<RollbackPreview> {
  const query = { db, table, to_timestamp: to };
  const { preview } = await call<{ preview: RollbackPreview }>("/kv/rollback", {
    method: "POST",
    query,
    signal,
  });
  return preview;
}

export interface Rollback {
  readonly rolled_back: number;
  readonly deleted: number;
  readonly restored: number;
  readonly total_operations_reversed: number;
}

/** Goes back, in one transaction. */
export function rollBack(
  { db, table }: TableAddress,
  to: string,
  exclude: readonly string[] = [],
): Promise<Rollback> {
  return call("/kv/rollback", {
    query: { db, table, to_timestamp: to, confirm: "yes" },
    json: { exclude_keys: exclude },
  });
}
