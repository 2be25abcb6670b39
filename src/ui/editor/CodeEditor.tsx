import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { type Ref, useEffect, useImperativeHandle, useRef } from "react";
import type { Schema } from "../api/schema.ts";
import {
  type EditorCommands,
  editorExtensions,
  schemaExtension,
  schemaSlot,
} from "./codemirror.ts";
import type { MarkedError } from "./error-place.ts";

export interface EditorHandle {
  focus(): void;
  /** Places in the text; equal when nothing is selected. */
  selection(): { from: number; to: number };
  /** Replaces the text so that it can be undone. */
  replace(text: string): void;
}

export interface CodeEditorProps extends EditorCommands {
  ref: Ref<EditorHandle>;
  value: string;
  onChange(value: string): void;
  schema: Schema | undefined;
  /** Of the last run. */
  error: MarkedError | undefined;
  /** What would go wrong. */
  advice: readonly MarkedError[];
  autoFocus: boolean;
}

/** The SQL editor. */
export function CodeEditor(props: CodeEditorProps) {
  const { value, schema, error, advice } = props;
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    if (box.current === null) return undefined;
    const { value: doc, schema: known, autoFocus } = latest.current;
    const editor = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc,
        selection: { anchor: doc.length },
        extensions: [
          editorExtensions(known, () => latest.current),
          EditorView.updateListener.of(({ docChanged, state }) => {
            if (docChanged) latest.current.onChange(state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    // On a phone the keyboard would cover what was asked for.
    if (autoFocus && !matchMedia("(pointer: coarse)").matches) editor.focus();
    return () => editor.destroy();
  }, []);

  // Back, or an address, changed the text from outside.
  useEffect(() => {
    const editor = view.current;
    if (editor !== null && editor.state.doc.toString() !== value)
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    view.current?.dispatch({ effects: schemaSlot.reconfigure(schemaExtension(schema)) });
  }, [schema]);

  useEffect(() => {
    const editor = view.current;
    if (editor === null) return;
    const { length } = editor.state.doc;
    const marked = (of: MarkedError, severity: Diagnostic["severity"]): Diagnostic => ({
      from: Math.min(of.from, length),
      to: Math.min(of.to, length),
      severity,
      message: of.message,
    });
    const advised = advice.filter(
      ({ from, message }) => from !== error?.from || message !== error.message,
    );
    editor.dispatch(
      setDiagnostics(editor.state, [
        ...(error === undefined ? [] : [marked(error, "error")]),
        ...advised.map((each) => marked(each, "warning")),
      ]),
    );
  }, [error, advice]);

  useImperativeHandle(props.ref, () => ({
    focus: () => view.current?.focus(),
    selection() {
      const { from = 0, to = 0 } = view.current?.state.selection.main ?? {};
      return { from, to };
    },
    replace(text) {
      const editor = view.current;
      editor?.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
    },
  }));

  return <div ref={box} className="code" />;
}
