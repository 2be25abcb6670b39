import { useSyncExternalStore } from "react";

const NARROW = matchMedia("(width < 768px)");

/** Whether the page is as narrow as a phone: one pane at a time. */
export function useNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => NARROW.matches);
}

function subscribe(listener: () => void): () => void {
  NARROW.addEventListener("change", listener);
  return () => NARROW.removeEventListener("change", listener);
}
