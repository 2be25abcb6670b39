/**
 * Compares the README's table of settings with the settings, or writes it anew.
 *
 *     bun scripts/check-docs.ts [--write]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { settingsTable } from "../src/config.ts";

export const README = resolve(import.meta.dir, "../README.md");

/**
 * The text between `<!-- name -->` and `<!-- /name -->`.
 * @throws Error when the markers are missing
 */
export function section(markdown: string, name: string): string {
  const [, text] = markdown.split(new RegExp(`<!-- /?${name} -->\n`));
  if (text === undefined) throw new Error(`the README has no section "${name}"`);
  return text;
}

/** The README with its table of settings up to date; the same text if only its padding differs. */
export function withSettings(markdown: string): string {
  const marker = "<!-- settings -->\n";
  const old = section(markdown, "settings");
  const current = readmeTable();
  if (unpadded(old) === unpadded(current)) return markdown;
  return markdown.replace(marker + old, () => marker + current);
}

/** The settings as Markdown: GitHub ends a cell at every bare `|`, in code too. */
function readmeTable(): string {
  const escaped = settingsTable().replace(/`[^`]*`/g, (code) =>
    code.replace(/(?<!\\)\|/g, () => "\\|"),
  );
  return `\n${escaped}\n\n`;
}

/** Without what the formatter adds to line up the columns. */
function unpadded(table: string): string {
  return table
    .replace(/ +\|/g, " |")
    .replace(/\| +/g, "| ")
    .replace(/\| ?-+ ?(?=\|)/g, "|---");
}

if (import.meta.main) {
  const { values: flags } = parseArgs({ strict: true, options: { write: { type: "boolean" } } });
  const markdown = readFileSync(README, "utf8");
  const current = withSettings(markdown);
  if (flags.write === true)
    writeFileSync(README, current); // `npm run format` lines the columns up.
  else if (current !== markdown) {
    console.error("README.md: the settings have changed; run bun scripts/check-docs.ts --write");
    process.exit(1);
  }
}
