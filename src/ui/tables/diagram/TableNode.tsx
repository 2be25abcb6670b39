import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { KeyRound, Link2 } from "lucide-react";
import { place, placeHref } from "../../address/place.ts";
import type { DiagramTable } from "./layout.ts";

export type TableNodeType = Node<{ db: string; table: DiagramTable }, "table">;

/** A table in the diagram: its name leads to its rows. */
export function TableNode({ data: { db, table } }: NodeProps<TableNodeType>) {
  const { object, columns, hiddenColumns } = table;
  const inKeys = new Set(object.foreign_keys.flatMap((key) => key.columns));
  return (
    <article className="diagram-table" aria-label={object.name}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <a className="diagram-name nodrag" href={placeHref(place(db, "table", object.name))}>
        {object.name}
      </a>
      <ul>
        {columns.map((column) => (
          <li key={column.name}>
            {column.primary_key > 0 ? (
              <KeyRound role="img" aria-label="primary key" size={12} />
            ) : inKeys.has(column.name) ? (
              <Link2 role="img" aria-label="foreign key" size={12} />
            ) : (
              <span className="diagram-dot" />
            )}
            <span className="diagram-column">{column.name}</span>
            <span className="diagram-type">{column.type.toLowerCase()}</span>
          </li>
        ))}
        {hiddenColumns > 0 ? <li className="soft">and {hiddenColumns} more</li> : null}
      </ul>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </article>
  );
}
