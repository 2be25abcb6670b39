/** While the slider is dragged the rows follow it like a film: each picture is read before the next one. */
import { useEffect, useRef, useState } from "react";
import type { Moment } from "../api/moment.ts";

/** Pictures come no faster than this. */
const PICTURE_MS = 50;
/** A picture that takes longer is given up for the one that is wanted by then. */
const PATIENCE_MS = 3000;

export interface Scrub {
  /** Where the thumb is. */
  readonly wanted: Moment;
  /** What is read and shown: the same, or a little behind. */
  readonly shown: Moment;
  readonly dragging: boolean;
  drag(at: Moment): void;
  /** The thumb was let go. */
  drop(): void;
}

/**
 * @param at the moment of the address
 * @param busy whether rows are being read
 */
export function useScrub(at: Moment, busy: boolean, onDrop: (at: Moment) => void): Scrub {
  const [dragged, setDragged] = useState<{ readonly at: Moment } | null>(null);
  const [shown, setShown] = useState(at);
  const changedAt = useRef(0);
  const wanted = dragged === null ? at : dragged.at;
  const dragging = dragged !== null;

  useEffect(() => {
    if (!dragging || wanted === shown) return undefined;
    // One picture at a time: a request that is given up ends its process on the server.
    const due = changedAt.current + (busy ? PATIENCE_MS : PICTURE_MS);
    const timer = setTimeout(
      () => {
        changedAt.current = performance.now();
        setShown(wanted);
      },
      Math.max(0, due - performance.now()),
    );
    return () => clearTimeout(timer);
  }, [dragging, wanted, shown, busy]);

  return {
    wanted,
    shown: dragging ? shown : at,
    dragging,
    drag(next) {
      if (!dragging) setShown(at);
      setDragged({ at: next });
    },
    drop() {
      if (dragged === null) return;
      setDragged(null);
      onDrop(dragged.at);
    },
  };
}
