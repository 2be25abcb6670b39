import { Braces } from "lucide-react";
import { blobSize, type Cell, isBlob } from "../../api/sql.ts";
import { formatBytes } from "../format.ts";

/** Longer text is cut here; the panel shows all of it. */
const SHOWN_CHARS = 300;

/** A value shown as what it is. */
export function CellValue({ cell }: { cell: Cell }) {
  if (cell === null) return <i className="cell-null">NULL</i>;
  if (isBlob(cell)) return <span className="cell-chip">BLOB {formatBytes(blobSize(cell))}</span>;
  if (typeof cell !== "string") return String(cell);
  if (cell === "") return <span className="cell-empty">empty</span>;
  const shown = cell.length > SHOWN_CHARS ? `${cell.slice(0, SHOWN_CHARS)}…` : cell;
  const line = shown.replaceAll(/\r\n|\r|\n/g, "⏎");
  if (!looksLikeJson(cell)) return line;
  return (
    <>
      <Braces className="cell-json" role="img" aria-label="JSON" size={13} />
      {line}
    </>
  );
}

/** A guess that costs nothing; the panel that opens parses it. */
export function looksLikeJson(text: string): boolean {
  return (
    (text.startsWith("{") && text.trimEnd().endsWith("}")) ||
    (text.startsWith("[") && text.trimEnd().endsWith("]"))
  );
}
