/** Which columns are shown, in which order, and which of them are held at the left. */
import { load, save } from "../../address/storage.ts";

/** Null for all of them in the table's order, which an address need not name. */
export type Shown = readonly string[] | null;

/** @param all names in the table's order */
export function toggled(shown: Shown, name: string, all: readonly string[]): Shown {
  const names = shown ?? all;
  if (names.includes(name)) {
    const rest = names.filter((each) => each !== name);
    return rest.length === 0 ? shown : rest;
  }
  // Where the table has it: before the first shown one that comes later there.
  const later = new Set(all.slice(all.indexOf(name) + 1));
  const at = names.findIndex((each) => later.has(each));
  return shortened(names.toSpliced(at === -1 ? names.length : at, 0, name), all);
}

/** @param to the place it has afterwards */
export function movedTo(names: readonly string[], from: number, to: number): readonly string[] {
  const name = names[from];
  if (name === undefined || from === to) return names;
  return names.toSpliced(from, 1).toSpliced(to, 0, name);
}

export function shortened(names: readonly string[], all: readonly string[]): Shown {
  const same = names.length === all.length && names.every((name, index) => name === all[index]);
  return same ? null : names;
}

export interface ColumnMemory {
  readonly shown: Shown;
  readonly pinned: readonly string[];
}

const NO_MEMORY: ColumnMemory = { shown: null, pinned: [] };

/** How the columns of a table were left on this device, without those that are gone since. */
export function rememberedColumns(db: string, table: string, all: readonly string[]): ColumnMemory {
  const kept = load<Partial<ColumnMemory>>(`columns:${db}:${table}`) ?? NO_MEMORY;
  const known = (names: unknown): string[] =>
    Array.isArray(names) ? names.filter((name) => all.includes(name)) : [];
  const shown = known(kept.shown);
  return { shown: shown.length === 0 ? null : shown, pinned: known(kept.pinned) };
}

export function rememberColumns(db: string, table: string, memory: ColumnMemory): void {
  save(`columns:${db}:${table}`, memory);
}
