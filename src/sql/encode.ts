/** Rows as JSON text, exactly: every digit of an integer, every column of the same name. */
import { isUtf8 } from "node:buffer";
import { ApiError } from "../errors.ts";

export type Cell = string | number | bigint | null | Uint8Array;

/** How a BLOB becomes JSON: contracts/hoody.md 1.1 and 1.2 differ. */
export type BlobEncoding = (blob: Uint8Array) => string;

/** POST /db: base64. */
export const blobAsBase64: BlobEncoding = (blob) =>
  JSON.stringify(Buffer.from(blob).toString("base64"));

/** GET /query: text where it is UTF-8, else marked base64. */
export const blobAsTextOrBase64: BlobEncoding = (blob) =>
  isUtf8(blob)
    ? JSON.stringify(Buffer.from(blob).toString("utf8"))
    : `{"value_base64":${blobAsBase64(blob)}}`;

/** A value that JSON has no way to write. */
export class UnrepresentableError extends ApiError {
  constructor() {
    super("DATABASE_ERROR", "The result holds an infinite number, which JSON cannot write", {
      hint: "Cast the column to text in the query.",
    });
  }
}

export function encodeCell(cell: Cell, encodeBlob: BlobEncoding): string {
  if (cell === null) return "null";
  switch (typeof cell) {
    case "string":
      return JSON.stringify(cell);
    case "bigint":
      return cell.toString();
    case "number":
      if (!Number.isFinite(cell)) throw new UnrepresentableError();
      return JSON.stringify(cell);
    default:
      return encodeBlob(cell);
  }
}

/** Column names as they appear in results: a repeated one becomes `name:2`, `name:3` (contract 1.1). */
export function distinctNames(names: readonly string[]): string[] {
  const occurrences = new Map<string, number>();
  // A column may really be called name:2; then that one keeps its name.
  const taken = new Set(names);
  return names.map((name) => {
    let occurrence = (occurrences.get(name) ?? 0) + 1;
    if (occurrence > 1) while (taken.has(`${name}:${occurrence}`)) occurrence += 1;
    occurrences.set(name, occurrence);
    if (occurrence === 1) return name;
    const distinct = `${name}:${occurrence}`;
    taken.add(distinct);
    return distinct;
  });
}

/** Collects rows as JSON text, up to bounds on their number and their size together. */
export class RowWriter {
  readonly headers: string[];
  readonly #prefixes: string[];
  readonly #asLists: boolean;
  readonly #encodeBlob: BlobEncoding;
  readonly #rows: string[] = [];
  lengthChars = 0;

  constructor(columns: readonly string[], encodeBlob: BlobEncoding, asLists = false) {
    this.headers = distinctNames(columns);
    this.#prefixes = this.headers.map((name) => `${JSON.stringify(name)}:`);
    this.#asLists = asLists;
    this.#encodeBlob = encodeBlob;
  }

  get count(): number {
    return this.#rows.length;
  }

  add(cells: readonly Cell[]): void {
    const parts = cells.map((cell, column) => {
      const text = encodeCell(cell, this.#encodeBlob);
      return this.#asLists ? text : this.#prefixes[column] + text;
    });
    const row = this.#asLists ? `[${parts.join(",")}]` : `{${parts.join(",")}}`;
    this.lengthChars += row.length + 1;
    this.#rows.push(row);
  }

  toJson(): string {
    return `[${this.#rows.join(",")}]`;
  }
}
