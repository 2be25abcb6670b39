/** At 390 pixels, with a thumb: every function can be reached. */
import { beforeAll, expect, test } from "bun:test";
import type { Locator } from "playwright-core";
import { BROWSER_TIMEOUT_MS, describePage, IN_BROWSER } from "./support/browser.ts";
import { SHOP } from "./support/shop.ts";

const PHONE = { width: 390, height: 800 };

describePage("on a phone", (phone) => {
  beforeAll(() => phone.sql("t", ...SHOP), BROWSER_TIMEOUT_MS);

  test(
    "tables, structure and columns are in the drawer",
    async () => {
      await using opened = await phone.open({ ...PHONE, address: "#/t.db/overview" });
      const { page } = opened;
      await page.getByRole("button", { name: "Tables", exact: true }).tap();
      const drawer = page.getByRole("dialog");
      await drawer.getByRole("button", { name: "Columns of orders" }).tap();
      await drawer.getByText("user_id").waitFor();
      await opened.checkAccessibility();
      await drawer.getByRole("link", { name: "Structure of orders", exact: true }).tap();
      await drawer.waitFor({ state: "detached" });
      await page.waitForURL(/structure\/orders$/);
      await page.getByRole("rowheader", { name: "placed" }).waitFor();
      await page
        .getByRole("navigation", { name: "Places" })
        .getByRole("link", { name: "Overview" })
        .tap();
      await page.waitForURL(/overview$/);
    },
    IN_BROWSER,
  );

  test(
    "a query is written, run, explained, saved, exported; a value opens",
    async () => {
      await using opened = await phone.open({ ...PHONE, address: "#/t.db/sql" });
      const { page } = opened;
      await page.getByRole("textbox", { name: "SQL" }).tap();
      await page.keyboard.insertText("SELECT id, name, prefs FROM users WHERE id < :below");
      await page.getByRole("button", { name: "Run", exact: true }).tap();
      await page.getByRole("textbox", { name: ":below", exact: true }).fill("4");
      await page.getByRole("button", { name: "Run", exact: true }).tap();
      const cell = page.locator('[data-row="1"] [data-column="2"]');
      await cell.scrollIntoViewIfNeeded();
      await cell.dblclick();
      const value = page.getByRole("dialog", { name: "Value" });
      await value.getByText('"dark"').waitFor();
      await opened.checkAccessibility();
      await value.getByRole("button", { name: "Close the value" }).tap();
      // The first column stays while the others move.
      const first = page.locator('[data-row="1"] [data-column="0"]');
      const scrollTo = (left: number) =>
        page.getByRole("grid").evaluate((grid, to) => {
          grid.scrollLeft = to;
          return grid.scrollLeft;
        }, left);
      await scrollTo(0);
      const before = (await first.boundingBox())?.x;
      expect(await scrollTo(40)).toBe(40);
      expect((await first.boundingBox())?.x).toBe(before as number);

      for (const name of ["Explain", "Format", "Save", "Share", "Export", "Rows as a chart"]) {
        const button = page.getByRole("button", { name });
        await button.scrollIntoViewIfNeeded();
        expect(await reachable(button)).toBe(true);
      }
    },
    IN_BROWSER,
  );

  test(
    "databases, appearance, the palette and tabs are there, and nothing is wider than the page",
    async () => {
      await using opened = await phone.open({ ...PHONE, address: "#/t.db/overview" });
      const { page } = opened;
      await page.getByRole("button", { name: "t.db" }).tap();
      await page.getByRole("menuitem", { name: "New database…" }).waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Appearance and help" }).tap();
      await page.getByRole("menuitemcheckbox", { name: "Dark" }).tap();
      expect(await page.locator("html").getAttribute("data-theme")).toBe("dark");
      await page.getByRole("button", { name: "Find anything" }).tap();
      await page.getByRole("option", { name: "Query log" }).waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "New query" }).first().tap();
      await page.waitForURL(/#\/t\.db\/sql$/);
      await page.locator(".tab-shown .tab-close").tap();
      await page.waitForURL(/overview$/);
      for (const view of ["overview", "sql", "structure/orders", "structure/users"]) {
        await page.goto(`${phone.server().origin}/#/t.db/${view}`);
        await page.getByRole("tabpanel").waitFor();
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect({ view, wider }).toEqual({ view, wider: 0 });
      }
    },
    IN_BROWSER,
  );

  test(
    "what is tapped is large enough",
    async () => {
      await using opened = await phone.open({ ...PHONE, address: "#/t.db/overview" });
      const { page } = opened;
      await page.getByRole("tabpanel").waitFor();
      const small = await page.evaluate(() =>
        [...document.querySelectorAll("button, .bottom-link, [role=tab]")]
          .map((element) => ({
            name: element.getAttribute("aria-label") ?? element.textContent,
            box: element.getBoundingClientRect(),
          }))
          .filter(({ box }) => box.width > 0 && Math.min(box.width, box.height) < 32)
          .map(({ name, box }) => `${name}: ${box.width} x ${box.height}`),
      );
      expect(small).toEqual([]);
    },
    IN_BROWSER,
  );
});

/** Whether a thumb would hit it: its middle is in the window and nothing lies over it. */
function reachable(button: Locator): Promise<boolean> {
  return button.evaluate((element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    const hit = document.elementFromPoint(x + width / 2, y + height / 2);
    return hit !== null && element.contains(hit);
  });
}
