/**
 * Bundles the web page (src/ui) for browsers: once when the executable is made, and on demand while
 * the server runs from its sources.
 */
import { basename, join } from "node:path";
import { PAGE_FOLDER, PAGE_NAME } from "./names.ts";

/** A file of the page. All but `index.html` carry the hash of their content in their name. */
export interface BundledFile {
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export const UI_SOURCES = join(import.meta.dir, "../../ui");

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** Where the script that chooses the theme goes: it has to run before anything is painted. */
const EARLY_SCRIPT_MARK = "<!-- early script -->";

const COMMON = {
  target: "browser",
  minify: true,
  sourcemap: "none",
  publicPath: PAGE_FOLDER,
  define: { "process.env.NODE_ENV": '"production"' },
  jsx: { runtime: "automatic", development: false },
} as const satisfies Partial<Bun.BuildConfig>;
const HASHED = "[name]-[hash].[ext]";

/** @throws AggregateError that says what is wrong with the sources */
export async function bundlePage(): Promise<BundledFile[]> {
  const [page, early] = await Promise.all([
    Bun.build({
      ...COMMON,
      entrypoints: [join(UI_SOURCES, PAGE_NAME)],
      // What is imported lazily becomes a file of its own.
      splitting: true,
      naming: { entry: HASHED, chunk: HASHED, asset: HASHED },
    }),
    Bun.build({
      ...COMMON,
      entrypoints: [join(UI_SOURCES, "theme", "early.ts")],
      format: "iife",
      naming: HASHED,
    }),
  ]);
  const files = await Promise.all([...page.outputs, ...early.outputs].map(toFile));
  const earlyName = basename(early.outputs[0]?.path ?? "");
  return files.map((file) => {
    if (file.name !== PAGE_NAME) return file;
    const html = new TextDecoder().decode(file.bytes);
    const script = `<script src="${PAGE_FOLDER}${earlyName}"></script>`;
    if (!html.includes(EARLY_SCRIPT_MARK)) throw new Error(`${PAGE_NAME} lost its mark`);
    return { ...file, bytes: encode(html.replace(EARLY_SCRIPT_MARK, script)) };
  });
}

async function toFile(output: Bun.BuildArtifact): Promise<BundledFile> {
  const extension = output.path.slice(output.path.lastIndexOf(".") + 1);
  const mediaType = MEDIA_TYPES[extension];
  if (mediaType === undefined) throw new Error(`no media type for ${output.path}`);
  return {
    name: extension === "html" ? PAGE_NAME : basename(output.path),
    mediaType,
    bytes: new Uint8Array(await output.arrayBuffer()),
  };
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
