/** Where one statement ends and the next begins, as SQLite's shell sees it. */
import { type Parameter, parametersOf } from "../../sql/lexer.ts";

export interface Statement {
  /** Place of the text in the whole, without blanks around it and without the semicolon. */
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

const TOKEN =
  /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|;|\s+|[\s\S]/g;

/** Splits SQL at its semicolons; those in the body of a trigger belong to it. */
export function splitStatements(sql: string): Statement[] {
  const statements: Statement[] = [];
  let from = -1;
  let to = 0;
  let words: string[] = [];
  // In a trigger, only `; END ;` ends the statement.
  let before: readonly [string, string] = ["", ""];
  const finish = () => {
    if (from !== -1) statements.push({ from, to, text: sql.slice(from, to) });
    from = -1;
    words = [];
    before = ["", ""];
  };
  for (const { 0: token, index } of sql.matchAll(TOKEN)) {
    const comment = token.startsWith("--") || token.startsWith("/*");
    if (token === ";" && !(isTrigger(words) && before.join(" ") !== "; END")) {
      finish();
      continue;
    }
    if (/^\s/.test(token) || comment) continue;
    if (from === -1) from = index;
    to = index + token.length;
    const word = /^[A-Za-z_]/.test(token) ? token.toUpperCase() : token;
    if (words.length < 4) words.push(word);
    before = [before[1], word];
  }
  finish();
  return statements;
}

function isTrigger(words: readonly string[]): boolean {
  const start = words[0] === "EXPLAIN" ? words.slice(words[1] === "QUERY" ? 3 : 1) : words;
  return (
    start[0] === "CREATE" &&
    (start[1] === "TRIGGER" || (/^TEMP(ORARY)?$/.test(start[1] ?? "") && start[2] === "TRIGGER"))
  );
}

/** The statement at a place in the text: the one it is in, else the one before it. */
export function statementAt(
  statements: readonly Statement[],
  position: number,
): Statement | undefined {
  return (
    statements.find(({ from, to }) => position >= from && position <= to + 1) ??
    statements.findLast(({ to }) => to < position) ??
    statements[0]
  );
}

/** Whether it can only read, so that opening its address may run it. */
export function onlySelects(statements: readonly Statement[]): boolean {
  return statements.length > 0 && statements.every(({ text }) => /^(select|values)\b/i.test(text));
}

/** What a form has to ask for: the parameters of all statements, each once. */
export function parametersOfAll(statements: readonly Statement[]): string[] {
  const keys = new Set<string>();
  for (const { text } of statements)
    for (const parameter of parametersOf(text)) keys.add(parameterKey(parameter));
  return [...keys];
}

/** `:name` as it is written, `?1` for a plain `?`. */
export function parameterKey({ index, name }: Parameter): string {
  return name ?? `?${index}`;
}
