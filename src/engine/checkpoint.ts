/** Emptying a write-ahead log, in a runner process and in the writer's turn. */
import type { DatabaseSync } from "node:sqlite";
import { RELATIONS_TABLE } from "./relations.ts";

/**
 * Copies the rest of the log into the file and empties it, then writes the first frame of the next
 * log: that write syncs (synchronous=NORMAL) and must not happen on the server's thread.
 * @returns whether nobody was in the way
 */
export function truncateLog(database: DatabaseSync): boolean {
  const row = database.prepare("pragma wal_checkpoint(truncate)").get();
  const ours = database.prepare("select 1 from sqlite_schema where name = ?").get(RELATIONS_TABLE);
  if (ours !== undefined) database.exec(`update ${RELATIONS_TABLE} set version = version`);
  return row?.["busy"] === 0;
}
