import { Bookmark, Trash2 } from "lucide-react";
import { place, placeHref } from "../address/place.ts";
import { IconButton } from "../parts/Button.tsx";
import { toast } from "../parts/Toast.tsx";
import { put, type SavedQuery, savedQueries, useSavedQueries } from "./saved.ts";

/** The place that shows a saved query. */
export function savedPlace(db: string, { name, sql, values, chart }: SavedQuery) {
  return place(db, "sql", null, {
    q: sql,
    title: name,
    ...(values === undefined ? {} : { values }),
    ...(chart === undefined ? {} : { chart, view: "chart" }),
  });
}

/** The saved queries of a database, in the rail. */
export function SavedQueries({ db, onChosen }: { db: string; onChosen?: () => void }) {
  const queries = useSavedQueries(db);
  if (queries.length === 0) return null;
  const remove = (query: SavedQuery) => {
    const before = savedQueries(db);
    put(
      db,
      before.filter(({ id }) => id !== query.id),
    );
    toast(`Deleted the query ${query.name}`, () => put(db, before));
  };
  return (
    <section className="rail-saved">
      <h2 className="rail-title">Saved queries</h2>
      <ul>
        {queries.map((query) => (
          <li key={query.id} className="rail-item">
            <a href={placeHref(savedPlace(db, query))} className="rail-link" onClick={onChosen}>
              <Bookmark aria-hidden size={15} />
              <span className="rail-name">{query.name}</span>
            </a>
            <IconButton
              icon={Trash2}
              label={`Delete the query ${query.name}`}
              onClick={() => remove(query)}
            />
          </li>
        ))}
      </ul>
    </section>
  );
}
