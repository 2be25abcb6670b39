/**
 * A saved query as a place: its name, and of its text, its values and its chart only what differs from
 * what is saved. So the plain address shows what is saved, whoever opens it, and whenever.
 */
import { type Place, place } from "../address/place.ts";
import { change, current } from "../address/workspace.ts";
import type { SavedQuery } from "../api/saved-queries.ts";

export function savedPlace(db: string, name: string): Place {
  return place(db, "sql", name);
}

/** A text that was emptied; nothing at all stands for what is saved. */
const EMPTIED = " ";

export function textAt(params: Place["params"], saved: SavedQuery | undefined): string {
  const text = params["q"] || (saved?.sql ?? "");
  return text === EMPTIED ? "" : text;
}

export function textParam(text: string, saved: SavedQuery | undefined): string {
  if (saved === undefined) return text;
  return text === saved.sql ? "" : text || EMPTIED;
}

/** Whether a place shows something else than what is saved. Values are what is asked, not the query. */
export function isChanged({ params }: Place, saved: SavedQuery): boolean {
  const chart = params["chart"] || saved.chart;
  return textAt(params, saved) !== saved.sql || chart !== saved.chart;
}

/** The tabs of a query get its new name. */
export function renameTabs(db: string, from: string, to: string): void {
  for (const { id, place: shown } of current().tabs)
    if (shown.db === db && shown.view === "sql" && shown.name === from)
      change(id, { name: to }, "replace");
}
