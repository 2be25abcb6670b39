import { FileUp } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";
import { Button } from "../parts/Button.tsx";
import { Checkbox, Field, Select, TextInput } from "../parts/Field.tsx";
import { formatBytes } from "../parts/format.ts";
import {
  FORMATS,
  type ImportChoices,
  type ImportFormat,
  type ImportMode,
  MODES,
} from "./import-file.ts";

export interface ImportFormProps {
  db: string | null;
  file: File | null;
  onFile(file: File): void;
  choices: ImportChoices;
  onChoices(next: Partial<ImportChoices>): void;
  /** Tables that can be filled. */
  tables: readonly string[];
}

const DELIMITERS = { "": "Find it", comma: "Comma", semicolon: "Semicolon", tab: "Tab", pipe: "|" };

/** Which file, what it is, where it goes. */
export function ImportForm({ db, file, onFile, choices, onChoices, tables }: ImportFormProps) {
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  const { format, name, mode } = choices;
  const rows = format !== "sqlite";
  return (
    <>
      <div className="import-file">
        <input
          ref={input}
          type="file"
          className="visually-hidden"
          tabIndex={-1}
          aria-label="File to import"
          accept=".csv,.tsv,.txt,.ndjson,.jsonl,.db,.sqlite,.sqlite3"
          onChange={({ target }) => {
            const [chosen] = target.files ?? [];
            if (chosen !== undefined) onFile(chosen);
          }}
        />
        <Button icon={FileUp} onClick={() => input.current?.click()}>
          {file === null ? "Choose a file" : "Another file"}
        </Button>
        <span className="soft">
          {file === null
            ? "CSV, NDJSON or a SQLite database. Or drop it anywhere on the page."
            : `${file.name}, ${formatBytes(file.size)}`}
        </span>
      </div>
      {file === null ? null : (
        <>
          {rows ? <FileStart file={file} /> : null}
          <div className="import-fields">
            <Field label="Format">
              {(attributes) => (
                <Select
                  {...attributes}
                  value={format}
                  onChange={({ target }) => onChoices({ format: target.value as ImportFormat })}
                >
                  {Object.entries(FORMATS).map(([key, words]) => (
                    <option key={key} value={key}>
                      {words}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
            <Field
              label={rows ? "Table" : "New database"}
              problem={rows && db === null ? "Open a database first." : undefined}
              help={rows && tables.includes(name) ? "It exists." : undefined}
            >
              {(attributes) => (
                <>
                  <TextInput
                    {...attributes}
                    value={name}
                    list={rows ? listId : undefined}
                    onChange={({ target }) => onChoices({ name: target.value })}
                  />
                  <datalist id={listId}>
                    {tables.map((table) => (
                      <option key={table} value={table} />
                    ))}
                  </datalist>
                </>
              )}
            </Field>
            {rows ? (
              <Field label="Rows go">
                {(attributes) => (
                  <Select
                    {...attributes}
                    value={mode}
                    onChange={({ target }) => onChoices({ mode: target.value as ImportMode })}
                  >
                    {Object.entries(MODES).map(([key, words]) => (
                      <option key={key} value={key}>
                        {words}
                      </option>
                    ))}
                  </Select>
                )}
              </Field>
            ) : null}
            {rows ? (
              <Field label="Types of a new table">
                {(attributes) => (
                  <Select
                    {...attributes}
                    value={choices.types}
                    onChange={({ target }) =>
                      onChoices({ types: target.value === "text" ? "text" : "detect" })
                    }
                  >
                    <option value="detect">Find them in the rows</option>
                    <option value="text">All text</option>
                  </Select>
                )}
              </Field>
            ) : null}
            {format === "csv" ? (
              <>
                <Field label="Between fields">
                  {(attributes) => (
                    <Select
                      {...attributes}
                      value={choices.delimiter}
                      onChange={({ target }) => onChoices({ delimiter: target.value })}
                    >
                      {Object.entries(DELIMITERS).map(([key, words]) => (
                        <option key={key} value={key}>
                          {words}
                        </option>
                      ))}
                    </Select>
                  )}
                </Field>
                <Field label="An empty field is">
                  {(attributes) => (
                    <Select
                      {...attributes}
                      value={choices.empty}
                      onChange={({ target }) =>
                        onChoices({ empty: target.value === "text" ? "text" : "null" })
                      }
                    >
                      <option value="null">NULL</option>
                      <option value="text">empty text</option>
                    </Select>
                  )}
                </Field>
                <Checkbox
                  checked={choices.header}
                  onChange={({ target }) => onChoices({ header: target.checked })}
                >
                  The first row names the columns
                </Checkbox>
              </>
            ) : null}
          </div>
        </>
      )}
    </>
  );
}

const SHOWN_LINES = 4;

/** How the file begins, to see that it is the right one. */
function FileStart({ file }: { file: File }) {
  const [text, setText] = useState("");
  useEffect(() => {
    let stale = false;
    void file
      .slice(0, 2048)
      .text()
      .then((start) => {
        if (!stale) setText(start.split(/\r?\n/).slice(0, SHOWN_LINES).join("\n"));
      });
    return () => {
      stale = true;
    };
  }, [file]);
  return <pre className="import-start">{text}</pre>;
}
