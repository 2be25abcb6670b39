/** Rows of NDJSON: one JSON object a line. */
import { invalidParameter } from "../../errors.ts";
import { IMPORT_SAMPLE_CHARS, IMPORT_SAMPLE_ROWS, MAX_IMPORT_ROW_BYTES } from "../../limits.ts";
import { parseJsonExactly } from "../bind.ts";
import type { RowSource, SourceRow, SourceValue } from "./source.ts";

interface JsonRow {
  line: number;
  members: Readonly<Record<string, SourceValue>>;
}

/** @throws ApiError INVALID_PARAMETERS for a line that is not a JSON object */
export async function readNdjson(text: AsyncGenerator<string>): Promise<RowSource> {
  const batches = parseLines(text);
  const first: JsonRow[] = [];
  let sampleChars = 0;
  const columns = new Map<string, number>();
  for (;;) {
    const { value, done } = await batches.next();
    if (done === true) break;
    for (const row of value.rows) {
      first.push(row);
      for (const name of Object.keys(row.members))
        if (!columns.has(name)) columns.set(name, columns.size);
    }
    sampleChars += value.chars;
    if (first.length > IMPORT_SAMPLE_ROWS || sampleChars > IMPORT_SAMPLE_CHARS) break;
  }
  if (columns.size === 0)
    throw invalidParameter("body", first.length === 0 ? "is empty" : "has objects without members");
  const toRow = ({ line, members }: JsonRow): SourceRow => {
    const values = new Array<SourceValue | undefined>(columns.size);
    for (const [name, value] of Object.entries(members)) {
      const column = columns.get(name);
      if (column === undefined)
        throw invalidParameter(
          "body",
          `has a member ${JSON.stringify(name)} on line ${line} that no row before had`,
          `The columns are those of the first ${IMPORT_SAMPLE_ROWS} rows: ${[...columns.keys()].join(", ")}.`,
        );
      values[column] = value;
    }
    return { line, values };
  };
  return {
    columns: [...columns.keys()],
    width: columns.size,
    sample: first.map(toRow),
    rest: mapped(batches, toRow),
  };
}

async function* mapped(
  batches: AsyncGenerator<{ rows: JsonRow[] }>,
  toRow: (row: JsonRow) => SourceRow,
): AsyncGenerator<SourceRow[]> {
  for await (const { rows } of batches) yield rows.map(toRow);
}

async function* parseLines(
  text: AsyncGenerator<string>,
): AsyncGenerator<{ rows: JsonRow[]; chars: number }> {
  let line = 0;
  // Pieces of a line that has not ended, joined once.
  let begun: string[] = [];
  let begunChars = 0;
  const parse = (lines: readonly string[]): JsonRow[] =>
    lines.flatMap((each) => {
      line += 1;
      return each.trim() === "" ? [] : [{ line, members: toMembers(each, line) }];
    });
  for await (const piece of text) {
    const lines = piece.split("\n");
    const rest = lines.pop() ?? "";
    if (lines.length > 0) {
      lines[0] = begun.join("") + (lines[0] ?? "");
      begun = [];
      begunChars = 0;
      yield { rows: parse(lines), chars: piece.length };
    }
    begun.push(rest);
    begunChars += rest.length;
    if (begunChars > MAX_IMPORT_ROW_BYTES)
      throw invalidParameter(
        "body",
        `has a line ${line + 1} of more than ${MAX_IMPORT_ROW_BYTES} letters`,
      );
  }
  yield { rows: parse([begun.join("")]), chars: begunChars };
}

function toMembers(text: string, line: number): Readonly<Record<string, SourceValue>> {
  let json: unknown;
  try {
    json = parseJsonExactly(text);
  } catch {
    throw invalidParameter("body", `is not JSON on line ${line}`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw invalidParameter("body", `is not a JSON object on line ${line}`);
  return json as Readonly<Record<string, SourceValue>>;
}
