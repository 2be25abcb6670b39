/** CSV as a program reads it that knows our NULL: an empty field without quotes. */
import { parse } from "csv-parse/sync";

export type CsvRow = Record<string, string | null>;

/** Rows by the names of the header line. */
export function parseCsv(text: string): CsvRow[] {
  return parse(text, {
    columns: true,
    cast: (value, { quoting, header }) => (value === "" && !quoting && !header ? null : value),
  }) as CsvRow[];
}

/** What JSON says of an entry as its CSV says it; members that are lists or objects are left out. */
export function asCsv(
  entry: Readonly<Record<string, unknown>>,
  columns: readonly string[],
): CsvRow {
  return Object.fromEntries(
    columns.map((name) => {
      const value = entry[name];
      return [name, value === null || value === undefined ? null : String(value)];
    }),
  );
}
