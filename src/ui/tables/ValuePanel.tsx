import { Upload } from "lucide-react";
import { useId, useRef, useState } from "react";
import type { SchemaColumn } from "../api/schema.ts";
import { type Cell, isBlob, isNumber } from "../api/sql.ts";
import { Button } from "../parts/Button.tsx";
import { CellContent, JsonContent, LARGE_TEXT_CHARS } from "../parts/CellPanel.tsx";
import { TextInput } from "../parts/Field.tsx";
import { formatBytes } from "../parts/format.ts";
import { toastFailure } from "../parts/Toast.tsx";
import { affinityOf, parseTypedNumber } from "./model/affinity.ts";
import { type StagedValue, sameCell } from "./staged/staged.ts";

export interface ValueEditorProps {
  column: SchemaColumn;
  /** As it is staged, or as it was read. */
  shown: StagedValue;
  onChange(value: StagedValue): void;
}

type Kind = "text" | "number" | "null" | "default" | "blob";

const WORDS: Readonly<Record<Kind, string>> = {
  text: "Text",
  number: "Number",
  null: "NULL",
  default: "Default",
  blob: "BLOB",
};

/** Larger files would not fit into a request, as their bytes travel as hexadecimal digits. */
const MAX_FILE_BYTES = 24 * 1024 * 1024;

/** A value with all its kinds apart: text (also empty), number, NULL, the default, bytes. */
export function ValueEditor({ column, shown, onChange }: ValueEditorProps) {
  const id = useId();
  const file = useRef<HTMLInputElement>(null);
  const kind = kindOf(shown);
  const cell = shown.kind === "value" ? shown.cell : null;
  const text = cell === null || isBlob(cell) ? "" : String(cell);
  // As it was found: a field does not go away under somebody who fills it.
  const [whole, setWhole] = useState(text.length <= LARGE_TEXT_CHARS);

  const choose = (next: Kind) => {
    if (next === "null") onChange({ kind: "value", cell: null });
    else if (next === "default") onChange({ kind: "default" });
    else if (next === "text") onChange({ kind: "value", cell: text });
    else if (next === "number")
      onChange({ kind: "value", cell: parseTypedNumber(text, column) ?? 0 });
    else file.current?.click();
  };
  const upload = async (chosen: File) => {
    if (chosen.size > MAX_FILE_BYTES)
      throw new Error(`${chosen.name} is larger than ${formatBytes(MAX_FILE_BYTES)}`);
    onChange({ kind: "value", cell: { value_base64: await toBase64(chosen) } });
  };
  return (
    <div className="value-editor">
      <fieldset className="value-kinds" aria-label={`Kind of ${column.name}`}>
        {kindsFor(column).map((each) => (
          <label key={each} className="value-kind">
            <input
              type="radio"
              name={id}
              checked={kind === each}
              onChange={() => choose(each)}
              onClick={() => {
                if (each === "blob" && kind === "blob") file.current?.click();
              }}
            />
            {WORDS[each]}
          </label>
        ))}
      </fieldset>
      {text.length > LARGE_TEXT_CHARS && !whole ? (
        // A field of so much text stands still for seconds, so somebody has to want it.
        <>
          <Button onClick={() => setWhole(true)}>Edit all of it</Button>
          <JsonContent text={text}>
            <CellContent name={column.name} cell={text} />
          </JsonContent>
        </>
      ) : kind === "text" ? (
        <textarea
          className="input data value-text"
          aria-label={`Value of ${column.name}`}
          rows={6}
          spellCheck={false}
          value={text}
          placeholder="empty text"
          onChange={({ target }) => onChange({ kind: "value", cell: target.value })}
        />
      ) : kind === "number" ? (
        <NumberInput column={column} cell={cell} onChange={onChange} />
      ) : kind === "default" ? (
        <p className="soft">
          Saved with{" "}
          <code>{column.default_value ?? (column.primary_key > 0 ? "a new key" : "NULL")}</code>.
        </p>
      ) : null}
      <input
        ref={file}
        type="file"
        className="visually-hidden"
        tabIndex={-1}
        aria-label={`File for ${column.name}`}
        onChange={({ target }) => {
          const [chosen] = target.files ?? [];
          if (chosen !== undefined) upload(chosen).catch(toastFailure);
          target.value = "";
        }}
      />
      {kind === "text" && (whole || text.length <= LARGE_TEXT_CHARS) ? (
        <JsonContent text={text} />
      ) : null}
      {kind === "blob" ? (
        <Button icon={Upload} onClick={() => file.current?.click()}>
          Another file
        </Button>
      ) : null}
    </div>
  );
}

/** A number while it is written: `1.` is on the way to `1.5`, and what is no number yet is not staged. */
function NumberInput({
  column,
  cell,
  onChange,
}: {
  column: SchemaColumn;
  cell: Cell;
  onChange(value: StagedValue): void;
}) {
  const [typed, setTyped] = useState<{ readonly text: string; readonly cell: Cell } | null>(null);
  const text = typed !== null && sameCell(typed.cell, cell) ? typed.text : String(cell);
  const wrong = parseTypedNumber(text, column) === undefined;
  return (
    <>
      <TextInput
        className="data value-text"
        aria-label={`Value of ${column.name}`}
        aria-invalid={wrong ? true : undefined}
        inputMode="decimal"
        autoComplete="off"
        value={text}
        onChange={({ target }) => {
          const number = parseTypedNumber(target.value, column);
          setTyped({ text: target.value, cell: number === undefined ? cell : number });
          if (number !== undefined) onChange({ kind: "value", cell: number });
        }}
      />
      {wrong ? (
        <p className="soft">This is no number yet. Choose Text to keep it as text.</p>
      ) : null}
    </>
  );
}

function kindOf(value: StagedValue): Kind {
  if (value.kind === "default") return "default";
  if (value.cell === null) return "null";
  if (isBlob(value.cell)) return "blob";
  return isNumber(value.cell) ? "number" : "text";
}

function kindsFor(column: SchemaColumn): readonly Kind[] {
  const affinity = affinityOf(column.type);
  const kinds: Kind[] = ["text", "number", "blob"];
  if (affinity !== "text" && affinity !== "none") kinds.unshift(...kinds.splice(1, 1));
  return [...kinds, ...(column.not_null ? [] : (["null"] as const)), "default"];
}

function toBase64(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,?/, ""));
    reader.onerror = () => reject(reader.error ?? new Error("The file cannot be read"));
    reader.readAsDataURL(file);
  });
}

/** A cell as the editor takes it. */
export function asStaged(cell: Cell): StagedValue {
  return { kind: "value", cell };
}
