/**
 * Makes node_modules match the lockfile, then returns; a few milliseconds when it already does.
 *
 * Every script in package.json runs this first, so a fresh checkout needs nothing but Node with npm,
 * or Bun alone. It therefore runs on both and imports nothing but built-in modules.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (/** @type {string[]} */ ...path) => join(root, ...path);
const stampFile = at("node_modules", ".chronolite-setup");
const bunLauncher = at("node_modules", "bun", "bin", "bun.exe"); // so named on every platform

/** Names an installation: what is asked for, and the platform whose executables were fetched. */
function fingerprint() {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(at("package.json"), "utf8"));
  const hash = createHash("sha256");
  hash.update(JSON.stringify([process.platform, process.arch, dependencies, devDependencies]));
  hash.update(readFileSync(at("package-lock.json")));
  hash.update(readFileSync(at("bun.lock")));
  return hash.digest("hex");
}

function isInstalled() {
  return (
    existsSync(stampFile) &&
    existsSync(bunLauncher) &&
    readFileSync(stampFile, "utf8") === fingerprint()
  );
}

/** Runs a command in the repository; its output goes to ours. Returns the exit code, or the reason it could not start. */
function run(/** @type {string} */ command, /** @type {string[]} */ args) {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  return result.error?.message ?? result.status ?? result.signal;
}

function fail(/** @type {string} */ message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}

/** The package manager that started the script does the frozen install; npm where none did. */
function install() {
  const byBun =
    (process.env.npm_config_user_agent ?? "").startsWith("bun/") || "bun" in process.versions;
  const npmCli = process.env.npm_execpath ?? "";
  let command;
  if (byBun) {
    command = [
      "bun" in process.versions ? process.execPath : "bun",
      "install",
      "--frozen-lockfile",
    ];
  } else if (npmCli.endsWith("npm-cli.js")) {
    command = [process.execPath, npmCli, "ci"];
  } else {
    command = [process.platform === "win32" ? "npm.cmd" : "npm", "ci"];
  }
  const shown = byBun ? "bun install --frozen-lockfile" : "npm ci";
  console.error(`setup: node_modules is missing or out of date, running \`${shown}\``);
  const outcome = run(command[0], command.slice(1));
  if (outcome !== 0) {
    fail(
      `\`${shown}\` failed (${outcome}). Its message is above. If it says that the lockfile does not ` +
        "match package.json, update both as CONTRIBUTING.md says.",
    );
  }
}

function bunRuns() {
  return spawnSync(bunLauncher, ["--version"], { stdio: "ignore" }).status === 0;
}

/** The `bun` package is a placeholder until its install script ran, which npm's `ignore-scripts` prevents. */
function ensureBun() {
  if (bunRuns()) {
    return;
  }
  console.error("setup: node_modules/bun is not set up yet, running its install script");
  const outcome = run(process.execPath, [at("node_modules", "bun", "install.js")]);
  if (!bunRuns()) {
    fail(
      `node_modules/bun does not run on ${process.platform}-${process.arch} (its install script: ${outcome}). ` +
        "Its platform package @oven/bun-* may be missing: optional dependencies must not be omitted.",
    );
  }
}

if (!isInstalled()) {
  install();
  ensureBun();
  writeFileSync(stampFile, fingerprint());
}
