/**
 * Forgetting: old history is dropped where the user said so, in small batches. What is needed to know
 * everything after the horizon stays: of every key the last operation before it.
 */
import type { Statement } from "../engine/plan.ts";
import { PRUNE_BATCH_ROWS, PRUNE_INTERVAL_MS } from "../limits.ts";
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
): Promise<number> {
  const { time } = table;
  const given = {
    horizon_ms: nowMs - (retention.ageMs ?? 0),
    max_ops: retention.maxOps ?? Number.MAX_SAFE_INTEGER,
  };
  let dropped = 0;
  if (retention.ageMs !== null)
    dropped += await dropBatches(table, time.oldRows, [time.moveHorizon], given, nowMs);
  if (retention.maxOps !== null)
    dropped += await dropBatches(table, time.surplusRows, [], given, nowMs);
  return dropped;
}

/** @param mark marks the rows of a batch */
async function dropBatches(
  table: KvTable,
  mark: Statement,
  afterwards: readonly Statement[],
  given: Record<string, number>,
  nowMs: number,
): Promise<number> {
  const { droppedTable, dropMarked, forgetMarked, notePruned, prunable } = table.time;
  // A file in which there is nothing to drop is not written to.
  const [found = []] = await table.engine.readElsewhere({
    relation: table.relation,
    steps: [{ statement: prunable(mark), params: { ...given, limit: 1 } }],
  });
  if (found.length === 0) return 0;
  const params = { ...given, limit: PRUNE_BATCH_ROWS };
  const statements = [droppedTable, forgetMarked, mark, notePruned, dropMarked, ...afterwards];
  let dropped = 0;
  for (;;) {
    const rows = await table.engine.writeElsewhere(
      { relation: table.relation, steps: statements.map((statement) => ({ statement, params })) },
      { deadlineMs: nowMs + PRUNE_INTERVAL_MS },
    );
    const count = Number(rows[3]?.[0]?.["count"] ?? 0);
    dropped += count;
    if (count < PRUNE_BATCH_ROWS) return dropped;
  }
}
