/** The log of callers' SQL. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { apiUrl, call } from "./client.ts";

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

/** Which entries; empty texts are for any. */
export interface LogFilter {
  readonly text: string;
  /** Exactly this SQL. */
  readonly statement: string;
  /** `true`, `false`. */
  readonly success: string;
  /** `sql`: what the page itself read is left out. */
  readonly source: "sql" | "";
}

/** Entries with the same SQL. */
export interface LoggedStatement {
  readonly statement: string;
  readonly runs: number;
  readonly failures: number;
  readonly total_ms: number;
  readonly avg_ms: number;
  readonly max_ms: number;
  readonly row_count: number;
  /** RFC 3339. */
  readonly last_run: string;
}

export interface StatementPage {
  readonly statements: readonly LoggedStatement[];
  readonly total: number;
}

/** Entries of a page. */
export const LOG_PAGE = 200;

export const logKey = (db: string) => ["log", db] as const;

/** Both kinds of page have an address of their own. */
export type LogList = "/history" | "/history/statements";

/** The address of a page of the log, and of its twins. */
export function logUrl(
  list: LogList,
  db: string,
  filter: LogFilter,
  offset: number,
  format: "json" | "csv",
): string {
  return apiUrl(list, { ...toQuery(db, filter), limit: LOG_PAGE, offset, format });
}

export function useLog(db: string, filter: LogFilter, offset: number, enabled: boolean) {
  return usePage<LogPage>("/history", db, filter, offset, enabled);
}

export function useStatements(db: string, filter: LogFilter, offset: number, enabled: boolean) {
  return usePage<StatementPage>("/history/statements", db, filter, offset, enabled);
}

function usePage<Page>(
  list: LogList,
  db: string,
  filter: LogFilter,
  offset: number,
  enabled: boolean,
) {
  const url = logUrl(list, db, filter, offset, "json");
  return useQuery({
    queryKey: [...logKey(db), url],
    queryFn: ({ signal }) => call<Page>(url, { signal }),
    placeholderData: keepPreviousData,
    enabled,
  });
}

export function useLogStatistics(db: string, source: LogFilter["source"]) {
  return useQuery({
    queryKey: [...logKey(db), "statistics", source],
    queryFn: ({ signal }) =>
      call<LogStatistics>("/history/stats", { query: { db, source: source || null }, signal }),
    placeholderData: keepPreviousData,
  });
}

export function deleteLogEntry(db: string, id: number): Promise<unknown> {
  return call(`/history/${id}`, { method: "DELETE", query: { db } });
}

/** What a filter lets through at the moment: how many, and the newest, if any. */
export async function countLog(
  db: string,
  filter: LogFilter,
  signal: AbortSignal,
): Promise<{ total: number; newest: number | null }> {
  const query = { ...toQuery(db, filter), limit: 1 };
  const { total, history } = await call<LogPage>("/history", { query, signal });
  return { total, newest: history[0]?.id ?? null };
}

/**
 * Forgets what a filter lets through.
 * @param through the newest that may go
 * @returns how many there were
 */
export async function clearLog(db: string, filter: LogFilter, through: number): Promise<number> {
  const query = { ...toQuery(db, filter), through };
  return (await call<{ deleted: number }>("/history", { method: "DELETE", query })).deleted;
}

function toQuery(db: string, { text, statement, success, source }: LogFilter) {
  return {
    db,
    q: text || null,
    statement: statement || null,
    success: success || null,
    source: source || null,
  };
}
