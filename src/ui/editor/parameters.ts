/** Values of a query's parameters: as they are typed, kept in the address, and sent. */
import { parametersOf } from "../../sql/lexer.ts";
import type { Cell, SqlValues } from "../api/sql.ts";
import { parameterKey } from "./statements.ts";

/** `auto`: what looks like a number is one. */
export const VALUE_KINDS = ["auto", "text", "null"] as const;

export interface ParameterValue {
  readonly kind: (typeof VALUE_KINDS)[number];
  readonly text: string;
}

export type ParameterValues = Readonly<Record<string, ParameterValue>>;

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The value that is sent. */
export function toCell({ kind, text }: ParameterValue): Cell {
  if (kind === "null") return null;
  if (kind === "text" || !NUMBER.test(text.trim())) return text;
  const trimmed = text.trim().replace(/^\+/, "");
  if (!/^-?\d+$/.test(trimmed)) return Number(trimmed);
  const exact = BigInt(trimmed);
  if (exact >= -(2n ** 63n) && exact < 2n ** 63n)
    return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
  return Number(trimmed);
}

/** The values of one statement, in the form its parameters want; undefined when it has none. */
export function valuesFor(statement: string, values: ParameterValues): SqlValues | undefined {
  const parameters = parametersOf(statement);
  if (parameters.length === 0) return undefined;
  const cellOf = (key: string) => {
    const value = values[key];
    return value === undefined ? null : toCell(value);
  };
  if (parameters.every(({ name }) => name !== null && !/^\?/.test(name)))
    return Object.fromEntries(
      parameters.map((parameter) => [
        (parameter.name ?? "").slice(1),
        cellOf(parameterKey(parameter)),
      ]),
    );
  const list: Cell[] = [];
  for (const parameter of parameters) list[parameter.index - 1] = cellOf(parameterKey(parameter));
  return Array.from(list, (cell) => cell ?? null);
}

/** Keys of which nobody has said anything yet. */
export function missing(keys: readonly string[], values: ParameterValues): string[] {
  return keys.filter((key) => values[key] === undefined);
}

/** As they stand in the address. */
export function parseValues(text: string | undefined): ParameterValues {
  if (text === undefined) return {};
  try {
    const json = JSON.parse(text) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(json).map(([key, value]) => [
        key,
        value === null
          ? { kind: "null", text: "" }
          : typeof value === "string" && NUMBER.test(value)
            ? { kind: "text", text: value }
            : { kind: "auto", text: String(value) },
      ]),
    );
  } catch {
    return {};
  }
}

/** The counterpart; numbers are JSON numbers so that the kind survives. */
export function printValues(values: ParameterValues): string {
  const members = Object.entries(values).map(([key, value]) => {
    const cell = toCell(value);
    const printed =
      typeof cell === "number" || typeof cell === "bigint"
        ? value.text.trim()
        : JSON.stringify(cell);
    return `${JSON.stringify(key)}:${isJsonNumber(printed) ? printed : JSON.stringify(cell, bigAsText)}`;
  });
  return members.length === 0 ? "" : `{${members.join(",")}}`;
}

function isJsonNumber(text: string): boolean {
  return /^("|null$)/.test(text) || /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text);
}

function bigAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
