/** The text of an answer with several results, within the size that the caller can read. */
import { ApiError } from "../errors.ts";
import type { RowList } from "./encode.ts";
import type { ItemOutcome } from "./item-report.ts";

/** One item's result: its rows stand between two fixed parts. */
export interface ItemAnswer extends ItemOutcome {
  readonly before: string;
  /** Null for a result that has none. */
  readonly rows: RowList | null;
  readonly after: string;
  /** Whether rows are missing already. */
  truncated: boolean;
}

const TRUNCATED = ',"truncated":true';

/** @throws ApiError RESPONSE_TOO_LARGE when even an answer without any row is longer */
export function joinAnswers(
  items: readonly ItemAnswer[],
  head: string,
  tail: string,
  maxChars: number,
): string {
  if (maxChars !== Number.POSITIVE_INFINITY) {
    shorten(items, maxChars - head.length - tail.length);
    if (head.length + tail.length + lengthOf(items) > maxChars) throw tooSmall();
  }
  return head + items.map(textOf).join(",") + tail;
}

/**
 * Takes rows away until the results fit: all results may have the same share, and what a short one
 * leaves goes to the others. So one long result does not cost the short ones their rows.
 */
export function shorten(items: readonly ItemAnswer[], maxChars: number): void {
  if (lengthOf(items) <= maxChars) return;
  const withRows = items.filter(({ rows }) => rows !== null && rows.count > 0);
  let fixedChars = items.length;
  for (const item of items) fixedChars += item.before.length + item.after.length + TRUNCATED.length;
  let leftChars = Math.max(0, maxChars - fixedChars);
  let left = withRows.length;
  for (const item of withRows.toSorted((a, b) => charsOf(a) - charsOf(b))) {
    const share = leftChars / left;
    while (charsOf(item) > share) {
      item.rows?.removeLast();
      item.truncated = true;
    }
    leftChars -= charsOf(item);
    left -= 1;
  }
}

export function tooSmall(): ApiError {
  return new ApiError("RESPONSE_TOO_LARGE", "The answer does not fit even without any row", {
    hint: "Raise max_chars.",
  });
}

function textOf({ before, rows, after, truncated }: ItemAnswer): string {
  const end = truncated ? after.replace(/\}$/, `${TRUNCATED}}`) : after;
  return before + (rows?.text ?? "") + end;
}

/** Of all items with the commas between them. */
function lengthOf(items: readonly ItemAnswer[]): number {
  let lengthChars = Math.max(0, items.length - 1);
  for (const item of items)
    lengthChars +=
      item.before.length +
      charsOf(item) +
      item.after.length +
      (item.truncated ? TRUNCATED.length : 0);
  return lengthChars;
}

function charsOf({ rows }: ItemAnswer): number {
  return rows?.lengthChars ?? 0;
}
