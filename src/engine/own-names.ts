/** Names of what the server makes beside the tables that people name. */

/** Names that begin like this are ours, also those that do not exist yet. */
export const OWN_PREFIX = "chronolite_";

export const HISTORY_SUFFIX = "_history";

/** The table that holds the history of a key-value table. */
export function historyTable(table: string): string {
  return table + HISTORY_SUFFIX;
}

/** The index of a key-value table by the time at which keys expire. */
export function expiryIndex(table: string): string {
  return `${table}_expire`;
}
