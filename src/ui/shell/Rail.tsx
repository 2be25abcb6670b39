import { History, LayoutDashboard, Network, SquareTerminal } from "lucide-react";
import { place, placeHref } from "../address/place.ts";
import { useWorkspace } from "../address/workspace.ts";
import { SchemaTree } from "../schema/SchemaTree.tsx";
import type { Overlay } from "./App.tsx";
import { DatabaseMenu } from "./DatabaseMenu.tsx";

export interface RailProps {
  onOverlay(overlay: Overlay): void;
  /** On a phone: something was chosen. */
  onChosen?: () => void;
}

/** Places that every database has. */
export const PLACES = [
  { view: "overview", words: "Overview", icon: LayoutDashboard },
  { view: "sql", words: "New query", icon: SquareTerminal },
  { view: "diagram", words: "Diagram", icon: Network },
  { view: "log", words: "Query log", icon: History },
] as const;

/** The database, what is in it, and the places. */
export function Rail({ onChosen }: RailProps) {
  const { db, tabs, activeId } = useWorkspace();
  const shown = tabs.find(({ id }) => id === activeId)?.place;
  return (
    <nav className="rail" aria-label="Database">
      <div className="rail-head">
        <DatabaseMenu />
      </div>
      {db === null ? null : (
        <>
          <ul className="rail-places">
            {PLACES.map(({ view, words, icon: Icon }) => (
              <li key={view}>
                <a
                  href={placeHref(place(db, view))}
                  className="rail-link"
                  aria-current={view !== "sql" && shown?.view === view ? "page" : undefined}
                  onClick={onChosen}
                >
                  <Icon aria-hidden size={15} />
                  {words}
                </a>
              </li>
            ))}
          </ul>
          <SchemaTree db={db} {...(onChosen === undefined ? {} : { onChosen })} />
        </>
      )}
    </nav>
  );
}
