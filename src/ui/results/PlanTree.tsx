import { hasAddress, type PlanNode, planUrl } from "../api/sql.ts";
import type { Outcome } from "../editor/useRun.ts";
import { formatDuration } from "../parts/format.ts";
import { TwinLink } from "../parts/TwinLink.tsx";
import { MARK_WORDS, markOf } from "./plan.ts";

/** How SQLite would run the statements. */
export function PlanTree({ db, outcome }: { db: string; outcome: Outcome }) {
  const [only, ...others] = outcome.items.map(({ statement }) => statement.text);
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section className="plan" tabIndex={0} aria-label="Query plan">
        {outcome.results.map((result, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the results of one run stay as they are
          <div key={index}>
            {outcome.results.length > 1 ? (
              <h3 className="plan-title data">{outcome.items[index]?.statement.text}</h3>
            ) : null}
            <Steps nodes={result.plan ?? []} />
          </div>
        ))}
      </section>
      <footer className="status">
        <span role="status" className="status-words">
          Query plan · {formatDuration(outcome.durationMs)} · nothing was run
        </span>
        {only !== undefined && others.length === 0 && hasAddress(only) ? (
          <span className="twins">
            <TwinLink href={planUrl(db, only)} format="json" of="this plan" />
          </span>
        ) : null}
      </footer>
    </>
  );
}

function Steps({ nodes }: { nodes: readonly PlanNode[] }) {
  if (nodes.length === 0) return <p className="soft">No steps: there is nothing to look up.</p>;
  return (
    <ul className="plan-steps">
      {nodes.map((node) => {
        const mark = markOf(node.detail);
        return (
          <li key={node.id}>
            <div className="plan-step">
              <span className="data">{node.detail}</span>
              {MARK_WORDS[mark] === "" ? null : (
                <span className={`plan-mark plan-${mark}`}>{MARK_WORDS[mark]}</span>
              )}
            </div>
            {node.children.length === 0 ? null : <Steps nodes={node.children} />}
          </li>
        );
      })}
    </ul>
  );
}
