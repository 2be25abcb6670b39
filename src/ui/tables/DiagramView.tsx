import { List, Network } from "lucide-react";
import { Suspense, useCallback, useMemo } from "react";
import { change } from "../address/workspace.ts";
import { apiUrl } from "../api/client.ts";
import { type SchemaObject, useSchema } from "../api/schema.ts";
import { IconButton } from "../parts/Button.tsx";
import { TextInput } from "../parts/Field.tsx";
import { plural } from "../parts/format.ts";
import { Empty, ErrorNote, Skeleton } from "../parts/Notes.tsx";
import { patientLazy } from "../parts/patient-lazy.ts";
import { TwinLinks } from "../parts/TwinLink.tsx";
import type { ViewProps } from "../shell/views.ts";
import { DiagramList } from "./diagram/DiagramList.tsx";
import { keysOf } from "./diagram/keys.ts";
import "./diagram/diagram.css";

const DiagramCanvas = patientLazy(() => import("./diagram/DiagramCanvas.tsx"));

const NONE: readonly SchemaObject[] = [];

/** The tables and their foreign keys as a diagram, or as a list. */
export default function DiagramView({ tab, db }: ViewProps) {
  const schema = useSchema(db);
  const { params } = tab.place;
  const find = (params["find"] ?? "").toLowerCase();
  const all = schema.data?.objects ?? NONE;
  const objects = useMemo(
    () => all.filter(({ type, role }) => type === "table" && role === "user"),
    [all],
  );
  const found = useCallback(
    ({ name, columns }: SchemaObject) =>
      find === "" ||
      name.toLowerCase().includes(find) ||
      columns.some((column) => column.name.toLowerCase().includes(find)),
    [find],
  );
  const list = params["as"] === "list";
  const setParams = (next: Record<string, string>, mode: "push" | "replace") =>
    change(tab.id, { params: { ...params, ...next } }, mode);
  if (schema.data === undefined)
    return schema.error === null ? (
      <Skeleton lines={10} label="Reading the schema" />
    ) : (
      <ErrorNote error={schema.error} />
    );
  if (objects.length === 0)
    return (
      <Empty icon={Network} title="There are no tables to draw">
        <p>Tables that refer to one another with foreign keys are shown here.</p>
      </Empty>
    );
  const keys = keysOf(objects);
  return (
    <div className="diagram">
      <div className="diagram-bar">
        <h1 className="visually-hidden">Foreign keys of {db}</h1>
        <TextInput
          type="search"
          className="input-small diagram-find"
          aria-label="Find a table or column"
          placeholder="Find a table or column"
          value={params["find"] ?? ""}
          onChange={({ target }) => setParams({ find: target.value }, "replace")}
        />
        <span className="soft diagram-words" role="status">
          {plural(objects.length, "table")}, {plural(keys.length, "foreign key")}
        </span>
        <TwinLinks
          href={(format) =>
            apiUrl("/db/schema", { db, format, rows: format === "csv" ? "foreign_keys" : null })
          }
          of="the foreign keys"
        />
        <IconButton
          icon={Network}
          label="As a diagram"
          aria-pressed={!list}
          onClick={() => setParams({ as: "" }, "push")}
        />
        <IconButton
          icon={List}
          label="As a list"
          aria-pressed={list}
          onClick={() => setParams({ as: "list" }, "push")}
        />
      </div>
      <div className="diagram-body">
        {list ? (
          <DiagramList db={db} shown={objects.filter(found)} objects={objects} />
        ) : (
          <Suspense fallback={<Skeleton lines={10} label="Drawing" />}>
            <DiagramCanvas db={db} objects={objects} found={found} />
          </Suspense>
        )}
      </div>
    </div>
  );
}
