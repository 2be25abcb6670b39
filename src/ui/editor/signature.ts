/** What a function takes, shown while its arguments are written, the current one brought out. */
import { type EditorState, type Extension, StateField } from "@codemirror/state";
import { EditorView, showTooltip, type Tooltip } from "@codemirror/view";
import { FUNCTIONS } from "./functions.ts";

/** Arguments that are longer are beyond help. */
const LOOKED_BACK_CHARS = 2000;

export interface Call {
  readonly name: string;
  /** Place of the name. */
  readonly from: number;
  /** Which argument the place is in, from 0. */
  readonly argument: number;
}

/** The call of a known function that a place is in the parentheses of. */
export function callAt(text: string, position: number): Call | null {
  const start = Math.max(0, position - LOOKED_BACK_CHARS);
  // Of texts and comments only the length counts.
  const before = text
    .slice(start, position)
    .replaceAll(/'(?:[^']|'')*'?|"(?:[^"]|"")*"?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g, (quoted) =>
      " ".repeat(quoted.length),
    );
  let depth = 0;
  let argument = 0;
  for (let at = before.length - 1; at >= 0; at -= 1) {
    const sign = before[at];
    if (sign === ";") return null;
    if (sign === ")") depth += 1;
    else if (sign === "," && depth === 0) argument += 1;
    else if (sign === "(" && depth > 0) depth -= 1;
    else if (sign === "(") {
      const name = /([A-Za-z_]\w*)\s*$/.exec(before.slice(0, at));
      const known = name?.[1]?.toLowerCase();
      if (name !== null && known !== undefined && Object.hasOwn(FUNCTIONS, known))
        return { name: known, from: start + name.index, argument };
      // In parentheses within an argument.
      argument = 0;
    }
  }
  return null;
}

function tooltipOf(state: EditorState): Tooltip | null {
  const { main } = state.selection;
  if (!main.empty) return null;
  const call = callAt(state.doc.toString(), main.head);
  if (call === null) return null;
  return { pos: call.from, above: true, create: () => ({ dom: describe(call) }) };
}

function describe({ name, argument }: Call): HTMLElement {
  const box = document.createElement("div");
  box.className = "cm-signature";
  const takes = FUNCTIONS[name] ?? "";
  const [, list = "", rest = ""] = /^\(([^)]*)\)(.*)$/.exec(takes) ?? [];
  const names = list.split(", ");
  // The last one may stand for any number of them.
  const current =
    names.at(-1) === "…" && argument >= names.length - 1 ? names.length - 1 : argument;
  box.append(`${name}(`);
  for (const [index, each] of names.entries()) {
    if (index > 0) box.append(", ");
    const part = document.createElement(index === current ? "strong" : "span");
    part.textContent = each;
    box.append(part);
  }
  box.append(`)${rest}`);
  return box;
}

/** It follows what is written, and goes when nobody writes. */
export function signatures(): Extension {
  return [
    StateField.define<Tooltip | null>({
      create: () => null,
      update(tooltip, transaction) {
        if (!transaction.docChanged && transaction.selection === undefined) return tooltip;
        return tooltipOf(transaction.state);
      },
      provide: (field) => showTooltip.from(field),
    }),
    EditorView.baseTheme({
      ".cm-signature": {
        padding: "3px 8px",
        fontFamily: "var(--font-data)",
        fontSize: "var(--size-small)",
        color: "var(--text-soft)",
      },
      ".cm-signature strong": { color: "var(--text)" },
    }),
  ];
}
