import { Plus } from "lucide-react";
import { Button } from "../parts/Button.tsx";
import { Empty } from "../parts/Notes.tsx";
import type { Table } from "./useTable.ts";

/** Below the head of a grid without rows: why there are none, and the first step. */
export function NoRows({ table }: { table: Table }) {
  const { state, time } = table;
  if (state.filters.length > 0 || state.search !== "")
    return (
      <Empty title="No row is like that">
        <Button onClick={() => table.setView({ filters: [], search: "" })}>Show all rows</Button>
      </Empty>
    );
  if (time.at !== null) return <Empty title="It had no rows then" />;
  return (
    <Empty title="There are no rows yet">
      {table.editable ? (
        <>
          <Button icon={Plus} onClick={table.edits.add}>
            Add the first one
          </Button>
          <p>A CSV file can be dropped here, too.</p>
        </>
      ) : null}
    </Empty>
  );
}
