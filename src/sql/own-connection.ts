/**
 * Connections of runner processes for statements of ours, not of callers: the schema, copies, imports.
 * What a file brings along (views, triggers, virtual tables) is not trusted, as in the sandbox.
 */
import { DatabaseSync } from "node:sqlite";
import { existingFileUrl } from "../engine/file-url.ts";

export interface OwnConnectionOptions {
  access: "read" | "write";
  /** How long to wait for another program's lock. */
  busyTimeoutMs: number;
  durability?: "full" | "relaxed";
}

export type OwnConnection = DatabaseSync & Disposable;

/** Opens a file that must exist, by its absolute path. */
export function openOwn(path: string, options: OwnConnectionOptions): OwnConnection {
  const database = new DatabaseSync(existingFileUrl(path, options.access), {
    readOnly: options.access === "read",
    timeout: options.busyTimeoutMs,
    enableDoubleQuotedStringLiterals: true,
    enableForeignKeyConstraints: false,
  });
  database.exec("pragma trusted_schema = off");
  if (options.access === "write")
    database.exec(
      `pragma wal_autocheckpoint = 0; pragma synchronous = ${options.durability === "relaxed" ? "normal" : "full"}`,
    );
  database.enableDefensive?.(true);
  return Object.assign(database, {
    [Symbol.dispose]() {
      // A connection closed inside a transaction can leave the write lock held.
      if (database.isTransaction) database.exec("rollback");
      database.close();
    },
  });
}
