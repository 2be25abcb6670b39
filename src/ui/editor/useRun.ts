/** Runs statements, one run at a time, and keeps the last good results while the next ones come. */
import { useEffect, useRef, useState } from "react";
import { DATABASES_KEY } from "../api/databases.ts";
import { isAbort } from "../api/failure.ts";
import type { Moment } from "../api/moment.ts";
import { queryClient } from "../api/query-client.ts";
import { schemaKey } from "../api/schema.ts";
import { readSqlThen, runSql, type SqlItem, type SqlResult, type SqlValues } from "../api/sql.ts";
import { onlySelects, type Statement } from "./statements.ts";

export interface RunItem {
  readonly statement: Statement;
  readonly values: SqlValues | undefined;
}

export interface Outcome {
  /** Counts runs, so that what belongs to one is not taken for another's. */
  readonly id: number;
  readonly kind: "rows" | "plan";
  readonly items: readonly RunItem[];
  readonly results: readonly SqlResult[];
  readonly durationMs: number;
  /** The moment of the key-value tables. */
  readonly at: Moment;
}

export interface RunState {
  readonly running: { readonly startedAt: number } | null;
  readonly outcome: Outcome | null;
  /** Of the last run, with its statements. */
  readonly error: { readonly cause: unknown; readonly items: readonly RunItem[] } | null;
  readonly cancelled: boolean;
}

/** A caller of the page may think longer than a program's. */
const TIMEOUT_S = 300;

export function useRun(db: string) {
  const [state, setState] = useState<RunState>({
    running: null,
    outcome: null,
    error: null,
    cancelled: false,
  });
  const controller = useRef<AbortController>(null);
  const runs = useRef(0);
  useEffect(() => () => controller.current?.abort(), []);

  /** @param at a moment of the past, for statements that only read; a plan is always that of now */
  const run = async (items: readonly RunItem[], kind: Outcome["kind"], at: Moment) => {
    controller.current?.abort();
    const mine = new AbortController();
    controller.current = mine;
    runs.current += 1;
    const id = runs.current;
    const startedAt = performance.now();
    setState((before) => ({ ...before, running: { startedAt }, cancelled: false }));
    try {
      const sqlItems = items.map((item) => toSqlItem(item, kind));
      const options = { signal: mine.signal, timeoutS: TIMEOUT_S };
      const results =
        at === null || kind === "plan"
          ? await runSql(db, sqlItems, options)
          : await runThen(db, sqlItems, at, options);
      const durationMs = performance.now() - startedAt;
      setState({
        running: null,
        outcome: { id, kind, items, results, durationMs, at: kind === "plan" ? null : at },
        error: null,
        cancelled: false,
      });
      if (kind === "rows" && !onlySelects(items.map(({ statement }) => statement))) {
        void queryClient.invalidateQueries({ queryKey: schemaKey(db) });
        void queryClient.invalidateQueries({ queryKey: DATABASES_KEY });
        // Rows that other tabs show may have changed.
        void queryClient.invalidateQueries({ queryKey: ["rows", db] });
      }
    } catch (cause) {
      if (controller.current !== mine) return;
      setState((before) => ({
        ...before,
        running: null,
        error: isAbort(cause) ? null : { cause, items },
        cancelled: isAbort(cause),
      }));
    } finally {
      void queryClient.invalidateQueries({ queryKey: ["log", db] });
    }
  };
  return {
    state,
    run,
    /** The server ends the job when the request goes away. */
    cancel: () => controller.current?.abort(),
  };
}

/** One after the other: the past stays as it was in between. */
async function runThen(
  db: string,
  items: readonly SqlItem[],
  at: Moment,
  options: { readonly signal: AbortSignal; readonly timeoutS: number },
): Promise<readonly SqlResult[]> {
  const results: SqlResult[] = [];
  for (const item of items) results.push(await readSqlThen(db, item, at, options));
  return results;
}

function toSqlItem({ statement, values }: RunItem, kind: Outcome["kind"]): SqlItem {
  const text =
    kind === "plan" ? statement.text.replace(/^explain\s+(query\s+plan\s+)?/i, "") : statement.text;
  return {
    statement: text,
    ...(values === undefined ? {} : { values }),
    ...(kind === "plan" ? { explain: true } : {}),
  };
}
