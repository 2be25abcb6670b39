import { Bookmark, Ellipsis } from "lucide-react";
import { useState } from "react";
import { placeHref } from "../address/place.ts";
import { useWorkspace } from "../address/workspace.ts";
import { apiUrl } from "../api/client.ts";
import { type SavedQuery, useSavedQueries } from "../api/saved-queries.ts";
import { Button, IconButton } from "../parts/Button.tsx";
import { Menu } from "../parts/Menu.tsx";
import { ErrorNote } from "../parts/Notes.tsx";
import { TwinLinks } from "../parts/TwinLink.tsx";
import { RenameQuery, SavedItems } from "./SavedItems.tsx";
import { savedPlace } from "./saved-place.ts";

/** So many stand above the tables; the others on request. */
const SHOWN = 6;

export interface SavedQueriesProps {
  db: string;
  /** In lower case; empty for all. */
  wanted: string;
  onChosen?: () => void;
}

export function findQueries(queries: readonly SavedQuery[], wanted: string): SavedQuery[] {
  return queries.filter(
    ({ name, sql }) => name.toLowerCase().includes(wanted) || sql.toLowerCase().includes(wanted),
  );
}

/** The saved queries of a database, in the rail. */
export function SavedQueries({ db, wanted, onChosen }: SavedQueriesProps) {
  const { data, error } = useSavedQueries(db);
  const [all, setAll] = useState(false);
  const [renamed, setRenamed] = useState<SavedQuery | null>(null);
  const { tabs, activeId } = useWorkspace();
  const shown = tabs.find(({ id }) => id === activeId)?.place;
  const found = findQueries(data ?? [], wanted);
  if (error === null && found.length === 0) return null;
  const listed = all || wanted !== "" || found.length <= SHOWN + 1 ? found : found.slice(0, SHOWN);
  return (
    <section aria-labelledby="rail-queries">
      <div className="rail-title rail-title-links">
        <h2 id="rail-queries">Queries</h2>
        <TwinLinks href={(format) => apiUrl("/queries", { db, format })} of="the saved queries" />
      </div>
      {error === null ? null : <ErrorNote error={error} />}
      <ul>
        {listed.map((query) => (
          <li key={query.name} className="rail-item">
            <a
              href={placeHref(savedPlace(db, query.name))}
              className="rail-link"
              title={query.name}
              aria-current={shown?.view === "sql" && shown.name === query.name ? "page" : undefined}
              onClick={onChosen}
            >
              <Bookmark aria-hidden size={15} />
              <span className="rail-name">{query.name}</span>
            </a>
            <Menu
              align="end"
              trigger={<IconButton icon={Ellipsis} label={`What to do with ${query.name}`} />}
            >
              <SavedItems db={db} query={query} onRename={setRenamed} />
            </Menu>
          </li>
        ))}
      </ul>
      {listed.length === found.length ? null : (
        <Button tone="plain" className="rail-more" onClick={() => setAll(true)}>
          All {found.length} queries
        </Button>
      )}
      <RenameQuery db={db} query={renamed} onClose={() => setRenamed(null)} />
    </section>
  );
}
