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
  /** Instead of the width. */
  device?: Device;
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
  /**
   * Writes pictures for people to look at, in both themes and all widths of the device; in none of
   * them the page is wider than the screen, and with `axe` none has a violation that axe-core knows.
   */
  takePictures(name: string, options?: { axe: boolean }): Promise<void>;
}

export interface PageTests {
  /** Of this group; it starts with the first test. */
  server(): TestServer;
  open(options?: PageOptions): Promise<OpenPage>;
  /** SQL on a database of the server, without the page. */
  sql(db: string, ...statements: string[]): Promise<Record<string, unknown>[]>;
}

/** What pictures are taken on, and how wide they are in pixels; each in both themes. */
const PICTURE_WIDTHS = { phone: [390], desktop: [1024, 1600] } as const;
export const DEVICES = Object.keys(PICTURE_WIDTHS) as readonly (keyof typeof PICTURE_WIDTHS)[];
export type Device = (typeof DEVICES)[number];

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
  const { device = "desktop", theme = "light", address = "", expectedErrors } = options;
  const { width = PICTURE_WIDTHS[device][0], height = 800 } = options;
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
    async takePictures(name, { axe } = { axe: true }) {
      for (const pictureWidth of PICTURE_WIDTHS[phone ? "phone" : "desktop"])
        for (const colorScheme of ["light", "dark"] as const) {
          await page.setViewportSize({ width: pictureWidth, height });
          await page.emulateMedia({ colorScheme });
          await takePicture(page, `${name}-${pictureWidth}-${colorScheme}`);
          // The widest page has the parts of the middle one.
          if (axe && pictureWidth < 1600) await checkAccessibility(page);
        }
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: theme });
    },
    async [Symbol.asyncDispose]() {
      if (options.context === undefined) await context.close();
      else await page.close();
    },
  };
}

async function takePicture(page: Page, name: string): Promise<void> {
  // What is drawn on a canvas is drawn anew a moment later.
  await page.evaluate(
    () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))),
  );
  await ended(page);
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect({ name, wider }).toEqual({ name, wider: 0 });
}

/** Waits for the end of motions: colours that fade in would be seen half way. */
async function ended(page: Page): Promise<void> {
  await page.evaluate(() =>
    Promise.allSettled(
      document
        .getAnimations()
        .filter(({ effect }) => Number.isFinite(effect?.getComputedTiming().endTime))
        .map(({ finished }) => finished),
    ),
  );
}

async function checkAccessibility(page: Page): Promise<void> {
  await ended(page);
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
