/**
 * How a changed key is stamped: with its next number, the time, and since when its history has had a
 * gap. As SQL, over names and expressions, because it is written in two places: in the statements of
 * key-value operations, and in the triggers that note callers' own SQL.
 */

export interface StampTerms {
  /** The table of the history, quoted. */
  readonly history: string;
  /** The present, Unix milliseconds. */
  readonly nowMs: string;
  /** Whether the write is recorded, or leaves a gap. */
  readonly tracked: string;
}

/**
 * The time of the next row of a history: it never goes backwards in the log, even when the machine's
 * clock does.
 */
export function logTime(history: string, nowMs: string): string {
  return `max(${nowMs}, ifnull((select at_ms from ${history} order by seq desc limit 1), 0))`;
}

export function stampRules({ history: H, nowMs, tracked }: StampTerms) {
  const lastOperation = (key: string) =>
    `from ${H} where key = ${key} and op_number is not null order by op_number desc limit 1`;
  /** A gap is one row however many writes fall into it, so an untracked write keeps the gap's number. */
  const nextNumber = (last: string) =>
    `${last}op_number + iif(${tracked}, 1, ${last}op <> 'UNRECORDED')`;
  const time = logTime(H, nowMs);

  /** When a gap began that this write is in or ends, -1 for none, where `found` says how the last operation left it. */
  const gapSince = (last: string, found: string) => `case
      when ${last}op = 'UNRECORDED' then iif(${tracked}, -1, ${last}since_ms)
      when ${found} then iif(${tracked}, -1, ${time})
      else ${last}at_ms end`;
  const noGap = `iif(${tracked}, -1, ${time})`;
  /** The row is what the last operation made of it; else somebody's own SQL changed it since. */
  const asRecorded = (
    last: string,
    row: string,
  ) => `${last}seq = ${row}.seq and ${last}value is ${row}.value
        and ${last}content_type is ${row}.content_type and ${last}expire_at_ms is ${row}.expire_at_ms`;
  // Removed by the timer before the clock was set back counts too.
  const absentAsRecorded = (last: string) =>
    `${last}content_type is null or ${last}expire_at_ms <= ${time}`;
  const since = (
    key: string,
    found: string,
    withoutHistory: string,
  ) => `nullif(ifnull((select ${gapSince("last.", found)}
      from ${H} last where last.key = ${key} and last.op_number is not null
      order by last.op_number desc limit 1), ${withoutHistory}), -1)`;

  return {
    /** The source and order of a select of the key's last operation. */
    lastOperation,
    nextNumber,
    nextNumberOf: (key: string) => `ifnull((select ${nextNumber("")} ${lastOperation(key)}), 1)`,
    nextSeq: `1 + ifnull((select max(seq) from ${H}), 0)`,
    time,
    /** `since_ms` where there was a row. */
    sinceOfRow: (key: string, row: string) => since(key, asRecorded("last.", row), "0"),
    /** `since_ms` where there was none. */
    sinceOfNone: (key: string) => since(key, absentAsRecorded("last."), noGap),
    /** The same where the last operation is at hand, with `op` null if there is none. */
    sinceOfNoneAfter: (last: string) =>
      `nullif(iif(${last}op is null, ${noGap}, ${gapSince(last, absentAsRecorded(last))}), -1)`,
  };
}
