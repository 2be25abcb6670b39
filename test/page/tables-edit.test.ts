/** Changing rows as people do it; what counts is what the server then holds. */
import { beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { describePage, IN_BROWSER } from "./support/browser.ts";
import { makeTables } from "./support/tables.ts";

const grid = (page: Page) => page.getByRole("grid");
const cell = (page: Page, row: number, column: number) =>
  grid(page).locator(`[data-row="${row}"] [data-column="${column}"]`);
const bar = (page: Page) => page.getByRole("region", { name: "Unsaved changes" });

async function edit(page: Page, row: number, column: number, text: string): Promise<void> {
  await cell(page, row, column).dblclick();
  await page.getByRole("textbox", { name: /^Value of/ }).fill(text);
  await page.keyboard.press("Enter");
}

async function menu(page: Page, row: number, column: number, item: string | RegExp): Promise<void> {
  await cell(page, row, column).click({ button: "right" });
  await page.getByRole("menuitem", { name: item }).click();
}

async function save(page: Page): Promise<void> {
  await bar(page).getByRole("button", { name: /^Save/ }).click();
  await bar(page).waitFor({ state: "detached" });
}

async function paste(page: Page, text: string): Promise<void> {
  await page.evaluate((copied) => navigator.clipboard.writeText(copied), text);
  await page.keyboard.press("Control+v");
}

describePage("editing tables", (tests) => {
  const { open, sql } = tests;
  beforeAll(() => makeTables(tests, "t.db"));

  test(
    "an edited, an added and a deleted row are marked, previewed, saved in one go, and undone",
    async () => {
      const before = await sql("t.db", "SELECT * FROM customers ORDER BY id");
      await using opened = await open({
        address: "#/t.db/table/customers",
        expectedErrors: /409|400/,
      });
      const { page } = opened;
      await edit(page, 0, 2, "Paris");
      await edit(page, 0, 4, "");
      await menu(page, 2, 1, "Delete 1 row");
      await page.getByRole("button", { name: "Row", exact: true }).click();
      await edit(page, 4, 1, "Emmy");
      await bar(page).getByText("1 changed, 1 new, 1 to delete").waitFor();
      expect(await cell(page, 0, 2).getAttribute("class")).toContain("cell-changed");
      expect(await cell(page, 2, 0).getAttribute("class")).toContain("cell-deleted");
      expect(await cell(page, 4, 0).getAttribute("class")).toContain("cell-added");
      expect(await sql("t.db", "SELECT * FROM customers ORDER BY id")).toEqual(before);

      await bar(page).getByRole("button", { name: "SQL" }).click();
      const dialog = page.getByRole("dialog", { name: "What will be saved" });
      const shown = await dialog.getByRole("region", { name: "SQL" }).innerText();
      expect(shown).toContain("DELETE FROM customers\nWHERE id = 3\n  AND name IS 'Carl'");
      expect(shown).toContain(
        "UPDATE customers\nSET city = 'Paris', credit = NULL\nWHERE id = 1\n  AND city IS 'London'",
      );
      expect(shown).toContain("INSERT INTO customers (name)\nVALUES ('Emmy')");
      // Carl has orders: the foreign key would not let him go.
      await dialog.getByRole("alert").getByText("FOREIGN KEY").waitFor();
      await page.keyboard.press("Escape");
      await bar(page).getByRole("button", { name: /^Save/ }).click();
      await bar(page).getByText("Nothing was saved").waitFor();
      expect(await sql("t.db", "SELECT * FROM customers ORDER BY id")).toEqual(before);

      await menu(page, 2, 1, "Keep 1 row");
      await menu(page, 3, 1, "Delete 1 row");
      await bar(page).getByRole("button", { name: "SQL" }).click();
      await dialog.getByText("customers: 1 inserted, 1 updated, 1 deleted").waitFor();
      await opened.checkAccessibility();
      await dialog.getByRole("button", { name: "Save" }).click();
      await bar(page).waitFor({ state: "detached" });
      expect(await sql("t.db", "SELECT id, name, city, credit FROM customers ORDER BY id")).toEqual(
        [
          { id: 1, name: "Ada", city: "Paris", credit: null },
          { id: 2, name: "Blaise", city: "Clermont", credit: null },
          { id: 3, name: "Carl", city: "", credit: 12.25 },
          { id: 4, name: "Emmy", city: null, credit: 10.5 },
        ],
      );

      await page.getByRole("button", { name: "Undo", exact: true }).click();
      await page.getByText("Undone: 3 rows").first().waitFor();
      expect(await sql("t.db", "SELECT * FROM customers ORDER BY id")).toEqual(before);
    },
    IN_BROWSER,
  );

  test(
    "NULL, the default, empty text and numbers are kept apart",
    async () => {
      await sql(
        "t.db",
        "DROP TABLE IF EXISTS kinds",
        "CREATE TABLE kinds(id INTEGER PRIMARY KEY, a TEXT DEFAULT 'd''q', b)",
        "INSERT INTO kinds VALUES (1, 'x', 1), (2, 'x', '1'), (3, 'x', NULL)",
      );
      await using opened = await open({ address: "#/t.db/table/kinds" });
      const { page } = opened;
      await cell(page, 0, 1).click();
      await page.keyboard.press("Delete");
      await edit(page, 1, 1, "");
      await cell(page, 2, 1).click();
      await page.getByRole("button", { name: "Value", exact: true }).click();
      await page.getByRole("radio", { name: "Default" }).click();
      await cell(page, 0, 2).click();
      await page.getByRole("radio", { name: "Text" }).click();
      await cell(page, 1, 2).click();
      await page.getByRole("radio", { name: "Number" }).click();
      await cell(page, 2, 2).click();
      await page.getByRole("radio", { name: "Text" }).click();
      await page.getByRole("textbox", { name: "Value of b" }).fill("two\nlines");
      await save(page);
      expect(
        await sql("t.db", "SELECT id, a, typeof(a) t, b, typeof(b) u FROM kinds ORDER BY id"),
      ).toEqual([
        { id: 1, a: null, t: "null", b: "1", u: "text" },
        { id: 2, a: "", t: "text", b: 1, u: "integer" },
        { id: 3, a: "d'q", t: "text", b: "two\nlines", u: "text" },
      ]);
    },
    IN_BROWSER,
  );

  test(
    "a row that somebody else changed meanwhile stops all of it, and says which",
    async () => {
      await sql(
        "t.db",
        "DROP TABLE IF EXISTS race",
        "CREATE TABLE race(id INTEGER PRIMARY KEY, a TEXT)",
        "INSERT INTO race VALUES (1, 'one'), (2, 'two')",
      );
      await using opened = await open({ address: "#/t.db/table/race", expectedErrors: /409/ });
      const { page } = opened;
      await edit(page, 0, 1, "mine 1");
      await edit(page, 1, 1, "mine 2");
      await sql("t.db", "UPDATE race SET a = 'theirs' WHERE id = 2");
      await bar(page).getByRole("button", { name: /^Save/ }).click();
      await bar(page).getByText("The row id = 2 was changed or deleted").waitFor();
      expect(await cell(page, 1, 1).getAttribute("class")).toContain("cell-refused");
      expect(await sql("t.db", "SELECT a FROM race ORDER BY id")).toEqual([
        { a: "one" },
        { a: "theirs" },
      ]);
      await opened.checkAccessibility();
      await bar(page).getByRole("button", { name: "Read it again" }).click();
      await page.getByText("a is now theirs").first().waitFor();
      await save(page);
      expect(await sql("t.db", "SELECT a FROM race ORDER BY id")).toEqual([
        { a: "mine 1" },
        { a: "mine 2" },
      ]);
    },
    IN_BROWSER,
  );

  test(
    "a range from a spreadsheet goes over the cells and into new rows; CSV too; one step back",
    async () => {
      await sql(
        "t.db",
        "DROP TABLE IF EXISTS sheet",
        "CREATE TABLE sheet(id INTEGER PRIMARY KEY, a INTEGER, b TEXT)",
        "INSERT INTO sheet VALUES (1, 1, 'x'), (2, 2, 'y')",
      );
      await using opened = await open({ address: "#/t.db/table/sheet" });
      const { page } = opened;
      await cell(page, 1, 1).click();
      await paste(page, '10\t"two\nlines"\n\tlast\textra');
      await page.getByText("Pasted 4 cells, 1 new row; 1 field had no column").first().waitFor();
      await page.keyboard.press("Control+z");
      await bar(page).waitFor({ state: "detached" });
      await paste(page, '10\t"two\nlines"\n\tlast');
      await save(page);
      expect(await sql("t.db", "SELECT a, b FROM sheet ORDER BY id")).toEqual([
        { a: 1, b: "x" },
        { a: 10, b: "two\nlines" },
        { a: null, b: "last" },
      ]);
      await cell(page, 0, 1).click();
      await paste(page, '7,"a, b"\n8,c');
      await save(page);
      expect(await sql("t.db", "SELECT a, b FROM sheet ORDER BY id LIMIT 2")).toEqual([
        { a: 7, b: "a, b" },
        { a: 8, b: "c" },
      ]);
    },
    IN_BROWSER,
  );

  test(
    "composite keys without row id, odd names, and rows that only their row id tells apart",
    async () => {
      await using opened = await open({ address: "#/t.db/table/stock" });
      const { page } = opened;
      await edit(page, 1, 2, "42");
      await edit(page, 0, 1, "9");
      await save(page);
      expect(await sql("t.db", "SELECT shop, sku, amount FROM stock ORDER BY shop, sku")).toEqual([
        { shop: "north", sku: 2, amount: 42 },
        { shop: "north", sku: 9, amount: 5 },
        { shop: "south", sku: 1, amount: 7 },
      ]);

      const odd = 'odd "name" – größe';
      await page
        .getByRole("navigation", { name: "Database" })
        .getByRole("link", { name: odd })
        .first()
        .click();
      await page.getByRole("grid", { name: `Rows of ${odd}` }).waitFor();
      const oddCell = (row: number, column: number) =>
        page
          .getByRole("grid", { name: `Rows of ${odd}` })
          .locator(`[data-row="${row}"] [data-column="${column}"]`);
      await oddCell(2, 0).dblclick();
      await page.getByRole("textbox", { name: "Value of select" }).fill("three");
      await page.keyboard.press("Tab");
      await page.keyboard.type("3");
      await page.keyboard.press("Enter");
      await oddCell(0, 0).click({ button: "right" });
      await page.getByRole("menuitem", { name: "Delete 1 row" }).click();
      await save(page);
      expect(await sql("t.db", 'SELECT * FROM "odd ""name"" – größe" ORDER BY rowid')).toEqual([
        { select: "two", "a b": 2, 'c"d': "q" },
        { select: "three", "a b": 3, 'c"d': "p" },
      ]);
    },
    IN_BROWSER,
  );

  test(
    "BLOBs are shown by their size, looked at, put in from a file, and come back when undone",
    async () => {
      await using opened = await open({ address: "#/t.db/table/stock" });
      const { page } = opened;
      const before = await sql("t.db", "SELECT hex(photo) h FROM stock ORDER BY shop, sku");
      await cell(page, 0, 3).getByText("BLOB 10 B").waitFor();
      await cell(page, 2, 3).getByText("BLOB 39 KiB").waitFor();
      await cell(page, 2, 3).click();
      await page.getByRole("button", { name: "Value", exact: true }).click();
      await page.getByRole("button", { name: "Fetch the bytes" }).click();
      await page
        .getByText("38 KiB more", { exact: false })
        .or(page.getByText("37 KiB more", { exact: false }))
        .waitFor();
      const file = page.getByLabel("File for photo");
      await file.setInputFiles({
        name: "a.bin",
        mimeType: "application/octet-stream",
        buffer: Buffer.from([0, 255, 39, 10]),
      });
      await cell(page, 2, 3).getByText("BLOB 4 B").waitFor();
      await menu(page, 0, 3, "Delete 1 row");
      await save(page);
      expect(await sql("t.db", "SELECT hex(photo) h FROM stock ORDER BY shop, sku")).toEqual([
        { h: "" },
        { h: "00FF270A" },
      ]);
      await page.getByRole("button", { name: "More", exact: true }).click();
      await page.getByRole("menuitem", { name: "Undo what was saved last" }).click();
      await page.getByText("Undone: 2 rows").first().waitFor();
      const after = await sql("t.db", "SELECT hex(photo) h FROM stock ORDER BY shop, sku");
      expect(after[0]).toEqual(before[0] as Record<string, unknown>);
      expect(after).toHaveLength(3);
    },
    IN_BROWSER,
  );

  test(
    "generated columns, views and key-value tables are only read, and say why",
    async () => {
      await tests.server().api("/kv/some/key?db=t.db", { method: "PUT", body: '{"a":1}' });
      await using opened = await open({ address: "#/t.db/table/orders" });
      const { page } = opened;
      await cell(page, 0, 5).dblclick();
      await page.getByRole("region", { name: "Value of twice" }).waitFor();
      expect(await page.getByRole("textbox", { name: "Value of twice" }).count()).toBe(0);
      await page.goto(`${tests.server().origin}/#/t.db/table/kv_store`);
      await page.getByText("change them with the key-value API").waitFor();
      await page.getByRole("grid", { name: "Rows of kv_store" }).waitFor();
      expect(
        await page
          .getByRole("tabpanel", { name: "kv_store" })
          .getByRole("button", { name: "Row", exact: true })
          .count(),
      ).toBe(0);
      await page.goto(`${tests.server().origin}/#/t.db/table/big_orders`);
      await page.getByText("This is a view").waitFor();
      await page.getByRole("tabpanel", { name: "big_orders" }).getByText("1–100 of").waitFor();
      await page
        .getByRole("tabpanel", { name: "big_orders" })
        .getByRole("button", { name: "Next page" })
        .click();
      await page.getByRole("tabpanel", { name: "big_orders" }).getByText("101–200 of").waitFor();
    },
    IN_BROWSER,
  );

  test(
    "on a phone a value is changed, a row added and saved by touch",
    async () => {
      await sql(
        "t.db",
        "DROP TABLE IF EXISTS pocket",
        "CREATE TABLE pocket(id INTEGER PRIMARY KEY, a TEXT)",
        "INSERT INTO pocket VALUES (1, 'one')",
      );
      await using opened = await open({ address: "#/t.db/table/pocket", width: 390, height: 800 });
      const { page } = opened;
      await cell(page, 0, 1).tap();
      await page.getByRole("button", { name: "Value", exact: true }).tap();
      const sheet = page.getByRole("dialog", { name: "Value" });
      await sheet.getByRole("textbox", { name: "Value of a" }).fill("uno");
      await sheet.getByRole("button", { name: "Close the value" }).tap();
      await page.getByRole("button", { name: "Row", exact: true }).tap();
      await page.getByRole("button", { name: "Value", exact: true }).tap();
      await sheet.getByRole("radio", { name: "Text" }).tap();
      await sheet.getByRole("textbox", { name: "Value of a" }).fill("due");
      await sheet.getByRole("button", { name: "Close the value" }).tap();
      await bar(page).getByRole("button", { name: /^Save/ }).tap();
      await bar(page).waitFor({ state: "detached" });
      expect(await sql("t.db", "SELECT * FROM pocket ORDER BY id")).toEqual([
        { id: 1, a: "uno" },
        { id: 2, a: "due" },
      ]);
    },
    IN_BROWSER,
  );

  test(
    "by keyboard alone: edit, menu, value, save",
    async () => {
      await sql(
        "t.db",
        "DROP TABLE IF EXISTS typed",
        "CREATE TABLE typed(id INTEGER PRIMARY KEY, a TEXT, b INTEGER)",
        "INSERT INTO typed VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3)",
      );
      await using opened = await open({ address: "#/t.db/table/typed" });
      const { page } = opened;
      await grid(page).focus();
      const press = async (...keys: string[]) => {
        for (const key of keys) await page.keyboard.press(key);
      };
      await press("ArrowRight");
      await page.keyboard.type("uno");
      await press("Tab");
      await page.keyboard.type("11");
      await press("Enter", "Delete", "ArrowDown");
      await press("Shift+F10");
      await page.getByRole("menuitem", { name: "Delete 1 row" }).waitFor();
      // Menus find an item by its first letters.
      await page.keyboard.type("Dele");
      await press("Enter");
      await bar(page).getByText("2 changed, 1 to delete").waitFor();
      await grid(page).focus();
      await press("ArrowUp", "ArrowLeft", "Space");
      await page.getByRole("radio", { name: "NULL" }).focus();
      await press("Space", "Control+s");
      await bar(page).waitFor({ state: "detached" });
      expect(await sql("t.db", "SELECT * FROM typed ORDER BY id")).toEqual([
        { id: 1, a: "uno", b: 11 },
        { id: 2, a: null, b: null },
      ]);
    },
    IN_BROWSER,
  );
});
