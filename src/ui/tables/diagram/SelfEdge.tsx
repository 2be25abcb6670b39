import { BaseEdge, type Edge, type EdgeProps } from "@xyflow/react";

export type SelfEdgeType = Edge<{ height: number }, "self">;

const AROUND_PX = 20;

/** From the right side of a box below it to its left side: a straight line would be behind it. */
export function selfPath(right: number, left: number, middle: number, height: number): string {
  const below = middle + height / 2 + AROUND_PX;
  return `M${right} ${middle}H${right + AROUND_PX}V${below}H${left - AROUND_PX}V${middle}H${left}`;
}

/** The key of a table that refers to itself. */
export function SelfEdge({ sourceX, sourceY, targetX, data, markerEnd }: EdgeProps<SelfEdgeType>) {
  const path = selfPath(sourceX, targetX, sourceY, data?.height ?? 0);
  return <BaseEdge path={path} {...(markerEnd === undefined ? {} : { markerEnd })} />;
}
