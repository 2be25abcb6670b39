/** The diagram of the foreign keys, and the same as a list. */
import { beforeAll, expect, test } from "bun:test";
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
