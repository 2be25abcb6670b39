/** Saving the query of a tab, with a way back. */
import { useState } from "react";
import { change, current, type Tab } from "../address/workspace.ts";
import { deleteQuery, type SavedQuery, type SavedText, saveQuery } from "../api/saved-queries.ts";
import { toast, toastFailure } from "../parts/Toast.tsx";
import { toSavedValues } from "./parameters.ts";
import type { useQueryState } from "./useQueryState.ts";

export function useSaving(tab: Tab, db: string, keys: readonly string[], state: QueryState) {
  /** Why the last attempt to save what has a name failed. */
  const [error, setError] = useState<unknown>(null);

  /** @throws ApiFailure; see `isTaken` */
  const saveAs = async (name: string, replace: boolean): Promise<void> => {
    const { sql, values, chart } = state.now.current;
    const text: SavedText = { sql, values: toSavedValues(keys, values), chart };
    const known = state.saved;
    const previous = await saveQuery(db, { name, ...text }, { replace });
    setError(null);
    // What was typed meanwhile is not saved.
    const typed = state.now.current;
    setPlace(tab.id, name, {
      title: "",
      run: "",
      q: typed.sql === sql ? "" : typed.sql,
      chart: typed.chart === chart ? "" : (typed.chart ?? ""),
      values: "",
    });
    const newer =
      known?.name === name && previous !== null && previous.updated_at > known.updated_at;
    toast(
      newer
        ? `Saved ${name}, and replaced what ${previous.actor ?? "somebody"} saved meanwhile`
        : `Saved ${name}`,
      () => void undo(name, previous, text).catch(toastFailure),
    );
  };

  /** The text in the editor stays; what is saved becomes what it was. */
  const undo = async (name: string, previous: SavedQuery | null, { sql, chart }: SavedText) => {
    const shown = current().tabs.find(({ id }) => id === tab.id);
    if (shown?.place.name === name)
      setPlace(tab.id, name, {
        q: shown.place.params["q"] || sql,
        chart: shown.place.params["chart"] || (chart ?? ""),
      });
    if (previous === null) await deleteQuery(db, name);
    else await saveQuery(db, previous, { replace: true });
  };

  return {
    error,
    saveAs,
    /** Saves what has a name already. */
    save: (name: string) => saveAs(name, true).catch(setError),
    dismiss: () => setError(null),
  };
}

type QueryState = ReturnType<typeof useQueryState>;

function setPlace(id: string, name: string, params: Record<string, string>): void {
  const tab = current().tabs.find((each) => each.id === id);
  if (tab !== undefined)
    change(id, { name, params: { ...tab.place.params, ...params } }, "replace");
}
