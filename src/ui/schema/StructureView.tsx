import { Empty } from "../parts/Notes.tsx";
import type { ViewProps } from "../shell/views.ts";

export default function StructureView({ db }: ViewProps) {
  return <Empty title={db} />;
}
