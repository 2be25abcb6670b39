/** The state of one table's view: what the address says, what was read, what is staged, what is chosen. */
import { useCallback, useMemo, useRef, useState } from "react";
import { change } from "../address/workspace.ts";
import { stringifyJson } from "../api/json.ts";
import type { Schema, SchemaObject } from "../api/schema.ts";
import { printed } from "../api/sql-text.ts";
import type { GridHandle, GridSelection } from "../parts/grid/types.ts";
import type { ViewProps } from "../shell/views.ts";
import { useTableTime } from "../time/useTableTime.ts";
import { identityOf, readOnlyReason, shownColumns } from "./model/identity.ts";
import { viewQuery } from "./model/page-query.ts";
import {
  columnsOf,
  parseViewState,
  printChange,
  unknownColumns,
  type ViewState,
} from "./model/view-state.ts";
import { isNothing } from "./staged/staged.ts";
import { useStaged } from "./staged/store.ts";
import { useSaving } from "./staged/useSaving.ts";
import { useEdits } from "./useEdits.ts";
import { useMarks } from "./useMarks.ts";
import { useStagedRows } from "./useStagedRows.ts";
import { rowsKey, useTablePage } from "./useTablePage.ts";

export interface TableProps extends ViewProps {
  object: SchemaObject;
  schema: Schema;
}

/** Everything that the parts of the view share. */
export type Table = ReturnType<typeof useTable>;

const PAST_REASON = "The past is only read.";

/** What stands beside the rows; a value belongs to the selection, which no address tells. */
type Side = "facets" | "compare" | "value" | null;
const ADDRESSED_SIDES = ["facets", "compare"] as const;

const NO_SELECTION: GridSelection = { active: { row: 0, column: 0 }, rows: [], columns: [] };

export function useTable({ tab, db, active, object, schema }: TableProps) {
  const { params } = tab.place;
  const setParams = (next: Record<string, string>, mode: "push" | "replace" = "push") =>
    change(tab.id, { params: { ...params, ...next } }, mode);
  const time = useTableTime({
    tabId: tab.id,
    db,
    table: object.name,
    enabled: object.role === "kv",
    active,
    text: params["at"],
    rowsKey: rowsKey(db, object.name),
    onAt: (at, mode) => setParams({ at }, mode),
  });
  const { shown: at } = time;
  const state = useMemo(() => ({ ...parseViewState(params), at }), [params, at]);
  const identity = useMemo(() => identityOf(object), [object]);
  const columns = useMemo(() => columnsOf(state, object), [state, object]);
  const locked = at === null ? readOnlyReason(object) : PAST_REASON;
  const unknown = unknownColumns(state, object);
  const readable = unknown.length === 0 && !time.unreadable;
  const page = useTablePage(db, object, identity, state, readable);
  const { at: _at, side: _side, ...view } = params;
  const settled = page.isPlaceholderData ? undefined : page.data?.rows;
  const marks = useMarks(settled, at, stringifyJson(view));
  const { staged, past, refused, inverse } = useStaged(db, object.name);
  const rows = useStagedRows(page.data?.rows, staged, columns);
  const saving = useSaving(db, object, identity, schema);
  const grid = useRef<GridHandle>(null);
  const edits = useEdits({ db, object, columns, rows, grid });
  const [selection, setSelection] = useState<GridSelection>(NO_SELECTION);
  const [valueShown, setValueShown] = useState(false);
  const [wantedFilter, setWantedFilter] = useState<string | null>(null);

  const setView = (next: Partial<ViewState>) => setParams(printChange(next));
  const latest = useRef(setView);
  latest.current = setView;
  const addressed = ADDRESSED_SIDES.find((each) => each === params["side"]);
  const side: Side =
    addressed === "compare" && time.at === null
      ? null
      : (addressed ?? (valueShown ? "value" : null));

  return {
    tab,
    db,
    active,
    object,
    schema,
    state,
    identity,
    columns,
    allColumns: shownColumns(object),
    /** Why rows cannot be changed. */
    locked,
    editable: locked === null,
    /** Columns that the address names and the table does not have. */
    unknown,
    /** Whether the address asks for something that can be read. */
    readable,
    /** The moment that is shown. */
    time,
    page,
    /** Cells that the last step through time changed. */
    marks,
    staged,
    canStepBack: past.length > 0,
    refused,
    canUndo: inverse !== null,
    dirty: !isNothing(staged),
    rows,
    saving,
    grid,
    edits,
    selection,
    setSelection,
    /** The filter that was asked for in the menu of a column. */
    wantedFilter,
    setWantedFilter,
    setParams,
    setView,
    /** Stays the same from one rendering to the next. */
    onSearch: useCallback((search: string) => latest.current({ search }), []),
    chart: params["view"] === "chart",
    chartSpec: params["chart"] ?? null,
    side,
    show(next: Side) {
      const side_ = next === "value" ? "" : (next ?? "");
      if (side_ !== (addressed ?? "")) setParams({ side: side_ });
      setValueShown(next === "value");
    },
    /** The rows of all pages. */
    sql: printed(viewQuery(state, object, identity)),
  };
}
