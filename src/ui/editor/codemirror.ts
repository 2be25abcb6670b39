/** CodeMirror as the SQL editor wants it. */
import {
  autocompletion,
  type CompletionSource,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { keywordCompletionSource, SQLite, sql } from "@codemirror/lang-sql";
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  syntaxHighlighting,
} from "@codemirror/language";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, type Extension, RangeSetBuilder } from "@codemirror/state";
import {
  Decoration,
  drawSelection,
  EditorView,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  placeholder,
  ViewPlugin,
  type ViewUpdate,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Schema } from "../api/schema.ts";
import { styleNonce } from "../theme/nonce.ts";
import { afterDot, columnsAndFunctions } from "./completion.ts";
import { signatures } from "./signature.ts";
import { splitStatements, statementAt } from "./statements.ts";

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--code-comment)" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--code-name)" },
  { tag: tags.special(tags.name), color: "var(--accent)" },
]);

const look = EditorView.theme({
  "&": { height: "100%", backgroundColor: "var(--surface)", color: "var(--text)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": {
    fontFamily: "var(--font-data)",
    fontSize: "var(--size-base)",
    lineHeight: "20px",
  },
  ".cm-content": { padding: "8px 0", caretColor: "var(--text)" },
  ".cm-gutters": {
    backgroundColor: "var(--surface)",
    color: "var(--text-faint)",
    border: "none",
  },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 8px 0 12px", minWidth: "36px" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { backgroundColor: "var(--accent-soft)" },
  ".cm-selectionMatch": { backgroundColor: "var(--surface-active)" },
  "&.cm-focused .cm-matchingBracket": {
    backgroundColor: "var(--surface-active)",
    outline: "1px solid var(--line-strong)",
  },
  ".cm-current": { boxShadow: "inset 2px 0 var(--accent-line)" },
  ".cm-placeholder": { color: "var(--text-faint)" },
  ".cm-tooltip": {
    border: "none",
    borderRadius: "8px",
    backgroundColor: "var(--surface-raised)",
    boxShadow: "var(--float-shadow)",
    overflow: "hidden",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": {
    fontFamily: "var(--font-data)",
    fontSize: "var(--size-small)",
    maxHeight: "240px",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    backgroundColor: "var(--accent-soft)",
    color: "var(--text)",
  },
  ".cm-completionDetail": { color: "var(--text-soft)", fontStyle: "normal", marginLeft: "12px" },
  ".cm-completionIcon": { display: "none" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-diagnostic": { padding: "6px 10px", borderLeft: "3px solid var(--danger)" },
  ".cm-diagnostic-warning": { borderLeft: "3px solid var(--warning)" },
  ".cm-panels": { backgroundColor: "var(--surface-rail)", color: "var(--text)" },
  ".cm-panels-bottom": { borderTop: "1px solid var(--line)" },
  ".cm-textfield": {
    backgroundColor: "var(--surface)",
    border: "1px solid var(--line-strong)",
    borderRadius: "4px",
    color: "var(--text)",
  },
  ".cm-button": {
    backgroundColor: "var(--surface-raised)",
    backgroundImage: "none",
    border: "1px solid var(--line-strong)",
    borderRadius: "4px",
    color: "var(--text)",
  },
});

/** A line at the edge beside the statement that "run" would take. */
const currentStatement = ViewPlugin.fromClass(
  class {
    decorations;
    constructor(view: EditorView) {
      this.decorations = mark(view);
    }
    update(update: ViewUpdate) {
      if (update.docChanged || update.selectionSet || update.viewportChanged)
        this.decorations = mark(update.view);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

const MARKED_CHARS = 100_000;
const CURRENT_LINE = Decoration.line({ class: "cm-current" });

function mark({ state, visibleRanges }: EditorView) {
  const builder = new RangeSetBuilder<Decoration>();
  // A dump that was pasted is not worked with statement by statement.
  if (state.doc.length > MARKED_CHARS) return builder.finish();
  const statements = splitStatements(state.doc.toString());
  const current = statementAt(statements, state.selection.main.head);
  if (current === undefined || statements.length < 2) return builder.finish();
  const last = state.doc.lineAt(current.to).number;
  for (let number = state.doc.lineAt(current.from).number; number <= last; number += 1) {
    const line = state.doc.line(number);
    if (visibleRanges.some(({ from, to }) => line.from <= to && line.to >= from))
      builder.add(line.from, line.from, CURRENT_LINE);
  }
  return builder.finish();
}

/** Holds what depends on the schema, to be changed when it does. */
export const schemaSlot = new Compartment();

const anyKeyword = keywordCompletionSource(SQLite, true, (label, type) => ({
  label,
  type,
  boost: -1,
}));
/** After a dot only a name can follow. */
const keywords: CompletionSource = (context) =>
  context.matchBefore(/\.[\w$]*/) === null ? anyKeyword(context) : null;

export function schemaExtension(schema: Schema | undefined): Extension {
  return autocompletion({
    override: [afterDot(schema), columnsAndFunctions(schema), keywords],
    icons: false,
  });
}

export interface EditorCommands {
  run(): void;
  runAll(): void;
  format(): void;
  save(): void;
}

/** @param commands read when a key is pressed, so they may change */
export function editorExtensions(
  schema: Schema | undefined,
  commands: () => EditorCommands,
): Extension {
  const command = (name: keyof EditorCommands) => () => {
    commands()[name]();
    return true;
  };
  return [
    EditorView.cspNonce.of(styleNonce()),
    EditorView.contentAttributes.of({ "aria-label": "SQL", tabindex: "0" }),
    keymap.of([
      { key: "Mod-Enter", run: command("run") },
      { key: "Mod-Shift-Enter", run: command("runAll") },
      { key: "Shift-Alt-f", run: command("format") },
      { key: "Mod-s", run: command("save") },
    ]),
    lineNumbers(),
    highlightSpecialChars(),
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    highlightSelectionMatches(),
    sql({ dialect: SQLite }),
    syntaxHighlighting(colours),
    currentStatement,
    placeholder("select …"),
    look,
    signatures(),
    schemaSlot.of(schemaExtension(schema)),
    keymap.of([
      ...closeBracketsKeymap,
      ...completionKeymap,
      ...searchKeymap,
      ...historyKeymap,
      ...defaultKeymap,
      indentWithTab,
    ]),
  ];
}
