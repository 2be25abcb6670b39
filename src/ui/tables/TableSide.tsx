import { ComparePane } from "../time/ComparePane.tsx";
import { FacetPane } from "./facets/FacetPane.tsx";
import { RowPanel } from "./RowPanel.tsx";
import type { Table } from "./useTable.ts";

/** What stands beside the rows: facets, or the value of the chosen cell. Null when it is nothing. */
export function tableSide(table: Table): React.ReactNode {
  const { db, object, schema, rows, selection, columns, edits } = table;
  if (table.side === "compare" && table.time.at !== null)
    return (
      <ComparePane
        db={db}
        table={object.name}
        at={table.time.at}
        onClose={() => table.show(null)}
      />
    );
  if (table.side === "facets")
    return (
      <FacetPane
        db={db}
        object={object}
        columns={table.allColumns}
        state={table.state}
        onFacets={(facets) => table.setView({ facets })}
        onFilters={(filters) => table.setView({ filters })}
        onClose={() => table.show(null)}
      />
    );
  const { row } = selection.active;
  const column = columns[selection.active.column] ?? columns[0];
  const target = rows.targets[row];
  if (table.side !== "value" || column === undefined || target === undefined) return null;
  return (
    <RowPanel
      db={db}
      object={object}
      schema={schema}
      identity={table.identity}
      column={column}
      row={typeof target === "object" ? target : null}
      at={table.state.at}
      staged={rows.stagedAt(row, column.name)}
      cellOf={(name) => rows.cellAt(row, name)}
      editable={table.editable && !rows.isDeleted(row)}
      onChange={(value) => edits.set({ row, column: columns.indexOf(column) }, value)}
      onRevert={() => edits.revert(selection)}
      onClose={() => table.show(null)}
    />
  );
}
