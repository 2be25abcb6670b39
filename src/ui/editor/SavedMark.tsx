import type { Place } from "../address/place.ts";
import { useSavedQueries } from "../api/saved-queries.ts";
import { isChanged } from "./saved-place.ts";

/** On the tab of a saved query: a dot when it shows something else than what is saved. */
export function SavedMark({ place }: { place: Place }) {
  const { name, db } = place;
  const queries = useSavedQueries(name === null ? null : db).data;
  if (name === null || queries === undefined) return null;
  const saved = queries.find((query) => query.name === name);
  const words =
    saved === undefined ? "not saved" : isChanged(place, saved) ? "changed, not saved" : null;
  return words === null ? null : (
    <span className="tab-mark" role="img" aria-label={words} title={words} />
  );
}
