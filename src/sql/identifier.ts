/** The one place where names that callers chose become part of SQL text. */

/** A name as an SQL identifier: in double quotes, which are doubled inside. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as an SQL literal. It must not hold NUL, at which SQL text would end. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
