/** What a database consists of. */
import { useQuery } from "@tanstack/react-query";
import { call } from "./client.ts";

export interface SchemaColumn {
  readonly name: string;
  /** As declared; empty when it was not. */
  readonly type: string;
  readonly not_null: boolean;
  readonly default_value: string | null;
  /** 0, or its place in the primary key counted from 1. */
  readonly primary_key: number;
  readonly generated: null | "virtual" | "stored";
  readonly hidden: boolean;
}

export interface SchemaForeignKey {
  readonly columns: readonly string[];
  readonly table: string;
  readonly referenced_columns: readonly string[];
  readonly on_update: string;
  readonly on_delete: string;
}

export interface SchemaIndex {
  readonly name: string;
  readonly unique: boolean;
  /** By CREATE INDEX, by UNIQUE, by PRIMARY KEY. */
  readonly origin: "c" | "u" | "pk";
  readonly partial: boolean;
  /** Null stands for an expression. */
  readonly columns: readonly (string | null)[];
  readonly sql: string | null;
}

export interface SchemaObject {
  readonly name: string;
  readonly type: "table" | "view" | "virtual";
  readonly role: "user" | "kv" | "kv_history" | "internal";
  readonly sql: string | null;
  readonly strict: boolean;
  readonly without_rowid: boolean;
  readonly columns: readonly SchemaColumn[];
  readonly foreign_keys: readonly SchemaForeignKey[];
  readonly indexes: readonly SchemaIndex[];
  readonly triggers: readonly { readonly name: string; readonly sql: string }[];
  /** Null when counting would have taken too long. */
  readonly row_count: number | null;
  readonly row_count_exact: boolean;
  /** Bytes of the table with its indexes; only where sizes were asked for, and known. */
  readonly size?: number | null;
}

export interface Schema {
  readonly db: string;
  readonly schema_version: number;
  readonly objects: readonly SchemaObject[];
}

export const schemaKey = (db: string) => ["schema", db] as const;

/** How often the page looks whether others changed the schema. */
const REFRESH_MS = 15_000;

export function useSchema(db: string | null) {
  return useQuery({
    queryKey: schemaKey(db ?? ""),
    queryFn: ({ signal }) => call<Schema>("/db/schema", { query: { db }, signal }),
    enabled: db !== null,
    refetchInterval: REFRESH_MS,
    refetchOnWindowFocus: true,
    // As for the saved queries: what failed is asked for again in time, not by every part that comes.
    retryOnMount: false,
  });
}

const SIZES_STALE_MS = 60_000;

/** Bytes of tables by name, as far as they can be told in good time. */
export function useSizes(db: string): ReadonlyMap<string, number> {
  const { data } = useQuery({
    queryKey: [...schemaKey(db), "sizes"],
    queryFn: ({ signal }) => call<Schema>("/db/schema", { query: { db, sizes: true }, signal }),
    staleTime: SIZES_STALE_MS,
    retry: false,
  });
  return new Map(data?.objects.flatMap(({ name, size }) => (size == null ? [] : [[name, size]])));
}
