/** Whether the server answers. Once it does not, the page looks for it until it is back. */
import { useSyncExternalStore } from "react";

const LOOK_EVERY_MS = 2000;

let gone = false;
const watchers = new Set<() => void>();
const returns = new Set<() => void>();

/** @param look rejects while there is no answer */
export function watchForServer(look: () => Promise<unknown>): void {
  if (gone) return;
  gone = true;
  for (const watcher of watchers) watcher();
  const again = () =>
    void look().then(
      () => {
        gone = false;
        for (const watcher of [...watchers, ...returns]) watcher();
      },
      () => setTimeout(again, LOOK_EVERY_MS),
    );
  setTimeout(again, LOOK_EVERY_MS);
}

/** Called each time when the server is back. */
export function onServerBack(listener: () => void): () => void {
  returns.add(listener);
  return () => returns.delete(listener);
}

export function useServerGone(): boolean {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => gone,
  );
}
