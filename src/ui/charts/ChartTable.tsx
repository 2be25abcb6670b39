import { useState } from "react";
import { formatCount } from "../parts/format.ts";
import type { ChartData } from "./series.ts";
import "../schema/structure.css";

const SHOWN = 500;

/** What the chart shows as a table, for those who cannot see it and those who want the numbers. */
export function ChartTable({ data, x }: { data: ChartData; x: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="chart-data" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>The same as a table</summary>
      {open ? (
        <section
          className="table-scroll chart-data-scroll"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
          tabIndex={0}
          aria-label="Values of the chart"
        >
          <table className="facts">
            <thead>
              <tr>
                <th scope="col">{x}</th>
                {data.series.map(({ name }) => (
                  <th key={name} scope="col" className="facts-number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {data.labels.slice(0, SHOWN).map((label, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: labels repeat, and the table does not change
                <tr key={index}>
                  <th scope="row" className="data">
                    {label}
                  </th>
                  {data.series.map(({ name, values }) => (
                    <td key={name} className="data facts-number">
                      {values[index] ?? ""}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {data.labels.length > SHOWN ? (
            <p className="soft">and {formatCount(data.labels.length - SHOWN)} more</p>
          ) : null}
        </section>
      ) : null}
    </details>
  );
}
