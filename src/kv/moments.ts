/** Where a moment is in the past of a table: what a control for going through time needs. */
import { MAX_BUCKETS_HERE } from "../limits.ts";
import { type Moment, momentParams } from "./moment.ts";
import type { KvTable } from "./table.ts";

/** Times are Unix milliseconds. */
export interface TableMoments {
  /** The oldest and the newest operation that is recorded; null where none is. */
  firstMs: number | null;
  lastMs: number | null;
  /** From when on everything is known, if older was dropped. */
  horizonMs: number | null;
  atMs: number;
  /** Where the table is as before the newest change that it has at the moment, if that is known. */
  previousMs: number | null;
  /** The first operation after it. */
  nextMs: number | null;
  /**
   * Operations by the moment, and in all. They are numbers of the log's rows, so one that was dropped
   * between others, or moved on because its gap did, counts too.
   */
  operations: number;
  total: number;
  buckets: Bucket[];
}

/** A part of the past, both ends included. */
export interface Bucket {
  fromMs: number;
  toMs: number;
  operations: number;
}

/**
 * Each time is found by halving, so it costs a logarithm of the log's length.
 * @param count buckets of the same length, at the most
 */
export async function tableMoments(
  table: KvTable,
  moment: Moment,
  count: number,
): Promise<TableMoments> {
  const { buckets, horizon, placeInLog } = table.time;
  const params = { ...momentParams(moment), buckets: count };
  const plan = {
    relation: table.relation,
    steps: [horizon, placeInLog, buckets].map((statement) => ({ statement, params })),
  };
  const { engine } = table;
  const [[relation] = [], [place] = [], ends = []] = await (count > MAX_BUCKETS_HERE
    ? engine.readElsewhere(plan)
    : engine.read(plan));
  const number = (name: string): number | null =>
    place?.[name] == null ? null : Number(place[name]);
  const [first, last, at] = [number("first"), number("last"), number("at")];
  const horizonMs = relation?.["horizon_ms"] == null ? null : Number(relation["horizon_ms"]);
  const firstMs = number("first_ms");
  const before = (first ?? 0) - 1;
  let fromMs = firstMs ?? 0;
  let seq = before;
  return {
    firstMs,
    lastMs: number("last_ms"),
    horizonMs,
    atMs: Math.min(moment.ms, moment.nowMs),
    previousMs: within(horizonMs, number("previous_ms"), number("newest_ms")),
    nextMs: number("next_ms"),
    operations: first === null ? 0 : (at ?? before) - before,
    total: first === null ? 0 : (last ?? before) - before,
    buckets: ends.map((end) => {
      const [toMs, newest] = [Number(end["to_ms"]), Number(end["seq"])];
      const bucket = { fromMs, toMs, operations: newest - seq };
      fromMs = toMs + 1;
      seq = newest;
      return bucket;
    }),
  };
}

/** Between the operation before and the newest the table stays the same, so the horizon will do. */
function within(
  horizonMs: number | null,
  previousMs: number | null,
  newestMs: number | null,
): number | null {
  if (horizonMs === null || newestMs === null || (previousMs ?? 0) >= horizonMs) return previousMs;
  return horizonMs < newestMs ? horizonMs : null;
}
