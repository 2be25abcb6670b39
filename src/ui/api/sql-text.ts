/** SQL put together from text and values: bound when it runs, written out when people read it. */
import { base64ToBytes, sqlLiteral } from "./literals.ts";
import { type Cell, isBlob, WholeReal } from "./sql.ts";

export type SqlPart = string | { readonly value: Cell };
export type SqlText = readonly SqlPart[];

export interface BoundSql {
  readonly statement: string;
  readonly values: Cell[];
}

export function value(cell: Cell): SqlPart {
  return { value: cell };
}

/** Parts with a separator between them. */
export function join(texts: readonly SqlText[], separator: string): SqlText {
  return texts.flatMap((text, index) => (index === 0 ? text : [separator, ...text]));
}

/** With parameters in place of values. JSON has no bytes and no infinity: those travel otherwise. */
export function bound(text: SqlText): BoundSql {
  const values: Cell[] = [];
  const statement = text
    .map((part) => {
      if (typeof part === "string") return part;
      const { value: cell } = part;
      if (isInfinite(cell)) return printed([part]);
      if (cell instanceof WholeReal) {
        values.push(cell.valueOf());
        // A bare CAST would make comparisons take the text '2' for the number.
        return "+CAST(? AS REAL)";
      }
      if (!isBlob(cell)) {
        values.push(cell);
        return "?";
      }
      values.push(bytesToHex(base64ToBytes(cell.value_base64)));
      return "unhex(?)";
    })
    .join("");
  return { statement, values };
}

/** With values as literals. */
export function printed(text: SqlText): string {
  return text
    .map((part) => {
      if (typeof part === "string") return part;
      if (isInfinite(part.value)) return Number(part.value) > 0 ? "9e999" : "-9e999";
      return sqlLiteral(part.value);
    })
    .join("");
}

export function bytesToHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isInfinite(cell: Cell): boolean {
  return typeof cell === "number" && !Number.isFinite(cell);
}
