import { useEffect, useId, useMemo, useRef } from "react";
import type { Moment } from "../api/moment.ts";
import type { MomentBucket } from "../api/moments.ts";
import { barsOf, type Film as FilmScale, momentAt, POSITIONS, positionOf } from "./film.ts";
import { formatExactly } from "./moment.ts";

export interface FilmProps {
  film: FilmScale;
  buckets: readonly MomentBucket[];
  at: Moment;
  onDrag(at: Moment): void;
  /** The thumb was let go. */
  onDrop(): void;
  onGo(at: Moment): void;
  onStep(direction: "back" | "on"): void;
}

const HEIGHT = 100;

/** The table's history as a slider: how much happened when, and where we are in it. */
export function Film({ film, buckets, at, onDrag, onDrop, onGo, onStep }: FilmProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const bars = useMemo(() => barsOf(film, buckets), [film, buckets]);
  const latest = useRef(onDrop);
  latest.current = onDrop;
  // React has no event for this: what it calls change is each step on the way.
  useEffect(() => {
    const element = input.current;
    const onChange = () => latest.current();
    element?.addEventListener("change", onChange);
    return () => element?.removeEventListener("change", onChange);
  }, []);

  const onKeyDown = (event: React.KeyboardEvent) => {
    const { key } = event;
    if (key === "ArrowLeft" || key === "ArrowDown") onStep("back");
    else if (key === "ArrowRight" || key === "ArrowUp") onStep("on");
    else if (key === "Home") onGo(film.fromMs);
    else if (key === "End") onGo(null);
    else return;
    event.preventDefault();
  };
  return (
    <div className="film">
      <svg
        className="film-bars"
        viewBox={`0 0 ${POSITIONS} ${HEIGHT}`}
        preserveAspectRatio="none"
        aria-hidden
      >
        {bars.map(({ x, width, height, fromMs }) => (
          <rect
            key={x}
            className={at !== null && fromMs > at ? "film-later" : "film-bar"}
            x={x}
            width={width * 0.8}
            y={HEIGHT * (1 - height)}
            height={HEIGHT * height}
          />
        ))}
      </svg>
      <input
        ref={input}
        id={id}
        type="range"
        className="film-range"
        aria-label="Moment"
        aria-valuetext={at === null ? "now" : formatExactly(at)}
        min={0}
        max={POSITIONS}
        value={positionOf(film, at)}
        onChange={({ target }) => onDrag(momentAt(film, Number(target.value)))}
        onKeyDown={onKeyDown}
      />
    </div>
  );
}
