import { Empty } from "../parts/Notes.tsx";
import type { ViewProps } from "../shell/views.ts";

export default function LogView({ db }: ViewProps) {
  return <Empty title={db} />;
}
