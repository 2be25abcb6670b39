/**
 * The files of the web page, from the sources: bundled when first asked for, and again when a source
 * has changed. scripts/build.ts puts a module in the place of this one that holds them ready-made.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type BundledFile, bundlePage, UI_SOURCES } from "./bundle.ts";

export type Encoding = "br" | "gzip";

export interface PageFile {
  readonly mediaType: string;
  /** Bytes as they are, or compressed where that was prepared. */
  body(encoding?: Encoding): Uint8Array<ArrayBuffer> | Blob;
  readonly encodings: readonly Encoding[];
}

/** By name, such as `index.html`. */
export type PageFiles = ReadonlyMap<string, PageFile>;

let bundled: { newestMs: number; files: Promise<PageFiles> } | undefined;

export function pageFiles(): Promise<PageFiles> {
  const newestMs = newestChangeMs(UI_SOURCES);
  if (bundled?.newestMs !== newestMs) bundled = { newestMs, files: bundlePage().then(asFiles) };
  return bundled.files;
}

function asFiles(files: readonly BundledFile[]): PageFiles {
  return new Map(
    files.map(({ name, mediaType, bytes }) => [
      name,
      { mediaType, encodings: [], body: () => bytes },
    ]),
  );
}

function newestChangeMs(folder: string): number {
  let newestMs = 0;
  for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" }))
    newestMs = Math.max(newestMs, statSync(join(folder, entry)).mtimeMs);
  return newestMs;
}
