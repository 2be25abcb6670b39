import { Lock } from "lucide-react";
import { useState } from "react";
import { place } from "../address/place.ts";
import { change, open } from "../address/workspace.ts";
import { printMoment } from "../api/moment.ts";
import { offerImport } from "../import/offer.ts";
import { Button } from "../parts/Button.tsx";
import { isKey, isWriting } from "../parts/keys.ts";
import { ErrorNote } from "../parts/Notes.tsx";
import { SidePane } from "../parts/SidePane.tsx";
import { toastFailure } from "../parts/Toast.tsx";
import { ShareDialog } from "../share/ShareDialog.tsx";
import { RestoreDialog } from "../time/RestoreDialog.tsx";
import { TimeLine } from "../time/TimeLine.tsx";
import { TimeNote } from "../time/TimeNote.tsx";
import { ExportDialog } from "./export/ExportDialog.tsx";
import { FilterBar } from "./filters/FilterBar.tsx";
import { PreviewDialog } from "./staged/PreviewDialog.tsx";
import { StagedBar } from "./staged/StagedBar.tsx";
import { NOTHING } from "./staged/staged.ts";
import { stage, stepBack, update } from "./staged/store.ts";
import { TableBar } from "./TableBar.tsx";
import { TableMain } from "./TableMain.tsx";
import { tableSide } from "./TableSide.tsx";
import { TableStatus } from "./TableStatus.tsx";
import { type Table, type TableProps, useTable } from "./useTable.ts";
import { refreshRows } from "./useTablePage.ts";

const NO_KEYS: readonly string[] = [];

/** One table: its rows, what is looked at of them, and what is about to be changed. */
export function TableWorkspace(props: TableProps) {
  const table = useTable(props);
  const { db, object, state, saving, dirty, chart, side } = table;
  const { at } = state;
  const [dialog, setDialog] = useState<"preview" | "share" | "restore" | "export" | null>(null);
  const save = () => {
    setDialog(null);
    saving.save().catch(toastFailure);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (!dirty) return;
    if (isKey(event, "Mod+S")) {
      event.preventDefault();
      save();
    } else if (isKey(event, "Mod+Z") && !isWriting(event.target)) {
      event.preventDefault();
      stepBack(db, object.name);
    }
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys that belong to all of the view
    <div className={at === null ? "table-view" : "table-view in-past"} onKeyDown={onKeyDown}>
      {object.role === "kv" ? (
        <>
          <TimeLine db={db} table={object.name} time={table.time} active={table.active} />
          <TimeNote
            db={db}
            table={object.name}
            at={at}
            active={table.active}
            locked={table.locked}
            gapKeys={table.page.data?.gapKeys ?? NO_KEYS}
            comparing={table.side === "compare"}
            onCompare={() => table.show(table.side === "compare" ? null : "compare")}
            onRestore={() => setDialog("restore")}
          />
        </>
      ) : null}
      <TableBar
        columns={table.allColumns}
        shown={state.columns}
        onShown={(columns) => table.setView({ columns })}
        search={state.search}
        onSearch={table.onSearch}
        facets={side === "facets"}
        onFacets={() => table.show(side === "facets" ? null : "facets")}
        value={side === "value"}
        onValue={() => table.show(side === "value" ? null : "value")}
        chart={chart}
        onChart={() => table.setParams({ view: chart ? "" : "chart" })}
        onAdd={table.editable && !chart ? table.edits.add : undefined}
        onUndo={table.canUndo ? () => void saving.undo() : undefined}
        onRefresh={() => void refreshRows(db)}
        onSql={() => open(place(db, "sql", null, { q: table.sql, run: "1", at: printMoment(at) }))}
        onShare={() => setDialog("share")}
        onStructure={() => open(place(db, "structure", object.name))}
        onImport={() => offerImport({ table: object.role === "user" ? object.name : null })}
        onExport={() => setDialog("export")}
        past={at !== null}
      >
        <FilterBar
          columns={table.allColumns}
          filters={state.filters}
          onChange={(filters) => table.setView({ filters })}
          wanted={table.wantedFilter}
          onWanted={table.setWantedFilter}
        />
      </TableBar>
      <Notes table={table} />
      <div className="table-body">
        <SidePane
          id={side === "value" || side === null ? "cell" : side}
          label={side === "facets" ? "Facets" : side === "compare" ? "Compare with now" : "Value"}
          main={<TableMain table={table} />}
          side={tableSide(table)}
          onClose={() => table.show(null)}
        />
      </div>
      {dirty ? (
        <StagedBar
          staged={table.staged}
          canStepBack={table.canStepBack}
          saving={saving.saving}
          failure={saving.failure}
          failedRow={saving.failedRow}
          failedColumns={saving.failedColumns}
          elsewhere={chart ? 0 : table.rows.elsewhere}
          onStepBack={() => stepBack(db, object.name)}
          onDiscard={() => {
            update(db, object.name, { refused: null });
            stage(db, object.name, () => NOTHING);
            table.edits.discarded(table.staged);
          }}
          onPreview={() => setDialog("preview")}
          onSave={save}
          onReread={() => void saving.reread()}
          onDrop={saving.drop}
        />
      ) : null}
      <TableStatus
        db={db}
        object={object}
        identity={table.identity}
        state={state}
        // The rows of the page before say nothing about this one.
        page={table.page.isPlaceholderData && !table.time.dragging ? undefined : table.page.data}
        counting={table.active && table.readable && !chart && !table.time.dragging}
        paged={!chart}
        onView={table.setView}
      />
      {dialog === "preview" ? (
        <PreviewDialog
          db={db}
          changes={saving.changes()}
          object={object}
          onClose={() => setDialog(null)}
          onSave={save}
        />
      ) : null}
      {dialog === "export" ? (
        <ExportDialog
          db={db}
          object={object}
          identity={table.identity}
          state={state}
          columns={table.columns}
          rows={table.page.data?.rows ?? []}
          dirty={dirty}
          onClose={() => setDialog(null)}
        />
      ) : null}
      {dialog === "restore" && table.time.at !== null ? (
        <RestoreDialog
          db={db}
          table={object.name}
          at={table.time.at}
          onClose={() => setDialog(null)}
          onChanged={() => void refreshRows(db)}
          onRestored={() => {
            setDialog(null);
            table.setParams({ at: "", side: "" });
          }}
        />
      ) : null}
      {dialog === "share" ? (
        <ShareDialog
          open
          onOpenChange={(shown) => setDialog(shown ? "share" : null)}
          db={db}
          sql={table.sql}
          values={null}
        />
      ) : null}
    </div>
  );
}

/** Why rows cannot be changed, or not be shown. */
function Notes({ table }: { table: Table }) {
  const { tab, object, locked, unknown, page, time } = table;
  const backToNow = <Button onClick={() => time.go(null)}>Back to now</Button>;
  return (
    <>
      {locked === null || object.role === "kv" ? null : (
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
      {time.unreadable ? (
        <div className="table-problem">
          <ErrorNote
            error={new Error(`The address says at=${tab.place.params["at"]}, which is no moment`)}
          >
            {backToNow}
          </ErrorNote>
        </div>
      ) : null}
      {page.error === null ? null : (
        <div className="table-problem">
          <ErrorNote error={page.error}>{time.at === null ? null : backToNow}</ErrorNote>
        </div>
      )}
    </>
  );
}
