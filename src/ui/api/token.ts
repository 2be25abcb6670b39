/** The token that the server may ask for: kept for this tab, or on this device when the person says so. */

const STORAGE_KEY = "chronolite.token";

export function storedToken(): string | null {
  return read(sessionStorage) ?? read(localStorage);
}

/** @param remember on this device, rather than until the tab is closed */
export function storeToken(token: string, remember: boolean): void {
  forgetToken();
  try {
    (remember ? localStorage : sessionStorage).setItem(STORAGE_KEY, token);
  } catch {
    // Without storage it lasts as long as the page.
  }
  inMemory = token;
}

export function forgetToken(): void {
  inMemory = null;
  for (const storage of [sessionStorage, localStorage])
    try {
      storage.removeItem(STORAGE_KEY);
    } catch {
      // Nothing was kept there.
    }
}

let inMemory: string | null = null;

function read(storage: Storage): string | null {
  try {
    return storage.getItem(STORAGE_KEY) ?? inMemory;
  } catch {
    return inMemory;
  }
}

type Asker = (reason: string) => Promise<string>;
let asker: Asker | undefined;
let asking: Promise<string> | undefined;

/** Tells who asks the person for a token: the shell's prompt. */
export function onTokenNeeded(ask: Asker | undefined): void {
  asker = ask;
}

/** Asks once, however many requests wait. */
export function askForToken(reason: string): Promise<string> {
  if (asker === undefined) return Promise.reject(new Error(reason));
  asking ??= asker(reason).finally(() => {
    asking = undefined;
  });
  return asking;
}
