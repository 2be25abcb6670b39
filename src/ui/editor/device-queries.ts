/** Queries that earlier versions of the page kept in the browser, until they are kept on the server. */
import { useSyncExternalStore } from "react";
import { type Place, place } from "../address/place.ts";
import { load, save } from "../address/storage.ts";
import { stringifyJson } from "../api/json.ts";
import {
  isTaken,
  MAX_NAME_CHARS,
  readSavedQueries,
  type SavedText,
  saveQuery,
} from "../api/saved-queries.ts";
import { parseValues, toSavedValues } from "./parameters.ts";
import { parametersOfAll, splitStatements } from "./statements.ts";

export interface DeviceQuery {
  readonly id: string;
  readonly name: string;
  readonly sql: string;
  /** JSON of the parameters' values, as the address has them. */
  readonly values?: string;
  readonly chart?: string;
}

const NONE: readonly DeviceQuery[] = [];
const known = new Map<string, readonly DeviceQuery[]>();
const listeners = new Set<() => void>();

export function useDeviceQueries(db: string): readonly DeviceQuery[] {
  return useSyncExternalStore(subscribe, () => deviceQueries(db));
}

export function devicePlace(db: string, { name, sql, values, chart }: DeviceQuery): Place {
  return place(db, "sql", null, {
    q: sql,
    title: name,
    ...(values === undefined ? {} : { values }),
    ...(chart === undefined ? {} : { chart, view: "chart" }),
  });
}

/**
 * Keeps all of them on the server, one by one. A name that is taken gets a number; what cannot be kept
 * stays on the device.
 * @returns how many there were
 */
export async function moveToServer(db: string): Promise<number> {
  const moved = deviceQueries(db);
  for (const query of moved) {
    await keep(db, query);
    put(
      db,
      deviceQueries(db).filter(({ id }) => id !== query.id),
    );
  }
  return moved.length;
}

async function keep(db: string, { name, sql, values, chart }: DeviceQuery): Promise<void> {
  const keys = parametersOfAll(splitStatements(sql));
  const text: SavedText = {
    sql,
    values: toSavedValues(keys, parseValues(values)),
    chart: chart ?? null,
  };
  for (let number = 1; ; number += 1) {
    const numbered = nameFor(name, number);
    const there = (await readSavedQueries(db)).find((query) => query.name === numbered);
    if (there !== undefined) {
      if (isSame(there, text)) return;
      continue;
    }
    try {
      await saveQuery(db, { ...text, name: numbered }, { replace: false });
      return;
    } catch (error) {
      // Somebody was faster: look again.
      if (!isTaken(error)) throw error;
      number -= 1;
    }
  }
}

/** A name that the server takes. */
function nameFor(name: string, number: number): string {
  const suffix = number === 1 && !/^\.{1,2}$/.test(name) ? "" : ` (${number})`;
  const line = name.replaceAll(/\p{Cc}/gu, " ").slice(0, MAX_NAME_CHARS - suffix.length);
  return (line + suffix).toWellFormed();
}

function isSame(a: SavedText, b: SavedText): boolean {
  return (
    a.sql === b.sql && a.chart === b.chart && stringifyJson(a.values) === stringifyJson(b.values)
  );
}

function deviceQueries(db: string): readonly DeviceQuery[] {
  let queries = known.get(db);
  if (queries === undefined) {
    const stored = load<DeviceQuery[]>(storageName(db));
    queries = Array.isArray(stored) ? stored : NONE;
    known.set(db, queries);
  }
  return queries;
}

function put(db: string, queries: readonly DeviceQuery[]): void {
  known.set(db, queries);
  save(storageName(db), queries);
  for (const listener of listeners) listener();
}

const storageName = (db: string) => `saved:${db}`;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  const onStorage = ({ key }: StorageEvent) => {
    // Another tab of the browser moved them.
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
