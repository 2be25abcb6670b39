import type { ReactNode } from "react";
import { place, placeHref } from "../address/place.ts";
import type { LoggedStatement } from "../api/log.ts";
import { formatAgo, formatCount, formatDuration } from "../parts/format.ts";
import { Marked } from "./Marked.tsx";
import { entriesOf } from "./state.ts";
import "../schema/structure.css";

export interface StatementTableProps {
  db: string;
  statements: readonly LoggedStatement[];
  /** Of the log view, kept where they lead from a statement to its entries. */
  params: Readonly<Record<string, string>>;
}

const FIGURES = ["Total", "Mean", "Longest", "Runs", "Failed"] as const;

/** Where the time went: entries with the same SQL in one line each. */
export function StatementTable({ db, statements, params }: StatementTableProps) {
  const { by: _by, offset: _offset, ...kept } = params;
  const hrefOf = (statement: string) =>
    placeHref(place(db, "log", null, { ...kept, ...entriesOf(statement) }));
  return (
    <table className="facts log-statements">
      <thead>
        <tr>
          <th scope="col">Statement</th>
          {FIGURES.map((what) => (
            <th key={what} scope="col" className="facts-number">
              {what}
            </th>
          ))}
          <th scope="col">Last run</th>
        </tr>
      </thead>
      <tbody>
        {statements.map((each) => (
          <tr key={each.statement}>
            <th scope="row">
              <a href={hrefOf(each.statement)} title="Show its entries">
                <code className="log-sql">
                  <Marked text={each.statement} search={params["q"] ?? ""} />
                </code>
              </a>
            </th>
            <Figure of="Total">
              <strong>{fine(each.total_ms)}</strong>
            </Figure>
            <Figure of="Mean">{fine(each.avg_ms)}</Figure>
            <Figure of="Longest">{fine(each.max_ms)}</Figure>
            <Figure of="Runs">{formatCount(each.runs)}</Figure>
            <Figure of="Failed">
              {each.failures === 0 ? null : (
                <span className="log-failed">{formatCount(each.failures)}</span>
              )}
            </Figure>
            <td>
              <time dateTime={each.last_run} title={each.last_run}>
                {formatAgo(new Date(each.last_run))}
              </time>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Where there is no room for columns each has its word beside it. */
function Figure({ of, children }: { of: (typeof FIGURES)[number]; children: ReactNode }) {
  return (
    <td className="facts-number" data-of={of.toLowerCase()}>
      {children}
    </td>
  );
}

/** A short time tells more with a decimal. */
function fine(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : formatDuration(ms);
}
