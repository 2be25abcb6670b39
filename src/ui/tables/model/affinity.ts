/** What SQLite makes of a value in a column: https://www.sqlite.org/datatype3.html#determination_of_column_affinity */
import type { SchemaColumn } from "../../api/schema.ts";
import { type Cell, isNumber, WholeReal } from "../../api/sql.ts";

export type Affinity = "integer" | "real" | "numeric" | "text" | "none";

export function affinityOf(declared: string): Affinity {
  const type = declared.toUpperCase();
  if (type.includes("INT")) return "integer";
  if (/CHAR|CLOB|TEXT/.test(type)) return "text";
  if (type === "" || type.includes("BLOB") || type === "ANY") return "none";
  return /REAL|FLOA|DOUB/.test(type) ? "real" : "numeric";
}

export function isNumeric(column: SchemaColumn): boolean {
  return ["integer", "real", "numeric"].includes(affinityOf(column.type));
}

const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
/** As the page shows an infinite number. SQLite itself writes it 9e999. */
const INFINITE = /^([+-]?)inf(inity)?$/i;
const INTEGER_MAX = 2n ** 63n;

/** The number that a text says, exactly; undefined when it says none. */
export function parseNumber(text: string): number | bigint | undefined {
  const trimmed = text.trim();
  if (INTEGER.test(trimmed)) {
    const exact = BigInt(trimmed.replace(/^\+/, ""));
    if (exact < -INTEGER_MAX || exact >= INTEGER_MAX) return Number(exact);
    const short = Number(exact);
    return Number.isSafeInteger(short) ? short : exact;
  }
  const infinite = INFINITE.exec(trimmed);
  if (infinite !== null)
    return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return NUMBER.test(trimmed) ? Number(trimmed) : undefined;
}

/** A typed text as the column would hold it. A column without affinity keeps the kind that was there. */
export function parseTyped(text: string, column: SchemaColumn, before: Cell): Cell {
  const affinity = affinityOf(column.type);
  if (affinity === "text") return text;
  if (affinity === "none" && !isNumber(before)) return text;
  const number = parseTypedNumber(text, column);
  return number === undefined ? text : number;
}

/**
 * The number that was typed for a column, undefined when it is none. SQLite makes NULL of what is not
 * a number, and so do we; `2.0` stays REAL where the column does not decide.
 */
export function parseTypedNumber(text: string, column: SchemaColumn): Cell | undefined {
  if (/^\s*nan\s*$/i.test(text)) return null;
  const number = parseNumber(text);
  const real = typeof number === "number" && Number.isInteger(number) && !INTEGER.test(text.trim());
  return real && affinityOf(column.type) === "none" ? new WholeReal(number) : number;
}

/** The same for conditions, where a column without affinity compares numbers with numbers. */
export function parseOperand(text: string, column: SchemaColumn): Cell {
  return affinityOf(column.type) === "text" ? text : (parseNumber(text) ?? text);
}
