/** Where boxes were dragged to, kept on this device; the others stand where the layout puts them. */
import { load, save } from "../../address/storage.ts";

export interface Spot {
  readonly x: number;
  readonly y: number;
}

export type Positions = Readonly<Record<string, Spot>>;

export function keptPositions(db: string): Positions {
  const kept = load<unknown>(`diagram:${db}`);
  if (typeof kept !== "object" || kept === null) return {};
  return Object.fromEntries(
    Object.entries(kept).filter(([, spot]) => Number.isFinite(spot?.x) && Number.isFinite(spot?.y)),
  );
}

export function keepPositions(db: string, positions: Positions): void {
  save(`diagram:${db}`, positions);
}
