/** Which part of a statement an error speaks of, as far as SQLite's words tell. */
import { ApiFailure } from "../api/failure.ts";
import type { Statement } from "./statements.ts";

export interface MarkedError {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

/** The name in `near "x": syntax error`, `no such column: t.x`, `no such table: x`. */
const NAMED =
  /near "((?:[^"]|"")*)"|no such (?:column|table|function|index|view|trigger): ("?)([^"]*)\2|ambiguous column name: (\S+)/;

/** @returns where in the whole text to mark it, or undefined when it belongs to no statement */
export function placeOfError(
  error: unknown,
  statements: readonly Statement[],
): MarkedError | undefined {
  if (!(error instanceof ApiFailure)) return undefined;
  const index = error.fields["reqIdx"];
  const statement = typeof index === "number" ? statements[index] : undefined;
  if (statement === undefined) return undefined;
  const { message } = error;
  const whole = { from: statement.from, to: statement.to, message };
  const named = NAMED.exec(message);
  if (named === null)
    return /incomplete input/.test(message)
      ? { ...whole, from: Math.max(whole.from, whole.to - 1) }
      : whole;
  const full = named[1] ?? named[3] ?? named[4] ?? "";
  for (const word of [full, full.split(".").at(-1) ?? ""]) {
    const at = findWord(statement.text, word);
    if (at !== -1)
      return { from: statement.from + at, to: statement.from + at + word.length, message };
  }
  return whole;
}

function findWord(text: string, word: string): number {
  if (word === "") return -1;
  const escaped = word.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const bounded = /^\w/.test(word) ? `(?<![\\w$])${escaped}(?![\\w$])` : escaped;
  return text.search(new RegExp(bounded, "i"));
}
