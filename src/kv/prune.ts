/**
 * Forgetting: old history is dropped where the user said so, in small batches. What is needed to know
 * everything after the horizon stays: of every key the last operation before it.
 */
import type { Statement } from "../engine/plan.ts";
import { PRUNE_BATCH_ROWS } from "../limits.ts";
import type { KvTable } from "./table.ts";

export interface Retention {
  /** How long history is kept, milliseconds; null for ever. */
  readonly ageMs: number | null;
  /** How many operations of a key are kept; null for all. */
  readonly maxOps: number | null;
}

/**
 * Drops what a retention does not keep.
 * @returns how many rows
 */
export async function pruneHistory(
  table: KvTable,
  retention: Retention,
  nowMs: number,
  deadlineMs: number,
): Promise<number> {
  const { time } = table;
  let dropped = 0;
  if (retention.ageMs !== null) {
    const horizonMs = nowMs - retention.ageMs;
    dropped += await dropBatches(table, [time.oldRows, time.moveHorizon], deadlineMs, {
      horizon_ms: horizonMs,
    });
  }
  if (retention.maxOps !== null)
    dropped += await dropBatches(table, [time.surplusRows], deadlineMs, {
      max_ops: retention.maxOps,
    });
  return dropped;
}

/** The first statement marks the rows of a batch; they are the same until they are dropped. */
async function dropBatches(
  table: KvTable,
  [mark, ...more]: [Statement, ...Statement[]],
  deadlineMs: number,
  given: Record<string, number>,
): Promise<number> {
  const { droppedTable, dropMarked, forgetMarked, notePruned } = table.time;
  const params = { ...given, limit: PRUNE_BATCH_ROWS };
  let dropped = 0;
  for (;;) {
    const statements = [droppedTable, forgetMarked, mark, notePruned, dropMarked, ...more];
    const rows = await table.engine.writeElsewhere(
      { relation: table.relation, steps: statements.map((statement) => ({ statement, params })) },
      { deadlineMs },
    );
    const count = Number(rows[3]?.[0]?.["count"] ?? 0);
    dropped += count;
    if (count < PRUNE_BATCH_ROWS) return dropped;
  }
}
