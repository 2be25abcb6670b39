import {
  Background,
  type ColorMode,
  Controls,
  type Edge,
  MarkerType,
  ReactFlow,
  ReactFlowProvider,
} from "@xyflow/react";
import { useMemo } from "react";
import type { SchemaObject } from "../../api/schema.ts";
import { layOut } from "./layout.ts";
import { TableNode, type TableNodeType } from "./TableNode.tsx";
import "@xyflow/react/dist/style.css";
import "./diagram.css";

const NODE_TYPES = { table: TableNode };

export interface DiagramCanvasProps {
  db: string;
  objects: readonly SchemaObject[];
  /** Tables to bring out; the others fade. */
  found: (object: SchemaObject) => boolean;
}

/** The diagram itself: drag to move, wheel or pinch to come closer. */
export default function DiagramCanvas({ db, objects, found }: DiagramCanvasProps) {
  const diagram = useMemo(() => layOut(objects), [objects]);
  const nodes = diagram.tables.map(
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
      type: "smoothstep",
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
        colorMode={mode}
        fitView
        fitViewOptions={{ padding: 0.1, maxZoom: 1 }}
        minZoom={0.05}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        proOptions={{ hideAttribution: true }}
        aria-label="Diagram of the foreign keys"
      >
        <Background gap={24} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </ReactFlowProvider>
  );
}
