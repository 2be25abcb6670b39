import { Empty } from "../parts/Notes.tsx";
import type { ViewProps } from "../shell/views.ts";

export default function OverviewView({ db }: ViewProps) {
  return <Empty title={db} />;
}
