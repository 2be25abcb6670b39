/**
 * The open tabs and which one is shown, in step with the address bar and remembered per database.
 * A tab is a place; the address is the place of the shown tab.
 */
import { useSyncExternalStore } from "react";
import { HOME, type Place, parseHref, placeHref, samePlace } from "./place.ts";
import { load, save } from "./storage.ts";

export interface Tab {
  readonly id: string;
  readonly place: Place;
}

export interface Workspace {
  readonly db: string | null;
  readonly tabs: readonly Tab[];
  /** Null when no tab is open. */
  readonly activeId: string | null;
}

/** Elsewhere one tab per name is enough; a query without a name may be open many times. */
const MANY_TABS = new Set(["sql"]);

let workspace: Workspace = { db: null, tabs: [], activeId: null };
const listeners = new Set<() => void>();

export function useWorkspace(): Workspace {
  return useSyncExternalStore(subscribe, current);
}

/** Now, for handlers; components use `useWorkspace`. */
export function current(): Workspace {
  return workspace;
}

/** Reads the address, and follows it from now on. Called once, before the first render. */
export function startWorkspace(): void {
  addEventListener("popstate", (event) => arrive(parseHref(location.hash), tabOf(event.state)));
  arrive(parseHref(location.hash), tabOf(history.state));
}

/** Shows a place: in the tab that has it, else in a new one. */
export function open(target: Place): void {
  if (target.db !== workspace.db) workspace = remembered(target.db);
  const tab = target.db === null ? undefined : findOrAdd(target);
  show(tab?.id ?? null, "push");
}

/** Opens a database as it was left. */
export function openDatabase(db: string, history: "push" | "replace" = "push"): void {
  workspace = remembered(db);
  if (workspace.tabs.length === 0) findOrAdd({ ...HOME, db, view: "overview" });
  const { tabs, activeId } = workspace;
  show(tabs.some(({ id }) => id === activeId) ? activeId : (tabs[0]?.id ?? null), history);
}

export function activate(id: string): void {
  if (id !== workspace.activeId) show(id, "push");
}

export function close(id: string): void {
  const index = workspace.tabs.findIndex((tab) => tab.id === id);
  if (index === -1) return;
  const tabs = workspace.tabs.filter((tab) => tab.id !== id);
  const next = tabs[Math.min(index, tabs.length - 1)]?.id ?? null;
  workspace = { ...workspace, tabs };
  // There is always something to see.
  const left = next ?? findOrAdd({ ...HOME, db: workspace.db, view: "overview" }).id;
  show(workspace.activeId === id ? left : workspace.activeId, "push");
}

/**
 * Changes the state of a tab.
 * @param history `push` for a step that Back should undo, `replace` for typing
 */
export function change(id: string, next: Partial<Place>, history: "push" | "replace"): void {
  const tab = workspace.tabs.find((each) => each.id === id);
  if (tab === undefined) return;
  const place = { ...tab.place, ...next };
  if (samePlace(place, tab.place)) return;
  workspace = withPlace(workspace, id, place);
  if (workspace.activeId === id) show(id, history);
  else settle();
}

function arrive(target: Place, tabId: string | null): void {
  if (target.db !== workspace.db) workspace = remembered(target.db);
  if (target.db === null) {
    show(null, "replace");
    return;
  }
  const known = workspace.tabs.find((tab) => tab.id === tabId);
  if (known !== undefined) workspace = withPlace(workspace, known.id, target);
  show((known ?? findOrAdd(target)).id, "replace");
}

/** The tab for a place; its state becomes that of the place. */
function findOrAdd(target: Place): Tab {
  const same = workspace.tabs.find(({ place }) =>
    MANY_TABS.has(target.view) && target.name === null
      ? samePlace(place, target)
      : place.view === target.view && place.name === target.name,
  );
  if (same !== undefined) {
    // A bare address, such as one from the rail, brings back the tab as it was left.
    const bare = Object.keys(target.params).length === 0;
    if (!bare) workspace = withPlace(workspace, same.id, target);
    return same;
  }
  const tab = {
    id: crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? "",
    place: target,
  };
  const active = workspace.tabs.findIndex(({ id }) => id === workspace.activeId);
  const at = active === -1 ? workspace.tabs.length : active + 1;
  workspace = { ...workspace, tabs: workspace.tabs.toSpliced(at, 0, tab) };
  return tab;
}

function show(id: string | null, mode: "push" | "replace"): void {
  workspace = { ...workspace, activeId: id };
  const tab = workspace.tabs.find((each) => each.id === id);
  const href = placeHref(tab?.place ?? { ...HOME, db: workspace.db, view: "overview" });
  if (mode === "push" && href !== location.hash) history.pushState({ tab: id }, "", href);
  else history.replaceState({ tab: id }, "", href);
  settle();
}

function settle(): void {
  if (workspace.db !== null) {
    const { tabs, activeId } = workspace;
    save(`tabs:${workspace.db}`, {
      activeId,
      tabs: tabs.map(({ id, place }) => [id, placeHref(place)]),
    });
    save("database", workspace.db);
  }
  for (const listener of listeners) listener();
}

function remembered(db: string | null): Workspace {
  const nothing: Workspace = { db, tabs: [], activeId: null };
  if (db === null) return nothing;
  const stored = load<{ activeId: string | null; tabs: [string, string][] }>(`tabs:${db}`);
  if (stored === null || !Array.isArray(stored.tabs)) return nothing;
  const tabs = stored.tabs.map(([id, href]) => ({ id, place: parseHref(href) }));
  return { db, tabs: tabs.filter(({ place }) => place.db === db), activeId: stored.activeId };
}

function withPlace(from: Workspace, id: string, place: Place): Workspace {
  return { ...from, tabs: from.tabs.map((tab) => (tab.id === id ? { id, place } : tab)) };
}

function tabOf(state: unknown): string | null {
  const { tab } = (state ?? {}) as { tab?: unknown };
  return typeof tab === "string" ? tab : null;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
