import { SquareTerminal } from "lucide-react";
import { useState } from "react";
import type { Outcome, RunState } from "../editor/useRun.ts";
import { keyHint } from "../parts/keys.ts";
import { Empty, ErrorNote } from "../parts/Notes.tsx";
import { PlanTree } from "./PlanTree.tsx";
import { ResultSet } from "./ResultSet.tsx";
import "./results.css";

export interface ResultPanelProps {
  db: string;
  state: RunState;
  view: "grid" | "chart";
  onView(view: "grid" | "chart"): void;
  chart: string | null;
  onChart(spec: string): void;
  /** Away from the moment that the rows are of. */
  onNow(): void;
}

/** What came back: rows, counts, a plan, or an error above what was there before. */
export function ResultPanel(props: ResultPanelProps) {
  const { state } = props;
  const { outcome, error } = state;
  return (
    <section
      className={outcome === null || outcome.at === null ? "results" : "results in-past"}
      aria-label="Results"
      aria-busy={state.running !== null}
    >
      {error === null ? null : (
        <div className="results-note">
          <ErrorNote error={error.cause}>
            {error.items.length > 1 ? (
              <p>All or nothing: none of the statements took effect.</p>
            ) : null}
          </ErrorNote>
        </div>
      )}
      {state.cancelled ? (
        <div className="results-note" role="status">
          <p className="results-info">Stopped. A change that was under way is undone.</p>
        </div>
      ) : null}
      {outcome === null ? (
        error === null && !state.cancelled ? (
          <Empty
            icon={SquareTerminal}
            title={state.running === null ? "Rows appear here" : "Running…"}
          >
            {state.running === null ? (
              <p>
                {matchMedia("(pointer: coarse)").matches ? "Run" : keyHint("Mod+Enter")} runs the
                statement at the cursor.
              </p>
            ) : null}
          </Empty>
        ) : null
      ) : outcome.kind === "plan" ? (
        <PlanTree key={outcome.id} db={props.db} outcome={outcome} />
      ) : (
        <Sets key={outcome.id} {...props} outcome={outcome} />
      )}
    </section>
  );
}

/** One result, or one of several. */
function Sets({ outcome, ...props }: ResultPanelProps & { outcome: Outcome }) {
  const { items, results } = outcome;
  // The last statement is mostly the one that was meant to be looked at.
  const [shown, setShown] = useState(() => {
    const withRows = results.findLastIndex(({ resultHeaders: headers }) => headers !== undefined);
    return Math.max(0, withRows);
  });
  const item = items[shown];
  const result = results[shown];
  return (
    <>
      {results.length > 1 ? (
        <div
          className="results-tabs"
          role="tablist"
          aria-label="Results"
          onKeyDown={({ key, currentTarget }) => {
            const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
            if (step === undefined) return;
            const next = (shown + step + results.length) % results.length;
            setShown(next);
            currentTarget.querySelectorAll("button")[next]?.focus();
          }}
        >
          {results.map((each, index) => (
            <button
              // biome-ignore lint/suspicious/noArrayIndexKey: the results of one run stay as they are
              key={index}
              type="button"
              role="tab"
              aria-selected={index === shown}
              tabIndex={index === shown ? 0 : -1}
              className="results-tab"
              title={items[index]?.statement.text}
              onClick={() => setShown(index)}
            >
              {index + 1}
              <span className="soft">{summary(each)}</span>
            </button>
          ))}
        </div>
      ) : null}
      {item === undefined || result === undefined ? null : (
        <ResultSet
          key={shown}
          {...props}
          item={item}
          result={result}
          durationMs={outcome.durationMs}
          at={outcome.at}
          of={results.length}
        />
      )}
    </>
  );
}

function summary({
  resultSetList,
  rowsUpdated = 0,
  truncated,
}: Outcome["results"][number]): string {
  if (resultSetList === undefined) return rowsUpdated === 0 ? "done" : `${rowsUpdated} changed`;
  return `${resultSetList.length}${truncated === true ? "+" : ""} rows`;
}
