/** One JSON object per line, cells as in the JSON of GET /query. */
import { blobAsTextOrBase64, RowWriter } from "../encode.ts";
import type { RowFormat, RowsContext } from "./format.ts";

export function ndjsonFormat({ columns, integers }: RowsContext): RowFormat {
  const writer = new RowWriter(columns, { blob: blobAsTextOrBase64, integers, cells: "plain" });
  return {
    head: "",
    row: (cells) => `${writer.encode(cells)}\n`,
    tail: () => "",
  };
}
