/** What can follow at the cursor: tables, their columns, functions, keywords. */
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { SQLite, type SQLNamespace, schemaCompletionSource } from "@codemirror/lang-sql";
import { quoteIdentifier } from "../api/literals.ts";
import type { Schema, SchemaColumn, SchemaObject } from "../api/schema.ts";
import { FUNCTIONS } from "./functions.ts";
import { splitStatements, statementAt } from "./statements.ts";

/** Completion after a dot, by alias too: CodeMirror's own, with our schema. */
export function afterDot(schema: Schema | undefined) {
  const namespace: Record<string, SQLNamespace> = {};
  for (const object of schema?.objects ?? [])
    namespace[object.name] = {
      self: tableCompletion(object),
      children: object.columns.filter(({ hidden }) => !hidden).map(columnCompletion),
    };
  return schemaCompletionSource({ dialect: SQLite, schema: namespace });
}

/** Columns of the tables that the statement names, and SQLite's functions. */
export function columnsAndFunctions(schema: Schema | undefined) {
  const functions: Completion[] = Object.entries(FUNCTIONS).map(([label, takes]) => ({
    label,
    type: "function",
    detail: takes,
    apply: (view, _completion, from, to) =>
      view.dispatch({
        changes: { from, to, insert: `${label}()` },
        selection: { anchor: from + label.length + (takes.startsWith("()") ? 2 : 1) },
      }),
  }));
  return (context: CompletionContext): CompletionResult | null => {
    const word = context.matchBefore(/[\w$\u0080-\uffff]+/);
    if (word === null && !context.explicit) return null;
    const from = word?.from ?? context.pos;
    if (context.state.sliceDoc(from - 1, from) === ".") return null;
    const text = context.state.doc.toString();
    const statement = statementAt(splitStatements(text), context.pos)?.text.toLowerCase() ?? "";
    const names = new Set(statement.match(/[\w$\u0080-\uffff]+/g));
    const columns = new Map<string, Completion>();
    for (const object of schema?.objects ?? []) {
      if (
        !names.has(object.name.toLowerCase()) &&
        !statement.includes(`"${object.name.toLowerCase()}"`)
      )
        continue;
      for (const column of object.columns)
        if (!column.hidden) columns.set(column.name, { ...columnCompletion(column), boost: 10 });
    }
    return {
      from,
      options: [...columns.values(), ...functions],
      validFor: /^[\w$\u0080-\uffff]*$/,
    };
  };
}

function tableCompletion({ name, type }: SchemaObject): Completion {
  return { label: name, apply: quoteIdentifier(name), type: "type", detail: type, boost: 5 };
}

function columnCompletion({ name, type, primary_key: key }: SchemaColumn): Completion {
  return {
    label: name,
    apply: quoteIdentifier(name),
    type: "property",
    detail: `${type.toLowerCase()}${key > 0 ? " key" : ""}`,
  };
}
