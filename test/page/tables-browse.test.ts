/** Looking at the rows of tables: pages, filters, order, keys, facets, addresses. */
import { beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { API } from "../support/server.ts";
import { describePage, type PageTests, TEST_TIMEOUT_MS } from "./support/browser.ts";
import { makeTables } from "./support/tables.ts";

const PAGES = "nav[aria-label=Pages] [role=status]";

/** Texts of a column, from the top. */
async function column(page: Page, index: number): Promise<string[]> {
  return page
    .locator(
      `[role=tabpanel]:not([hidden]) [role=grid] [role=row][data-row] [data-column="${index}"]`,
    )
    .allInnerTexts();
}

async function shows(page: Page, words: string): Promise<void> {
  await page.locator(`[role=tabpanel]:not([hidden]) ${PAGES}`, { hasText: words }).waitFor();
}

describePage("tables", (tests: PageTests) => {
  const { open, sql, server } = tests;
  beforeAll(async () => {
    await makeTables(tests, "t.db");
  });

  test(
    "pages are found by the key, forth, back and at the end, and Back goes back",
    async () => {
      await using opened = await open({ address: "#/t.db/table/orders" });
      const { page } = opened;
      await shows(page, "1–100 of 2,345");
      await page.getByRole("button", { name: "Next page" }).click();
      await shows(page, "101–200 of 2,345");
      expect((await column(page, 0))[0]).toBe("101");
      expect(page.url()).toContain("after=");
      await page.getByRole("button", { name: "Last page" }).click();
      await shows(page, "2,301–2,345");
      await page.getByRole("button", { name: "Previous page" }).click();
      await shows(page, "2,201–2,300");
      await page.goBack();
      await page.goBack();
      await shows(page, "101–200 of 2,345");
      await page.reload();
      await shows(page, "101–200 of 2,345");
      expect((await column(page, 0))[0]).toBe("101");
      await opened.screenshot("table");
      await opened.checkAccessibility();
    },
    TEST_TIMEOUT_MS,
  );
});
