import { Suspense } from "react";
import type { GridColumn, GridSelection } from "../parts/grid/types.ts";
import { Skeleton } from "../parts/Notes.tsx";
import { patientLazy } from "../parts/patient-lazy.ts";
import { ColumnMenu } from "./ColumnMenu.tsx";
import { printChange } from "./model/view-state.ts";
import { NoRows } from "./NoRows.tsx";
import { RowMenu } from "./RowMenu.tsx";
import { followKey, referrersOf } from "./references.ts";
import { TableGrid } from "./TableGrid.tsx";
import type { Table } from "./useTable.ts";

const TableChart = patientLazy(() => import("./TableChart.tsx"));

/** The rows as a grid, or as a chart. */
export function TableMain({ table }: { table: Table }) {
  const { db, object, schema, state, columns, rows, edits, page, allColumns } = table;
  if (table.chart)
    return (
      <Suspense fallback={<Skeleton lines={8} label="Loading the chart" />}>
        <TableChart
          db={db}
          object={object}
          identity={table.identity}
          state={state}
          spec={table.chartSpec}
          onSpec={(chart) => table.setParams({ chart }, "replace")}
        />
      </Suspense>
    );
  if (page.data === undefined && page.error === null && table.unknown.length === 0)
    return <Skeleton lines={16} label="Reading rows" />;

  const openValue = (selection: GridSelection) => {
    table.setSelection(selection);
    table.show("value");
  };
  const cellOf = (row: number) => (name: string) => rows.cellAt(row, name);
  const references = (row: number) => [
    ...object.foreign_keys.flatMap((key) => followKey(db, key, cellOf(row), schema) ?? []),
    ...referrersOf(db, object, cellOf(row), schema),
  ];
  const none = page.data !== undefined && !page.isPlaceholderData && rows.targets.length === 0;
  const grid = (
    <TableGrid
      ref={table.grid}
      db={db}
      object={object}
      schema={schema}
      columns={columns}
      rows={rows}
      editable={table.editable}
      refused={table.refused}
      marks={table.marks}
      firstRowNumber={(state.page - 1) * state.pageSize + 1}
      sort={state.sort}
      busy={page.isFetching && page.isPlaceholderData}
      pinnedColumns={table.pinnedColumns}
      onReorder={table.moveColumn}
      onSort={(sort) => table.setView({ sort })}
      onSelect={table.setSelection}
      onOpen={(active) => openValue({ active, rows: [active.row], columns: [active.column] })}
      onValue={edits.set}
      onMove={(position) => table.grid.current?.select(position)}
      onPaste={edits.paste}
      onDelete={edits.clear}
      menu={(selection) => (
        <RowMenu
          selection={selection}
          columns={columns}
          rows={rows}
          editable={table.editable}
          references={references(selection.active.row)}
          onOpen={() => openValue(selection)}
          onFilter={(filter) => table.setView({ filters: [...state.filters, filter] })}
          onSet={edits.setAll}
          onRevert={edits.revert}
          onDelete={edits.remove}
          onDuplicate={edits.duplicate}
        />
      )}
      headerMenu={({ name }: GridColumn, index) => (
        <ColumnMenu
          name={name}
          index={index}
          count={columns.length}
          pinned={index < table.pinnedColumns}
          onPin={(held) => table.pin(name, held)}
          onMove={(to) => table.moveColumn(index, to)}
          state={state}
          all={allColumns.map((column) => column.name)}
          onView={table.setView}
          onFilter={() => table.setWantedFilter(name)}
          onFacet={() =>
            table.setParams({
              side: "facets",
              ...printChange({ facets: [...new Set([...state.facets, name])] }),
            })
          }
        />
      )}
    />
  );
  // Always in the same place of the tree, so that the grid stays the same one when the first row comes.
  return (
    <div className="table-main">
      {grid}
      {none ? <NoRows table={table} /> : null}
    </div>
  );
}
