/** Links that anybody may open, each to the rows of one query. */
import { useQuery } from "@tanstack/react-query";
import { type CallOptions, call } from "./client.ts";

export const SHARE_FORMATS = {
  html: "Web page",
  json: "JSON",
  csv: "CSV",
  ndjson: "NDJSON",
} as const;
export type ShareFormat = keyof typeof SHARE_FORMATS;

export interface Share {
  readonly id: string;
  readonly sql: string;
  readonly format: string;
  /** Seconds since 1970, or RFC 3339. */
  readonly created_at: number | string;
  readonly expires_at: number | string | null;
  readonly revoked: boolean;
  /** Null when it no longer works. */
  readonly url: string | null;
  readonly actor?: string | null;
}

export interface NewShare {
  readonly sql: string;
  /** JSON of the parameters' values. */
  readonly values: unknown;
  readonly format: ShareFormat;
  readonly expiresInS: number;
}

export interface MadeShare {
  readonly id: string;
  readonly url: string;
  readonly expires_at: number | string | null;
}

const sharesKey = (db: string) => ["shares", db] as const;

export function useShares(db: string) {
  return useQuery({
    queryKey: sharesKey(db),
    retry: false,
    queryFn: ({ signal }) =>
      call<{ shares: readonly Share[] }>("/share", { query: { db }, signal }),
  });
}

export function makeShare(db: string, { sql, values, format, expiresInS }: NewShare) {
  const json: CallOptions["json"] = {
    sql,
    ...(values === null ? {} : { values }),
    format,
    expires_in: expiresInS,
  };
  return call<MadeShare>("/share", { query: { db }, json });
}

export function revokeShare(id: string): Promise<unknown> {
  return call(`/share/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** The server says times as seconds or as text. */
export function shareTime(time: number | string | null): Date | null {
  if (time === null) return null;
  const date = new Date(typeof time === "number" ? time * 1000 : time);
  return Number.isNaN(date.getTime()) ? null : date;
}
