import { History, LayoutDashboard, SquareTerminal, Table2 } from "lucide-react";
import { place, placeHref } from "../address/place.ts";
import { useWorkspace } from "../address/workspace.ts";

/** The places within reach of a thumb. */
export function BottomBar({ db, onMore }: { db: string; onMore(): void }) {
  const { tabs, activeId } = useWorkspace();
  const shown = tabs.find(({ id }) => id === activeId)?.place.view;
  const lastQuery = tabs.findLast((tab) => tab.place.view === "sql");
  const places = [
    {
      view: "overview",
      words: "Overview",
      icon: LayoutDashboard,
      href: placeHref(place(db, "overview")),
    },
    {
      view: "sql",
      words: "SQL",
      icon: SquareTerminal,
      href: placeHref(lastQuery?.place ?? place(db, "sql")),
    },
    { view: "log", words: "Log", icon: History, href: placeHref(place(db, "log")) },
  ];
  return (
    <nav className="bottom-bar" aria-label="Places">
      {places.map(({ view, words, icon: Icon, href }) => (
        <a
          key={view}
          href={href}
          className="bottom-link"
          aria-current={shown === view ? "page" : undefined}
        >
          <Icon aria-hidden size={20} />
          {words}
        </a>
      ))}
      <button type="button" className="bottom-link" onClick={onMore}>
        <Table2 aria-hidden size={20} />
        Tables
      </button>
    </nav>
  );
}
