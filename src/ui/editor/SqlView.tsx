import { Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { load, save } from "../address/storage.ts";
import { change } from "../address/workspace.ts";
import { stringifyJson } from "../api/json.ts";
import { useSchema } from "../api/schema.ts";
import { isKey } from "../parts/keys.ts";
import { Skeleton } from "../parts/Notes.tsx";
import { Split } from "../parts/Split.tsx";
import { toast, toastFailure } from "../parts/Toast.tsx";
import { ResultPanel } from "../results/ResultPanel.tsx";
import { ShareDialog } from "../share/ShareDialog.tsx";
import type { ViewProps } from "../shell/views.ts";
import { CodeEditor, type EditorHandle } from "./CodeEditor.tsx";
import { EditorBar } from "./EditorBar.tsx";
import { placeOfError } from "./error-place.ts";
import { formatSql } from "./format.ts";
import { ParameterForm } from "./ParameterForm.tsx";
import {
  missing,
  type ParameterValues,
  parseValues,
  printValues,
  valuesFor,
} from "./parameters.ts";
import { SaveQuery } from "./SaveQuery.tsx";
import { put, savedQueries, saveQuery } from "./saved.ts";
import {
  onlySelects,
  parametersOfAll,
  type Statement,
  splitStatements,
  statementAt,
} from "./statements.ts";
import { useAdvice } from "./useAdvice.ts";
import { type Outcome, useRun } from "./useRun.ts";
import "./editor.css";

/** On this device. */
const CHECKING = "check-while-typing";

/** Typing changes the address, but not with every letter. */
const ADDRESS_DELAY_MS = 300;

/** A query: the text, its parameters, its results. */
export default function SqlView({ tab, db, active }: ViewProps) {
  const { params } = tab.place;
  const schema = useSchema(db);
  const editor = useRef<EditorHandle>(null);
  const [sql, setSql] = useState(params["q"] ?? "");
  const { state, run, cancel } = useRun(db);
  const [dialog, setDialog] = useState<"save" | "share" | null>(null);
  const [wanted, setWanted] = useState<readonly string[]>([]);

  const statements = useMemo(() => splitStatements(sql), [sql]);
  const keys = useMemo(() => parametersOfAll(statements), [statements]);
  const [checking, setChecking] = useState(() => load<boolean>(CHECKING) !== false);
  const advice = useAdvice(db, statements, schema.data?.schema_version, checking && active);
  const [values, setValues] = useState(() => parseValues(params["values"]));

  const setParams = useCallback(
    (next: Record<string, string>, mode: "push" | "replace" = "replace") =>
      change(tab.id, { params: { ...latest.current.params, ...next } }, mode),
    [tab.id],
  );
  const latest = useRef({ params });
  latest.current = { params };

  // The text goes to the address after a pause, and comes from it when Back changed it.
  const written = useRef(params["q"] ?? "");
  useEffect(() => {
    if (sql === written.current) return undefined;
    const timer = setTimeout(() => {
      written.current = sql;
      setParams({ q: sql });
    }, ADDRESS_DELAY_MS);
    return () => clearTimeout(timer);
  }, [sql, setParams]);
  const addressed = params["q"] ?? "";
  useEffect(() => {
    if (addressed === written.current) return;
    written.current = addressed;
    setSql(addressed);
  }, [addressed]);

  // So do the values; the form keeps them as they were typed.
  const writtenValues = useRef(params["values"] ?? "");
  const addressedValues = params["values"] ?? "";
  useEffect(() => {
    if (addressedValues === writtenValues.current) return;
    writtenValues.current = addressedValues;
    setValues(parseValues(addressedValues));
  }, [addressedValues]);
  const changeValues = (next: ParameterValues) => {
    setValues(next);
    writtenValues.current = printValues(next);
    setParams({ values: writtenValues.current });
  };

  const start = (chosen: readonly Statement[], kind: Outcome["kind"]) => {
    if (chosen.length === 0) return;
    const lacking = kind === "plan" ? [] : missing(parametersOfAll(chosen), values);
    setWanted(lacking);
    if (lacking.length > 0) {
      const [first = ""] = lacking;
      requestAnimationFrame(() =>
        document
          .getElementById(`panel-${tab.id}`)
          ?.querySelector<HTMLElement>(`[data-parameter="${CSS.escape(first)}"]`)
          ?.focus(),
      );
      return;
    }
    written.current = sql;
    setParams({ q: sql, run: onlySelects(chosen) ? "1" : "" });
    const items = chosen.map((statement) => ({
      statement,
      // SQLite plans without values, too; half of them would be an error.
      values:
        kind === "plan" && missing(parametersOfAll([statement]), values).length > 0
          ? undefined
          : valuesFor(statement.text, values),
    }));
    void run(items, kind);
  };
  const chosen = (): readonly Statement[] => {
    const { from, to } = editor.current?.selection() ?? { from: 0, to: 0 };
    if (from !== to)
      return splitStatements(sql.slice(from, to)).map((part) => ({
        ...part,
        from: part.from + from,
        to: part.to + from,
      }));
    const statement = statementAt(statements, from);
    return statement === undefined ? [] : [statement];
  };

  // An address of a query that was run, and only reads, shows its rows.
  const began = useRef(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the view is opened
  useEffect(() => {
    if (began.current) return;
    began.current = true;
    if (params["run"] === "1" && onlySelects(statements)) start(statements, "rows");
  }, []);

  const format = () => {
    formatSql(sql).then(
      (formatted) => editor.current?.replace(formatted),
      () => toastFailure(new Error("This text could not be formatted: it does not read as SQL")),
    );
  };
  const keep = (name: string) => {
    const before = savedQueries(db);
    const { values: kept, chart } = params;
    saveQuery(db, {
      name,
      sql,
      ...(kept === undefined || kept === "" ? {} : { values: kept }),
      ...(chart === undefined || chart === "" ? {} : { chart }),
    });
    setParams({ title: name });
    toast(`Saved the query ${name}`, () => put(db, before));
  };
  const markedError = useMemo(
    () =>
      state.error === null
        ? undefined
        : placeOfError(
            state.error.cause,
            state.error.items.map(({ statement }) => statement),
          ),
    [state.error],
  );
  const commands = {
    run: () => start(chosen(), "rows"),
    runAll: () => start(statements, "rows"),
    format,
    save: () => setDialog("save"),
  };
  const [only] = statements;
  const sharedValues = only === undefined ? undefined : valuesFor(only.text, values);

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.defaultPrevented) return;
    const command = isKey(event, "Mod+Enter")
      ? commands.run
      : isKey(event, "Mod+Shift+Enter")
        ? commands.runAll
        : isKey(event, "Mod+S")
          ? commands.save
          : undefined;
    if (command === undefined) return;
    event.preventDefault();
    command();
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys of the whole view
    <div className="sql-view" onKeyDown={onKeyDown}>
      <Split
        id="sql"
        direction="vertical"
        edgeLabel="Height of the editor"
        panes={[
          {
            id: "text",
            size: "40%",
            minSize: "120px",
            content: (
              <div className="sql-text">
                <CodeEditor
                  ref={editor}
                  value={sql}
                  onChange={setSql}
                  schema={schema.data}
                  error={markedError}
                  advice={advice}
                  autoFocus={active}
                  {...commands}
                />
                <ParameterForm
                  keys={keys}
                  values={values}
                  wanted={wanted}
                  onChange={changeValues}
                  onRun={commands.run}
                />
                <EditorBar
                  commands={commands}
                  statements={statements.length}
                  running={state.running}
                  onCancel={cancel}
                  checking={checking}
                  onChecking={() => {
                    save(CHECKING, !checking);
                    setChecking(!checking);
                  }}
                  onExplain={() => start(chosen(), "plan")}
                  onShare={
                    statements.length === 1 && /^(select|with|values)\b/i.test(only?.text ?? "")
                      ? () => setDialog("share")
                      : undefined
                  }
                />
              </div>
            ),
          },
          {
            id: "results",
            minSize: "120px",
            content: (
              <ResultPanel
                db={db}
                state={state}
                chart={params["chart"] ?? null}
                view={params["view"] === "chart" ? "chart" : "grid"}
                onView={(view) => setParams({ view: view === "chart" ? "chart" : "" }, "push")}
                onChart={(spec) => setParams({ chart: spec })}
              />
            ),
          },
        ]}
      />
      <SaveQuery
        db={db}
        open={dialog === "save"}
        name={params["title"] ?? ""}
        onClose={() => setDialog(null)}
        onSave={keep}
      />
      <Suspense fallback={<Skeleton lines={2} label="Loading" />}>
        {dialog === "share" && only !== undefined ? (
          <ShareDialog
            open
            onOpenChange={(open) => setDialog(open ? "share" : null)}
            db={db}
            sql={only.text}
            values={sharedValues === undefined ? null : stringifyJson(sharedValues)}
          />
        ) : null}
      </Suspense>
    </div>
  );
}
