import { ChartColumn, Table2 } from "lucide-react";
import { Suspense, useMemo, useState } from "react";
import { stringifyJson } from "../api/json.ts";
import type { Moment } from "../api/moment.ts";
import { type Cell, hasAddress, isBlob, queryUrl, type SqlResult } from "../api/sql.ts";
import type { RunItem } from "../editor/useRun.ts";
import { IconButton } from "../parts/Button.tsx";
import { CellPanel } from "../parts/CellPanel.tsx";
import { formatDuration, plural } from "../parts/format.ts";
import { Grid } from "../parts/grid/Grid.tsx";
import type { GridColumn, GridPosition, GridRow } from "../parts/grid/types.ts";
import { Skeleton } from "../parts/Notes.tsx";
import { patientLazy } from "../parts/patient-lazy.ts";
import { SidePane } from "../parts/SidePane.tsx";
import { TwinLinks } from "../parts/TwinLink.tsx";
import { ThenNote } from "../time/ThenNote.tsx";
import { ExportMenu } from "./ExportMenu.tsx";
import { TruncatedNote } from "./TruncatedNote.tsx";

const ChartPanel = patientLazy(() => import("../charts/ChartPanel.tsx"));

export interface ResultSetProps {
  db: string;
  item: RunItem;
  result: SqlResult;
  durationMs: number;
  /** The moment of the rows. */
  at: Moment;
  onNow(): void;
  /** How many results the run had. */
  of: number;
  view: "grid" | "chart";
  onView(view: "grid" | "chart"): void;
  chart: string | null;
  onChart(spec: string): void;
}

const NO_ROWS: readonly GridRow[] = [];

/** The rows of one statement, and what can be done with them. */
export function ResultSet({
  db,
  item,
  result,
  durationMs,
  at,
  onNow,
  of,
  view,
  onView,
  chart,
  onChart,
}: ResultSetProps) {
  const names = result.resultHeaders;
  const rows = result.resultSetList ?? NO_ROWS;
  const columns = useMemo(() => describeColumns(names ?? [], rows), [names, rows]);
  const [open, setOpen] = useState<GridPosition | null>(null);
  const { statement, values } = item;
  const sentValues = values === undefined ? null : stringifyJson(values);
  const linkable = hasAddress(statement.text);
  const changed = result.rowsUpdated ?? 0;
  const truncated = result.truncated === true;

  const status = [
    names === undefined || rows.length > 0 || changed === 0
      ? null
      : `${plural(changed, "row")} changed`,
    names === undefined ? `Done: ${plural(changed, "row")} changed` : plural(rows.length, "row"),
    formatDuration(durationMs) + (of > 1 ? " for all" : ""),
    names === undefined ? null : truncated ? "not complete" : "complete",
  ].filter((part) => part !== null);

  return (
    <>
      {at === null ? null : <ThenNote at={at} gapKeys={result.gapKeys ?? []} onNow={onNow} />}
      {truncated ? (
        <TruncatedNote
          at={at}
          db={db}
          sql={statement.text}
          values={sentValues}
          shown={rows.length}
          linkable={linkable}
        />
      ) : null}
      <div className="results-body">
        {names === undefined ? (
          <p className="results-info">{plural(changed, "row")} changed.</p>
        ) : view === "chart" ? (
          <Suspense fallback={<Skeleton lines={6} label="Loading the chart" />}>
            <ChartPanel names={names} rows={rows} spec={chart} onSpec={onChart} />
          </Suspense>
        ) : (
          <SidePane
            id="cell"
            label="Value"
            main={
              <Grid
                label="Rows of the result"
                columns={columns}
                rows={rows}
                onOpen={setOpen}
                onSelect={({ active }) => {
                  if (open !== null) setOpen(active);
                }}
              />
            }
            side={
              open === null ? null : (
                <CellPanel
                  name={names[open.column] ?? ""}
                  cell={rows[open.row]?.[open.column] ?? null}
                  onClose={() => setOpen(null)}
                />
              )
            }
            onClose={() => setOpen(null)}
          />
        )}
      </div>
      <footer className="status">
        <span role="status" className="status-words">
          {status.join(" · ")}
        </span>
        {names === undefined ? null : (
          <>
            {linkable ? (
              <TwinLinks
                href={(format) => queryUrl(db, statement.text, sentValues, format, at)}
                of="these rows"
              />
            ) : null}
            <IconButton
              icon={Table2}
              label="Rows as a grid"
              aria-pressed={view === "grid"}
              onClick={() => onView("grid")}
            />
            <IconButton
              icon={ChartColumn}
              label="Rows as a chart"
              aria-pressed={view === "chart"}
              onClick={() => onView("chart")}
            />
            <ExportMenu
              db={db}
              names={names}
              rows={rows}
              query={linkable ? { sql: statement.text, values: sentValues, at } : null}
              truncated={truncated}
            />
          </>
        )}
      </footer>
    </>
  );
}

const SAMPLE_ROWS = 50;

/** Numbers to the right where a column has nothing else. */
function describeColumns(names: readonly string[], rows: readonly GridRow[]): GridColumn[] {
  const sample = rows.slice(0, SAMPLE_ROWS);
  return names.map((name, index) => {
    const cells = sample.map((row) => row[index] ?? null).filter((cell) => cell !== null);
    return { id: name, name, numeric: cells.length > 0 && cells.every(isNumber) };
  });
}

function isNumber(cell: Cell): boolean {
  return !isBlob(cell) && typeof cell !== "string";
}
