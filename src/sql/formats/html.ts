/** A page with a table: what a link to a query shows in a browser. No script, nothing from elsewhere. */

import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { type Cell, distinctNames } from "../encode.ts";
import type { RowFormat, RowsContext, RowsSummary } from "./format.ts";

const STYLE = `
:root{color-scheme:light dark;font:14px/1.45 system-ui,sans-serif}
body{margin:0;padding:1rem}
pre{margin:0 0 .75rem;padding:.6rem .75rem;overflow:auto;max-height:12rem;border-radius:6px;background:#8881;font-size:13px}
nav,footer{margin:0 0 .75rem;color:GrayText}
nav a{margin-right:1rem}
div{overflow:auto;max-height:calc(100vh - 4rem);border:1px solid #8884;border-radius:6px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;border-bottom:1px solid #8883;text-align:left;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere;min-width:2rem;max-width:40rem}
th{position:sticky;top:0;background:Canvas;white-space:nowrap}
td.n{text-align:right}
td.z{color:GrayText;font-style:italic}
footer{margin:.75rem 0 0}`;

/** The page allows its own style and nothing else. */
export const PAGE_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

export function htmlFormat({ columns, sql, links, moment }: RowsContext): RowFormat {
  const headers = distinctNames(columns).map(
    (name) => `<th scope="col">${Bun.escapeHTML(name)}</th>`,
  );
  const anchors = links.map(
    ({ label, href }) => `<a href="${Bun.escapeHTML(href)}">${Bun.escapeHTML(label)}</a>`,
  );
  return {
    head: [
      '<!doctype html><html lang="en"><head><meta charset="utf-8">',
      '<meta name="viewport" content="width=device-width,initial-scale=1">',
      `<title>${Bun.escapeHTML(titleOf(sql))}</title><style>${STYLE}</style></head><body>`,
      `<pre>${Bun.escapeHTML(sql.trim())}</pre>`,
      anchors.length === 0 ? "" : `<nav>${anchors.join("")}</nav>`,
      `<div><table><thead><tr>${headers.join("")}</tr></thead><tbody>\n`,
    ].join(""),
    row: (cells) => `<tr>${cells.map(htmlCell).join("")}</tr>\n`,
    tail: (summary) =>
      `</tbody></table></div><footer>${summaryText(summary)}${momentText(moment)}</footer></body></html>\n`,
  };
}

function htmlCell(cell: Cell): string {
  if (cell === null) return '<td class="z">NULL</td>';
  if (typeof cell === "string") return `<td>${Bun.escapeHTML(cell)}</td>`;
  if (typeof cell !== "object") return `<td class="n">${cell}</td>`;
  return isUtf8(cell)
    ? `<td>${Bun.escapeHTML(Buffer.from(cell).toString("utf8"))}</td>`
    : `<td class="z">${Buffer.from(cell).toString("base64")}</td>`;
}

function summaryText({ rows, truncated }: RowsSummary): string {
  const count = `${rows.toLocaleString("en")} row${rows === 1 ? "" : "s"}`;
  return truncated ? `The first ${count}; there are more.` : `${count}.`;
}

function momentText(moment: RowsContext["moment"]): string {
  if (moment === null) return "";
  const left = moment.gaps === 1 ? "One key is left out" : `${moment.gaps} keys are left out`;
  const gaps = moment.gaps === 0 ? "" : ` ${left}: what happened then is not recorded.`;
  return ` As it was at ${new Date(moment.ms).toISOString()}.${gaps}`;
}

function titleOf(sql: string): string {
  const line = sql.trim().replace(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}
