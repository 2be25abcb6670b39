/**
 * Builds the executable: the server, its web page and Bun itself in one file.
 *
 *     bun scripts/build.ts [--target bun-linux-arm64] [--outfile dist/chronolite] [--entry src/main.ts]
 *
 * The target defaults to this machine; Bun downloads the runtime of any other one. The executable
 * reads neither `.env` nor `bunfig.toml` from the folder it is started in: both could run code.
 */
import { stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import packageJson from "../package.json" with { type: "json" };
import { embedPage } from "./embed-page.ts";

const root = dirname(import.meta.dir);

const { values: options } = parseArgs({
  strict: true,
  options: {
    target: { type: "string" },
    outfile: { type: "string" },
    entry: { type: "string" },
  },
});

const windows = options.target?.includes("windows") ?? process.platform === "win32";
const outfile = resolve(
  options.outfile ?? join(root, "dist", windows ? "chronolite.exe" : "chronolite"),
);

const page = await embedPage();
const result = await Bun.build({
  entrypoints: [resolve(options.entry ?? join(root, "src", "main.ts"))],
  compile: {
    outfile,
    autoloadBunfig: false,
    autoloadDotenv: false,
    ...(options.target ? { target: options.target as Bun.Build.CompileTarget } : {}),
  },
  plugins: [page.plugin],
  minify: true,
  sourcemap: "linked",
  define: {
    "process.env.NODE_ENV": JSON.stringify("production"),
    BUILD_VERSION: JSON.stringify(packageJson.version),
    BUILT_AT: JSON.stringify(new Date().toISOString()),
  },
  throw: false,
});

await page.dispose();
for (const log of result.logs) {
  console.error(log);
}
if (!result.success) {
  process.exit(1);
}

const { size } = await stat(outfile);
console.log(
  `${relative(process.cwd(), outfile)}: ${packageJson.version}, ${(size / 1e6).toFixed(0)} MB`,
);
