/** Every view that a tab can show. A new feature registers here, and nowhere else. */

import {
  ChartNoAxesColumn,
  History,
  LayoutDashboard,
  type LucideIcon,
  Network,
  SquareTerminal,
  Table2,
  TableProperties,
} from "lucide-react";
import type { ComponentType, LazyExoticComponent } from "react";
import type { Place } from "../address/place.ts";
import type { Tab } from "../address/workspace.ts";
import { SavedMark } from "../editor/SavedMark.tsx";
import { patientLazy } from "../parts/patient-lazy.ts";

export interface ViewProps {
  tab: Tab;
  /** The database of the tab's place. */
  db: string;
  /** Whether it is the shown tab; hidden ones keep their state. */
  active: boolean;
}

export interface View {
  /** Words on the tab. */
  title(place: Place): string;
  readonly icon: LucideIcon;
  /** After the words: what is special about this tab, or nothing. */
  readonly mark?: ComponentType<{ place: Place }>;
  readonly component: LazyExoticComponent<ComponentType<ViewProps>>;
}

export const VIEWS: Readonly<Record<string, View>> = {
  overview: {
    title: () => "Overview",
    icon: LayoutDashboard,
    component: patientLazy(() => import("../schema/OverviewView.tsx")),
  },
  sql: {
    title: ({ name, params }) => name ?? (params["title"] || firstWords(params["q"] ?? "")),
    icon: SquareTerminal,
    mark: SavedMark,
    component: patientLazy(() => import("../editor/SqlView.tsx")),
  },
  table: {
    title: ({ name }) => name ?? "Table",
    icon: Table2,
    component: patientLazy(() => import("../tables/TableView.tsx")),
  },
  structure: {
    title: ({ name }) => `${name ?? "Table"} structure`,
    icon: TableProperties,
    component: patientLazy(() => import("../schema/StructureView.tsx")),
  },
  diagram: {
    title: () => "Diagram",
    icon: Network,
    component: patientLazy(() => import("../tables/DiagramView.tsx")),
  },
  log: {
    title: () => "Query log",
    icon: History,
    component: patientLazy(() => import("../log/LogView.tsx")),
  },
};

const UNKNOWN: View = {
  title: ({ view }) => view,
  icon: ChartNoAxesColumn,
  component: patientLazy(() => import("./UnknownView.tsx")),
};

export function viewOf(place: Place): View {
  return VIEWS[place.view] ?? UNKNOWN;
}

const TITLE_CHARS = 28;

function firstWords(sql: string): string {
  const words = sql
    .replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
  if (words === "") return "New query";
  return words.length > TITLE_CHARS ? `${words.slice(0, TITLE_CHARS)}…` : words;
}
