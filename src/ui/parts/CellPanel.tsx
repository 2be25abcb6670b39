import { Copy, Download, X } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { parseJson } from "../api/json.ts";
import { base64ToBytes } from "../api/literals.ts";
import { type Blob64, blobSize, type Cell, isBlob } from "../api/sql.ts";
import { Button, IconButton } from "./Button.tsx";
import { formatBytes, formatCount, plural } from "./format.ts";
import { looksLikeJson } from "./grid/CellValue.tsx";
import { plainText, writeClipboard } from "./grid/copy.ts";
import { JsonTree } from "./JsonTree.tsx";
import { saveFile } from "./save-file.ts";
import { toast, toastFailure } from "./Toast.tsx";
import "./cell-panel.css";

export interface CellPanelProps {
  /** Name of the column. */
  name: string;
  cell: Cell;
  onClose(): void;
}

/** All of one value: JSON laid out, text in full, bytes in hexadecimal or as the image they are. */
export function CellPanel({ name, cell, onClose }: CellPanelProps) {
  const [plain, setPlain] = useState(false);
  const json = useMemo(() => tryJson(cell), [cell]);
  return (
    <section className="cell-panel" aria-label={`Value of ${name}`}>
      <header className="cell-panel-head">
        <h2 className="data">{name}</h2>
        <span className="soft">{kindOf(cell, json !== undefined)}</span>
        <IconButton
          icon={Copy}
          label="Copy the value"
          onClick={() =>
            writeClipboard(plainText(cell)).then(() => toast("Copied 1 cell"), toastFailure)
          }
        />
        <IconButton icon={X} label="Close the value" onClick={onClose} />
      </header>
      {json === undefined ? null : (
        <fieldset className="cell-panel-choice" aria-label="Form">
          <Button tone="plain" aria-pressed={!plain} onClick={() => setPlain(false)}>
            Laid out
          </Button>
          <Button tone="plain" aria-pressed={plain} onClick={() => setPlain(true)}>
            As stored
          </Button>
        </fieldset>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section className="cell-panel-body" tabIndex={0} aria-label={`Content of ${name}`}>
        {json !== undefined && !plain ? (
          <JsonTree value={json.value} />
        ) : (
          <CellContent name={name} cell={cell} />
        )}
      </section>
    </section>
  );
}

/** Text laid out where it is JSON, and what else where it is not. */
export function JsonContent({ text, children }: { text: string; children?: ReactNode }) {
  const json = useMemo(() => tryJson(text), [text]);
  return json === undefined ? children : <JsonTree value={json.value} />;
}

/** All of a value. */
export function CellContent({ name, cell }: { name: string; cell: Cell }) {
  if (cell === null) return <i className="cell-null">NULL</i>;
  if (isBlob(cell)) return <BlobContent name={name} blob={cell} />;
  if (cell === "") return <i className="faint">empty text</i>;
  return <TextContent text={String(cell)} />;
}

/** Longer text is cut until somebody wants all of it: laying it out takes seconds. */
export const LARGE_TEXT_CHARS = 100_000;

function TextContent({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  if (whole || text.length <= LARGE_TEXT_CHARS)
    return <pre className="cell-panel-text">{text}</pre>;
  return (
    <>
      <p className="cell-panel-cut">
        The first {formatCount(LARGE_TEXT_CHARS)} characters of {formatCount(text.length)}.{" "}
        <Button onClick={() => setWhole(true)}>Show all</Button>
      </p>
      <pre className="cell-panel-text">{text.slice(0, LARGE_TEXT_CHARS)}…</pre>
    </>
  );
}

const HEX_BYTES = 2048;
const SIGNATURES: readonly (readonly [string, RegExp])[] = [
  ["image/png", /^\x89PNG/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8/],
  ["image/webp", /^RIFF[\s\S]{4}WEBP/],
];

function BlobContent({ name, blob }: { name: string; blob: Blob64 }) {
  const bytes = base64ToBytes(blob.value_base64);
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  const image = SIGNATURES.find(([, pattern]) => pattern.test(start))?.[0];
  return (
    <>
      <Button
        icon={Download}
        onClick={() => saveFile(new Blob([bytes]), `${name}.${image?.split("/")[1] ?? "bin"}`)}
      >
        Save as a file
      </Button>
      {image === undefined ? null : (
        <img
          className="cell-panel-image"
          src={`data:${image};base64,${blob.value_base64}`}
          alt={`Content of ${name}`}
        />
      )}
      <pre className="cell-panel-hex">{hexDump(bytes.subarray(0, HEX_BYTES))}</pre>
      {bytes.length > HEX_BYTES ? (
        <p className="soft">and {formatBytes(bytes.length - HEX_BYTES)} more</p>
      ) : null}
    </>
  );
}

function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let offset = 0; offset < bytes.length; offset += 8) {
    const part = Array.from(bytes.subarray(offset, offset + 8));
    const hex = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = part
      .map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·"))
      .join("");
    lines.push(`${offset.toString(16).padStart(6, "0")}  ${hex.padEnd(23)}  ${text}`);
  }
  return lines.join("\n");
}

/** As people count them: a pair of surrogates is one. */
function charactersOf(text: string): number {
  let characters = 0;
  for (const _character of text) characters += 1;
  return characters;
}

function kindOf(cell: Cell, json: boolean): string {
  if (cell === null) return "";
  if (isBlob(cell)) return `BLOB, ${formatBytes(blobSize(cell))}`;
  if (typeof cell === "string")
    return `${json ? "JSON" : "text"}, ${plural(charactersOf(cell), "character")}`;
  return Number.isInteger(Number(cell)) ? "number" : "real number";
}

function tryJson(text: Cell): { value: unknown } | undefined {
  if (typeof text !== "string" || !looksLikeJson(text)) return undefined;
  try {
    return { value: parseJson(text) };
  } catch {
    return undefined;
  }
}
