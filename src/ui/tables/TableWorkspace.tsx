import { Lock } from "lucide-react";
import { lazy, Suspense, useCallback, useMemo, useRef, useState } from "react";
import { place } from "../address/place.ts";
import { change, open as openPlace } from "../address/workspace.ts";
import type { Schema, SchemaObject } from "../api/schema.ts";
import { queryUrl } from "../api/sql.ts";
import { printed } from "../api/sql-text.ts";
import { offerImport } from "../import/offer.ts";
import { Button } from "../parts/Button.tsx";
import type { GridColumn, GridHandle, GridSelection } from "../parts/grid/types.ts";
import { isKey, isWriting } from "../parts/keys.ts";
import { ErrorNote, Skeleton } from "../parts/Notes.tsx";
import { SidePane } from "../parts/SidePane.tsx";
import { toastFailure } from "../parts/Toast.tsx";
import { ShareDialog } from "../share/ShareDialog.tsx";
import type { ViewProps } from "../shell/views.ts";
import { ColumnMenu } from "./ColumnMenu.tsx";
import { FacetPane } from "./facets/FacetPane.tsx";
import { FilterBar } from "./filters/FilterBar.tsx";
import { identityOf, readOnlyReason, shownColumns } from "./model/identity.ts";
import { viewQuery } from "./model/page-query.ts";
import {
  columnsOf,
  parseViewState,
  printChange,
  unknownColumns,
  type ViewState,
} from "./model/view-state.ts";
import { RowMenu } from "./RowMenu.tsx";
import { RowPanel } from "./RowPanel.tsx";
import { followKey, referrersOf } from "./references.ts";
import { PreviewDialog } from "./staged/PreviewDialog.tsx";
import { StagedBar } from "./staged/StagedBar.tsx";
import { isNothing, NOTHING } from "./staged/staged.ts";
import { stage, stepBack, update, useStaged } from "./staged/store.ts";
import { useSaving } from "./staged/useSaving.ts";
import { TableBar } from "./TableBar.tsx";
import { TableGrid } from "./TableGrid.tsx";
import { TableStatus } from "./TableStatus.tsx";
import { useEdits } from "./useEdits.ts";
import { useStagedRows } from "./useStagedRows.ts";
import { refreshRows, useTablePage } from "./useTablePage.ts";

const TableChart = lazy(() => import("./TableChart.tsx"));

export interface TableWorkspaceProps extends ViewProps {
  object: SchemaObject;
  schema: Schema;
}

const NO_SELECTION: GridSelection = { active: { row: 0, column: 0 }, rows: [], columns: [] };

/** One table: its rows, what is looked at of them, and what is about to be changed. */
export function TableWorkspace({ tab, db, active, object, schema }: TableWorkspaceProps) {
  const { params } = tab.place;
  const state = useMemo(() => parseViewState(params), [params]);
  const identity = useMemo(() => identityOf(object), [object]);
  const columns = useMemo(() => columnsOf(state, object), [state, object]);
  const locked = readOnlyReason(object);
  const unknown = unknownColumns(state, object);
  const page = useTablePage(db, object, identity, state, unknown.length === 0);
  const { staged, past, refused, inverse } = useStaged(db, object.name);
  const rows = useStagedRows(page.data?.rows, staged, columns);
  const saving = useSaving(db, object, identity, schema);
  const grid = useRef<GridHandle>(null);
  const edits = useEdits({ db, object, columns, rows, grid });
  const [selection, setSelection] = useState<GridSelection>(NO_SELECTION);
  const [side, setSide] = useState<"value" | null>(null);
  const [dialog, setDialog] = useState<"preview" | "share" | null>(null);
  const [wantedFilter, setWantedFilter] = useState<string | null>(null);

  const setParams = (next: Record<string, string>, mode: "push" | "replace" = "push") =>
    change(tab.id, { params: { ...params, ...next } }, mode);
  const view = (next: Partial<ViewState>) => setParams(printChange(next));
  const latestView = useRef(view);
  latestView.current = view;
  const onSearch = useCallback((search: string) => latestView.current({ search }), []);

  const chart = params["view"] === "chart";
  const facets = params["side"] === "facets";
  const sql = printed(viewQuery(state, object, identity));
  const activeColumn = columns[selection.active.column] ?? columns[0];
  const activeTarget = rows.targets[selection.active.row];
  const activeRow = typeof activeTarget === "object" ? activeTarget : null;
  const cellOf = (row: number) => (name: string) => rows.cellAt(row, name);
  const editable = locked === null;
  const dirty = !isNothing(staged);

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (!dirty) return;
    if (isKey(event, "Mod+S")) {
      event.preventDefault();
      void saving.save();
    } else if (isKey(event, "Mod+Z") && !isWriting(event.target)) {
      event.preventDefault();
      stepBack(db, object.name);
    }
  };
  const pane = facets ? (
    <FacetPane
      db={db}
      object={object}
      columns={shownColumns(object)}
      state={state}
      onFacets={(names) => view({ facets: names })}
      onFilters={(filters) => view({ filters })}
      onClose={() => setParams({ side: "" })}
    />
  ) : side === "value" && activeColumn !== undefined && activeTarget !== undefined ? (
    <RowPanel
      db={db}
      object={object}
      schema={schema}
      identity={identity}
      column={activeColumn}
      row={activeRow}
      staged={rows.stagedAt(selection.active.row, activeColumn.name)}
      cellOf={cellOf(selection.active.row)}
      editable={editable && !rows.isDeleted(selection.active.row)}
      onChange={(value) =>
        edits.set({ row: selection.active.row, column: columns.indexOf(activeColumn) }, value)
      }
      onRevert={() => edits.revert(selection)}
      onClose={() => setSide(null)}
    />
  ) : null;
  const openValue = () => {
    if (facets) setParams({ side: "" }, "replace");
    setSide("value");
  };
  const references = (row: number) => [
    ...object.foreign_keys.flatMap((key) => followKey(db, key, cellOf(row), schema) ?? []),
    ...referrersOf(db, object, cellOf(row), schema),
  ];

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys that belong to all of the view
    <div className="table-view" onKeyDown={onKeyDown}>
      <TableBar
        columns={shownColumns(object)}
        shown={state.columns}
        onShown={(names) => view({ columns: names })}
        search={state.search}
        onSearch={onSearch}
        facets={facets}
        onFacets={() => setParams({ side: facets ? "" : "facets" })}
        value={side === "value" && !facets}
        onValue={() => (side === "value" && !facets ? setSide(null) : openValue())}
        chart={chart}
        onChart={() => setParams({ view: chart ? "" : "chart" })}
        onAdd={editable && !chart ? edits.add : undefined}
        onUndo={inverse === null ? undefined : () => void saving.undo()}
        onRefresh={() => void refreshRows(db)}
        onSql={() => openPlace(place(db, "sql", null, { q: sql, run: "1" }))}
        onShare={() => setDialog("share")}
        onStructure={() => openPlace(place(db, "structure", object.name))}
        onImport={() => offerImport({ table: object.role === "user" ? object.name : null })}
        csvUrl={`${queryUrl(db, sql, null, "csv")}&download=true`}
      >
        <FilterBar
          columns={shownColumns(object)}
          filters={state.filters}
          onChange={(filters) => view({ filters })}
          wanted={wantedFilter}
          onWanted={setWantedFilter}
        />
      </TableBar>
      {locked === null ? null : (
        <p className="table-locked">
          <Lock aria-hidden size={13} /> {locked}
        </p>
      )}
      {unknown.length === 0 ? null : (
        <div className="table-problem">
          <ErrorNote error={new Error(`${object.name} has no column ${unknown.join(", ")}`)}>
            <Button onClick={() => change(tab.id, { params: {} }, "push")}>Show all rows</Button>
          </ErrorNote>
        </div>
      )}
      {page.error === null ? null : (
        <div className="table-problem">
          <ErrorNote error={page.error} />
        </div>
      )}
      <div className="table-body">
        <SidePane
          id={facets ? "facets" : "cell"}
          label={facets ? "Facets" : "Value"}
          side={pane}
          onClose={() => (facets ? setParams({ side: "" }) : setSide(null))}
          main={
            chart ? (
              <Suspense fallback={<Skeleton lines={8} label="Loading the chart" />}>
                <TableChart
                  db={db}
                  object={object}
                  identity={identity}
                  state={state}
                  spec={params["chart"] ?? null}
                  onSpec={(spec) => setParams({ chart: spec }, "replace")}
                />
              </Suspense>
            ) : page.data === undefined && page.error === null && unknown.length === 0 ? (
              <Skeleton lines={16} label="Reading rows" />
            ) : (
              <TableGrid
                ref={grid}
                db={db}
                object={object}
                schema={schema}
                columns={columns}
                rows={rows}
                editable={editable}
                refused={refused?.key ?? null}
                firstRowNumber={(state.page - 1) * state.pageSize + 1}
                sort={state.sort}
                busy={page.isPlaceholderData}
                onSort={(sort) => view({ sort })}
                onSelect={setSelection}
                onOpen={(position) => {
                  setSelection({
                    active: position,
                    rows: [position.row],
                    columns: [position.column],
                  });
                  openValue();
                }}
                onValue={edits.set}
                onMove={(position) => grid.current?.select(position)}
                onPaste={edits.paste}
                onDelete={edits.clear}
                menu={(chosen) => (
                  <RowMenu
                    selection={chosen}
                    columns={columns}
                    rows={rows}
                    editable={editable}
                    references={references(chosen.active.row)}
                    onOpen={() => {
                      setSelection(chosen);
                      openValue();
                    }}
                    onFilter={(filter) => view({ filters: [...state.filters, filter] })}
                    onSet={edits.setAll}
                    onRevert={edits.revert}
                    onDelete={edits.remove}
                    onDuplicate={edits.duplicate}
                  />
                )}
                headerMenu={(column: GridColumn) => (
                  <ColumnMenu
                    name={column.name}
                    state={state}
                    all={shownColumns(object).map(({ name }) => name)}
                    onView={view}
                    onFilter={() => setWantedFilter(column.name)}
                    onFacet={() =>
                      setParams({
                        side: "facets",
                        ...printChange({ facets: [...new Set([...state.facets, column.name])] }),
                      })
                    }
                  />
                )}
              />
            )
          }
        />
      </div>
      {dirty ? (
        <StagedBar
          staged={staged}
          canStepBack={past.length > 0}
          saving={saving.saving}
          failure={saving.failure}
          failedRow={saving.failedRow}
          onStepBack={() => stepBack(db, object.name)}
          onDiscard={() => {
            update(db, object.name, { refused: null });
            stage(db, object.name, () => NOTHING);
            edits.discarded(staged);
          }}
          onPreview={() => setDialog("preview")}
          onSave={() => void saving.save().catch(toastFailure)}
          onReread={() => void saving.reread()}
          onDrop={saving.drop}
        />
      ) : null}
      <TableStatus
        db={db}
        object={object}
        identity={identity}
        state={state}
        page={page.data}
        counting={active && unknown.length === 0 && !chart}
        paged={!chart}
        onView={view}
      />
      {dialog === "preview" ? (
        <PreviewDialog
          db={db}
          changes={saving.changes()}
          onClose={() => setDialog(null)}
          onSave={() => {
            setDialog(null);
            void saving.save().catch(toastFailure);
          }}
        />
      ) : null}
      {dialog === "share" ? (
        <ShareDialog
          open
          onOpenChange={(open) => setDialog(open ? "share" : null)}
          db={db}
          sql={sql}
          values={null}
        />
      ) : null}
    </div>
  );
}
