import { Table2 } from "lucide-react";
import { useEffect } from "react";
import { useSchema } from "../api/schema.ts";
import { Empty, ErrorNote, Skeleton } from "../parts/Notes.tsx";
import type { ViewProps } from "../shell/views.ts";
import { TableWorkspace } from "./TableWorkspace.tsx";
import "./table.css";

/** Rows of a table, to browse and edit. */
export default function TableView({ tab, db, active }: ViewProps) {
  const schema = useSchema(db);
  const { name } = tab.place;
  const object = schema.data?.objects.find((each) => each.name === name);
  // A link may lead to a table that was made just now.
  const missing = schema.data !== undefined && object === undefined;
  const { refetch, isFetching } = schema;
  useEffect(() => {
    if (missing) void refetch();
  }, [missing, refetch]);
  if (schema.data === undefined || (missing && isFetching))
    return schema.error === null ? (
      <Skeleton lines={12} label="Reading the schema" />
    ) : (
      <ErrorNote error={schema.error} />
    );
  if (object === undefined)
    return <Empty icon={Table2} title={`There is no table or view called ${name ?? ""}`} />;
  return (
    <TableWorkspace
      key={`${db} ${object.name}`}
      tab={tab}
      db={db}
      active={active}
      object={object}
      schema={schema.data}
    />
  );
}
