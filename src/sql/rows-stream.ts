/** Rows of a query as a stream of text: any number of them, in memory that does not grow. */
import { MAX_SQL_ROWS, STREAM_CHUNK_BYTES, STREAM_FLUSH_MS } from "../limits.ts";
import type { JobChannel } from "../runner/child.ts";
import type { Cell } from "./encode.ts";
import { csvFormat } from "./formats/csv.ts";
import type { RowFormat, RowFormatName, RowsContext } from "./formats/format.ts";
import { htmlFormat } from "./formats/html.ts";
import { ndjsonFormat } from "./formats/ndjson.ts";

const FORMATS: Record<RowFormatName, (context: RowsContext) => RowFormat> = {
  csv: csvFormat,
  ndjson: ndjsonFormat,
  html: htmlFormat,
};

/** What the server learns before the first byte. */
export interface RowsHead {
  /** Known only where the answer has a bound. */
  truncated?: boolean;
  /** How many keys are left out because nobody knows of them; only in the past. */
  gaps?: number;
}

/**
 * @returns how many rows there were
 * @throws UnrepresentableError, and what SQLite says; the chunks sent so far end with a row
 */
export async function streamRows(
  rows: Iterable<unknown>,
  name: RowFormatName,
  context: RowsContext,
  maxChars: number,
  channel: JobChannel,
): Promise<number> {
  const format = FORMATS[name](context);
  const head: RowsHead = context.moment === null ? {} : { gaps: context.moment.gaps };
  if (maxChars !== Number.POSITIVE_INFINITY) {
    const { text, count, truncated } = boundedText(rows, format, maxChars);
    channel.open({ ...head, truncated } satisfies RowsHead);
    await channel.write(Buffer.from(text));
    return count;
  }
  // A page is for people: it ends where a JSON answer does.
  const maxRows = name === "html" ? MAX_SQL_ROWS : Number.POSITIVE_INFINITY;
  let pending = format.head;
  let count = 0;
  let truncated = false;
  let flushedAtMs = performance.now();
  let flushed = false;
  const flush = async () => {
    if (!flushed) channel.open(head);
    await channel.write(Buffer.from(pending));
    pending = "";
    flushedAtMs = performance.now();
    flushed = true;
  };
  try {
    for (const cells of rows) {
      if (count === maxRows) {
        truncated = true;
        break;
      }
      pending += format.row(cells as Cell[]);
      count += 1;
      const isSlow = performance.now() - flushedAtMs >= STREAM_FLUSH_MS;
      if (pending.length >= STREAM_CHUNK_BYTES || isSlow) await flush();
    }
  } catch (error) {
    // Too late for an ordinary error: then the rows before it belong to the answer.
    if (flushed) await flush();
    throw error;
  }
  pending += format.tail({ rows: count, truncated });
  await flush();
  return count;
}

/** Whole rows as far as they fit. */
function boundedText(
  rows: Iterable<unknown>,
  format: RowFormat,
  maxChars: number,
): { text: string; count: number; truncated: boolean } {
  let text = format.head;
  let count = 0;
  for (const cells of rows) {
    const row = format.row(cells as Cell[]);
    const tail = format.tail({ rows: count + 1, truncated: true });
    if (text.length + row.length + tail.length > maxChars)
      return { text: text + format.tail({ rows: count, truncated: true }), count, truncated: true };
    text += row;
    count += 1;
  }
  return { text: text + format.tail({ rows: count, truncated: false }), count, truncated: false };
}
