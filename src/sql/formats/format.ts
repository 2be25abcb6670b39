/** Rows of a query as text other than the JSON of the API: one format, one file. */
import type { Cell, CellFormat } from "../encode.ts";

export const ROW_FORMATS = ["csv", "ndjson", "html"] as const;
export type RowFormatName = (typeof ROW_FORMATS)[number];

/** What a format may need to know besides the rows. */
export interface RowsContext {
  readonly columns: readonly string[];
  readonly integers: CellFormat["integers"];
  readonly sql: string;
  /** For pages: the same query in other formats. */
  readonly links: readonly { readonly label: string; readonly href: string }[];
  /** In the past: its last millisecond, and how many keys are left out because nobody knows of them. */
  readonly moment: { readonly ms: number; readonly gaps: number } | null;
}

export interface RowsSummary {
  readonly rows: number;
  readonly truncated: boolean;
}

/** Text before the rows, each row, text after them. */
export interface RowFormat {
  readonly head: string;
  row(cells: readonly Cell[]): string;
  tail(summary: RowsSummary): string;
}
