import { Copy, KeyRound, Table2 } from "lucide-react";
import type { ReactNode } from "react";
import { place, placeHref } from "../address/place.ts";
import { apiUrl } from "../api/client.ts";
import { type SchemaColumn, type SchemaObject, useSchema } from "../api/schema.ts";
import { IconButton } from "../parts/Button.tsx";
import { formatCount, plural } from "../parts/format.ts";
import { writeClipboard } from "../parts/grid/copy.ts";
import { Empty, ErrorNote, Skeleton } from "../parts/Notes.tsx";
import { toast, toastFailure } from "../parts/Toast.tsx";
import { TwinLinks } from "../parts/TwinLink.tsx";
import type { ViewProps } from "../shell/views.ts";
import { foreignKeyOf } from "./ColumnLine.tsx";
import "./structure.css";

/** How a table is made: columns, keys, indexes, triggers, its SQL, and who refers to it. */
export default function StructureView({ tab, db }: ViewProps) {
  const schema = useSchema(db);
  const { name } = tab.place;
  const object = schema.data?.objects.find((each) => each.name === name);
  if (schema.isPending) return <Skeleton lines={10} label="Reading the schema" />;
  if (object === undefined)
    return schema.error === null ? (
      <Empty title={`There is no table or view called ${name ?? ""}`} />
    ) : (
      <ErrorNote error={schema.error} />
    );
  const referrers = (schema.data?.objects ?? []).filter(({ foreign_keys: keys }) =>
    keys.some(({ table }) => table.toLowerCase() === object.name.toLowerCase()),
  );
  const traits = [
    object.type,
    object.strict ? "STRICT" : null,
    object.without_rowid ? "WITHOUT ROWID" : null,
    object.row_count === null
      ? null
      : `${object.row_count_exact ? "" : "about "}${plural(object.row_count, "row")}`,
  ].filter((trait) => trait !== null);
  return (
    <div className="page">
      <header className="page-head">
        <p className="page-title">{object.name}</p>
        <p className="soft">{traits.join(" · ")}</p>
        <div className="page-actions">
          <a href={placeHref(place(db, "table", object.name))} className="button button-normal">
            <Table2 aria-hidden size={15} />
            Rows
          </a>
          <TwinLinks
            href={(format) => apiUrl("/db/schema", { db, object: object.name, format })}
            of="this structure"
          />
        </div>
      </header>
      <Columns db={db} object={object} />
      {object.indexes.length === 0 ? null : <Indexes object={object} />}
      {referrers.length === 0 ? null : (
        <Section title="Referred to by">
          <ul>
            {referrers.map((each) => (
              <li key={each.name}>
                <a href={placeHref(place(db, "table", each.name))}>{each.name}</a>{" "}
                <span className="soft data">
                  {each.foreign_keys
                    .filter(({ table }) => table.toLowerCase() === object.name.toLowerCase())
                    .map(({ columns }) => `(${columns.join(", ")})`)
                    .join(" ")}
                </span>
                {each.row_count === null ? null : (
                  <span className="soft"> · {formatCount(each.row_count)} rows</span>
                )}
              </li>
            ))}
          </ul>
        </Section>
      )}
      {object.triggers.length === 0 ? null : (
        <Section title="Triggers">
          {object.triggers.map(({ name: trigger, sql }) => (
            <Sql key={trigger} title={trigger} sql={sql} />
          ))}
        </Section>
      )}
      <Section title="SQL">
        <Sql
          title={object.name}
          sql={[object.sql, ...object.indexes.map(({ sql }) => sql)]
            .filter((sql) => sql !== null)
            .map((sql) => `${sql};`)
            .join("\n\n")}
        />
      </Section>
    </div>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="page-section">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Columns({ db, object }: { db: string; object: SchemaObject }) {
  return (
    <Section title="Columns">
      <div className="table-scroll">
        <table className="facts">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Type</th>
              <th scope="col">Default</th>
              <th scope="col">Refers to</th>
              <th scope="col">Traits</th>
            </tr>
          </thead>
          <tbody>
            {object.columns.map((column) => {
              const key = foreignKeyOf(object, column.name);
              return (
                <tr key={column.name}>
                  <th scope="row" className="data">
                    {column.primary_key > 0 ? (
                      <KeyRound role="img" aria-label="primary key" size={13} />
                    ) : null}
                    {column.name}
                  </th>
                  <td className="data">{column.type}</td>
                  <td className="data">{column.default_value ?? ""}</td>
                  <td className="data">
                    {key === undefined ? null : (
                      <>
                        <a href={placeHref(place(db, "table", key.table))}>{key.table}</a>
                        {key.referenced_columns.length === 0
                          ? ""
                          : `(${key.referenced_columns.join(", ")})`}
                        <span className="soft">{actions(key)}</span>
                      </>
                    )}
                  </td>
                  <td>{traitsOf(column).join(", ")}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function actions({
  on_delete: onDelete,
  on_update: onUpdate,
}: SchemaObject["foreign_keys"][number]): string {
  const parts = [
    onDelete === "NO ACTION" ? null : `on delete ${onDelete.toLowerCase()}`,
    onUpdate === "NO ACTION" ? null : `on update ${onUpdate.toLowerCase()}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? "" : ` ${parts.join(", ")}`;
}

function traitsOf(column: SchemaColumn): string[] {
  return [
    column.primary_key > 0 ? "primary key" : null,
    column.not_null ? "not null" : null,
    column.generated === null ? null : `generated, ${column.generated}`,
    column.hidden ? "hidden" : null,
  ].filter((trait) => trait !== null);
}

function Indexes({ object }: { object: SchemaObject }) {
  return (
    <Section title="Indexes">
      <div className="table-scroll">
        <table className="facts">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Columns</th>
              <th scope="col">Traits</th>
            </tr>
          </thead>
          <tbody>
            {object.indexes.map(({ name, columns, unique, partial, origin }) => (
              <tr key={name}>
                <th scope="row" className="data">
                  {name}
                </th>
                <td className="data">
                  {columns.map((column) => column ?? "(expression)").join(", ")}
                </td>
                <td>
                  {[
                    unique ? "unique" : null,
                    partial ? "partial" : null,
                    { c: null, u: "of a UNIQUE constraint", pk: "of the primary key" }[origin],
                  ]
                    .filter((trait) => trait !== null)
                    .join(", ")}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function Sql({ title, sql }: { title: string; sql: string }) {
  if (sql === "") return null;
  return (
    <figure className="sql-text-block">
      <IconButton
        icon={Copy}
        label={`Copy the SQL of ${title}`}
        onClick={() => writeClipboard(sql).then(() => toast("Copied the SQL"), toastFailure)}
      />
      <pre>{sql}</pre>
    </figure>
  );
}
