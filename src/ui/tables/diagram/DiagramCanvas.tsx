import {
  Background,
  type ColorMode,
  Controls,
  type Edge,
  MarkerType,
  type NodeChange,
  ReactFlow,
  ReactFlowProvider,
} from "@xyflow/react";
import { useMemo, useRef, useState } from "react";
import type { SchemaObject } from "../../api/schema.ts";
import { toast } from "../../parts/Toast.tsx";
import { DiagramActions } from "./DiagramActions.tsx";
import { layOut } from "./layout.ts";
import { toSvg } from "./picture.ts";
import { keepPositions, keptPositions, type Positions } from "./positions.ts";
import { SelfEdge } from "./SelfEdge.tsx";
import { TableNode, type TableNodeType } from "./TableNode.tsx";
import "@xyflow/react/dist/style.css";
import "./diagram.css";

const NODE_TYPES = { table: TableNode };
const EDGE_TYPES = { self: SelfEdge };

export interface DiagramCanvasProps {
  db: string;
  objects: readonly SchemaObject[];
  /** Tables to bring out; the others fade. */
  found: (object: SchemaObject) => boolean;
}

/** The diagram itself: drag a box or all of it, wheel or pinch to come closer. */
export default function DiagramCanvas({ db, objects, found }: DiagramCanvasProps) {
  const diagram = useMemo(() => layOut(objects), [objects]);
  const [moved, setMoved] = useState<Positions>(() => keptPositions(db));
  const latest = useRef(moved);
  latest.current = moved;
  const tables = diagram.tables.map((table) => ({ ...table, ...moved[table.object.name] }));
  const onNodesChange = (changes: readonly NodeChange<TableNodeType>[]) => {
    const spots = changes.flatMap((change) =>
      change.type === "position" && change.position !== undefined
        ? [[change.id, change.position] as const]
        : [],
    );
    if (spots.length > 0) setMoved((before) => ({ ...before, ...Object.fromEntries(spots) }));
  };
  const nodes = tables.map(
    (table): TableNodeType => ({
      id: table.object.name,
      type: "table",
      position: { x: table.x, y: table.y },
      width: table.width,
      height: table.height,
      data: { db, table },
      className: found(table.object) ? "" : "diagram-faded",
      focusable: false,
    }),
  );
  const edges = diagram.keys.map(
    ({ id, from, to, words }): Edge => ({
      id,
      source: from,
      target: to,
      ariaLabel: `${from} refers to ${to}: ${words}`,
      type: from === to ? "self" : "smoothstep",
      data: { height: tables.find(({ object }) => object.name === from)?.height ?? 0 },
      focusable: false,
      markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16 },
    }),
  );
  const mode: ColorMode = "system";
  return (
    <ReactFlowProvider>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        colorMode={mode}
        fitView
        fitViewOptions={{ padding: 0.1, maxZoom: 1 }}
        minZoom={0.05}
        onNodesChange={onNodesChange}
        onNodeDragStop={() => keepPositions(db, latest.current)}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        proOptions={{ hideAttribution: true }}
        aria-label="Diagram of the foreign keys"
      >
        <Background gap={24} />
        <DiagramActions
          name={db}
          svg={() => toSvg(tables, diagram.keys)}
          onTidy={
            Object.keys(moved).length === 0
              ? undefined
              : () => {
                  const before = moved;
                  setMoved({});
                  keepPositions(db, {});
                  toast("Tidied up", () => {
                    setMoved(before);
                    keepPositions(db, before);
                  });
                }
          }
        />
        <Controls showInteractive={false} />
      </ReactFlow>
    </ReactFlowProvider>
  );
}
