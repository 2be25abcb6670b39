import { Empty } from "../parts/Notes.tsx";
import type { ViewProps } from "../shell/views.ts";

/** Rows of a table, to browse and edit. */
export default function TableView({ tab }: ViewProps) {
  return <Empty title={tab.place.name ?? "Table"} />;
}
