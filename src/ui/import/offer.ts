/** Who wants something imported, and what: a dropped file, a menu. */
import { useSyncExternalStore } from "react";

export interface ImportOffer {
  /** Null when it is still to be chosen. */
  readonly file?: File | null;
  /** The table to fill, where it is known. */
  readonly table?: string | null;
}

let offer: ImportOffer | null = null;
const listeners = new Set<() => void>();

/** Opens the import; null closes it. */
export function offerImport(next: ImportOffer | null): void {
  offer = next;
  for (const listener of listeners) listener();
}

export function useImportOffer(): ImportOffer | null {
  return useSyncExternalStore(subscribe, () => offer);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
