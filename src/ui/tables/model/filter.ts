/** Conditions on rows: what people choose, how an address says it, what SQL it becomes. */
import { parseJson, stringifyJson } from "../../api/json.ts";
import { quoteIdentifier } from "../../api/literals.ts";
import type { SchemaColumn } from "../../api/schema.ts";
import { type Cell, isBlob, isNumber, toCell } from "../../api/sql.ts";
import { join, type SqlText, value } from "../../api/sql-text.ts";
import { parseOperand } from "./affinity.ts";

export const OPERATORS = {
  "=": "is",
  "!=": "is not",
  ">": "more than",
  ">=": "at least",
  "<": "less than",
  "<=": "at most",
  contains: "contains",
  "!contains": "does not contain",
  starts: "starts with",
  ends: "ends with",
  in: "is one of",
  "!in": "is none of",
  null: "is NULL",
  "!null": "is not NULL",
  empty: "is empty text",
  blob: "is a BLOB",
} as const;

export type Operator = keyof typeof OPERATORS;

export interface ColumnFilter {
  readonly column: string;
  readonly operator: Operator;
  /** For `in` and `!in` several. */
  readonly operands: readonly Cell[];
}

/** A condition in SQL; it runs where nothing but reading is allowed. */
export interface SqlFilter {
  readonly sql: string;
}

export type Filter = ColumnFilter | SqlFilter;

export function operandCount(operator: Operator): "none" | "one" | "many" {
  if (["null", "!null", "empty", "blob"].includes(operator)) return "none";
  return operator === "in" || operator === "!in" ? "many" : "one";
}

export function isSql(filter: Filter): filter is SqlFilter {
  return "sql" in filter;
}

/** For addresses: `[["name","=","Lyon"],["sql","a > b"]]`. */
export function printFilters(filters: readonly Filter[]): string {
  if (filters.length === 0) return "";
  return stringifyJson(
    filters.map((filter) =>
      isSql(filter)
        ? { sql: filter.sql }
        : [filter.column, filter.operator, ...filter.operands.map(printable)],
    ),
  );
}

/** What is none of ours in an address is left out. */
export function parseFilters(text: string | undefined): readonly Filter[] {
  return listOf(text).flatMap((entry): Filter[] => {
    if (Array.isArray(entry)) {
      const [column, operator, ...rest] = entry as unknown[];
      const operands = rest.map(toCell);
      if (typeof column !== "string" || !isOperator(operator) || !operands.every(isCell)) return [];
      return [{ column, operator, operands }];
    }
    const { sql } = (entry ?? {}) as { sql?: unknown };
    return typeof sql === "string" && sql.trim() !== "" ? [{ sql }] : [];
  });
}

/** JSON has no infinite numbers; here they are written as the server writes them. */
export function printable(cell: Cell): unknown {
  return typeof cell === "number" && !Number.isFinite(cell) ? { real: String(cell) } : cell;
}

/** A JSON list, or nothing. */
export function listOf(text: string | undefined): readonly unknown[] {
  if (text === undefined || text === "") return [];
  try {
    const parsed = parseJson(text);
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

const SIGNS: Readonly<Partial<Record<Operator, string>>> = {
  "=": "=",
  "!=": "≠",
  ">": ">",
  ">=": "≥",
  "<": "<",
  "<=": "≤",
};

export function describeFilter(filter: Filter): string {
  if (isSql(filter)) return filter.sql;
  const operands = filter.operands.map((each) =>
    each === null ? "NULL" : isBlob(each) ? "a BLOB" : String(each),
  );
  const word = SIGNS[filter.operator] ?? OPERATORS[filter.operator];
  return [filter.column, word, operands.join(", ")].filter((part) => part !== "").join(" ");
}

/** From what was typed for the operator. */
export function filterFrom(column: SchemaColumn, operator: Operator, typed: string): ColumnFilter {
  const count = operandCount(operator);
  const texts =
    count === "none" ? [] : count === "one" ? [typed] : typed.split(",").map((part) => part.trim());
  const asText = ["contains", "!contains", "starts", "ends"].includes(operator);
  return {
    column: column.name,
    operator,
    operands: texts.map((text) => (asText ? text : parseOperand(text, column))),
  };
}

/** The condition of one filter, in parentheses where it needs them. */
export function filterSql(filter: Filter): SqlText {
  if (isSql(filter)) return [`(${filter.sql}\n)`];
  const column = quoteIdentifier(filter.column);
  const [operand = null] = filter.operands;
  switch (filter.operator) {
    case "=":
      return operand === null ? [`${column} IS NULL`] : [`${column} = `, value(operand)];
    case "!=":
      return [`${column} IS NOT `, value(operand)];
    case ">":
    case ">=":
    case "<":
    case "<=":
      return [`${column} ${filter.operator} `, value(operand)];
    case "contains":
      return like(column, "LIKE", `%${escapeLike(operand)}%`);
    case "!contains":
      return [
        "(",
        ...like(column, "NOT LIKE", `%${escapeLike(operand)}%`),
        ` OR ${column} IS NULL)`,
      ];
    case "starts":
      return like(column, "LIKE", `${escapeLike(operand)}%`);
    case "ends":
      return like(column, "LIKE", `%${escapeLike(operand)}`);
    case "in":
    case "!in":
      return [
        `${column} ${filter.operator === "in" ? "IN" : "NOT IN"} (`,
        ...join(
          filter.operands.map((each) => [value(each)]),
          ", ",
        ),
        ")",
      ];
    case "null":
      return [`${column} IS NULL`];
    case "!null":
      return [`${column} IS NOT NULL`];
    case "empty":
      return [`${column} = ''`];
    case "blob":
      return [`typeof(${column}) = 'blob'`];
  }
}

/** Rows with a text in any of the columns. */
export function searchSql(text: string, columns: readonly SchemaColumn[]): SqlText {
  const pattern = `%${escapeLike(text)}%`;
  return [
    "(",
    ...join(
      columns.map(({ name }) => like(quoteIdentifier(name), "LIKE", pattern)),
      " OR ",
    ),
    ")",
  ];
}

function like(column: string, operator: string, pattern: string): SqlText {
  // Without a sign of LIKE in it no ESCAPE is needed, and an index can help.
  const ending = pattern.includes("\\") ? " ESCAPE '\\'" : "";
  return [`${column} ${operator} `, value(pattern), ending];
}

function escapeLike(operand: Cell): string {
  return String(operand).replaceAll(/[\\%_]/g, "\\$&");
}

function isOperator(text: unknown): text is Operator {
  return typeof text === "string" && Object.hasOwn(OPERATORS, text);
}

export function isCell(each: unknown): each is Cell {
  return (
    each === null ||
    typeof each === "string" ||
    isNumber(each as Cell) ||
    (typeof each === "object" &&
      typeof (each as { value_base64?: unknown }).value_base64 === "string")
  );
}
