import { FileUp, Plus } from "lucide-react";
import { place, placeHref } from "../address/place.ts";
import { open } from "../address/workspace.ts";
import { apiUrl } from "../api/client.ts";
import { useDatabases } from "../api/databases.ts";
import { type SchemaObject, useSchema, useSizes } from "../api/schema.ts";
import { offerImport } from "../import/offer.ts";
import { Button } from "../parts/Button.tsx";
import { formatAgo, formatBytes, formatCount, plural } from "../parts/format.ts";
import { Empty, Skeleton } from "../parts/Notes.tsx";
import { TwinLinks } from "../parts/TwinLink.tsx";
import type { ViewProps } from "../shell/views.ts";
import { GROUPS, groupOf } from "./groups.ts";
import { SchemaFailure } from "./SchemaFailure.tsx";
import "./schema.css";
import "./structure.css";

/** What the database holds, at a glance. */
export default function OverviewView({ db }: ViewProps) {
  const schema = useSchema(db);
  const file = useDatabases().data?.databases.find(({ name, path }) =>
    [name, path, name.replace(/\.db$/i, "")].includes(db),
  );
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
              </time>
              {schema.data === undefined ? "" : " · "}
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
          <TwinLinks
            href={(format) =>
              apiUrl("/db/schema", {
                db,
                format,
                sizes: true,
                rows: format === "csv" ? "objects" : null,
              })
            }
            of="this schema"
          />
        </div>
      </header>
      {schema.error === null ? null : <SchemaFailure db={db} error={schema.error} />}
      {schema.isPending ? <Skeleton lines={8} label="Reading the schema" /> : null}
      {schema.data !== undefined && objects.length === 0 ? (
        <Empty title="This database is empty">
          <p>Create a table with SQL, or drop a CSV file on this page.</p>
        </Empty>
      ) : null}
      {objects.length === 0 ? null : <Objects db={db} objects={objects} />}
    </div>
  );
}

/** One table for all, so that its columns stand below one another. */
function Objects({ db, objects }: { db: string; objects: readonly SchemaObject[] }) {
  const sizes = useSizes(db);
  return (
    <section className="page-section" aria-label="Contents">
      <div className="table-scroll">
        <table className="facts overview">
          <thead>
            <tr>
              <th scope="col">Name</th>
              {["Rows", "Size", "Columns", "Indexes"].map((what) => (
                <th key={what} scope="col" className="facts-number">
                  {what}
                </th>
              ))}
              <th scope="col">Refers to</th>
            </tr>
          </thead>
          {GROUPS.map(({ id, title }) => {
            const members = objects.filter((object) => groupOf(object) === id);
            return members.length === 0 ? null : (
              <tbody key={id}>
                <tr>
                  <th scope="rowgroup" colSpan={6} className="overview-group">
                    {title}
                  </th>
                </tr>
                {members.map((object) => (
                  <ObjectLine
                    key={object.name}
                    db={db}
                    object={object}
                    sizeBytes={sizes.get(object.name)}
                  />
                ))}
              </tbody>
            );
          })}
        </table>
      </div>
    </section>
  );
}

function ObjectLine({
  db,
  object: { name, columns, indexes, ...object },
  sizeBytes,
}: {
  db: string;
  object: SchemaObject;
  /** Undefined where it is not known. */
  sizeBytes: number | undefined;
}) {
  const { row_count: rows, row_count_exact: exact } = object;
  const referred = [...new Set(object.foreign_keys.map(({ table }) => table))];
  return (
    <tr>
      <th scope="row">
        <a href={placeHref(place(db, "table", name))}>{name}</a>
      </th>
      <td className="facts-number">
        {rows === null ? "" : `${exact ? "" : "~"}${formatCount(rows)}`}
      </td>
      <td className="facts-number">{sizeBytes === undefined ? "" : formatBytes(sizeBytes)}</td>
      <td className="facts-number">
        <a
          href={placeHref(place(db, "structure", name))}
          aria-label={`${columns.length}: structure of ${name}`}
        >
          {columns.length}
        </a>
      </td>
      <td className="facts-number">{indexes.length === 0 ? "" : indexes.length}</td>
      <td className="data">{referred.join(", ")}</td>
    </tr>
  );
}
