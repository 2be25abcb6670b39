import { Empty } from "../parts/Notes.tsx";
import type { ViewProps } from "./views.ts";

export default function UnknownView({ tab }: ViewProps) {
  return <Empty title={`There is no view called ${tab.place.view}`} />;
}
