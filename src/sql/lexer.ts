/**
 * The little that must be known of SQL text before SQLite has compiled it: where a statement begins,
 * and which parameters it has. SQLite's own tokens (https://www.sqlite.org/lang_expr.html#varparam);
 * what a statement does is SQLite's to say, never this file's.
 */

/** One parameter of a statement: its place in the numbering, and its name with prefix if it has one. */
export interface Parameter {
  readonly index: number;
  /** `:a`, `@a`, `$a` or `?12`; null for a plain `?`. */
  readonly name: string | null;
}

const TRIVIA = /^(?:[\s;\uFEFF]+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))/;

/** Blank space, comments and empty statements at the front, removed. */
export function skipTrivia(sql: string): string {
  let rest = sql;
  for (let match = TRIVIA.exec(rest); match !== null; match = TRIVIA.exec(rest))
    rest = rest.slice(match[0].length);
  return rest;
}

const TOKEN =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\?(?<number>\d+)|(?<plain>\?)|(?<name>[:@#][\w$\u0080-\uffff]+|\$(?:[\w$\u0080-\uffff]|::)+(?:\([^\s)]*\))?)|[\w$\u0080-\uffff]+/gu;

/** The parameters of one statement in order of first appearance, numbered as SQLite numbers them. */
export function parametersOf(statement: string): Parameter[] {
  const parameters = new Map<string | number, Parameter>();
  let highest = 0;
  for (const { groups = {} } of statement.matchAll(TOKEN)) {
    const { number, plain, name } = groups;
    if (plain !== undefined) {
      highest += 1;
      parameters.set(highest, { index: highest, name: null });
    } else if (number !== undefined) {
      const index = Number(number);
      highest = Math.max(highest, index);
      if (!parameters.has(index)) parameters.set(index, { index, name: `?${number}` });
    } else if (name !== undefined && !parameters.has(name)) {
      highest += 1;
      parameters.set(name, { index: highest, name });
    }
  }
  return [...parameters.values()];
}
