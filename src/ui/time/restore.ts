/** Going back to a moment, and taking that back. */

import { printMoment } from "../api/moment.ts";
import { type Rollback, readMoments, rollBack, type TableAddress } from "../api/moments.ts";
import { formatCount } from "../parts/format.ts";
import { formatMoment } from "./moment.ts";

export interface Restored {
  /** What was done, in words. */
  readonly words: string;
  /** Null where nothing was changed, so that there is nothing to take back. */
  readonly undo: (() => Promise<string>) | null;
}

/**
 * @param exclude keys that stay as they are
 * @throws ApiFailure; then nothing was changed
 */
export async function restore(
  target: TableAddress,
  at: number,
  exclude: readonly string[],
): Promise<Restored> {
  const done = await rollBack(target, printMoment(at), exclude);
  const words = `${target.table} is as it was ${formatMoment(at)}: ${countsOf(done)}`;
  if (done.total_operations_reversed === 0) return { words, undo: null };
  const { previous_ms: before, last_ms: restoredAt } = await readMoments(target, "", undefined);
  return { words, undo: before === null ? null : () => undo(target, before, restoredAt) };
}

/** Back to the moment before the restore, unless somebody has written since: that is not ours to undo. */
async function undo(target: TableAddress, before: number, restoredAt: number | null) {
  const { last_ms: last } = await readMoments(target, "", undefined);
  if (last !== restoredAt)
    throw new Error(
      `${target.table} was written to since. Go to ${formatMoment(before)} and restore it from there`,
    );
  await rollBack(target, printMoment(before));
  return `Undone: ${target.table} is as it was before`;
}

function countsOf({ rolled_back: back, deleted, restored }: Rollback): string {
  const parts = [
    [back, "changed back"],
    [restored, "brought back"],
    [deleted, "deleted"],
  ] as const;
  const said = parts.filter(([count]) => count > 0);
  return said.length === 0
    ? "nothing had changed"
    : said.map(([count, word]) => `${formatCount(count)} ${word}`).join(", ");
}
