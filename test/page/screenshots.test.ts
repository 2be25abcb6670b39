/** Pictures of every view for people to look at: test/page/screenshots. */
import { beforeAll, test } from "bun:test";
import type { Page } from "playwright-core";
import { BROWSER_TIMEOUT_MS, DEVICES, describePage, IN_BROWSER } from "./support/browser.ts";
import { SHOP } from "./support/shop.ts";

const query = (sql: string, more = "") => `#/t.db/sql?q=${encodeURIComponent(sql)}${more}`;

const VIEWS: readonly (readonly [string, string, ((page: Page) => Promise<void>)?])[] = [
  ["overview", "#/t.db/overview"],
  ["structure", "#/t.db/structure/orders"],
  [
    "rows",
    query(
      "-- Everybody\nSELECT * FROM users\nWHERE id < 100 AND email LIKE '%@%' -- with an address",
      "&run=1",
    ),
    async (page) => {
      await page.locator('[data-row="3"] [data-column="1"]').click();
      await page.keyboard.press("Shift+ArrowDown");
      await page.keyboard.press("Shift+ArrowDown");
    },
  ],
  [
    "value",
    query("SELECT id, prefs FROM users", "&run=1"),
    async (page) => {
      await page.locator('[data-row="1"] [data-column="1"]').dblclick();
      await page.locator(".json").waitFor();
    },
  ],
  [
    "parameters",
    query(
      "SELECT * FROM orders WHERE total > :least AND user_id = :user;\nSELECT 2;",
      `&values=${encodeURIComponent('{":least":100}')}`,
    ),
  ],
  [
    "error",
    query("SELECT id, nickname FROM users", "&run=1"),
    (page) => page.getByRole("alert").waitFor(),
  ],
  [
    "plan",
    query(
      "SELECT u.name, sum(o.total) FROM users u JOIN orders o ON o.user_id = u.id WHERE o.note LIKE '%x%' GROUP BY u.name",
    ),
    async (page) => {
      await page.getByRole("button", { name: "Explain" }).click();
      await page.getByRole("region", { name: "Query plan" }).waitFor();
    },
  ],
  [
    "truncated",
    query("SELECT a.id, b.note FROM orders a, orders b", "&run=1"),
    (page) => page.getByText("there are more").waitFor(),
  ],
  [
    "completion",
    query(""),
    async (page) => {
      await page.getByRole("textbox", { name: "SQL" }).click();
      await page.keyboard.type("SELECT * FROM users u WHERE u.");
      await page.getByRole("listbox").waitFor();
    },
  ],
  [
    "log",
    "#/t.db/log?source=all",
    async (page) => {
      await page.locator(".log-entry").nth(2).waitFor();
      await page.getByRole("button", { name: "Forget this entry" }).nth(1).click();
    },
  ],
  ["statements", "#/t.db/log?by=statement", (page) => page.locator(".log-statements").waitFor()],
  [
    "palette",
    "#/t.db/overview",
    async (page) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("dialog").waitFor();
    },
  ],
  [
    "keys",
    "#/t.db/overview",
    async (page) => {
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
    },
  ],
  [
    "databases",
    "#/t.db/overview",
    async (page) => {
      await page.getByRole("button", { name: "t.db", exact: true }).click();
      await page.getByRole("menu").waitFor();
    },
  ],
];

describePage("screenshots", (shots) => {
  beforeAll(() => shots.sql("t", ...SHOP), BROWSER_TIMEOUT_MS);

  test.each(DEVICES)(
    "on a %s",
    async (device) => {
      await using opened = await shots.open({ device, expectedErrors: /status of 400/ });
      const { page } = opened;
      for (const [name, address, prepare] of VIEWS) {
        await page.evaluate((hash) => {
          location.hash = hash;
        }, address);
        await page.getByRole("tabpanel").waitFor();
        await page.waitForFunction(
          () => document.querySelector(".skeleton, [aria-busy=true]") === null,
        );
        await prepare?.(page);
        await opened.takePictures(name, { axe: false });
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").or(page.getByRole("menu")).waitFor({ state: "detached" });
        await page.keyboard.press("Alt+w");
      }
    },
    { ...IN_BROWSER, timeout: 2 * BROWSER_TIMEOUT_MS },
  );
});
