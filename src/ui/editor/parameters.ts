/** Values of a query's parameters: as they are typed, kept in the address, and sent. */
import { parametersOf } from "../../sql/lexer.ts";
import { parseJson } from "../api/json.ts";
import type { SavedQuery } from "../api/saved-queries.ts";
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
    const json = parseJson(text) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(json).map(([key, value]) => [key, toParameterValue(value)]),
    );
  } catch {
    return {};
  }
}

function toParameterValue(value: unknown): ParameterValue {
  if (value === null) return { kind: "null", text: "" };
  return typeof value === "string" && NUMBER.test(value)
    ? { kind: "text", text: value }
    : { kind: "auto", text: String(value) };
}

/** The values of a whole text as the server keeps them: what a request for it could send. */
export function toSavedValues(
  keys: readonly string[],
  values: ParameterValues,
): SavedQuery["values"] {
  const known = keys.flatMap((key) => {
    const value = values[key];
    return value === undefined ? [] : [[key, toCell(value)] as const];
  });
  if (known.length === 0) return null;
  if (!known.every(([key]) => key.startsWith("?"))) return Object.fromEntries(known);
  const list: Cell[] = [];
  for (const [key, cell] of known) list[Number(key.slice(1)) - 1] = cell;
  return Array.from(list, (cell) => cell ?? null);
}

/** The counterpart. Others may have written names without their prefix. */
export function fromSavedValues(
  keys: readonly string[],
  saved: SavedQuery["values"],
): ParameterValues {
  const known = new Map<string, unknown>(
    saved === null
      ? []
      : isList(saved)
        ? saved.map((cell, index) => [`?${index + 1}`, cell])
        : Object.entries(saved),
  );
  return Object.fromEntries(
    keys.flatMap((key) => {
      const name = known.has(key) ? key : key.slice(1);
      return known.has(name) ? [[key, toParameterValue(known.get(name))]] : [];
    }),
  );
}

function isList(values: SqlValues): values is readonly Cell[] {
  return Array.isArray(values);
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
