/** What the log view shows, as its address has it. */
import type { Place } from "../address/place.ts";
import type { LogFilter } from "../api/log.ts";

export interface LogState {
  readonly filter: LogFilter;
  /** Entry by entry, or those with the same SQL as one. */
  readonly list: "entries" | "statements";
  readonly offset: number;
}

export function readState(params: Place["params"]): LogState {
  return {
    filter: {
      text: params["q"] ?? "",
      statement: params["statement"] ?? "",
      success: params["success"] ?? "",
      // What the page itself reads is of little interest, mostly.
      source: params["source"] === "all" ? "" : "sql",
    },
    list: params["by"] === "statement" ? "statements" : "entries",
    offset: Math.max(0, Math.trunc(Number(params["offset"])) || 0),
  };
}

/** Longer ones would not fit into an address of the server. */
const MAX_STATEMENT_CHARS = 2000;

/** Parameters that lead from a statement to its entries. */
export function entriesOf(statement: string): Place["params"] {
  return statement.length <= MAX_STATEMENT_CHARS
    ? { statement }
    : { q: statement.slice(0, MAX_STATEMENT_CHARS) };
}
