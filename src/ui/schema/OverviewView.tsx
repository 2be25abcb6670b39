import { FileUp, Plus } from "lucide-react";
import { place, placeHref } from "../address/place.ts";
import { open } from "../address/workspace.ts";
import { apiUrl } from "../api/client.ts";
import { useDatabases } from "../api/databases.ts";
import { type SchemaObject, useSchema } from "../api/schema.ts";
import { offerImport } from "../import/offer.ts";
import { Button } from "../parts/Button.tsx";
import { formatAgo, formatBytes, formatCount, plural } from "../parts/format.ts";
import { Empty, ErrorNote, Skeleton } from "../parts/Notes.tsx";
import { TwinLink } from "../parts/TwinLink.tsx";
import type { ViewProps } from "../shell/views.ts";
import { GROUPS, groupOf } from "./groups.ts";
import "./schema.css";
import "./structure.css";

/** What the database holds, at a glance. */
export default function OverviewView({ db }: ViewProps) {
  const schema = useSchema(db);
  const file = useDatabases().data?.databases.find(({ name }) => name === db);
  const objects = schema.data?.objects ?? [];
  return (
    <div className="page">
      <header className="page-head">
        <p className="page-title">{db}</p>
        <p className="soft">
          {file === undefined ? null : (
            <>
              {formatBytes(file.size)} · changed{" "}
              <time dateTime={file.modified} title={file.modified}>
                {formatAgo(new Date(file.modified))}
              </time>{" "}
              ·{" "}
            </>
          )}
          {schema.data === undefined
            ? ""
            : plural(objects.length, "table or view", "tables and views")}
        </p>
        <div className="page-actions">
          <Button icon={Plus} onClick={() => open(place(db, "sql"))}>
            New query
          </Button>
          <Button icon={FileUp} onClick={() => offerImport({})}>
            Import
          </Button>
          <TwinLink href={apiUrl("/db/schema", { db })} format="json" of="this schema" />
        </div>
      </header>
      {schema.error === null ? null : <ErrorNote error={schema.error} />}
      {schema.isPending ? <Skeleton lines={8} label="Reading the schema" /> : null}
      {schema.data !== undefined && objects.length === 0 ? (
        <Empty title="This database is empty">
          <p>Create a table with SQL, or drop a CSV file on this page.</p>
        </Empty>
      ) : null}
      {GROUPS.map(({ id, title }) => (
        <Group
          key={id}
          db={db}
          title={title}
          members={objects.filter((object) => groupOf(object) === id)}
        />
      ))}
    </div>
  );
}

function Group({
  db,
  title,
  members,
}: {
  db: string;
  title: string;
  members: readonly SchemaObject[];
}) {
  if (members.length === 0) return null;
  return (
    <section className="page-section">
      <h2>{title}</h2>
      <div className="table-scroll">
        <table className="facts">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col" className="facts-number">
                Rows
              </th>
              <th scope="col" className="facts-number">
                Columns
              </th>
              <th scope="col" className="facts-number">
                Indexes
              </th>
              <th scope="col">Refers to</th>
            </tr>
          </thead>
          <tbody>
            {members.map(
              ({
                name,
                row_count: rows,
                row_count_exact: exact,
                columns,
                indexes,
                foreign_keys: keys,
              }) => (
                <tr key={name}>
                  <th scope="row">
                    <a href={placeHref(place(db, "table", name))}>{name}</a>
                  </th>
                  <td className="facts-number">
                    {rows === null ? "" : `${exact ? "" : "~"}${formatCount(rows)}`}
                  </td>
                  <td className="facts-number">
                    <a
                      href={placeHref(place(db, "structure", name))}
                      aria-label={`${columns.length}: structure of ${name}`}
                    >
                      {columns.length}
                    </a>
                  </td>
                  <td className="facts-number">{indexes.length === 0 ? "" : indexes.length}</td>
                  <td className="data">
                    {[...new Set(keys.map(({ table }) => table))].join(", ")}
                  </td>
                </tr>
              ),
            )}
          </tbody>
        </table>
      </div>
    </section>
  );
}
