import { beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { BROWSER_TIMEOUT_MS, describePage, IN_BROWSER } from "./support/browser.ts";
import { SHOP } from "./support/shop.ts";

const editorOf = (page: Page) => page.getByRole("textbox", { name: "SQL" });
const statusOf = (page: Page) => page.getByRole("status").filter({ hasText: "·" }).last();

async function write(page: Page, sql: string): Promise<void> {
  const editor = editorOf(page);
  await editor.click();
  await page.keyboard.press("Control+a");
  // Into an empty line: the browser would style what it puts in the place of other text.
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(sql);
}

describePage("editor", (editor) => {
  beforeAll(() => editor.sql("t", ...SHOP), BROWSER_TIMEOUT_MS);

  test(
    "runs the statement at the cursor, the selection, or all of them in one transaction",
    async () => {
      await using opened = await editor.open({ address: "#/t.db/sql" });
      const { page } = opened;
      await write(
        page,
        "INSERT INTO products VALUES('E-1', 'Eraser', 2);\nSELECT title FROM products WHERE sku = 'E-1';",
      );
      await page.keyboard.press("Control+Enter");
      await statusOf(page).filter({ hasText: "0 rows" }).waitFor();
      expect(await editor.sql("t", "SELECT * FROM products WHERE sku = 'E-1'")).toEqual([]);

      await page.getByRole("button", { name: "Run all 2" }).click();
      await page.getByRole("gridcell", { name: "Eraser" }).waitFor();
      await opened.checkAccessibility();
      await page.getByRole("tab", { name: /2\s*1 rows/ }).press("ArrowLeft");
      await page.getByRole("tab", { name: /1\s*1 changed/, selected: true }).waitFor();
      await page.getByText("1 row changed.", { exact: true }).waitFor();
      expect(await editor.sql("t", "SELECT title FROM products WHERE sku = 'E-1'")).toEqual([
        { title: "Eraser" },
      ]);

      await page.keyboard.press("Control+a");
      await write(page, "SELECT 'all' AS part, 1 + 1 AS sum");
      await editorOf(page).press("Home");
      await page.keyboard.press("Shift+End");
      await page.keyboard.press("Control+Enter");
      await page.getByRole("gridcell", { name: "all" }).waitFor();
    },
    IN_BROWSER,
  );

  test(
    "a statement that fails undoes those before it, and is marked where it is wrong",
    async () => {
      await using opened = await editor.open({
        address: "#/t.db/sql",
        expectedErrors: /status of 400/,
      });
      const { page } = opened;
      await write(
        page,
        "DELETE FROM orders;\nSELECT name,\n  nickname FROM users;\nDELETE FROM users;",
      );
      await page.keyboard.press("Control+Shift+Enter");
      const alert = page.getByRole("alert");
      expect(await alert.innerText()).toContain("no such column: nickname SQL_ERROR");
      expect(await alert.innerText()).toContain("none of the statements took effect");
      expect(await page.locator(".cm-lintRange-error").innerText()).toBe("nickname");
      expect(await editor.sql("t", "SELECT count(*) AS n FROM orders")).toEqual([{ n: 1000 }]);

      // The last good rows stay while the next run fails.
      await write(page, "SELECT 'kept' AS word");
      await page.keyboard.press("Control+Enter");
      await page.getByRole("gridcell", { name: "kept" }).waitFor();
      expect(await page.locator(".cm-lintRange-error").count()).toBe(0);
      await write(page, "SELEC 1");
      await page.keyboard.press("Control+Enter");
      await alert.filter({ hasText: "syntax error" }).waitFor();
      expect(await page.locator(".cm-lintRange-error").innerText()).toBe("SELEC");
      await page.getByRole("gridcell", { name: "kept" }).waitFor();
    },
    IN_BROWSER,
  );

  test(
    "asks for parameters, keeps their kinds, and has them in the address",
    async () => {
      await using opened = await editor.open({ address: "#/t.db/sql" });
      const { page } = opened;
      await write(page, "SELECT typeof(:n) AS n, typeof(:t) AS t, :t AS text, typeof(:z) AS z");
      await page.keyboard.press("Control+Enter");
      const n = page.getByRole("textbox", { name: ":n", exact: true });
      await n.waitFor();
      expect(await n.getAttribute("aria-invalid")).toBe("true");
      await page.waitForFunction(
        () => document.activeElement?.getAttribute("data-parameter") === ":n",
      );
      await n.fill("9007199254740993");
      await page.getByRole("textbox", { name: ":t", exact: true }).fill("007");
      await page.getByRole("combobox", { name: "Type of :t" }).selectOption("text");
      await page.getByRole("combobox", { name: "Type of :z" }).selectOption("null");
      await n.press("Enter");
      const cells = page.getByRole("gridcell");
      await cells.first().waitFor();
      expect(await cells.allInnerTexts()).toEqual(["integer", "text", "007", "null"]);

      // The address alone brings back the query, its values and its rows.
      const address = new URL(page.url()).hash;
      await using again = await editor.open({ address });
      await again.page.getByRole("gridcell").first().waitFor();
      expect(await again.page.getByRole("gridcell").allInnerTexts()).toEqual([
        "integer",
        "text",
        "007",
        "null",
      ]);
      const digits = again.page.getByRole("textbox", { name: ":n", exact: true });
      expect(await digits.inputValue()).toBe("9007199254740993");
    },
    IN_BROWSER,
  );

  test(
    "positional parameters, too",
    async () => {
      await using opened = await editor.open({ address: "#/t.db/sql" });
      const { page } = opened;
      await write(page, "SELECT ? || '-' || ? AS joined, '? in text' AS text");
      await page.getByRole("textbox", { name: "?1", exact: true }).fill("a");
      await page.getByRole("textbox", { name: "?2", exact: true }).fill("b");
      expect(await page.getByRole("textbox", { name: /^\?/ }).count()).toBe(2);
      await page.keyboard.press("Enter");
      await page.getByRole("gridcell", { name: "a-b" }).waitFor();
    },
    IN_BROWSER,
  );

  test(
    "completes tables, columns of the statement's tables and aliases from the live schema",
    async () => {
      await using opened = await editor.open({ address: "#/t.db/sql" });
      const { page } = opened;
      await page
        .getByRole("link", { name: /^orders/ })
        .first()
        .waitFor();
      const options = page.getByRole("listbox").getByRole("option");
      await editorOf(page).click();
      await page.keyboard.type("SELECT * FROM ord");
      await options.filter({ hasText: "orders" }).first().waitFor();
      await page.keyboard.press("Escape");
      await write(page, "SELECT  FROM users u");
      await page.keyboard.press("Home");
      for (let step = 0; step < 7; step += 1) await page.keyboard.press("ArrowRight");
      await page.keyboard.type("u.");
      await options.filter({ hasText: "email" }).first().waitFor();
      await page.keyboard.type("em");
      await page.waitForFunction(
        () => document.querySelectorAll(".cm-tooltip-autocomplete li").length === 1,
      );
      await page.keyboard.press("Enter");
      await page.keyboard.type(", pref");
      await options.filter({ hasText: "prefs" }).first().waitFor();
      // A table that is made now is offered next.
      await page.keyboard.press("Escape");
      await write(page, "CREATE TABLE brand_new(made_up_column)");
      await page.keyboard.press("Control+Enter");
      await page
        .getByRole("link", { name: /^brand_new/ })
        .first()
        .waitFor();
      await write(page, "");
      await page.keyboard.type("SELECT * FROM brand");
      await options.filter({ hasText: "brand_new" }).first().waitFor();
    },
    IN_BROWSER,
  );

  test(
    "formats the text so that it can be undone",
    async () => {
      await using opened = await editor.open({ address: "#/t.db/sql" });
      const { page } = opened;
      await write(page, "select id,name from users where id=:id and email like '%  x'");
      await page.getByRole("button", { name: "Format" }).click();
      await page.waitForFunction(() => document.querySelectorAll(".cm-line").length > 4);
      const formatted = await editorOf(page).innerText();
      expect(formatted).toContain("SELECT");
      expect(formatted).toContain("'%  x'");
      expect(formatted).toContain(":id");
      await editorOf(page).click();
      await page.keyboard.press("Control+z");
      await page.waitForFunction(() => document.querySelectorAll(".cm-line").length === 1);
    },
    IN_BROWSER,
  );

  test(
    "shows the plan as a tree, and marks what reads every row",
    async () => {
      await using opened = await editor.open({ address: "#/t.db/sql" });
      const { page } = opened;
      await write(
        page,
        "SELECT * FROM orders WHERE user_id = :user AND id IN (SELECT id FROM orders WHERE note LIKE '%x')",
      );
      await page.getByRole("button", { name: "Explain" }).click();
      const plan = page.getByRole("region", { name: "Query plan" });
      await plan.getByText("orders_user").waitFor();
      expect(await plan.getByText("by index").count()).toBeGreaterThan(0);
      expect(await plan.getByText("reads every row").count()).toBe(1);
      expect(await plan.locator("ul ul li").count()).toBeGreaterThan(0);
      await write(page, "DELETE FROM orders WHERE id > 0");
      await page.getByRole("button", { name: "Explain" }).click();
      await plan.getByText("INTEGER PRIMARY KEY").waitFor();
      expect(await editor.sql("t", "SELECT count(*) AS n FROM orders")).toEqual([{ n: 1000 }]);
    },
    IN_BROWSER,
  );

  test(
    "shows the time of what runs, and really stops it",
    async () => {
      await using opened = await editor.open({ address: "#/t.db/sql" });
      const { page } = opened;
      await write(
        page,
        "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
      );
      await page.keyboard.press("Control+Enter");
      const stop = page.getByRole("button", { name: /^Stop/ });
      await stop.getByText(/[1-9]\d\d ms|s$/).waitFor();
      const active = async () =>
        (await editor.server().json<{ counters: { sql_active: number } }>("/health")).body.counters
          .sql_active;
      expect(await active()).toBe(1);
      await stop.click();
      await page.getByText("Stopped.").waitFor();
      while ((await active()) > 0) await Bun.sleep(20);
      await page.getByRole("button", { name: /^Run/ }).waitFor();
    },
    IN_BROWSER,
  );
});
