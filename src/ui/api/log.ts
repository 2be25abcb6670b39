/** The log of callers' SQL. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { call } from "./client.ts";

export interface LogEntry {
  readonly id: number;
  readonly sql: string;
  /** JSON of the parameters' values; only where the server logs them. */
  readonly values?: string;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly execution_time_ms: number;
  readonly row_count: number;
  readonly success: boolean;
  readonly source: string;
  readonly client_ip: string | null;
  readonly actor?: string | null;
  readonly error?: string;
}

export interface LogPage {
  readonly history: readonly LogEntry[];
  readonly total: number;
  readonly limit: number;
  readonly offset: number;
}

export interface LogStatistics {
  readonly total_queries: number;
  readonly success_count: number;
  readonly failure_count: number;
  readonly avg_exec_time_ms: number;
  readonly last_hour: number;
  readonly last_minute: number;
}

export interface LogFilter {
  readonly text: string;
  /** `true`, `false`, or empty for both. */
  readonly success: string;
  readonly offset: number;
}

/** Entries of a page. */
export const LOG_PAGE = 200;

export const logKey = (db: string) => ["log", db] as const;

export function useLog(db: string, { text, success, offset }: LogFilter) {
  return useQuery({
    queryKey: [...logKey(db), "page", text, success, offset],
    queryFn: ({ signal }) =>
      call<LogPage>("/history", {
        query: { db, limit: LOG_PAGE, offset, q: text || null, success: success || null },
        signal,
      }),
    placeholderData: keepPreviousData,
  });
}

export function useLogStatistics(db: string) {
  return useQuery({
    queryKey: [...logKey(db), "statistics"],
    queryFn: ({ signal }) => call<LogStatistics>("/history/stats", { query: { db }, signal }),
  });
}

export function deleteLogEntry(db: string, id: number): Promise<unknown> {
  return call(`/history/${id}`, { method: "DELETE", query: { db } });
}

export function clearLog(db: string): Promise<unknown> {
  return call("/history", { method: "DELETE", query: { db } });
}
