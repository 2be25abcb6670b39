/** The state of one table's view: what the address says, what was read, what is staged, what is chosen. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { change } from "../address/workspace.ts";
import { stringifyJson } from "../api/json.ts";
import type { Schema, SchemaColumn, SchemaObject } from "../api/schema.ts";
import { printed } from "../api/sql-text.ts";
import type { GridHandle, GridSelection } from "../parts/grid/types.ts";
import type { ViewProps } from "../shell/views.ts";
import { useTableTime } from "../time/useTableTime.ts";
import { movedTo, rememberColumns, rememberedColumns, shortened } from "./model/column-order.ts";
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
import { useElsewhere, useStagedRows } from "./useStagedRows.ts";
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
  const all = useMemo(() => shownColumns(object), [object]);
  const names = useMemo(() => all.map(({ name }) => name), [all]);
  const [pinned, setPinned] = useState(() => rememberedColumns(db, object.name, names).pinned);
  const columns = useMemo(() => {
    const shown = columnsOf(state, object);
    const isPinned = ({ name }: SchemaColumn) => pinned.includes(name);
    return [...shown.filter(isPinned), ...shown.filter((column) => !isPinned(column))];
  }, [state, object, pinned]);
  const locked = at === null ? readOnlyReason(object) : PAST_REASON;
  const unknown = unknownColumns(state, object);
  const readable = unknown.length === 0 && !time.unreadable;
  const page = useTablePage(db, object, identity, state, readable);
  const { at: _at, side: _side, ...view } = params;
  const settled = page.isPlaceholderData ? undefined : page.data?.rows;
  const marks = useMarks(settled, at, stringifyJson(view));
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

  const setView = (next: Partial<ViewState>) => {
    if (next.columns !== undefined)
      rememberColumns(db, object.name, { shown: next.columns, pinned });
    setParams(printChange(next));
  };
  /** Moves a column to the place of another; with `held`, among those held at the left. */
  const arrange = (order: readonly string[], held: readonly string[]) => {
    const shown = shortened(order, names);
    setPinned(held);
    rememberColumns(db, object.name, { shown, pinned: held });
    setParams(printChange({ columns: shown }));
  };
  // An address that says nothing of columns shows them as they were left.
  const opened = useRef(false);
  useEffect(() => {
    if (opened.current) return;
    opened.current = true;
    const { shown } = rememberedColumns(db, object.name, names);
    if (state.columns === null && shown !== null)
      change(tab.id, { params: { ...params, ...printChange({ columns: shown }) } }, "replace");
  }, [db, object, names, state, tab.id, params]);
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
    allColumns: all,
    /** How many of the columns are held at the left. */
    pinnedColumns: columns.filter(({ name }) => pinned.includes(name)).length,
    pin(name: string, held: boolean) {
      const order = columns.map((column) => column.name);
      const next = held ? [...pinned, name] : pinned.filter((each) => each !== name);
      arrange(
        [
          ...order.filter((each) => next.includes(each)),
          ...order.filter((each) => !next.includes(each)),
        ],
        next,
      );
    },
    /** Across the edge of those that are held it becomes one of them, or none any more. */
    moveColumn(from: number, to: number) {
      const order = columns.map((column) => column.name);
      const name = order[from];
      if (name === undefined || to < 0 || to >= order.length) return;
      const count = order.filter((each) => pinned.includes(each)).length;
      const held =
        from < count === to < count
          ? pinned
          : to < count
            ? [...pinned, name]
            : pinned.filter((each) => each !== name);
      arrange(movedTo(order, from, to), held);
    },
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
