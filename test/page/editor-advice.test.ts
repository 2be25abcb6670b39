/** What the editor says while people write: what would go wrong, and what a function takes. */
import { beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { BROWSER_TIMEOUT_MS, describePage, IN_BROWSER } from "./support/browser.ts";
import { SHOP } from "./support/shop.ts";

const warned = (page: Page) => page.locator(".cm-lintRange-warning");
const write = async (page: Page, sql: string) => {
  await page.getByRole("textbox", { name: "SQL" }).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(sql);
};

describePage("advice in the editor", (tests) => {
  beforeAll(() => tests.sql("t", ...SHOP), BROWSER_TIMEOUT_MS);

  test(
    "unknown names and wrong syntax are underlined after a pause, nothing runs, and the log is not told",
    async () => {
      await using opened = await tests.open({ address: "#/t.db/sql" });
      const { page } = opened;
      await write(
        page,
        "SELECT titel, ? FROM products;\nDELETE FROM products;\nSELECT * FORM products",
      );
      await page.waitForFunction(
        () => document.querySelectorAll(".cm-lintRange-warning").length === 2,
      );
      expect(await warned(page).allInnerTexts()).toEqual(["titel", "FORM"]);
      await warned(page).first().hover();
      await page.locator(".cm-tooltip-lint").getByText("no such column: titel").waitFor();
      expect(await tests.sql("t", "SELECT count(*) > 0 AS kept FROM products")).toEqual([
        { kept: 1 },
      ]);
      const log = await tests
        .server()
        .json<{ history: { query: string }[] }>("/history?db=t&source=sql&limit=100");
      expect(JSON.stringify(log.body)).not.toContain("titel");

      // What an earlier statement makes is not missed; pragmas have no plan and are left alone.
      await write(
        page,
        "CREATE TABLE later(a);\nSELECT a FROM later;\nPRAGMA user_version;\nSELECT nope FROM products",
      );
      await page.waitForTimeout(1500);
      expect(await warned(page).count()).toBe(0);

      await write(page, "SELECT nope FROM products");
      await warned(page).waitFor();
      await opened.checkAccessibility();
      await page.getByRole("button", { name: "Check while typing" }).click();
      await warned(page).waitFor({ state: "detached" });
      await page.reload();
      expect(
        await page.getByRole("button", { name: "Check while typing" }).getAttribute("aria-pressed"),
      ).toBe("false");
    },
    IN_BROWSER,
  );

  test(
    "a function shows what it takes, the argument at the cursor brought out",
    async () => {
      await using opened = await tests.open({ address: "#/t.db/sql" });
      const { page } = opened;
      const hint = page.locator(".cm-signature");
      await write(page, "SELECT substr(");
      await page.keyboard.type("title, max(1, 2), ");
      await hint.getByText("substr(text, start, length)").waitFor();
      expect(await hint.locator("strong").innerText()).toBe("length");
      await page.keyboard.type("coalesce(1, 2, 3");
      expect(await hint.locator("strong").innerText()).toBe("…");
      await page.keyboard.press("End");
      await page.keyboard.type(" ");
      await page.keyboard.press("Home");
      await hint.waitFor({ state: "detached" });
      await write(page, "SELECT tri");
      await page.keyboard.type("m");
      await page.getByRole("option", { name: "trim(text, characters)" }).first().waitFor();
    },
    IN_BROWSER,
  );
});
