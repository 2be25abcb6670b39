/**
 * Connections of runner processes for statements of ours, not of callers: the schema, copies, imports.
 * What a file brings along (views, triggers, virtual tables) is not trusted, as in the sandbox.
 */
import { type OpenFile, openConfined } from "../engine/open-file.ts";

export interface OwnConnectionOptions {
  access: "read" | "write";
  /** How long to wait for another program's lock. */
  busyTimeoutMs: number;
  durability?: "full" | "relaxed";
}

/**
 * Opens a file that must exist.
 * @param path absolute, without symlinks
 * @throws ApiError DATABASE_NOT_FOUND
 */
export function openOwn(path: string, options: OwnConnectionOptions): OpenFile {
  const { access, busyTimeoutMs, durability = "full" } = options;
  const database = openConfined(path, { readOnly: access === "read", timeout: busyTimeoutMs });
  if (access === "write")
    database.exec(
      `pragma wal_autocheckpoint = 0; pragma synchronous = ${durability === "full" ? "full" : "normal"}`,
    );
  return database;
}
