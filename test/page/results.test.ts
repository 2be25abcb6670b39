import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { BROWSER_TIMEOUT_MS, describePage, IN_BROWSER } from "./support/browser.ts";
import { SHOP } from "./support/shop.ts";

const queryAddress = (sql: string) => `#/t.db/sql?run=1&q=${encodeURIComponent(sql)}`;
const cell = (page: Page, row: number, column: number) =>
  page.locator(`[data-row="${row}"] [data-column="${column}"]`);
const clipboard = (page: Page) => page.evaluate(() => navigator.clipboard.readText());

async function download(
  page: Page,
  start: () => Promise<void>,
): Promise<{ name: string; text: string }> {
  const [file] = await Promise.all([page.waitForEvent("download"), start()]);
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), "utf8") };
}

describePage("results", (results) => {
  beforeAll(() => results.sql("t", ...SHOP), BROWSER_TIMEOUT_MS);

  test(
    "a grid of 10,000 rows is walked through like a spreadsheet",
    async () => {
      await using opened = await results.open({
        address: queryAddress(
          "SELECT 100 * (a.id - 1) + b.id AS n, 'row ' || (100 * (a.id - 1) + b.id) AS name, b.id % 7 AS seventh FROM orders a, orders b WHERE b.id <= 100 AND a.id <= 100 ORDER BY n",
        ),
      });
      const { page } = opened;
      const grid = page.getByRole("grid", { name: "Rows of the result" });
      await grid.waitFor();
      expect(await grid.getAttribute("aria-rowcount")).toBe("10001");
      // Only what is in view is there.
      expect(await page.getByRole("gridcell").count()).toBeLessThan(300);
      await cell(page, 0, 1).click();
      await page.keyboard.press("Control+ArrowDown");
      await page.getByRole("gridcell", { name: "row 10000" }).waitFor();
      const activeIs = (pattern: string) =>
        page.waitForFunction((expected) => {
          const id = document.querySelector("[role=grid]")?.getAttribute("aria-activedescendant");
          return new RegExp(expected).test(document.getElementById(id ?? "")?.textContent ?? "");
        }, pattern);
      await activeIs("^row 10000$");
      await page.keyboard.press("Home");
      await page.keyboard.press("PageUp");
      await activeIs("^99\\d\\d$");
      await page.keyboard.press("Control+Home");
      await activeIs("^1$");

      // Sorted by the header, by keyboard: ascending, descending, as it came.
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowUp");
      const seventh = page.getByRole("columnheader", { name: "seventh" });
      await page.keyboard.press("Enter");
      expect(await seventh.getAttribute("aria-sort")).toBe("ascending");
      expect(await cell(page, 0, 2).innerText()).toBe("0");
      await page.keyboard.press("Enter");
      expect(await cell(page, 0, 2).innerText()).toBe("6");
      await page.keyboard.press("Enter");
      expect(await cell(page, 0, 0).innerText()).toBe("1");

      // Widths change by keyboard and by dragging.
      const width = async () => (await seventh.boundingBox())?.width ?? 0;
      const before = await width();
      await page.keyboard.press("Alt+ArrowRight");
      expect(await width()).toBe(before + 16);
      const edge = await seventh.locator(".head-edge").boundingBox();
      if (edge === null) throw new Error("no edge to drag");
      await page.mouse.move(edge.x + 4, edge.y + 4);
      await page.mouse.down();
      await page.mouse.move(edge.x + 54, edge.y + 4);
      await page.mouse.up();
      expect(Math.abs((await width()) - before - 66)).toBeLessThan(3);
    },
    IN_BROWSER,
  );

  test(
    "scrolls through 10,000 rows without long pauses",
    async () => {
      await using opened = await results.open({
        address: queryAddress(
          "SELECT a.*, b.total AS other FROM orders a, orders b WHERE b.id <= 10",
        ),
      });
      const { page } = opened;
      const grid = page.getByRole("grid", { name: "Rows of the result" });
      await grid.waitFor();
      expect(await grid.getAttribute("aria-rowcount")).toBe("10001");
      const gapsMs = await grid.evaluate(async (box) => {
        const gaps: number[] = [];
        let last = performance.now();
        for (let frame = 0; frame < 60; frame += 1) {
          box.scrollTop += 4000;
          await new Promise((resolve) => requestAnimationFrame(resolve));
          const now = performance.now();
          gaps.push(now - last);
          last = now;
        }
        return gaps.toSorted((a, b) => a - b);
      });
      // The middle of the frames; this machine may be busy with other things for some of them.
      expect(gapsMs[30] ?? 0).toBeLessThan(100);
      expect(await page.getByRole("row").count()).toBeGreaterThan(10);
    },
    IN_BROWSER,
  );

  test(
    "shows values as what they are, and all of one in a panel",
    async () => {
      await using opened = await results.open({
        address: queryAddress(
          "SELECT NULL AS none, '' AS blank, x'00ff10' AS bytes, '{\"a\":[1,9007199254740993],\"b\":null}' AS doc, 9223372036854775807 AS big, 'two' || char(10) || 'lines' AS lines, 1.5 AS real",
        ),
      });
      const { page } = opened;
      await cell(page, 0, 0).waitFor();
      expect(await cell(page, 0, 0).innerText()).toBe("NULL");
      expect(await cell(page, 0, 1).innerText()).toBe("empty");
      expect(await cell(page, 0, 2).innerText()).toBe("BLOB 3 B");
      await cell(page, 0, 3).getByRole("img", { name: "JSON" }).waitFor();
      expect(await cell(page, 0, 4).innerText()).toBe("9223372036854775807");
      expect(await cell(page, 0, 5).innerText()).toBe("two⏎lines");
      expect(await cell(page, 0, 4).evaluate((each) => getComputedStyle(each).textAlign)).toBe(
        "right",
      );

      await cell(page, 0, 3).dblclick();
      const panel = page.getByRole("region", { name: "Value of doc" });
      expect(await panel.innerText()).toContain("9007199254740993");
      expect(await panel.locator("details").count()).toBe(2);
      await panel.getByRole("button", { name: "As stored" }).click();
      expect(await panel.locator("pre").innerText()).toBe('{"a":[1,9007199254740993],"b":null}');
      await opened.checkAccessibility();
      // The panel follows the keyboard.
      await cell(page, 0, 2).click();
      await page.getByRole("region", { name: "Value of bytes" }).getByText("00 ff 10").waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("region", { name: "Value of bytes" }).waitFor({ state: "detached" });
    },
    IN_BROWSER,
  );

  test(
    "a value of megabytes opens at once: what is folded is not made, long text is cut",
    async () => {
      await using opened = await results.open({
        address: queryAddress(
          "SELECT json_group_array(json_object('id', i, 'tags', json_array('a', 'b'))) AS doc FROM (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 49999) SELECT i FROM n)",
        ),
      });
      const { page } = opened;
      await cell(page, 0, 0).dblclick();
      const panel = page.getByRole("region", { name: "Value of doc" });
      await panel.getByText("50000 ]").click();
      await panel.getByText("49500 – 49999").click();
      await panel.locator(".json-number", { hasText: /^49999$/ }).waitFor();
      expect(await panel.locator("details").count()).toBeLessThan(1200);
      await panel.getByRole("button", { name: "As stored" }).click();
      await panel.getByText(/^The first 100,000 characters of 1,?\d{3},?\d{3}/).waitFor();
    },
    IN_BROWSER,
  );

  test(
    "copies a cell, a selection, rows",
    async () => {
      await using opened = await results.open({
        address: queryAddress("SELECT id, name, email FROM users ORDER BY id"),
      });
      const { page } = opened;
      await cell(page, 6, 1).click();
      await page.keyboard.press("Control+c");
      expect(await clipboard(page)).toBe("User 7");
      await page.keyboard.press("Shift+ArrowDown");
      await page.keyboard.press("Shift+ArrowRight");
      await page.keyboard.press("Control+c");
      expect(await clipboard(page)).toBe("User 7\t\nUser 8\tuser8@example.org");
      await page.keyboard.press("Shift+F10");
      await page.getByRole("menuitem", { name: "Copy with column names" }).click();
      await page.waitForFunction(async () =>
        (await navigator.clipboard.readText()).startsWith("name\temail\nUser 7"),
      );
      await cell(page, 7, 2).click({ button: "right" });
      await page.getByRole("menuitem", { name: "Copy rows as JSON" }).click();
      await page.getByText("Copied 2 × 3 cells", { exact: true }).waitFor();
      expect(JSON.parse(await clipboard(page))).toEqual([
        { id: 7, name: "User 7", email: null },
        { id: 8, name: "User 8", email: "user8@example.org" },
      ]);
    },
    IN_BROWSER,
  );

  test(
    "exports what is shown in four formats",
    async () => {
      await using opened = await results.open({
        address: queryAddress("SELECT sku, title, price FROM products ORDER BY sku"),
      });
      const { page } = opened;
      await cell(page, 0, 0).waitFor();
      const exported = (format: string) =>
        download(page, async () => {
          await page.getByRole("button", { name: "Export" }).click();
          await page
            .getByRole("menuitem", { name: `${format} file` })
            .first()
            .click();
        });
      expect(await exported("CSV")).toEqual({
        name: "result.csv",
        text: "sku,title,price\r\nP-1,Pen,1.5\r\nP-2,Paper,4\r\nP-3,Ink,12.25\r\n",
      });
      expect(JSON.parse((await exported("JSON")).text)).toHaveLength(3);
      expect((await exported("NDJSON")).text.split("\n")[1]).toBe(
        '{"sku":"P-2","title":"Paper","price":4}',
      );
      expect((await exported("Markdown")).text).toBe(
        "| sku | title | price |\n| --- | --- | ---: |\n| P-1 | Pen | 1.5 |\n| P-2 | Paper | 4 |\n| P-3 | Ink | 12.25 |\n",
      );
    },
    IN_BROWSER,
  );

  test(
    "says when there is more, and fetches all of it",
    async () => {
      await using opened = await results.open({
        address: queryAddress(
          "SELECT a.id * 1000 + b.id AS n FROM orders a, orders b WHERE b.id <= 12",
        ),
      });
      const { page } = opened;
      await page.getByText("Only the first 10,000 rows are here; there are more.").waitFor();
      await page.getByText("not complete").waitFor();
      const all = await download(page, () =>
        page.getByRole("button", { name: "All as CSV" }).click(),
      );
      expect(all.text.trimEnd().split("\n")).toHaveLength(12_001);
      await page
        .getByText(/^Downloaded all rows, /)
        .first()
        .waitFor();
      const lines = await download(page, () =>
        page.getByRole("button", { name: "All as NDJSON" }).click(),
      );
      expect(lines.text.trimEnd().split("\n")).toHaveLength(12_000);
    },
    IN_BROWSER,
  );

  test(
    "has twins of its address that hold the same rows",
    async () => {
      await using opened = await results.open({
        address: `#/t.db/sql?run=1&q=${encodeURIComponent("SELECT name FROM users WHERE id < :id ORDER BY id")}&values=${encodeURIComponent('{":id":3}')}`,
      });
      const { page } = opened;
      await cell(page, 1, 0).waitFor();
      const twin = async (format: string) => {
        const href = await page.getByRole("link", { name: `.${format}` }).getAttribute("href");
        return (await fetch(results.server().origin + href)).text();
      };
      expect(JSON.parse(await twin("json"))).toMatchObject({
        resultSet: [{ name: "User 1" }, { name: "User 2" }],
      });
      expect((await twin("csv")).replaceAll("\r", "")).toBe("name\nUser 1\nUser 2\n");
    },
    IN_BROWSER,
  );

  test(
    "an address never runs what may change something",
    async () => {
      for (const sql of ["DELETE FROM products", "WITH a AS (SELECT 1) DELETE FROM products"]) {
        await using opened = await results.open({ address: queryAddress(sql) });
        await opened.page.getByRole("button", { name: /^Run/ }).waitFor();
        await opened.page.waitForLoadState("networkidle");
        expect(await results.sql("t", "SELECT count(*) AS n FROM products")).toEqual([{ n: 3 }]);
      }
    },
    IN_BROWSER,
  );
});
