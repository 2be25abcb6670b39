import { Empty } from "../parts/Notes.tsx";
import type { ViewProps } from "../shell/views.ts";

/** The tables and their foreign keys as a diagram. */
export default function DiagramView({ db }: ViewProps) {
  return <Empty title={db} />;
}
