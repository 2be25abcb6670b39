import { Download } from "lucide-react";
import { isAbort } from "../api/failure.ts";
import type { Moment } from "../api/moment.ts";
import { Button } from "../parts/Button.tsx";
import { plural } from "../parts/format.ts";
import {
  type Cells,
  toCsv,
  toJson,
  toMarkdown,
  toNdjson,
  writeClipboard,
} from "../parts/grid/copy.ts";
import type { GridRow } from "../parts/grid/types.ts";
import { Menu, MenuItem, MenuLine, MenuTitle } from "../parts/Menu.tsx";
import { saveFile } from "../parts/save-file.ts";
import { toast, toastFailure } from "../parts/Toast.tsx";
import { downloadQuery } from "./download.ts";

const FORMATS = [
  { name: "CSV", extension: "csv", type: "text/csv", print: toCsv },
  { name: "JSON", extension: "json", type: "application/json", print: toJson },
  { name: "NDJSON", extension: "ndjson", type: "application/x-ndjson", print: toNdjson },
  { name: "Markdown", extension: "md", type: "text/markdown", print: toMarkdown },
] as const;

export interface ExportMenuProps {
  db: string;
  names: readonly string[];
  rows: readonly GridRow[];
  /** The query, where the server can run it again for all of its rows. */
  query: { readonly sql: string; readonly values: string | null; readonly at: Moment } | null;
  truncated: boolean;
}

/** The rows as a file, or on the clipboard. */
export function ExportMenu({ db, names, rows, query, truncated }: ExportMenuProps) {
  const cells: Cells = { names, rows };
  const all = (format: "csv" | "ndjson") => {
    if (query === null) return;
    const { signal } = new AbortController();
    downloadQuery({ db, ...query, format, signal, onProgress: () => {} }).then(
      () => toast("Downloaded all rows"),
      (error) => (isAbort(error) ? undefined : toastFailure(error)),
    );
  };
  return (
    <Menu
      align="end"
      trigger={
        <Button tone="plain" icon={Download}>
          Export
        </Button>
      }
    >
      <MenuTitle>
        {truncated ? `The ${plural(rows.length, "row")} shown` : plural(rows.length, "row")}
      </MenuTitle>
      {FORMATS.map(({ name, extension, type, print }) => (
        <MenuItem
          key={name}
          onSelect={() => saveFile(new Blob([print(cells)], { type }), `result.${extension}`)}
        >
          {name} file
        </MenuItem>
      ))}
      <MenuLine />
      {FORMATS.map(({ name, print }) => (
        <MenuItem
          key={name}
          onSelect={() =>
            writeClipboard(print(cells)).then(
              () => toast(`Copied ${plural(rows.length, "row")} as ${name}`),
              toastFailure,
            )
          }
        >
          Copy as {name}
        </MenuItem>
      ))}
      {query === null || !truncated ? null : (
        <>
          <MenuLine />
          <MenuTitle>All rows, from the server</MenuTitle>
          <MenuItem onSelect={() => all("csv")}>CSV file</MenuItem>
          <MenuItem onSelect={() => all("ndjson")}>NDJSON file</MenuItem>
        </>
      )}
    </Menu>
  );
}
