/** What an import reads rows from, whatever the format. */

/** A value as the upload has it: text for CSV, any JSON value for NDJSON; bigint for its integers. */
export type SourceValue = string | number | bigint | boolean | null | object;

export interface SourceRow {
  /** Line of the upload on which the row ends, from 1 on. */
  readonly line: number;
  /** In the order of the source's columns; undefined where the row says nothing. */
  readonly values: readonly (SourceValue | undefined)[];
}

export interface RowSource {
  /** Null where the upload does not name them. */
  readonly columns: readonly string[] | null;
  /** Number of columns. */
  readonly width: number;
  /** The first rows, by which types are found. */
  readonly sample: readonly SourceRow[];
  /** The rows after the sample, some at a time. */
  readonly rest: AsyncIterable<readonly SourceRow[]>;
}
