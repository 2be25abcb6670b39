/** Which columns are seen, in which order, and which stay in place. */
import { beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { describePage, IN_BROWSER } from "./support/browser.ts";

const grid = (page: Page) => page.getByRole("grid");
const heads = (page: Page) => grid(page).locator("[role=columnheader] .head-name").allInnerTexts();
const head = (page: Page, name: string) =>
  grid(page).locator("[role=columnheader]", { has: page.getByText(name, { exact: true }) });
const menu = async (page: Page, name: string, item: string) => {
  await head(page, name).click({ button: "right" });
  await page.getByRole("menuitem", { name: item }).click();
};
const shown = (page: Page, names: readonly string[]) =>
  page.waitForFunction(
    (wanted) =>
      [...document.querySelectorAll("[role=columnheader] .head-name")]
        .map((each) => each.textContent)
        .join() === wanted,
    names.join(),
  );

describePage("columns", (tests) => {
  beforeAll(() =>
    tests.sql(
      "t.db",
      "CREATE TABLE five(a INTEGER PRIMARY KEY, b TEXT, c TEXT, d TEXT, e TEXT)",
      "INSERT INTO five VALUES (1, 'b1', 'c1', 'd1', 'e1'), (2, 'b2', 'c2', 'd2', 'e2')",
      `CREATE TABLE wide(id INTEGER PRIMARY KEY, ${Array.from({ length: 300 }, (_, i) => `column_${i} REAL`).join(", ")})`,
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO wide(id, column_0, column_299) SELECT i, i, i * 2 FROM n",
    ),
  );

  test(
    "are moved by dragging, by keyboard and in the menu, and hidden; the address and its twins say so",
    async () => {
      await using opened = await tests.open({ address: "#/t.db/table/five" });
      const { page } = opened;
      await shown(page, ["a", "b", "c", "d", "e"]);
      const [from, to] = await Promise.all([
        head(page, "d").boundingBox(),
        head(page, "b").boundingBox(),
      ]);
      if (from === null || to === null) throw new Error("no header");
      await page.mouse.move(from.x + 20, from.y + 10);
      await page.mouse.down();
      await page.mouse.move(to.x + 30, to.y + 10, { steps: 5 });
      await grid(page).locator(".head-drop-before").waitFor();
      await page.mouse.up();
      await shown(page, ["a", "d", "b", "c", "e"]);
      expect(await head(page, "d").getAttribute("aria-sort")).toBe("none");
      expect(await grid(page).locator('[data-row="1"] [data-column="1"]').innerText()).toBe("d2");
      await menu(page, "e", "Move left");
      await shown(page, ["a", "d", "b", "e", "c"]);
      await menu(page, "b", "Hide b");
      await shown(page, ["a", "d", "e", "c"]);
      await grid(page).locator('[data-row="0"] [data-column="3"]').click();
      await page.keyboard.press("Shift+Alt+ArrowLeft");
      await shown(page, ["a", "d", "c", "e"]);
      expect(new URL(page.url()).hash).toContain(encodeURIComponent('["a","d","c","e"]'));
      const csv = await page.getByRole("link", { name: ".csv" }).getAttribute("href");
      const answer = await fetch(`${tests.server().origin}${csv}`);
      expect((await answer.text()).split("\r\n")[0]).toBe("a,d,c,e");
      // Edits go to the column they were made in, wherever it stands.
      await page.keyboard.type("changed");
      await page.keyboard.press("Enter");
      await page.keyboard.press("Control+s");
      await page.getByText("Saved 1 change of five").first().waitFor();
      expect(await tests.sql("t.db", "SELECT c, d FROM five WHERE a = 1")).toEqual([
        { c: "changed", d: "d1" },
      ]);
      await page.goBack();
      await shown(page, ["a", "d", "e", "c"]);
    },
    IN_BROWSER,
  );

  test(
    "are held at the left and stay so; a table comes back as it was left",
    async () => {
      await using opened = await tests.open({ address: "#/t.db/table/wide" });
      const { page, context } = opened;
      await menu(page, "column_2", "Pin column_2");
      await menu(page, "column_1", "Pin column_1");
      expect((await heads(page)).slice(0, 3)).toEqual(["column_2", "column_1", "id"]);
      await grid(page).locator('[data-row="0"] [data-column="2"]').click();
      await page.keyboard.press("End");
      await head(page, "column_299").waitFor();
      const [box, pinned] = await Promise.all([
        grid(page).boundingBox(),
        head(page, "column_1").boundingBox(),
      ]);
      expect((pinned?.x ?? 0) - (box?.x ?? 0)).toBeLessThan(400);
      // Of 300 columns only those in sight are there.
      expect(await grid(page).locator('[data-row="0"] [role=gridcell]').count()).toBeLessThan(25);
      await opened.checkAccessibility();
      await menu(page, "column_299", "Hide column_299");
      await using again = await tests.open({ context, address: "#/t.db/table/wide" });
      const other = again.page;
      await head(other, "column_2").waitFor();
      expect((await heads(other)).slice(0, 3)).toEqual(["column_2", "column_1", "id"]);
      expect(other.url()).toContain("columns=");
      await grid(other).locator('[data-row="0"] [data-column="2"]').click();
      await other.keyboard.press("End");
      await head(other, "column_298").waitFor();
      await menu(other, "column_2", "Unpin column_2");
      await other
        .getByRole("toolbar")
        .getByRole("button", { name: /^Columns/ })
        .click();
      await other.getByRole("menuitem", { name: "Show all" }).click();
      await other.keyboard.press("Escape");
      expect(other.url()).not.toContain("columns=");
    },
    IN_BROWSER,
  );
});
