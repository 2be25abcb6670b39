/** The moment of a table's view: in its address, on its slider, one change before or after. */
import { useIsFetching } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { type Moment, parseMoment, printMoment } from "../api/moment.ts";
import { isWriting } from "../parts/keys.ts";
import { toastFailure } from "../parts/Toast.tsx";
import { fetchStanding, stepFrom } from "./useMoments.ts";
import { type Scrub, useScrub } from "./useScrub.ts";
import { onMomentWanted } from "./wanted.ts";

export interface TableTimeOptions {
  tabId: string;
  db: string;
  table: string;
  /** Whether the table has a history. */
  enabled: boolean;
  active: boolean;
  /** As the address says it. */
  text: string | undefined;
  /** What rows are kept under. */
  rowsKey: readonly unknown[];
  onAt(text: string, history: "push" | "replace"): void;
}

export interface TableTime extends Scrub {
  /** Of the address. */
  readonly at: Moment;
  /** Whether the address says something that is no moment. */
  readonly unreadable: boolean;
  /** Whether the form to type a moment is open. */
  readonly asking: boolean;
  ask(open: boolean): void;
  go(at: Moment): void;
  step(direction: "back" | "on"): void;
}

/** Steps that follow one another so quickly are one step for Back. */
const ONE_STEP_MS = 1500;

export function useTableTime(options: TableTimeOptions): TableTime {
  const { tabId, db, table, enabled, active, text, onAt } = options;
  const parsed = parseMoment(text);
  const at = parsed ?? null;
  const busy = useIsFetching({ queryKey: options.rowsKey }) > 0;
  const go = (next: Moment) => onAt(printMoment(next), "push");
  const scrub = useScrub(at, busy, go);
  const [asking, setAsking] = useState(false);
  const stepping = useRef(false);
  const steppedAt = useRef(Number.NEGATIVE_INFINITY);

  const step = async (direction: "back" | "on") => {
    if (stepping.current || (direction === "on" && at === null)) return;
    stepping.current = true;
    try {
      const next = stepFrom(await fetchStanding(db, table, at), direction);
      if (next === undefined) return;
      const soon = performance.now() - steppedAt.current < ONE_STEP_MS;
      steppedAt.current = performance.now();
      onAt(printMoment(next), soon ? "replace" : "push");
    } catch (error) {
      toastFailure(error);
    } finally {
      stepping.current = false;
    }
  };
  const keys = useRef({ step, go });
  keys.current = { step, go };
  useEffect(() => {
    if (!enabled || !active) return undefined;
    const onKeyDown = (event: KeyboardEvent) => {
      const { key, target, altKey, ctrlKey, metaKey } = event;
      if (event.defaultPrevented || altKey || ctrlKey || metaKey) return;
      if (isTyping(target)) return;
      if (key === ",") void keys.current.step("back");
      else if (key === ".") void keys.current.step("on");
      else if (key === "t") setAsking(true);
      else if (key === "n") keys.current.go(null);
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [enabled, active]);
  useEffect(
    () => (enabled ? onMomentWanted(tabId, () => setAsking(true)) : undefined),
    [enabled, tabId],
  );

  return {
    ...scrub,
    at,
    unreadable: parsed === undefined,
    asking,
    ask: setAsking,
    go,
    step: (direction) => void step(direction),
  };
}

/** The slider is an input, too, but no letter means anything to it. */
function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement && target.type === "range") return false;
  return (
    isWriting(target) ||
    (target instanceof Element && target.closest("[role=dialog], [role=menu], .cm-editor") !== null)
  );
}
