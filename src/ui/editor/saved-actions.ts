/** What can be done with a saved query wherever it is listed. */
import { placeHref } from "../address/place.ts";
import { deleteQuery, type SavedQuery, saveQuery } from "../api/saved-queries.ts";
import { writeClipboard } from "../parts/grid/copy.ts";
import { toast, toastFailure } from "../parts/Toast.tsx";
import { renameTabs, savedPlace } from "./saved-place.ts";

/** Deletes it, and offers the way back. */
export async function deleteSaved(db: string, name: string): Promise<void> {
  try {
    const query = await deleteQuery(db, name);
    toast(`Deleted the query ${name}`, () => {
      // Somebody may have used the name meanwhile.
      saveQuery(db, query, { replace: false }).catch(toastFailure);
    });
  } catch (error) {
    toastFailure(error);
  }
}

/**
 * Under both names for a moment, so that it is never lost.
 * @throws ApiFailure; see `isTaken`
 */
export async function renameSaved(db: string, query: SavedQuery, name: string): Promise<void> {
  if (name === query.name) return;
  await saveQuery(db, { ...query, name }, { replace: false });
  renameTabs(db, query.name, name);
  await deleteQuery(db, query.name);
  toast(`${query.name} is called ${name} now`);
}

export function copySavedLink(db: string, name: string): void {
  const url = new URL(placeHref(savedPlace(db, name)), location.href);
  writeClipboard(url.href).then(() => toast("Copied the link"), toastFailure);
}
