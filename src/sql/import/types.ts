/** Types of the columns of a new table, found from a sample, and values as those types. */
import { invalidParameter } from "../../errors.ts";
import type { SourceRow, SourceValue } from "./source.ts";

/** Declared types; `""` takes values of any type as they are. */
export type ColumnType = "INTEGER" | "REAL" | "TEXT" | "";
export type Cell = string | number | bigint | null;

/** How a value is written. Numbers only where the number says all that the text says. */
type Kind = "integer" | "real" | "text" | "boolean" | "json";

/** 007 and +49 are no numbers: they would come back different. */
const INTEGER_TEXT = /^-?(0|[1-9]\d{0,18})$/;
const REAL_TEXT = /^-?(0|[1-9]\d*)?(\.\d+)?(e[+-]?\d{1,3})?$/i;
/** Digits that a REAL keeps, whatever they are. */
const EXACT_DIGITS = 15;

/** The type of each column; TEXT where the sample says nothing. */
export function findTypes(
  rows: readonly SourceRow[],
  width: number,
  fromText: boolean,
): ColumnType[] {
  return Array.from({ length: width }, (_, column) => {
    const kinds = new Set<Kind>();
    for (const { values } of rows) {
      const value = values[column];
      if (value !== null && value !== undefined && value !== "")
        kinds.add(fromText ? kindOfText(String(value)) : kindOfJson(value));
    }
    return typeOf(kinds, fromText);
  });
}

function typeOf(kinds: ReadonlySet<Kind>, fromText: boolean): ColumnType {
  const only = (...allowed: Kind[]) => [...kinds].every((kind) => allowed.includes(kind));
  if (kinds.size === 0) return "TEXT";
  if (only("integer", "boolean")) return "INTEGER";
  if (only("integer", "real")) return "REAL";
  return fromText || only("text", "json") ? "TEXT" : "";
}

function kindOfText(text: string): Kind {
  if (isInteger(text)) return "integer";
  return isReal(text) ? "real" : "text";
}

function kindOfJson(value: Exclude<SourceValue, null>): Kind {
  switch (typeof value) {
    case "bigint":
      return "integer";
    case "number":
      return Number.isSafeInteger(value) ? "integer" : "real";
    case "boolean":
      return "boolean";
    case "string":
      return "text";
    default:
      return "json";
  }
}

function isInteger(text: string): boolean {
  if (!INTEGER_TEXT.test(text) || text === "-0") return false;
  return text.length <= 18 || BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

function isReal(text: string): boolean {
  if (!REAL_TEXT.test(text) || !/\d/.test(text)) return false;
  const digits = text.replace(/e.*$/i, "").replace(/\D/g, "").replace(/^0+/, "");
  return digits.length <= EXACT_DIGITS && Number.isFinite(Number(text));
}

/**
 * The value of a new table's column.
 * @throws ApiError INVALID_PARAMETERS for a value that the column's type would change
 */
export function toCell(
  value: SourceValue | undefined,
  type: ColumnType,
  fromText: boolean,
  where: { column: string; line: number },
): Cell {
  if (value === null || value === undefined) return null;
  if (fromText) {
    const text = String(value);
    if (type === "TEXT") return text;
    if (isInteger(text) && type === "INTEGER") return BigInt(text);
    if (type === "REAL" && isReal(text)) return Number(text);
    throw unfit(text, type, where);
  }
  const cell = jsonCell(value, type);
  // SQLite makes numbers of texts in such columns, and reals of long integers.
  const changes =
    (type === "INTEGER" || type === "REAL") && typeof cell === "string"
      ? true
      : type === "REAL" && typeof cell === "bigint" && BigInt(Number(cell)) !== cell;
  if (changes) throw unfit(String(cell), type, where);
  return cell;
}

/** A JSON value as SQLite holds it: truth values as 1 and 0, what is nested as JSON text. */
export function jsonCell(value: SourceValue | undefined, type: ColumnType): Cell {
  switch (typeof value) {
    case "undefined":
      return null;
    case "boolean":
      return type === "TEXT" ? String(value) : value ? 1n : 0n;
    case "number":
      // node:sqlite binds every number as REAL; a JSON integer means INTEGER.
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    case "object":
      return value === null ? null : nestedText(value);
    default:
      return value;
  }
}

/** JSON.rawJSON, which the type library does not know yet: text that JSON.stringify passes on. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

function nestedText(value: object): string {
  return JSON.stringify(value, (_, member) =>
    typeof member === "bigint" ? rawJSON(member.toString()) : member,
  );
}

function unfit(text: string, type: ColumnType, { column, line }: { column: string; line: number }) {
  return invalidParameter(
    "body",
    `has ${JSON.stringify(text.slice(0, 40))} in column ${column} on line ${line}, which is no ${type}`,
    "The rows before had the type of the column. With types=text every column takes what there is.",
  );
}
