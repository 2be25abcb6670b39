import { ChevronRight, Eye, KeyRound, Table2, TableProperties } from "lucide-react";
import { useMemo, useState } from "react";
import { place, placeHref } from "../address/place.ts";
import { useWorkspace } from "../address/workspace.ts";
import { useSavedQueries } from "../api/saved-queries.ts";
import { type SchemaObject, useSchema } from "../api/schema.ts";
import { DeviceQueries } from "../editor/DeviceQueries.tsx";
import { findQueries, SavedQueries } from "../editor/SavedQueries.tsx";
import { formatCount } from "../parts/format.ts";
import { Empty, ErrorNote, Skeleton } from "../parts/Notes.tsx";
import { SearchField } from "../parts/SearchField.tsx";
import { ColumnLine } from "./ColumnLine.tsx";
import { GROUPS, groupOf } from "./groups.ts";
import "./schema.css";

/** The tables and views of a database, with their columns, and its saved queries, in the rail. */
export function SchemaTree({ db, onChosen }: { db: string; onChosen?: () => void }) {
  const schema = useSchema(db);
  const [filter, setFilter] = useState("");
  const wanted = filter.trim().toLowerCase();
  const objects = useMemo(
    () => (schema.data?.objects ?? []).filter((object) => matches(object, wanted)),
    [schema.data, wanted],
  );
  const saved = useSavedQueries(db);
  const queries = findQueries(saved.data ?? [], wanted);
  // The queries stand above the tables: neither should push the other away.
  const waits = schema.isPending || saved.isPending;
  const chosen = onChosen === undefined ? {} : { onChosen };
  return (
    <section className="tree" aria-label="Tables and views">
      <SearchField
        className="tree-filter"
        label="Filter tables, columns and queries"
        placeholder="Filter tables, columns, queries"
        value={filter}
        onChange={setFilter}
      />
      <div className="tree-scroll">
        {waits ? <Skeleton lines={8} label="Reading the schema" /> : null}
        {schema.error === null ? null : <ErrorNote error={schema.error} />}
        {waits || schema.data === undefined ? null : (
          <>
            <DeviceQueries db={db} {...chosen} />
            <SavedQueries db={db} wanted={wanted} {...chosen} />
          </>
        )}
        {!waits &&
        schema.data !== undefined &&
        objects.length === 0 &&
        (wanted === "" || queries.length === 0) ? (
          <Empty title={wanted === "" ? "No tables yet" : "Nothing has that name"}>
            {wanted === "" ? (
              <a href={placeHref(place(db, "sql", null, { q: FIRST_TABLE }))} onClick={onChosen}>
                Create the first one
              </a>
            ) : null}
          </Empty>
        ) : null}
        {GROUPS.map(({ id, title }) => {
          const members = objects.filter((object) => groupOf(object) === id);
          return waits || members.length === 0 ? null : (
            <div key={id}>
              <h2 className="rail-title">{title}</h2>
              <ul>
                {members.map((object) => (
                  <TreeItem
                    key={object.name}
                    db={db}
                    object={object}
                    unfolded={wanted !== "" && !object.name.toLowerCase().includes(wanted)}
                    {...chosen}
                  />
                ))}
              </ul>
            </div>
          );
        })}
      </div>
    </section>
  );
}

const FIRST_TABLE = `CREATE TABLE people (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  born TEXT
);`;

function TreeItem({
  db,
  object,
  unfolded,
  onChosen,
}: {
  db: string;
  object: SchemaObject;
  unfolded: boolean;
  onChosen?: () => void;
}) {
  const [open, setOpen] = useState(false);
  const { tabs, activeId } = useWorkspace();
  const shown = tabs.find(({ id }) => id === activeId)?.place;
  const { name, type, row_count: count, row_count_exact: exact } = object;
  const Icon = type === "view" ? Eye : object.role === "kv" ? KeyRound : Table2;
  const showColumns = open || unfolded;
  return (
    <li>
      <div className="rail-item">
        <button
          type="button"
          className="tree-toggle"
          aria-expanded={showColumns}
          aria-label={`Columns of ${name}`}
          onClick={() => setOpen(!open)}
        >
          <ChevronRight aria-hidden size={14} />
        </button>
        <a
          href={placeHref(place(db, "table", name))}
          className="rail-link tree-link"
          aria-current={shown?.name === name && shown.view === "table" ? "page" : undefined}
          onClick={onChosen}
        >
          <Icon aria-hidden size={15} />
          <span className="rail-name">{name}</span>
          {count === null ? null : (
            <span
              className="tree-count"
              title={exact ? `${formatCount(count)} rows` : `about ${formatCount(count)} rows`}
            >
              {exact ? "" : "~"}
              {formatCount(count)}
            </span>
          )}
        </a>
        <a
          href={placeHref(place(db, "structure", name))}
          className="tree-structure"
          aria-label={`Structure of ${name}`}
          title="Structure"
          onClick={onChosen}
        >
          <TableProperties aria-hidden size={15} />
        </a>
      </div>
      {showColumns ? (
        <ul className="tree-columns">
          {object.columns
            .filter(({ hidden }) => !hidden)
            .map((column) => (
              <ColumnLine key={column.name} db={db} object={object} column={column} />
            ))}
        </ul>
      ) : null}
    </li>
  );
}

function matches(object: SchemaObject, wanted: string): boolean {
  return (
    wanted === "" ||
    object.name.toLowerCase().includes(wanted) ||
    object.columns.some(({ name }) => name.toLowerCase().includes(wanted))
  );
}
