/** The diagram of the foreign keys, and the same as a list. */
import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { describePage, IN_BROWSER } from "./support/browser.ts";
import { makeTables } from "./support/tables.ts";

describePage("the diagram", (tests) => {
  beforeAll(() => makeTables(tests, "t.db"));

  test(
    "shows tables apart from one another, fades what was not looked for, and leads to the rows",
    async () => {
      await using opened = await tests.open({ address: "#/t.db/diagram" });
      const { page } = opened;
      await page.getByText("4 tables, 1 foreign key").waitFor();
      await page.getByRole("article").nth(3).waitFor();
      const boxes = await Promise.all(
        (await page.getByRole("article").all()).map((table) => table.boundingBox()),
      );
      expect(boxes).toHaveLength(4);
      for (const a of boxes)
        for (const b of boxes) {
          if (a === null || b === null) throw new Error("a table is not visible");
          if (a === b) continue;
          const apart =
            a.x + a.width <= b.x ||
            b.x + b.width <= a.x ||
            a.y + a.height <= b.y ||
            b.y + b.height <= a.y;
          expect(apart).toBe(true);
        }
      const [orders, customers] = await Promise.all(
        ["orders", "customers"].map((name) => page.getByRole("article", { name }).boundingBox()),
      );
      expect(orders?.x ?? 0).toBeLessThan(customers?.x ?? 0);
      const zoomed = page.locator(".react-flow__viewport");
      const before = await zoomed.getAttribute("style");
      await page.getByRole("button", { name: "Zoom In" }).click();
      await page.waitForFunction(
        (old) => document.querySelector(".react-flow__viewport")?.getAttribute("style") !== old,
        before,
      );
      await page.getByRole("searchbox", { name: "Find a table or column" }).fill("born");
      await page.locator(".diagram-faded").first().waitFor();
      expect(await page.locator(".diagram-faded").count()).toBe(3);
      await page.getByRole("button", { name: "Fit View" }).click();
      await page.getByRole("article", { name: "customers" }).getByRole("link").click();
      await page.getByRole("grid", { name: "Rows of customers" }).waitFor();
    },
    IN_BROWSER,
  );

  test(
    "boxes stay where they were dragged to, until they are tidied up; pictures show them there",
    async () => {
      await using opened = await tests.open({ address: "#/t.db/diagram" });
      const { page, context } = opened;
      const box = async (of: Page) => {
        const found = await of.getByRole("article", { name: "orders" }).boundingBox();
        if (found === null) throw new Error("the table is not visible");
        return found;
      };
      await page.getByRole("article").nth(3).waitFor();
      const before = await box(page);
      expect(await page.getByRole("button", { name: "Tidy up" }).count()).toBe(0);
      const x = before.x + before.width / 2;
      const y = before.y + before.height * 0.7;
      await page.mouse.move(x, y);
      await page.mouse.down();
      await page.mouse.move(x + 30, y + 90, { steps: 5 });
      await page.mouse.up();
      await page.getByRole("button", { name: "Tidy up" }).waitFor();
      expect((await box(page)).y - before.y).toBeGreaterThan(60);
      await opened.checkAccessibility();

      const picture = async (kind: string) => {
        await page.getByRole("button", { name: "Picture" }).click();
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          page.getByRole("menuitem", { name: kind }).click(),
        ]);
        return readFileSync(await download.path());
      };
      const moved = (await picture("SVG file")).toString();
      expect(moved).toMatch(/^<svg [\s\S]*<\/svg>\s*$/);
      expect(moved).toContain("odd &quot;name&quot; – größe");
      expect(moved).toContain("orders refers to customers: customer → id");
      const png = await picture("PNG file");
      expect(png.subarray(1, 4).toString()).toBe("PNG");
      expect(png.length).toBeGreaterThan(5000);

      await using again = await tests.open({ context, address: "#/t.db/diagram" });
      await again.page.getByRole("button", { name: "Tidy up" }).click();
      await again.page.getByRole("button", { name: "Tidy up" }).waitFor({ state: "detached" });
      await page.reload();
      await page.getByRole("article").nth(3).waitFor();
      expect((await picture("SVG file")).toString()).not.toBe(moved);
      expect(await page.getByRole("button", { name: "Tidy up" }).count()).toBe(0);
    },
    IN_BROWSER,
  );

  test(
    "says the same as a list, by keyboard",
    async () => {
      await using opened = await tests.open({ address: "#/t.db/diagram" });
      const { page } = opened;
      await page.getByRole("button", { name: "As a list" }).focus();
      await page.keyboard.press("Enter");
      await page.getByText("is referred to by orders").waitFor();
      expect(page.url()).toContain("as=list");
      await opened.checkAccessibility();
      await page.getByRole("main").getByRole("link", { name: "orders" }).last().focus();
      await page.keyboard.press("Enter");
      await page.getByRole("grid", { name: "Rows of orders" }).waitFor();
    },
    IN_BROWSER,
  );
});
