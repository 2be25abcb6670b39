import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { SchemaObject } from "../api/schema.ts";
import { printed } from "../api/sql-text.ts";
import ChartPanel from "../charts/ChartPanel.tsx";
import { formatCount } from "../parts/format.ts";
import { ErrorNote, Skeleton } from "../parts/Notes.tsx";
import type { Identity } from "./model/identity.ts";
import { viewQuery } from "./model/page-query.ts";
import { readRows } from "./model/reading.ts";
import { columnsOf, type ViewState } from "./model/view-state.ts";
import { rowsAtKey } from "./useTablePage.ts";

/** More would not be told apart on a chart. */
const CHARTED_ROWS = 5000;

export interface TableChartProps {
  db: string;
  object: SchemaObject;
  identity: Identity | null;
  state: ViewState;
  spec: string | null;
  onSpec(spec: string): void;
}

/** The rows of all pages as a chart. */
export default function TableChart({ db, object, identity, state, spec, onSpec }: TableChartProps) {
  const sql = viewQuery(state, object, identity, CHARTED_ROWS + 1);
  const { data, error } = useQuery({
    queryKey: [...rowsAtKey(db, object.name, state.at), "chart", printed(sql)],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => readRows(db, sql, { signal, brief: true, at: state.at }),
  });
  if (error !== null) return <ErrorNote error={error} />;
  if (data === undefined) return <Skeleton lines={8} label="Reading rows" />;
  const more = data.rows.length > CHARTED_ROWS || data.truncated;
  return (
    <div className="table-chart">
      {more ? (
        <p className="truncated" role="status">
          Only the first {formatCount(CHARTED_ROWS)} rows are in this chart. Filter them, or group
          them in a query.
        </p>
      ) : null}
      <ChartPanel
        names={columnsOf(state, object).map(({ name }) => name)}
        rows={data.rows.slice(0, CHARTED_ROWS)}
        spec={spec}
        onSpec={onSpec}
      />
    </div>
  );
}
