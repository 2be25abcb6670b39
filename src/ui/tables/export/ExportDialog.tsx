import { Copy, Download, Square } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";
import { isAbort } from "../../api/failure.ts";
import type { SchemaColumn, SchemaObject } from "../../api/schema.ts";
import { Button } from "../../parts/Button.tsx";
import { Dialog } from "../../parts/Dialog.tsx";
import { Field, Select } from "../../parts/Field.tsx";
import { formatBytes, formatCount, plural } from "../../parts/format.ts";
import { writeClipboard } from "../../parts/grid/copy.ts";
import { ErrorNote } from "../../parts/Notes.tsx";
import { saveFile } from "../../parts/save-file.ts";
import { toast } from "../../parts/Toast.tsx";
import type { Identity } from "../model/identity.ts";
import { shownColumns } from "../model/identity.ts";
import type { ViewState } from "../model/view-state.ts";
import { countWords } from "../Pager.tsx";
import type { KnownRow } from "../staged/staged.ts";
import { useRowCount } from "../useTablePage.ts";
import type { Scope } from "./export-query.ts";
import { EXPORT_FORMATS, type ExportFormat, writeExport } from "./write-export.ts";
import "./export.css";

export interface ExportDialogProps {
  db: string;
  object: SchemaObject;
  identity: Identity | null;
  state: ViewState;
  /** The columns as they are shown. */
  columns: readonly SchemaColumn[];
  /** Of the page. */
  rows: readonly KnownRow[];
  /** Changes wait that no export has. */
  dirty: boolean;
  onClose(): void;
}

/** Asks which rows and columns of a table should leave it, and as what. */
export function ExportDialog(props: ExportDialogProps) {
  const { db, object, state, rows } = props;
  const id = useId();
  const filtered = state.filters.length > 0 || state.search !== "";
  const every = shownColumns(object);
  const hides = props.columns.length < every.length;
  const [scope, setScope] = useState<Scope>(filtered ? "filtered" : "all");
  const [columns, setColumns] = useState<"shown" | "all">("shown");
  const [format, setFormat] = useState<ExportFormat>("csv");
  const [bytes, setBytes] = useState<number | null>(null);
  const [error, setError] = useState<unknown>(null);
  const controller = useRef<AbortController>(null);
  useEffect(() => () => controller.current?.abort(), []);

  const found = useRowCount(db, object, state, filtered);
  const total = useRowCount(db, object, { ...NO_FILTER, at: state.at }, true);
  const words = (count: typeof total) =>
    countWords(count.error === null ? (count.data ?? null) : "slow");

  const write = async (use: (file: Blob) => Promise<string>) => {
    const mine = new AbortController();
    controller.current = mine;
    setBytes(0);
    setError(null);
    try {
      const file = await writeExport(
        format,
        scope,
        { ...props, columns: columns === "all" ? every : props.columns },
        { db, signal: mine.signal, onProgress: setBytes },
      );
      toast(await use(file));
      props.onClose();
    } catch (thrown) {
      if (!isAbort(thrown)) setError(thrown);
    } finally {
      setBytes(null);
    }
  };
  const { name: formatName, extension } = EXPORT_FORMATS[format];
  const choice = <Value extends string>(
    group: string,
    value: Value,
    chosen: Value,
    onChoose: (value: Value) => void,
    label: string,
  ) => (
    <label key={value} className="export-choice">
      <input
        type="radio"
        name={`${id}-${group}`}
        checked={value === chosen}
        onChange={() => onChoose(value)}
      />
      {label}
    </label>
  );
  return (
    <Dialog
      open
      onOpenChange={(open) => (open ? undefined : props.onClose())}
      title={`Export ${object.name}`}
      actions={
        bytes === null ? (
          <>
            <Button
              icon={Copy}
              onClick={() =>
                void write(async (file) => {
                  await writeClipboard(await file.text());
                  return `Copied the rows as ${formatName}`;
                })
              }
            >
              Copy
            </Button>
            <Button
              tone="primary"
              icon={Download}
              onClick={() =>
                void write(async (file) => {
                  saveFile(file, `${object.name}.${extension}`);
                  return `Downloaded ${object.name}.${extension}, ${formatBytes(file.size)}`;
                })
              }
            >
              Download
            </Button>
          </>
        ) : (
          <>
            <progress aria-label="Export" />
            <span className="soft">{formatBytes(bytes)}</span>
            <Button icon={Square} onClick={() => controller.current?.abort()}>
              Stop
            </Button>
          </>
        )
      }
    >
      <div className="form">
        <fieldset className="export-choices">
          <legend>Rows</legend>
          {choice("rows", "page", scope, setScope, `This page: ${plural(rows.length, "row")}`)}
          {filtered
            ? choice("rows", "filtered", scope, setScope, `What is filtered: ${words(found)} rows`)
            : null}
          {choice("rows", "all", scope, setScope, `The whole table: ${words(total)} rows`)}
        </fieldset>
        {hides ? (
          <fieldset className="export-choices">
            <legend>Columns</legend>
            {choice(
              "columns",
              "shown",
              columns,
              setColumns,
              `The ${formatCount(props.columns.length)} shown columns`,
            )}
            {choice(
              "columns",
              "all",
              columns,
              setColumns,
              `All ${formatCount(every.length)} columns`,
            )}
          </fieldset>
        ) : null}
        <Field label="Format">
          {(attributes) => (
            <Select
              {...attributes}
              value={format}
              onChange={(event) => setFormat(event.target.value as ExportFormat)}
            >
              {Object.entries(EXPORT_FORMATS).map(([key, { name }]) => (
                <option key={key} value={key}>
                  {name}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {props.dirty ? <p className="soft">Changes that are not saved are not in it.</p> : null}
        {error === null ? null : <ErrorNote error={error} />}
      </div>
    </Dialog>
  );
}

const NO_FILTER: ViewState = {
  at: null,
  filters: [],
  search: "",
  sort: null,
  cursor: { kind: "first" },
  page: 1,
  pageSize: 100,
  columns: null,
  facets: [],
};
