import { Copy } from "lucide-react";
import { toast, toastFailure } from "../Toast.tsx";
import { ContextItem } from "./ContextItems.tsx";
import { type Cells, type CopyFormat, copyText, writeClipboard } from "./copy.ts";

/** Copies cells and says so. */
export function copyCells(cells: Cells, format: CopyFormat): void {
  const { length } = cells.rows;
  const columns = cells.names.length;
  const what = length === 1 && columns === 1 ? "1 cell" : `${length} × ${columns} cells`;
  Promise.resolve()
    .then(() => writeClipboard(copyText(cells, format)))
    .then(() => toast(`Copied ${what}`), toastFailure);
}

/** @param read the selection, and whole rows of it */
export function CopyItems({ read }: { read(wholeRows: boolean): Cells }) {
  return (
    <>
      <ContextItem icon={Copy} shortcut="Mod+C" onSelect={() => copyCells(read(false), "text")}>
        Copy
      </ContextItem>
      <ContextItem onSelect={() => copyCells(read(false), "text-with-names")}>
        Copy with column names
      </ContextItem>
      <ContextItem onSelect={() => copyCells(read(false), "csv")}>Copy as CSV</ContextItem>
      <ContextItem onSelect={() => copyCells(read(false), "markdown")}>
        Copy as Markdown
      </ContextItem>
      <ContextItem onSelect={() => copyCells(read(true), "json")}>Copy rows as JSON</ContextItem>
      <ContextItem onSelect={() => copyCells(read(true), "insert")}>
        Copy rows as INSERT
      </ContextItem>
    </>
  );
}
