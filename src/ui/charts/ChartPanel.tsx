import type { GridRow } from "../parts/grid/types.ts";
import { Empty } from "../parts/Notes.tsx";

export interface ChartPanelProps {
  /** Names of the columns; distinct. */
  names: readonly string[];
  rows: readonly GridRow[];
  /** What was chosen, as text that the address and a saved query can hold; null before. */
  spec: string | null;
  onSpec(spec: string): void;
}

/** The rows as a chart. */
export default function ChartPanel({ rows }: ChartPanelProps) {
  return <Empty title={`${rows.length}`} />;
}
