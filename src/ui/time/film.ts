/** The slider: a table's history from its first known state to its last change, and now at the end. */

import type { Moment } from "../api/moment.ts";
import type { MomentBucket } from "../api/moments.ts";

export interface Film {
  /** The first moment that can be shown. */
  readonly fromMs: number;
  /** Of the last change. */
  readonly lastMs: number;
}

/** Steps of the slider: more than it has pixels. */
export const POSITIONS = 10_000;
/**
 * Where the last change stands. A table that is quiet since would else have all of its history in the
 * first pixel; what lies between its last change and now is the same picture.
 */
const LAST = 9600;
/** Beyond it is now. */
const NOW = 9800;

export function positionOf(film: Film, at: Moment): number {
  if (at === null) return POSITIONS;
  if (at > film.lastMs) return NOW;
  const share = (at - film.fromMs) / Math.max(1, film.lastMs - film.fromMs);
  return Math.round(LAST * Math.min(1, Math.max(0, share)));
}

export function momentAt(film: Film, position: number): Moment {
  if (position > NOW) return null;
  const share = Math.min(1, position / LAST);
  return Math.round(film.fromMs + share * (film.lastMs - film.fromMs));
}

export interface Bar {
  /** In positions. */
  readonly x: number;
  readonly width: number;
  /** 0 to 1. */
  readonly height: number;
  readonly fromMs: number;
}

const LEAST_HEIGHT = 0.12;

/** How much happened when. One burst must not make everything else invisible, so it is a root. */
export function barsOf(film: Film, buckets: readonly MomentBucket[]): readonly Bar[] {
  const most = Math.max(1, ...buckets.map(({ operations }) => operations));
  return buckets
    .filter(({ operations, to_ms: toMs }) => operations > 0 && toMs >= film.fromMs)
    .map(({ from_ms: fromMs, to_ms: toMs, operations }) => {
      const x = positionOf(film, Math.min(fromMs, film.lastMs));
      const end = positionOf(film, Math.min(toMs, film.lastMs));
      return {
        x,
        width: Math.max(end - x, LAST / Math.max(1, buckets.length)),
        height: Math.max(LEAST_HEIGHT, Math.sqrt(operations / most)),
        fromMs,
      };
    });
}
