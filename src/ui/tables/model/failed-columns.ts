/** Which columns of a row a refused change speaks of, as far as SQLite's words tell. */
import type { SchemaObject } from "../../api/schema.ts";

/** @returns names in the table's order; none when the words name none */
export function failedColumns(message: string, object: SchemaObject): readonly string[] {
  const { columns } = object;
  const named = (text: string) => {
    const words = new Set(wordsOf(text));
    return columns.map(({ name }) => name).filter((name) => words.has(name.toLowerCase()));
  };
  const check = /CHECK constraint failed: ([\s\S]+)/.exec(message)?.[1];
  if (check !== undefined) return named(conditionOf(check.trim(), object.sql ?? "") ?? check);
  const key = /(?:NOT NULL|UNIQUE) constraint failed: ([\s\S]+)/.exec(message)?.[1];
  if (key !== undefined) {
    const parts = key.split(", ");
    return columns
      .map(({ name }) => name)
      .filter((name) => parts.some((part) => part === `${object.name}.${name}`));
  }
  const kind = /cannot store \w+ value in \w+ column ([\s\S]+)/.exec(message)?.[1];
  if (kind !== undefined)
    return columns.map(({ name }) => name).filter((name) => kind === `${object.name}.${name}`);
  const bounds = /rtree constraint failed: [^(]*\(([^)]*)\)/.exec(message)?.[1];
  if (bounds !== undefined) return named(bounds);
  if (/datatype mismatch/.test(message))
    return columns.filter(({ primary_key: place }) => place > 0).map(({ name }) => name);
  if (/FOREIGN KEY constraint failed/.test(message)) {
    const inKeys = new Set(object.foreign_keys.flatMap((each) => each.columns));
    return columns.map(({ name }) => name).filter((name) => inKeys.has(name));
  }
  return [];
}

/** What a CHECK of that name asks for; undefined when none is called so, as its own words were given. */
function conditionOf(name: string, sql: string): string | undefined {
  const escaped = name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const start = new RegExp(`CONSTRAINT\\s+["'\`[]?${escaped}["'\`\\]]?\\s+CHECK\\s*\\(`, "i").exec(
    sql,
  );
  if (start === null) return undefined;
  const from = start.index + start[0].length;
  let depth = 1;
  for (let at = from; at < sql.length; at += 1) {
    if (sql[at] === "(") depth += 1;
    else if (sql[at] === ")") depth -= 1;
    if (depth === 0) return sql.slice(from, at);
  }
  return sql.slice(from);
}

/** Names in a condition, in lower case; what stands in single quotes is text. */
function wordsOf(condition: string): string[] {
  const TOKEN =
    /'(?:[^']|'')*'|"((?:[^"]|"")*)"|`([^`]*)`|\[([^\]]*)\]|([\p{L}_][\p{L}\p{N}_$]*)/gu;
  return [...condition.matchAll(TOKEN)].flatMap(([, double, tick, bracket, plain]) => {
    const word = double?.replaceAll('""', '"') ?? tick ?? bracket ?? plain;
    return word === undefined ? [] : [word.toLowerCase()];
  });
}
