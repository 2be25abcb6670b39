/** The diagram as a picture that needs nothing else: an SVG, or a PNG made of it. */
import { getSmoothStepPath, Position } from "@xyflow/react";
import type { DiagramKey } from "./keys.ts";
import { type DiagramTable, HEAD_PX, LINE_PX } from "./layout.ts";
import { selfPath } from "./SelfEdge.tsx";

const MARGIN_PX = 32;
const PADDING_PX = 8;
/** PNGs are looked at on dense screens, and printed. */
const PNG_SCALE = 2;
/** Browsers refuse canvases that are larger. */
const MAX_PNG_SIDE_PX = 16_000;
const MARKED_PX = 16;

/** @param tables where they stand */
export function toSvg(tables: readonly DiagramTable[], keys: readonly DiagramKey[]): string {
  const left = Math.min(...tables.map(({ x }) => x)) - MARGIN_PX;
  const top = Math.min(...tables.map(({ y }) => y)) - MARGIN_PX;
  const width = Math.max(...tables.map(({ x, width: own }) => x + own)) + MARGIN_PX - left;
  const height = Math.max(...tables.map(({ y, height: own }) => y + own)) + MARGIN_PX - top;
  const colour = colours();
  const byName = new Map(tables.map((table) => [table.object.name, table]));
  const lines = keys.flatMap((key) => {
    const from = byName.get(key.from);
    const to = byName.get(key.to);
    if (from === undefined || to === undefined) return [];
    const [stepped] = getSmoothStepPath({
      sourceX: from.x + from.width,
      sourceY: from.y + from.height / 2,
      sourcePosition: Position.Right,
      targetX: to.x,
      targetY: to.y + to.height / 2,
      targetPosition: Position.Left,
    });
    const path =
      from === to
        ? selfPath(from.x + from.width, from.x, from.y + from.height / 2, from.height)
        : stepped;
    return `<path d="${path}" fill="none" stroke="${colour.line}" marker-end="url(#arrow)"><title>${escaped(`${key.from} refers to ${key.to}: ${key.words}`)}</title></path>`;
  });
  const arrow = `<marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z" fill="${colour.line}"/></marker>`;
  const clips = tables.map(
    ({ x, y, width: own, height: tall }, index) =>
      `<clipPath id="box${index}"><rect x="${x}" y="${y}" width="${own}" height="${tall}" rx="6"/></clipPath>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${left} ${top} ${width} ${height}" width="${width}" height="${height}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12">`,
    `<defs>${arrow}${clips.join("")}</defs>`,
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="${colour.page}"/>`,
    ...lines,
    ...tables.map((table, index) => box(table, index, colour)),
    "</svg>",
    "",
  ].join("\n");
}

export async function toPng(svg: string): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const side = Math.max(image.width, image.height);
  const scale = Math.min(PNG_SCALE, MAX_PNG_SIDE_PX / side);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null) reject(new Error("The browser could not make the picture"));
      else resolve(blob);
    }, "image/png");
  });
}

interface Colours {
  readonly page: string;
  readonly box: string;
  readonly head: string;
  readonly line: string;
  readonly text: string;
  readonly soft: string;
}

/** Those of the theme that is shown. */
function colours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("canvas").getContext("2d");
  // Tokens may be light-dark() and the like; a canvas knows plain colours only.
  const token = (name: string): string => {
    const element = document.createElement("span");
    element.style.color = `var(${name})`;
    document.body.append(element);
    const colour = getComputedStyle(element).color;
    element.remove();
    if (probe === null) return colour || style.getPropertyValue(name);
    probe.fillStyle = colour;
    return String(probe.fillStyle);
  };
  return {
    page: token("--surface-sunken"),
    box: token("--surface-raised"),
    head: token("--surface-rail"),
    line: token("--line-strong"),
    text: token("--text"),
    soft: token("--text-soft"),
  };
}

function box(table: DiagramTable, index: number, colour: Colours): string {
  const { object, columns, hiddenColumns, x, y, width, height } = table;
  const inKeys = new Set(object.foreign_keys.flatMap((key) => key.columns));
  const text = (words: string, row: number, more: string) =>
    `<text y="${y + HEAD_PX + row * LINE_PX + 15}" ${more}>${escaped(words)}</text>`;
  const lines = columns.map((column, row) => {
    const mark = column.primary_key > 0 ? "◆" : inKeys.has(column.name) ? "→" : "";
    return [
      mark === ""
        ? ""
        : text(mark, row, `x="${x + PADDING_PX}" fill="${colour.soft}" font-size="10"`),
      text(column.name, row, `x="${x + PADDING_PX + MARKED_PX}" fill="${colour.text}"`),
      text(
        column.type.toLowerCase(),
        row,
        `x="${x + width - PADDING_PX}" fill="${colour.soft}" text-anchor="end"`,
      ),
    ].join("");
  });
  const rest =
    hiddenColumns === 0
      ? ""
      : text(
          `and ${hiddenColumns} more`,
          columns.length,
          `x="${x + PADDING_PX}" fill="${colour.soft}"`,
        );
  const frame = `x="${x}" y="${y}" width="${width}" height="${height}" rx="6"`;
  return [
    `<g clip-path="url(#box${index})">`,
    `<rect ${frame} fill="${colour.box}"/>`,
    `<rect x="${x}" y="${y}" width="${width}" height="${HEAD_PX}" fill="${colour.head}"/>`,
    `<text x="${x + PADDING_PX}" y="${y + 21}" fill="${colour.text}" font-family="system-ui, sans-serif" font-size="13" font-weight="600">${escaped(object.name)}</text>`,
    ...lines,
    rest,
    "</g>",
    `<rect ${frame} fill="none" stroke="${colour.line}"/>`,
  ].join("");
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
