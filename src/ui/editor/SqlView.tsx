import { Suspense, useEffect, useMemo, useRef, useState } from "react";
import { load, save as remember } from "../address/storage.ts";
import { stringifyJson } from "../api/json.ts";
import { parseMoment } from "../api/moment.ts";
import { type SavedQuery, useSavedQueries } from "../api/saved-queries.ts";
import { useSchema } from "../api/schema.ts";
import { Button } from "../parts/Button.tsx";
import { isKey } from "../parts/keys.ts";
import { ErrorNote, Skeleton } from "../parts/Notes.tsx";
import { Split } from "../parts/Split.tsx";
import { toastFailure } from "../parts/Toast.tsx";
import { ResultPanel } from "../results/ResultPanel.tsx";
import { ShareDialog } from "../share/ShareDialog.tsx";
import type { ViewProps } from "../shell/views.ts";
import { SqlMoment } from "../time/SqlMoment.tsx";
import { CodeEditor, type EditorHandle } from "./CodeEditor.tsx";
import { EditorBar } from "./EditorBar.tsx";
import { placeOfError } from "./error-place.ts";
import { formatSql } from "./format.ts";
import { NameQuery } from "./NameQuery.tsx";
import { ParameterForm } from "./ParameterForm.tsx";
import { missing, valuesFor } from "./parameters.ts";
import { SavedMenu } from "./SavedMenu.tsx";
import {
  onlySelects,
  parametersOfAll,
  type Statement,
  splitStatements,
  statementAt,
} from "./statements.ts";
import { useAdvice } from "./useAdvice.ts";
import { useQueryState } from "./useQueryState.ts";
import { type Outcome, useRun } from "./useRun.ts";
import { useSaving } from "./useSaving.ts";
import "./editor.css";

/** On this device. */
const CHECKING = "check-while-typing";

/** A query: the text, its parameters, its results. */
export default function SqlView(props: ViewProps) {
  const { name } = props.tab.place;
  const queries = useSavedQueries(props.db);
  // Only an address with a name has to wait for what is saved under it.
  if (name !== null && queries.isPending) return <Skeleton lines={8} label="Reading the query" />;
  return (
    <QueryView {...props} queries={queries.data} unread={name === null ? null : queries.error} />
  );
}

interface QueryViewProps extends ViewProps {
  queries: readonly SavedQuery[] | undefined;
  /** Why nobody knows what is saved under the tab's name. */
  unread: unknown;
}

function QueryView({ tab, db, active, queries, unread }: QueryViewProps) {
  const { name, params } = tab.place;
  const schema = useSchema(db);
  const editor = useRef<EditorHandle>(null);
  const query = useQueryState(tab, queries);
  const { saved, sql, values, chart, setParams } = query;
  const { state, run, cancel } = useRun(db);
  const at = parseMoment(params["at"]);
  const isKv = schema.data?.objects.some(({ role }) => role === "kv") === true;
  const [dialog, setDialog] = useState<"save" | "share" | null>(null);
  const [wanted, setWanted] = useState<readonly string[]>([]);

  const statements = useMemo(() => splitStatements(sql), [sql]);
  const keys = useMemo(() => parametersOfAll(statements), [statements]);
  const [checking, setChecking] = useState(() => load<boolean>(CHECKING) !== false);
  const advice = useAdvice(db, statements, schema.data?.schema_version, checking && active);
  const saving = useSaving(tab, db, keys, query);
  // A saved chart is what its query is for.
  const usual = saved?.chart == null ? "grid" : "chart";
  const view = params["view"] || usual;

  const start = (chosen: readonly Statement[], kind: Outcome["kind"]) => {
    if (chosen.length === 0) return;
    if (at === undefined) {
      toastFailure(new Error(`${params["at"]} is no moment`));
      return;
    }
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
    // What is saved runs when it is opened anyway.
    const remembered = onlySelects(chosen) && sql !== saved?.sql;
    query.settle({ run: remembered ? "1" : "" });
    const items = chosen.map((statement) => ({
      statement,
      // SQLite plans without values, too; half of them would be an error.
      values:
        kind === "plan" && missing(parametersOfAll([statement]), values).length > 0
          ? undefined
          : valuesFor(statement.text, values),
    }));
    void run(items, kind, at);
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

  // An address of a query that is saved, or was run, shows its rows if it only reads.
  const began = useRef(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the view is opened
  useEffect(() => {
    if (began.current) return;
    began.current = true;
    const opens = sql === saved?.sql && missing(keys, values).length === 0;
    if ((params["run"] === "1" || opens) && onlySelects(statements)) start(statements, "rows");
  }, []);

  // Another moment, or Back to one: what was read is read again as it was then.
  const { outcome } = state;
  // biome-ignore lint/correctness/useExhaustiveDependencies: when the moment changed, also while a run was under way
  useEffect(() => {
    if (outcome === null || outcome.kind === "plan") return;
    if (at === undefined || at === outcome.at) return;
    if (onlySelects(outcome.items.map(({ statement }) => statement)))
      void run(outcome.items, "rows", at);
  }, [at, outcome?.id]);

  const format = () => {
    formatSql(sql).then(
      (formatted) => editor.current?.replace(formatted),
      () => toastFailure(new Error("This text could not be formatted: it does not read as SQL")),
    );
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
    save: () => {
      if (statements.length === 0) return;
      if (saved === undefined) setDialog("save");
      else void saving.save(saved.name);
    },
  };
  const [only] = statements;
  const sharedValues = only === undefined ? undefined : valuesFor(only.text, values);

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.defaultPrevented) return;
    const command = isKey(event, "Mod+Enter")
      ? commands.run
      : isKey(event, "Mod+Shift+Enter")
        ? commands.runAll
        : undefined;
    if (command === undefined) return;
    event.preventDefault();
    command();
  };

  // Wherever the focus is: nobody means to save the page.
  const save = useRef(commands.save);
  save.current = commands.save;
  useEffect(() => {
    if (!active) return undefined;
    const onSaveKey = (event: KeyboardEvent) => {
      const inDialog = event.target instanceof Element && event.target.closest("[role=dialog]");
      if (event.defaultPrevented || inDialog || !isKey(event, "Mod+S")) return;
      event.preventDefault();
      save.current();
    };
    addEventListener("keydown", onSaveKey);
    return () => removeEventListener("keydown", onSaveKey);
  }, [active]);

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
                  onChange={query.setSql}
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
                  onChange={query.changeValues}
                  onRun={commands.run}
                />
                <EditorBar
                  commands={commands}
                  statements={statements.length}
                  running={state.running}
                  onCancel={cancel}
                  checking={checking}
                  onChecking={() => {
                    remember(CHECKING, !checking);
                    setChecking(!checking);
                  }}
                  onExplain={() => start(chosen(), "plan")}
                  moment={
                    isKv || at !== null ? (
                      <SqlMoment
                        tabId={tab.id}
                        text={params["at"] ?? ""}
                        onAt={(next) => setParams({ at: next }, "push")}
                      />
                    ) : null
                  }
                  past={at !== null}
                  saved={<SavedMenu db={db} saved={saved} onSaveAs={() => setDialog("save")} />}
                  onShare={
                    at === null &&
                    statements.length === 1 &&
                    /^(select|with|values)\b/i.test(only?.text ?? "")
                      ? () => setDialog("share")
                      : undefined
                  }
                />
                {query.deleted ? (
                  <p className="editor-note" role="status">
                    {sql === "" ? "There is no" : "There is no longer a"} saved query called {name}.
                  </p>
                ) : null}
                {unread === null ? null : <ErrorNote error={unread} />}
                {saving.error === null ? null : (
                  <ErrorNote error={saving.error}>
                    <p>
                      The query is not saved. <Button onClick={saving.dismiss}>All right</Button>
                    </p>
                  </ErrorNote>
                )}
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
                chart={chart}
                view={view === "chart" ? "chart" : "grid"}
                onView={(next) => setParams({ view: next === usual ? "" : next }, "push")}
                onChart={(spec) => setParams({ chart: spec })}
                onNow={() => setParams({ at: "" }, "push")}
              />
            ),
          },
        ]}
      />
      {dialog === "save" ? (
        <NameQuery
          db={db}
          to="save"
          name={name ?? params["title"] ?? ""}
          onClose={() => setDialog(null)}
          onName={saving.saveAs}
        />
      ) : null}
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
