/** A table's rows as a file of some format, all from one query, so from one moment. */
import { parseJson } from "../../api/json.ts";
import type { Cell } from "../../api/sql.ts";
import { printed } from "../../api/sql-text.ts";
import { toMarkdown } from "../../parts/grid/copy.ts";
import { fetchQuery, type QueryDownload } from "../../results/download.ts";
import { type Exported, exportQuery, insertHead, insertQuery, type Scope } from "./export-query.ts";

export const EXPORT_FORMATS = {
  csv: { name: "CSV", extension: "csv" },
  json: { name: "JSON", extension: "json" },
  ndjson: { name: "NDJSON", extension: "ndjson" },
  markdown: { name: "Markdown", extension: "md" },
  sql: { name: "SQL INSERTs", extension: "sql" },
} as const;

export type ExportFormat = keyof typeof EXPORT_FORMATS;

/** @throws ApiFailure; DOMException AbortError when the signal ended it */
export async function writeExport(
  format: ExportFormat,
  scope: Scope,
  exported: Exported,
  options: Pick<QueryDownload, "db" | "signal" | "onProgress">,
): Promise<Blob> {
  const sql = printed(
    format === "sql" ? insertQuery(scope, exported) : exportQuery(scope, exported),
  );
  const rows = await fetchQuery({
    ...options,
    sql,
    values: null,
    at: exported.state.at,
    format: format === "csv" ? "csv" : "ndjson",
  });
  if (format === "csv" || format === "ndjson") return rows;
  const text = await rows.text();
  const lines = text === "" ? [] : text.trimEnd().split("\n");
  if (format === "json")
    return new Blob([lines.length === 0 ? "[]\n" : `[\n${lines.join(",\n")}\n]\n`], {
      type: "application/json",
    });
  const values = lines.map((line) => Object.values(parseJson(line) as Record<string, Cell>));
  if (format === "sql") {
    const head = insertHead(exported);
    return new Blob(
      values.map((row) => `${head} (${row.join(", ")});\n`),
      { type: "application/sql" },
    );
  }
  const names = exported.columns.map(({ name }) => name);
  return new Blob([toMarkdown({ names, rows: values })], { type: "text/markdown" });
}
