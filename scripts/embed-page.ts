/** Puts the bundled web page, compressed beforehand, into the executable. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { bundlePage } from "../src/server/page/bundle.ts";

/** The module that serves the page from its sources, and is replaced. */
const REPLACED = /[\\/]src[\\/]server[\\/]page[\\/]files\.ts$/;

export interface EmbeddedPage {
  readonly plugin: Bun.BunPlugin;
  /** Removes the files the plugin refers to; after the build. */
  dispose(): Promise<void>;
}

export async function embedPage(): Promise<EmbeddedPage> {
  const folder = await mkdtemp(join(tmpdir(), "chronolite-page-"));
  const imports: string[] = [];
  const entries: string[] = [];
  for (const { name, mediaType, bytes } of await bundlePage()) {
    const forms = {
      plain: bytes,
      br: brotliCompressSync(bytes, {
        params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
      }),
      gzip: gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }),
    };
    const variables: string[] = [];
    for (const [form, content] of Object.entries(forms)) {
      const path = join(folder, `${name}.${form}`);
      await writeFile(path, content);
      const variable = `file${imports.length}`;
      imports.push(`import ${variable} from ${JSON.stringify(path)} with { type: "file" };`);
      variables.push(`${form}: Bun.file(${variable})`);
    }
    entries.push(
      `[${JSON.stringify(name)}, file(${JSON.stringify(mediaType)}, { ${variables.join(", ")} })]`,
    );
  }
  const contents = `${imports.join("\n")}
const file = (mediaType, forms) => ({
  mediaType,
  encodings: ["br", "gzip"],
  body: (encoding = "plain") => forms[encoding],
});
const files = new Map([${entries.join(",\n")}]);
export const pageFiles = async () => files;
`;
  return {
    plugin: {
      name: "embed-page",
      setup(build) {
        build.onLoad({ filter: REPLACED }, () => ({ contents, loader: "js" }));
      },
    },
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}
