/** Emptying a write-ahead log, in a runner process and in the writer's turn. */
import type { DatabaseSync } from "node:sqlite";
import { BOOKKEEPING_SCHEMA_SQL, isBookkeeping, RELATIONS_TABLE } from "./relations.ts";

/**
 * Copies the rest of the log into the file and empties it, then writes the first frame of the next
 * log: that write syncs (synchronous=NORMAL) and must not happen on the server's thread.
 * @returns whether nobody was in the way
 */
export function truncateLog(database: DatabaseSync): boolean {
  const row = database.prepare("pragma wal_checkpoint(truncate)").get();
  // A trigger of somebody's on it would run here, in the writer's turn.
  if (isBookkeeping(database.prepare(BOOKKEEPING_SCHEMA_SQL).all()))
    database.exec(`update ${RELATIONS_TABLE} set version = version`);
  return row?.["busy"] === 0;
}
