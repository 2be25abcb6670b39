/** The staged changes of every table, and the last saved ones that can be undone. They outlive their tab. */
import { useSyncExternalStore } from "react";
import { isNothing, NOTHING, type Staged } from "./staged.ts";
import type { Change } from "./statements.ts";

export interface StagedState {
  readonly staged: Staged;
  /** Earlier states, the latest last, to step back through. */
  readonly past: readonly Staged[];
  /** The row that the last attempt to save stumbled over, and why. */
  readonly refused: Refusal | null;
  /** What undoes the last saved batch. */
  readonly inverse: readonly Change[] | null;
}

export interface Refusal {
  readonly key: string;
  /** Somebody else changed the row meanwhile. */
  readonly conflict: boolean;
  /** Whose values were refused; none when that is not known. */
  readonly columns: readonly string[];
  readonly message: string;
}

const START: StagedState = { staged: NOTHING, past: [], refused: null, inverse: null };
const MAX_STEPS = 200;

const states = new Map<string, StagedState>();
const listeners = new Set<() => void>();

function storeKey(db: string, table: string): string {
  return `${db}\u0000${table}`;
}

export function useStaged(db: string, table: string): StagedState {
  return useSyncExternalStore(subscribe, () => stagedState(db, table));
}

export function stagedState(db: string, table: string): StagedState {
  return states.get(storeKey(db, table)) ?? START;
}

/** A step that can be taken back. */
export function stage(db: string, table: string, step: (before: Staged) => Staged): void {
  const state = stagedState(db, table);
  const staged = step(state.staged);
  if (staged === state.staged) return;
  const past = [...state.past, state.staged].slice(-MAX_STEPS);
  update(db, table, { staged, past, refused: null });
}

export function stepBack(db: string, table: string): void {
  const { past } = stagedState(db, table);
  const staged = past.at(-1);
  if (staged !== undefined) update(db, table, { staged, past: past.slice(0, -1), refused: null });
}

export function update(db: string, table: string, change: Partial<StagedState>): void {
  states.set(storeKey(db, table), { ...stagedState(db, table), ...change });
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// What is not saved would be lost with the page.
addEventListener("beforeunload", (event) => {
  if ([...states.values()].some(({ staged }) => !isNothing(staged))) event.preventDefault();
});
