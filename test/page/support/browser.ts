/**
 * A real browser for the tests of the page. What may never happen on any page is checked on all of
 * them: an error in the console, a breach of the content security policy, a request to another host.
 */
import { afterAll, afterEach, beforeAll, describe, expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import AxeBuilder from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { startTestServer, type TestServer } from "../../support/server.ts";

const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"]
  .map((name) => Bun.which(name))
  .find((path) => path !== null);

export type Theme = "light" | "dark";

export interface PageOptions {
  /** Pixels; below 500 it is a phone, with touch. */
  width?: number;
  height?: number;
  theme?: Theme;
  /** Of another server than the group's. */
  origin?: string;
  /** After the origin, such as `#/t.db/overview`. */
  address?: string;
  /** Kept from an earlier page, for what a reload or another visit should find. */
  context?: BrowserContext;
  /** Errors of the console that the test brings about itself. */
  expectedErrors?: RegExp;
}

/** An open page. */
export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  /** No violation that axe-core knows of. */
  checkAccessibility(): Promise<void>;
  /** Writes a picture for people to look at. */
  screenshot(name: string): Promise<void>;
}

export interface PageTests {
  /** Of this group; it starts with the first test. */
  server(): TestServer;
  open(options?: PageOptions): Promise<OpenPage>;
  /** SQL on a database of the server, without the page. */
  sql(db: string, ...statements: string[]): Promise<Record<string, unknown>[]>;
}

const ALL_PICTURES: readonly (readonly [Theme, number])[] = [
  ["light", 390],
  ["light", 1024],
  ["light", 1600],
  ["dark", 390],
  ["dark", 1024],
  ["dark", 1600],
];
/**
 * Themes and widths in pixels of which pictures are taken. All of them take longer than the other
 * tests together, so a whole run takes two; `bun test test/page/screenshots` and `… tables-pictures`
 * take all.
 */
export const PICTURES = process.argv.some((argument) => /screenshots|pictures/.test(argument))
  ? ALL_PICTURES
  : ALL_PICTURES.filter(([theme, width]) => width === (theme === "light" ? 1024 : 390));

const SCREENSHOTS = join(import.meta.dir, "../screenshots");
/** Two cores are shared with much else. */
const ACTION_TIMEOUT_MS = 15_000;
export const BROWSER_TIMEOUT_MS = 60_000;
/** A browser on a busy machine is late now and then; what fails three times is wrong. */
export const IN_BROWSER = { timeout: BROWSER_TIMEOUT_MS, retry: 2 };

/** A group of tests with a browser and a server (with an empty database `t.db`) of its own. */
export function describePage(title: string, tests: (page: PageTests) => void): void {
  const name = CHROMIUM === undefined ? `${title} (skipped: there is no chromium)` : title;
  describe.skipIf(CHROMIUM === undefined)(name, () => {
    let browser: Browser;
    let server: TestServer;
    beforeAll(async () => {
      server = await startTestServer();
      browser = await chromium.launch({
        executablePath: CHROMIUM as string,
        args: ["--no-sandbox", "--disable-dev-shm-usage"],
      });
    }, IN_BROWSER);
    afterAll(async () => {
      await browser.close();
      await server[Symbol.asyncDispose]();
    }, IN_BROWSER);
    const faults: string[] = [];
    // Not when the page is closed: a failed test should tell of its own failure first.
    afterEach(() => {
      expect(faults.splice(0)).toEqual([]);
    });
    tests({
      server: () => server,
      open: (options) => openPage(browser, server, faults, options),
      async sql(db, ...statements) {
        const transaction = statements.map((statement) => ({ statement }));
        const { status, body } = await server.json<{
          results: { resultSet?: Record<string, unknown>[] }[];
        }>(`/db?db=${db}`, { method: "POST", body: JSON.stringify({ transaction }) });
        if (status !== 200) throw new Error(`SQL failed: ${JSON.stringify(body)}`);
        return body.results.at(-1)?.resultSet ?? [];
      },
    });
  });
}

async function openPage(
  browser: Browser,
  server: TestServer,
  faults: string[],
  options: PageOptions = {},
): Promise<OpenPage> {
  const { width = 1024, height = 800, theme = "light", address = "", expectedErrors } = options;
  const origin = options.origin ?? server.origin;
  const phone = width < 500;
  const context =
    options.context ??
    (await browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      isMobile: phone,
      hasTouch: phone,
      permissions: ["clipboard-read", "clipboard-write"],
      locale: "en-GB",
    }));
  const page = await context.newPage();
  page.setDefaultTimeout(ACTION_TIMEOUT_MS);
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    if (expectedErrors?.test(message.text()) !== true)
      faults.push(
        `console: ${message.text()} ${message.location().url}:${message.location().lineNumber}:${message.location().columnNumber}`,
      );
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !/^(data|blob|about):/.test(url))
      faults.push(`another host: ${url}`);
  });
  await page.goto(`${origin}/${address}`);
  return {
    page,
    context,
    checkAccessibility: () => checkAccessibility(page),
    async screenshot(name) {
      mkdirSync(SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: join(SCREENSHOTS, `${name}-${width}-${theme}.png`) });
    },
    async [Symbol.asyncDispose]() {
      if (options.context === undefined) await context.close();
      else await page.close();
    },
  };
}

async function checkAccessibility(page: Page): Promise<void> {
  // Colours that fade in would be measured half way.
  await page.evaluate(() =>
    Promise.allSettled(
      document
        .getAnimations()
        .filter(({ effect }) => Number.isFinite(effect?.getComputedTiming().endTime))
        .map(({ finished }) => finished),
    ),
  );
  await page.evaluate(`${AxeBuilder.source}; undefined`);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof AxeBuilder };
    const result = await axe.run(document, {
      // Best practices count too: they are what Lighthouse asks for.
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return result.violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} ${failureSummary}`).join("; ")}`,
    );
  });
  expect(violations).toEqual([]);
}
