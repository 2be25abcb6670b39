/** Queries kept on this device, per database. */
import { useSyncExternalStore } from "react";
import { load, save } from "../address/storage.ts";

export interface SavedQuery {
  readonly id: string;
  readonly name: string;
  readonly sql: string;
  /** JSON of the parameters' values. */
  readonly values?: string;
  /** How its result was shown as a chart: see charts. */
  readonly chart?: string;
  readonly savedAt: string;
}

const NONE: readonly SavedQuery[] = [];
const known = new Map<string, readonly SavedQuery[]>();
const listeners = new Set<() => void>();

export function savedQueries(db: string): readonly SavedQuery[] {
  if (db === "") return NONE;
  let queries = known.get(db);
  if (queries === undefined) {
    queries = load<SavedQuery[]>(`saved:${db}`) ?? NONE;
    known.set(db, queries);
  }
  return queries;
}

export function useSavedQueries(db: string): readonly SavedQuery[] {
  return useSyncExternalStore(subscribe, () => savedQueries(db));
}

/** Keeps a query; one of the same name is replaced. */
export function saveQuery(db: string, query: Omit<SavedQuery, "id" | "savedAt">): void {
  const before = savedQueries(db);
  const same = before.find(({ name }) => name === query.name);
  const kept: SavedQuery = {
    ...query,
    id: same?.id ?? crypto.getRandomValues(new Uint32Array(1)).join(""),
    savedAt: new Date().toISOString(),
  };
  put(db, [...before.filter(({ id }) => id !== kept.id), kept]);
}

/** Sets all of them, so that a deletion can be undone. */
export function put(db: string, queries: readonly SavedQuery[]): void {
  known.set(
    db,
    queries.toSorted((a, b) => a.name.localeCompare(b.name)),
  );
  save(`saved:${db}`, known.get(db));
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  const onStorage = ({ key }: StorageEvent) => {
    // Another tab of the browser saved one.
    if (key?.startsWith("chronolite.saved:") !== true) return;
    known.clear();
    listener();
  };
  addEventListener("storage", onStorage);
  return () => {
    listeners.delete(listener);
    removeEventListener("storage", onStorage);
  };
}
