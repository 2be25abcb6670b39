/** The files of the data folder. */
import { useQuery } from "@tanstack/react-query";
import { call } from "./client.ts";

export interface DatabaseFile {
  /** What `?db=` takes. */
  readonly name: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly size_str: string;
  readonly modified: string;
  /** False when the file is not a SQLite database. */
  readonly is_valid: boolean;
}

export interface DatabaseList {
  readonly dir: string;
  /** Whether files outside of the data folder may be opened. */
  readonly any_absolute_path: boolean;
  readonly databases: readonly DatabaseFile[];
}

export const DATABASES_KEY = ["databases"] as const;

export function useDatabases() {
  return useQuery({
    queryKey: DATABASES_KEY,
    queryFn: ({ signal }) => call<DatabaseList>("/db/list", { signal }),
  });
}

export function createDatabase(path: string): Promise<{ path: string }> {
  return call("/db/create", { method: "POST", query: { path } });
}
