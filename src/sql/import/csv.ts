/** Rows of CSV text. The parsing is csv-parse's; finding the delimiter is ours. */
import { once } from "node:events";
import { CsvError, type Options, parse } from "csv-parse";
import { type ApiError, invalidParameter } from "../../errors.ts";
import { IMPORT_SAMPLE_CHARS, IMPORT_SAMPLE_ROWS, MAX_IMPORT_ROW_BYTES } from "../../limits.ts";
import type { RowSource, SourceRow } from "./source.ts";

export interface CsvOptions {
  header: boolean;
  /** Null to find it. */
  delimiter: string | null;
  /** What a field without anything in it means; one that is quoted is always a text. */
  empty: "null" | "text";
}

/** In order of preference where the text has no say. */
const DELIMITERS = [",", ";", "\t", "|"];
/** Lines that are compared to find the delimiter. */
const COMPARED_LINES = 50;

/** @throws ApiError INVALID_PARAMETERS for text that is not CSV */
export async function readCsv(
  text: AsyncGenerator<string>,
  options: CsvOptions,
): Promise<RowSource> {
  const begin = await beginning(text);
  const delimiter = options.delimiter ?? findDelimiter(begin);
  const records = parseRecords(begin, text, delimiter, options.empty);
  const sample: SourceRow[] = [];
  let sampleChars = 0;
  for (;;) {
    const { value, done } = await records.next();
    if (done === true) break;
    for (const row of value) {
      sample.push(row);
      sampleChars += row.values.reduce<number>((sum, cell) => sum + String(cell ?? "").length, 0);
    }
    if (sample.length > IMPORT_SAMPLE_ROWS || sampleChars > IMPORT_SAMPLE_CHARS) break;
  }
  const first = sample[0];
  if (first === undefined) throw invalidParameter("body", "is empty");
  const width = first.values.length;
  if (!options.header) return { columns: null, width, sample, rest: records };
  sample.shift();
  return { columns: first.values.map((name) => String(name ?? "")), width, sample, rest: records };
}

async function* parseRecords(
  begin: string,
  text: AsyncGenerator<string>,
  delimiter: string,
  empty: CsvOptions["empty"],
): AsyncGenerator<SourceRow[]> {
  const options: Options = {
    delimiter,
    info: true,
    skip_empty_lines: true,
    max_record_size: MAX_IMPORT_ROW_BYTES,
    ...(empty === "null"
      ? { cast: (value, { quoting }) => (value === "" && !quoting ? null : value) }
      : {}),
  };
  const parser = parse(options);
  let parsed: SourceRow[] = [];
  let failure: Error | undefined;
  parser.on("data", ({ record, info }: { record: (string | null)[]; info: { lines: number } }) =>
    parsed.push({ line: info.lines, values: record }),
  );
  parser.on("error", (error) => {
    failure = error;
  });
  const ended = once(parser, "end").catch(() => {}); // What went wrong is in `failure`.
  const taken = (): SourceRow[] => {
    if (failure !== undefined) throw csvError(failure, delimiter);
    const rows = parsed;
    parsed = [];
    return rows;
  };
  const write = (piece: string) =>
    new Promise<void>((resolve) => parser.write(piece, () => resolve()));
  if (begin !== "") {
    await write(begin);
    yield taken();
  }
  for await (const piece of text) {
    await write(piece);
    yield taken();
  }
  if (failure === undefined) {
    parser.end();
    await ended;
  }
  yield taken();
}

/** Enough text to find the delimiter in, or all there is. */
async function beginning(text: AsyncGenerator<string>): Promise<string> {
  let begin = "";
  while (begin.length < 64 * 1024) {
    const { value, done } = await text.next();
    if (done === true) break;
    begin += value;
  }
  return begin;
}

/** The one that cuts every line into the same number of fields, the more the better. */
function findDelimiter(begin: string): string {
  const lines = linesOf(begin).slice(0, COMPARED_LINES);
  let best = { delimiter: ",", score: 0 };
  for (const delimiter of DELIMITERS) {
    const counts = lines.map((line) => line.split(delimiter).length - 1);
    const [first = 0] = counts;
    if (first === 0) continue;
    const alike = counts.filter((count) => count === first).length / counts.length;
    const score = alike * 1000 + Math.min(first, 999) / 1000;
    if (score > best.score) best = { delimiter, score };
  }
  return best.delimiter;
}

/** Lines without what stands in quotes; line breaks in quotes end none. */
function linesOf(text: string): string[] {
  const bare = text.replace(/"(?:[^"]|"")*(?:"|$)/g, "");
  return bare.split(/\r\n|\n|\r/).filter((line) => line !== "");
}

function csvError(error: Error, delimiter: string): ApiError {
  const shown = delimiter === "\t" ? "tab" : delimiter;
  const tooLong = error instanceof CsvError && error.code === "CSV_MAX_RECORD_SIZE";
  return invalidParameter(
    "body",
    `is not CSV: ${error.message}`,
    tooLong
      ? "A quote that is not closed may have swallowed the rest of the file."
      : `Fields were separated by ${shown}; set delimiter if that is wrong.`,
  );
}
