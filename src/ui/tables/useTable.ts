/** The state of one table's view: what the address says, what was read, what is staged, what is chosen. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { change } from "../address/workspace.ts";
import type { Schema, SchemaObject } from "../api/schema.ts";
import { printed } from "../api/sql-text.ts";
import type { GridHandle, GridSelection } from "../parts/grid/types.ts";
import type { ViewProps } from "../shell/views.ts";
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
import { useElsewhere, useStagedRows } from "./useStagedRows.ts";
import { useTablePage } from "./useTablePage.ts";

export interface TableProps extends ViewProps {
  object: SchemaObject;
  schema: Schema;
}

/** Everything that the parts of the view share. */
export type Table = ReturnType<typeof useTable>;

const NO_SELECTION: GridSelection = { active: { row: 0, column: 0 }, rows: [], columns: [] };

export function useTable({ tab, db, active, object, schema }: TableProps) {
  const { params } = tab.place;
  const state = useMemo(() => parseViewState(params), [params]);
  const identity = useMemo(() => identityOf(object), [object]);
  const columns = useMemo(() => columnsOf(state, object), [state, object]);
  const locked = readOnlyReason(object);
  const unknown = unknownColumns(state, object);
  const page = useTablePage(db, object, identity, state, unknown.length === 0);
  const { staged, past, refused, inverse } = useStaged(db, object.name);
  const elsewhere = useElsewhere(db, object, identity, page.data?.rows, staged, columns);
  const rows = useStagedRows(page.data?.rows, staged, elsewhere, columns);
  const saving = useSaving(db, object, identity, schema);
  const grid = useRef<GridHandle>(null);
  const edits = useEdits({ db, object, columns, rows, grid });
  const [selection, setSelection] = useState<GridSelection>(NO_SELECTION);
  const [valueShown, setValueShown] = useState(false);
  const [wantedFilter, setWantedFilter] = useState<string | null>(null);

  // Where saving failed the keyboard is taken to.
  const spot = useRef({ rows, columns });
  spot.current = { rows, columns };
  useEffect(() => {
    if (refused === null) return;
    const { rows: shown, columns: names } = spot.current;
    const row = shown.targets.findIndex((_target, index) => shown.keyAt(index) === refused.key);
    const column = names.findIndex(({ name }) => refused.columns.includes(name));
    if (row !== -1) grid.current?.select({ row, column: Math.max(0, column) });
  }, [refused]);

  const setParams = (next: Record<string, string>, mode: "push" | "replace" = "push") =>
    change(tab.id, { params: { ...params, ...next } }, mode);
  const setView = (next: Partial<ViewState>) => setParams(printChange(next));
  const latest = useRef(setView);
  latest.current = setView;
  const side: "facets" | "value" | null =
    params["side"] === "facets" ? "facets" : valueShown ? "value" : null;

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
    page,
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
    show(next: typeof side) {
      if ((next === "facets") !== (side === "facets"))
        setParams({ side: next === "facets" ? "facets" : "" });
      setValueShown(next === "value");
    },
    /** The rows of all pages. */
    sql: printed(viewQuery(state, object, identity)),
  };
}
