/** Bytes of an upload as text, piece by piece. */
import { isUtf8 } from "node:buffer";
import { invalidParameter } from "../../errors.ts";

const LINE_FEED = 0x0a;
/** Bytes of the longest letter, less one: what a piece may end with and not be whole. */
const LETTER_REST = 3;

/**
 * Decodes UTF-8; a byte order mark is left out.
 * @throws ApiError INVALID_PARAMETERS that names the first line with bytes that are not UTF-8
 */
export async function* decodeUtf8(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 1;
  let previous: Uint8Array = new Uint8Array();
  for await (const chunk of chunks) {
    let text: string;
    try {
      text = decoder.decode(chunk, { stream: true });
    } catch {
      throw notUtf8(line + badLine(previous, chunk));
    }
    if (text !== "") yield text;
    line += count(chunk, LINE_FEED);
    previous = Buffer.concat([previous, chunk.subarray(-LETTER_REST)]).subarray(-LETTER_REST);
  }
  try {
    const rest = decoder.decode();
    if (rest !== "") yield rest;
  } catch {
    throw notUtf8(line);
  }
}

function notUtf8(line: number) {
  return invalidParameter(
    "body",
    `is not UTF-8 on line ${line}`,
    "Convert the file first, for instance: iconv -f WINDOWS-1252 -t UTF-8 file.csv",
  );
}

/** Line breaks of the chunk before the first bytes that are not UTF-8. */
function badLine(previous: Uint8Array, chunk: Uint8Array): number {
  const bytes = Buffer.concat([previous, chunk]);
  // The pieces meet inside a letter at the most.
  let start = 0;
  while (start < LETTER_REST && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  let breaks = -count(previous.subarray(start), LINE_FEED);
  for (;;) {
    const end = bytes.indexOf(LINE_FEED, start);
    if (end === -1 || !isUtf8(bytes.subarray(start, end))) return Math.max(breaks, 0);
    breaks += 1;
    start = end + 1;
  }
}

function count(bytes: Uint8Array, byte: number): number {
  let found = 0;
  for (let at = bytes.indexOf(byte); at !== -1; at = bytes.indexOf(byte, at + 1)) found += 1;
  return found;
}
