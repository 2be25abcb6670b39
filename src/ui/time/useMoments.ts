/** What the server tells of a table's history, kept with its rows, so that both are read anew together. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type Moment, printMoment } from "../api/moment.ts";
import { type Moments, readMoments } from "../api/moments.ts";
import { queryClient } from "../api/query-client.ts";

/** Bars of activity: as many as can be told apart on a wide screen. */
const BUCKETS = 160;
/** How often the control looks for changes of others. */
const REFRESH_MS = 15_000;

const momentsKey = (db: string, table: string) => ["rows", db, table, "moments"] as const;

/** The whole history: from when to when, and how much happened. */
export function useHistory(db: string, table: string, enabled: boolean) {
  return useQuery({
    queryKey: [...momentsKey(db, table), "history"],
    enabled,
    queryFn: ({ signal }) => readMoments({ db, table }, "", BUCKETS, signal),
    refetchInterval: REFRESH_MS,
  });
}

function standing(db: string, table: string, at: Moment) {
  const text = printMoment(at);
  return {
    queryKey: [...momentsKey(db, table), "at", text],
    queryFn: ({ signal }: { signal: AbortSignal }): Promise<Moments> =>
      readMoments({ db, table }, text, undefined, signal),
  };
}

/** Where a moment stands among the changes. */
export function useStanding(db: string, table: string, at: Moment, enabled: boolean) {
  return useQuery({ ...standing(db, table, at), enabled, placeholderData: keepPreviousData });
}

/** The same, asked anew: a step back from now is one from what somebody wrote just now. */
export function fetchStanding(db: string, table: string, at: Moment): Promise<Moments> {
  return queryClient.fetchQuery({ ...standing(db, table, at), staleTime: 0 });
}

/**
 * The moment one change before or after; null for now.
 * @returns undefined where there is none
 */
export function stepFrom(standing: Moments, direction: "back" | "on"): Moment | undefined {
  const { previous_ms: previous, next_ms: next, last_ms: last, horizon_ms: horizon } = standing;
  if (direction === "back")
    return previous === null || previous < (horizon ?? 0) ? undefined : previous;
  // What the last change left is what there is now.
  return next === null || (last !== null && next >= last) ? null : next;
}
