/** The text of a query, its values and its chart, in step with the address and with what is saved. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { change, type Tab } from "../address/workspace.ts";
import type { SavedQuery } from "../api/saved-queries.ts";
import { fromSavedValues, type ParameterValues, parseValues, printValues } from "./parameters.ts";
import { textAt, textParam } from "./saved-place.ts";
import { parametersOfAll, splitStatements } from "./statements.ts";

/** Typing changes the address, but not with every letter. */
const ADDRESS_DELAY_MS = 300;

/** @param queries what is saved in the tab's database; undefined as long as nobody knows */
export function useQueryState(tab: Tab, queries: readonly SavedQuery[] | undefined) {
  const { name, params } = tab.place;
  const saved = name === null ? undefined : queries?.find((query) => query.name === name);
  // One that somebody deleted: its text stays, until the address has all of it.
  const last = useRef(saved);
  if (saved !== undefined || last.current?.name !== name) last.current = saved;
  const base = last.current;

  const setParams = useCallback(
    (next: Record<string, string>, mode: "push" | "replace" = "replace") =>
      change(tab.id, { params: { ...latest.current.params, ...next } }, mode),
    [tab.id],
  );
  const latest = useRef({ params });
  latest.current = { params };

  // The text goes to the address after a pause, and comes from it when Back changed it.
  const addressed = textAt(params, base);
  const [sql, setSql] = useState(addressed);
  const written = useRef(addressed);
  useEffect(() => {
    if (sql === written.current) return undefined;
    const timer = setTimeout(() => {
      written.current = sql;
      setParams({ q: textParam(sql, saved) });
    }, ADDRESS_DELAY_MS);
    return () => clearTimeout(timer);
  }, [sql, saved, setParams]);
  useEffect(() => {
    if (addressed === written.current) return;
    written.current = addressed;
    setSql(addressed);
  }, [addressed]);

  // So do the values; the form keeps them as they were typed.
  const kept = useMemo(
    () =>
      base === undefined
        ? ""
        : printValues(fromSavedValues(parametersOfAll(splitStatements(base.sql)), base.values)),
    [base],
  );
  const addressedValues = params["values"] || kept;
  const [values, setValues] = useState(() => parseValues(addressedValues));
  const writtenValues = useRef(addressedValues);
  useEffect(() => {
    if (addressedValues === writtenValues.current) return;
    writtenValues.current = addressedValues;
    setValues(parseValues(addressedValues));
  }, [addressedValues]);
  const changeValues = (next: ParameterValues) => {
    setValues(next);
    const printed = printValues(next);
    writtenValues.current = printed || kept;
    setParams({ values: printed === kept ? "" : printed });
  };

  const chart = params["chart"] || (base?.chart ?? null);
  const deleted = name !== null && queries !== undefined && saved === undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when it is deleted
  useEffect(() => {
    if (!deleted || base === undefined) return;
    written.current = sql;
    setParams({ q: sql, values: printValues(values), chart: chart ?? "" });
  }, [deleted]);

  /** The text is in the address now, not after the pause. */
  const settle = (next: Record<string, string> = {}) => {
    written.current = sql;
    setParams({ q: textParam(sql, saved), ...next });
  };
  const now = useRef({ sql, values, chart });
  now.current = { sql, values, chart };

  return {
    /** What is saved under the tab's name, if anything is. */
    saved,
    /** There was something of that name, or nothing ever was. */
    deleted,
    sql,
    setSql,
    values,
    changeValues,
    chart,
    setParams,
    settle,
    /** As it is after what was waited for. */
    now,
  };
}
