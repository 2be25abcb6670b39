/** A moment is asked for from elsewhere, such as the palette: the tab that shows it opens its form. */
type Listener = () => void;

const listeners = new Map<string, Listener>();

/** @returns takes it back */
export function onMomentWanted(tabId: string, listener: Listener): () => void {
  listeners.set(tabId, listener);
  return () => {
    if (listeners.get(tabId) === listener) listeners.delete(tabId);
  };
}

export function askForMoment(tabId: string): void {
  listeners.get(tabId)?.();
}

/** Whether the tab can show other moments than now. */
export function canGoBack(tabId: string): boolean {
  return listeners.has(tabId);
}
