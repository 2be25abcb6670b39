/** Values and tables that are awkward to edit: what counts is what the server then holds. */
import { beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { describePage, IN_BROWSER } from "./support/browser.ts";

const grid = (page: Page, table: string) => page.getByRole("grid", { name: `Rows of ${table}` });
const bar = (page: Page) => page.getByRole("region", { name: "Unsaved changes" });

describePage("tables with odd values", (tests) => {
  const { open, sql } = tests;
  const cell = (page: Page, table: string, row: number, column: number) =>
    grid(page, table).locator(`[data-row="${row}"] [data-column="${column}"]`);
  const edit = async (page: Page, table: string, row: number, column: number, text: string) => {
    await cell(page, table, row, column).dblclick();
    await page.getByRole("textbox", { name: /^Value of/ }).fill(text);
    await page.keyboard.press("Enter");
  };
  const menu = async (page: Page, table: string, row: number, column: number, item: string) => {
    await cell(page, table, row, column).click({ button: "right" });
    await page.getByRole("menuitem", { name: item }).click();
  };
  const save = async (page: Page) => {
    await bar(page).getByRole("button", { name: /^Save/ }).click();
    await bar(page).waitFor({ state: "detached" });
  };
  const undo = async (page: Page) => {
    await page.getByRole("button", { name: "Undo", exact: true }).first().click();
    await page
      .getByText(/^Undone:/)
      .first()
      .waitFor();
  };

  beforeAll(() =>
    sql(
      "t.db",
      "CREATE VIRTUAL TABLE notes USING fts5(title, body, tokenize = 'porter')",
      "INSERT INTO notes VALUES ('first', 'a quick fox'), ('second', NULL)",
      "CREATE VIRTUAL TABLE boxes USING rtree(id, min_x, max_x, +label TEXT)",
      "INSERT INTO boxes VALUES (1, 0.1, 1, 'small'), (2, 10, 20, 'large')",
      "CREATE VIRTUAL TABLE bare USING fts5(words, content='')",
      "INSERT INTO bare(rowid, words) VALUES (1, 'lost')",
      "CREATE TABLE pages(id INTEGER PRIMARY KEY, text)",
      "INSERT INTO pages VALUES (1, 'indexed')",
      "CREATE VIRTUAL TABLE pages_index USING fts5(text, content='pages', content_rowid='id')",
      "INSERT INTO pages_index(pages_index) VALUES ('rebuild')",
      "CREATE TABLE numbers(id INTEGER PRIMARY KEY, anything, fraction REAL)",
      `INSERT INTO numbers VALUES (1, 2.0, 9e999), (2, 2, -9e999), (3, 9007199254740993, 0.5),
         (4, -9223372036854775808, -0.0), (5, 1e20, NULL), (6, 9e999, 3)`,
      `CREATE TABLE anykeys(key PRIMARY KEY, "" TEXT) WITHOUT ROWID`,
      "INSERT INTO anykeys VALUES (1.0, 'real'), ('1', 'text'), (x'31', 'bytes')",
      `CREATE TABLE rules(id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL CHECK (price > 0),
         amount INT CONSTRAINT enough CHECK (amount >= 3), total REAL AS (price * amount) STORED) STRICT`,
      "INSERT INTO rules(name, price, amount) VALUES ('one', 1.5, 4), ('two', 2.0, 5)",
    ),
  );

  test(
    "rows of full-text and R-Tree tables are changed, added, deleted and undone by their row id",
    async () => {
      const notes = () => sql("t.db", "SELECT rowid, * FROM notes ORDER BY rowid");
      const boxes = () => sql("t.db", "SELECT * FROM boxes ORDER BY id");
      await using opened = await open({ address: "#/t.db/table/notes", expectedErrors: /400|409/ });
      const { page } = opened;
      const before = await notes();
      await edit(page, "notes", 0, 1, "a lazy dog");
      await menu(page, "notes", 1, 0, "Delete 1 row");
      await page.getByRole("button", { name: "Row", exact: true }).click();
      await edit(page, "notes", 2, 0, "third");
      await bar(page).getByRole("button", { name: "SQL" }).click();
      await page.getByText("a virtual table, whose rows are not counted").waitFor();
      await page.keyboard.press("Escape");
      await save(page);
      expect(await notes()).toEqual([
        { rowid: 1, title: "first", body: "a lazy dog" },
        { rowid: 2, title: "third", body: null },
      ]);
      expect(await sql("t.db", "SELECT rowid FROM notes('dog')")).toEqual([{ rowid: 1 }]);
      await undo(page);
      expect(await notes()).toEqual(before);
      expect(await sql("t.db", "SELECT rowid FROM notes('fox')")).toEqual([{ rowid: 1 }]);

      await page.goto(`${tests.server().origin}/#/t.db/table/boxes`);
      const was = await boxes();
      await edit(page, "boxes", 0, 2, "1.5");
      await edit(page, "boxes", 1, 0, "7");
      await edit(page, "boxes", 1, 3, "huge");
      await save(page);
      expect(await boxes()).toEqual([
        { id: 1, min_x: was[0]?.["min_x"], max_x: 1.5, label: "small" },
        { id: 7, min_x: 10, max_x: 20, label: "huge" },
      ]);
      await undo(page);
      expect(await boxes()).toEqual(was);
      await edit(page, "boxes", 1, 1, "30");
      await bar(page).getByRole("button", { name: /^Save/ }).click();
      await bar(page).getByText("rtree constraint failed").waitFor();
    },
    IN_BROWSER,
  );

  test(
    "an index without rows of its own, and what a virtual table keeps, are only read and say why",
    async () => {
      await using opened = await open({ address: "#/t.db/table/bare" });
      const { page } = opened;
      await page.getByText("bare is an index without content").waitFor();
      for (const [table, reason] of [
        ["pages_index", "pages_index is an index of pages. Change the rows there."],
        ["notes_data", "The database keeps its own books here."],
      ]) {
        await page.goto(`${tests.server().origin}/#/t.db/table/${table}`);
        await page.getByText(reason ?? "").waitFor();
        const panel = page.getByRole("tabpanel", { name: table ?? "" });
        expect(await panel.getByRole("button", { name: "Row", exact: true }).count()).toBe(0);
      }
    },
    IN_BROWSER,
  );

  test(
    "infinite, whole, long and negative numbers come back as they were, of the kind they were",
    async () => {
      const read = () =>
        sql(
          "t.db",
          "SELECT id, typeof(anything) AS kind, quote(anything) AS value, quote(fraction) AS fraction FROM numbers ORDER BY id",
        );
      const before = await read();
      await using opened = await open({ address: "#/t.db/table/numbers" });
      const { page } = opened;
      const shown = async (row: number) => [
        await cell(page, "numbers", row, 1).innerText(),
        await cell(page, "numbers", row, 2).innerText(),
      ];
      await cell(page, "numbers", 5, 1).waitFor();
      expect(await shown(0)).toEqual(["2.0", "Infinity"]);
      expect(await shown(1)).toEqual(["2", "-Infinity"]);
      expect(await shown(2)).toEqual(["9007199254740993", "0.5"]);
      expect(await shown(3)).toEqual(["-9223372036854775808", "0"]);
      await edit(page, "numbers", 0, 1, "x");
      await edit(page, "numbers", 0, 2, "-inf");
      await edit(page, "numbers", 1, 1, "3.0");
      await edit(page, "numbers", 1, 2, "NaN");
      await edit(page, "numbers", 2, 1, "9007199254740995");
      await menu(page, "numbers", 3, 0, "Delete 1 row");
      await menu(page, "numbers", 4, 0, "Delete 1 row");
      await menu(page, "numbers", 5, 0, "Delete 1 row");
      await save(page);
      expect(await read()).toEqual([
        { id: 1, kind: "text", value: "'x'", fraction: "-9.0e+999" },
        { id: 2, kind: "real", value: "3.0", fraction: "NULL" },
        { id: 3, kind: "integer", value: "9007199254740995", fraction: "0.5" },
      ]);
      await undo(page);
      expect(await read()).toEqual(before);
      // As a condition, too, and as what a page begins after.
      await menu(page, "numbers", 0, 2, "Only rows with this fraction");
      await page.getByText("1–1 of 1").waitFor();
      expect(await shown(0)).toEqual(["2.0", "Infinity"]);
      await page.getByRole("button", { name: "Remove the filter fraction = Infinity" }).click();
      await page.getByText("1–6 of 6").waitFor();
      // A copy is of the same kind, too.
      await menu(page, "numbers", 0, 0, "Duplicate 1 row");
      await save(page);
      expect((await read()).at(-1)).toMatchObject({
        kind: "real",
        value: "2.0",
        fraction: "9.0e+999",
      });
    },
    IN_BROWSER,
  );

  test(
    "keys of any kind, and a column without a name",
    async () => {
      const read = () =>
        sql("t.db", `SELECT quote(key) AS key, "" AS name FROM anykeys ORDER BY anykeys.key`);
      const before = await read();
      await using opened = await open({ address: "#/t.db/table/anykeys" });
      const { page } = opened;
      await edit(page, "anykeys", 0, 0, "3.5");
      await edit(page, "anykeys", 1, 1, "changed");
      await menu(page, "anykeys", 2, 0, "Delete 1 row");
      await save(page);
      expect(await read()).toEqual([
        { key: "3.5", name: "real" },
        { key: "'1'", name: "changed" },
      ]);
      await undo(page);
      expect(await read()).toEqual(before);
    },
    IN_BROWSER,
  );

  test(
    "what a rule of the table refuses is shown at its cell, and nothing is saved",
    async () => {
      const read = () => sql("t.db", "SELECT * FROM rules ORDER BY id");
      const before = await read();
      await using opened = await open({ address: "#/t.db/table/rules", expectedErrors: /400|409/ });
      const { page } = opened;
      const refused = async (row: number, column: number, words: RegExp) => {
        await bar(page).getByRole("button", { name: /^Save/ }).click();
        await bar(page).getByText(words).first().waitFor();
        expect(await cell(page, "rules", row, column).getAttribute("title")).toMatch(words);
        expect(await grid(page, "rules").locator(".cell-refused").count()).toBe(1);
        expect(await cell(page, "rules", row, column).getAttribute("class")).toContain(
          "cell-active",
        );
        await bar(page).getByRole("button", { name: "Discard" }).click();
      };
      await edit(page, "rules", 1, 3, "9");
      await edit(page, "rules", 1, 2, "-1");
      await refused(1, 2, /CHECK constraint failed: price > 0/);
      await edit(page, "rules", 0, 3, "2");
      await refused(0, 3, /CHECK constraint failed: enough/);
      await edit(page, "rules", 0, 3, "few");
      await refused(0, 3, /cannot store TEXT value in INT column/);
      await page.getByRole("button", { name: "Row", exact: true }).click();
      await refused(2, 1, /NOT NULL constraint failed/);
      expect(await read()).toEqual(before);
      // Generated columns are only read.
      await cell(page, "rules", 0, 4).dblclick();
      await page.getByRole("region", { name: "Value of total" }).waitFor();
      expect(await page.getByRole("textbox", { name: "Value of total" }).count()).toBe(0);
    },
    IN_BROWSER,
  );

  test(
    "a number is written digit by digit; text may be long, of many lines, and any script",
    async () => {
      await sql(
        "t.db",
        "DROP TABLE IF EXISTS texts",
        "CREATE TABLE texts(id INTEGER PRIMARY KEY, a TEXT, n REAL)",
        "INSERT INTO texts VALUES (1, 'x', 1), (2, 'y', 2)",
      );
      await using opened = await open({ address: "#/t.db/table/texts" });
      const { page } = opened;
      await cell(page, "texts", 0, 2).click();
      await page.getByRole("button", { name: "Value", exact: true }).click();
      const value = page.getByRole("textbox", { name: "Value of n" });
      await value.fill("");
      await value.pressSequentially("-1.50e1");
      await cell(page, "texts", 0, 1).click();
      const text = `${"long ".repeat(30_000)}\n\ttwo 👩‍👩‍👧 ﷽ \u202e`;
      await page.getByRole("textbox", { name: "Value of a" }).fill(text);
      await cell(page, "texts", 1, 1).click();
      await page.getByRole("textbox", { name: "Value of a" }).fill("a\nb");
      await save(page);
      expect(await sql("t.db", "SELECT * FROM texts")).toEqual([
        { id: 1, a: text, n: -15 },
        { id: 2, a: "a\nb", n: 2 },
      ]);
      // Long text opens beside the rows, where it has room.
      await page.getByRole("button", { name: "Value", exact: true }).click();
      await cell(page, "texts", 0, 1).dblclick();
      await page.getByRole("button", { name: "Edit all of it" }).click();
      await page.getByRole("textbox", { name: "Value of a" }).waitFor();
      expect(await grid(page, "texts").getByRole("textbox").count()).toBe(0);
    },
    IN_BROWSER,
  );

  test(
    "no filter, order or page hides what is staged",
    async () => {
      await sql(
        "t.db",
        "DROP TABLE IF EXISTS many",
        "CREATE TABLE many(id INTEGER PRIMARY KEY, a TEXT, b TEXT)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) INSERT INTO many SELECT i, 'a' || i, 'b' || i FROM n",
      );
      await using opened = await open({
        address: `#/t.db/table/many?columns=${encodeURIComponent('["id","a"]')}`,
      });
      const { page } = opened;
      await edit(page, "many", 3, 1, "changed");
      await menu(page, "many", 6, 0, "Delete 1 row");
      await page.getByRole("button", { name: "Next page" }).click();
      await page.getByText("101–200 of").waitFor();
      await bar(page).getByText("2 rows not on this page, shown first").waitFor();
      expect(await cell(page, "many", 0, 1).innerText()).toBe("changed");
      expect(await cell(page, "many", 1, 0).getAttribute("class")).toContain("cell-deleted");
      expect(await cell(page, "many", 2, 0).innerText()).toBe("101");
      expect(await grid(page, "many").locator('[data-row="2"] [role=rowheader]').innerText()).toBe(
        "101",
      );
      // A column that was not read when the row was changed can be changed, too.
      await page
        .getByRole("toolbar")
        .getByRole("button", { name: /^Columns/ })
        .click();
      await page.getByRole("menuitemcheckbox", { name: "b", exact: true }).click();
      await page.keyboard.press("Escape");
      await cell(page, "many", 0, 2).getByText("b4", { exact: true }).waitFor();
      await edit(page, "many", 0, 2, "too");
      await page.getByRole("searchbox", { name: "Search all columns" }).fill("a249");
      await page.getByText("1–1 of 1").waitFor();
      expect(await cell(page, "many", 0, 2).innerText()).toBe("too");
      await edit(page, "many", 2, 1, "found");
      await opened.checkAccessibility();
      await save(page);
      expect(await sql("t.db", "SELECT * FROM many WHERE id IN (4, 7, 249) ORDER BY id")).toEqual([
        { id: 4, a: "changed", b: "too" },
        { id: 249, a: "found", b: "b249" },
      ]);
    },
    IN_BROWSER,
  );
});
