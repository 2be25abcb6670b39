/** Rows that leave a table as a file: what was meant, all of it, exactly. */
import { Database } from "bun:sqlite";
import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { describePage, IN_BROWSER } from "./support/browser.ts";

const ROWS = 2500;
const CREATE = `CREATE TABLE "my data"(id INTEGER PRIMARY KEY, name TEXT, value, "od""d" BLOB, twice AS (id * 2))`;

describePage("export of a table", (tests) => {
  beforeAll(() =>
    tests.sql(
      "t.db",
      CREATE,
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
       INSERT INTO "my data"(id, name, value, "od""d") SELECT i, 'it''s | ' || i,
         CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN i * 1.0 WHEN 2 THEN i WHEN 3 THEN 'a,"b' ELSE x'00ff' END,
         CASE i WHEN 7 THEN zeroblob(40000) WHEN 8 THEN x'00' END FROM n`,
    ),
  );

  const exported = async (page: Page, rows: RegExp, format: string): Promise<string> => {
    await page.getByRole("button", { name: "More", exact: true }).click();
    await page.getByRole("menuitem", { name: "Export" }).click();
    const dialog = page.getByRole("dialog", { name: "Export my data" });
    await dialog.getByRole("radio", { name: rows }).check();
    await dialog.getByRole("combobox", { name: "Format" }).selectOption(format);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      dialog.getByRole("button", { name: "Download" }).click(),
    ]);
    await dialog.waitFor({ state: "detached" });
    return readFileSync(await download.path(), "utf8");
  };

  test(
    "the page, what is filtered or the whole table, with the counts of each",
    async () => {
      const filter = encodeURIComponent('[["id",">",1000]]');
      const columns = encodeURIComponent('["name","id"]');
      await using opened = await tests.open({
        address: `#/t.db/table/my%20data?filter=${filter}&columns=${columns}&sort=id&order=desc`,
      });
      const { page } = opened;
      await page.getByText("1–100 of 1,500").waitFor();
      await page.getByRole("button", { name: "Next page" }).click();
      await page.getByText("101–200 of").waitFor();
      await page.getByRole("button", { name: "More", exact: true }).click();
      await page.getByRole("menuitem", { name: "Export" }).click();
      await page.getByRole("radio", { name: "What is filtered: 1,500 rows" }).waitFor();
      await page.getByRole("radio", { name: "The whole table: 2,500 rows" }).waitFor();
      await opened.checkAccessibility();
      await page.keyboard.press("Escape");

      const csv = await exported(page, /^This page: 100 rows/, "CSV");
      const lines = csv.trimEnd().split("\r\n");
      expect(lines.slice(0, 2)).toEqual(["name,id", "it's | 2400,2400"]);
      expect(lines).toHaveLength(101);
      expect(lines.at(-1)).toBe("it's | 2301,2301");
      const json = JSON.parse(await exported(page, /^What is filtered/, "JSON")) as unknown[];
      expect(json).toHaveLength(1500);
      expect(json[0]).toEqual({ name: "it's | 2500", id: 2500 });
      const ndjson = await exported(page, /^The whole table/, "NDJSON");
      expect(ndjson.trimEnd().split("\n")).toHaveLength(ROWS);
      const markdown = await exported(page, /^This page/, "Markdown");
      expect(markdown.split("\n").slice(0, 3)).toEqual([
        "| name | id |",
        "| --- | ---: |",
        "| it's \\| 2400 | 2400 |",
      ]);
    },
    IN_BROWSER,
  );

  test(
    "what the server could not finish is told, and no file is made of a part of it",
    async () => {
      await tests.sql(
        "t.db",
        "DROP TABLE IF EXISTS endless",
        "DROP TABLE IF EXISTS endless",
        "CREATE TABLE endless(id INTEGER PRIMARY KEY, x REAL, words TEXT)",
        // Far from the beginning, so that the answer has begun well.
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO endless SELECT i, i, hex(zeroblob(1000)) FROM n",
        "INSERT INTO endless VALUES (2001, 9e999, '')",
      );
      await using opened = await tests.open({ address: "#/t.db/table/endless" });
      const { page } = opened;
      await page.getByRole("button", { name: "More", exact: true }).click();
      await page.getByRole("menuitem", { name: "Export" }).click();
      const dialog = page.getByRole("dialog", { name: "Export endless" });
      await dialog.getByRole("combobox", { name: "Format" }).selectOption("JSON");
      let downloads = 0;
      page.on("download", () => {
        downloads += 1;
      });
      await dialog.getByRole("button", { name: "Download" }).click();
      await dialog.getByRole("alert").getByText("infinite number").waitFor();
      expect(downloads).toBe(0);
    },
    IN_BROWSER,
  );

  test(
    "as INSERTs that make the same table again, to the byte",
    async () => {
      await using opened = await tests.open({ address: "#/t.db/table/my%20data" });
      const sql = await exported(opened.page, /^The whole table/, "SQL INSERTs");
      using copy = new Database(":memory:");
      copy.run(CREATE);
      copy.run(sql);
      const digest = `SELECT count(*) AS n, group_concat(quote(id) || quote(name) || quote(value) || quote("od""d")) AS all_values FROM "my data" ORDER BY id`;
      expect(await tests.sql("t.db", digest)).toEqual([
        copy.query(digest).get() as Record<string, unknown>,
      ]);
      // A copy of cells has not the bytes of a large BLOB, and says so instead of writing others.
      await opened.page
        .getByRole("grid")
        .locator('[data-row="6"] [data-column="0"]')
        .click({ button: "right" });
      await opened.page.getByRole("menuitem", { name: "Copy rows as INSERT" }).click();
      await opened.page.getByText("A BLOB of 40000 bytes is not here").first().waitFor();
    },
    IN_BROWSER,
  );
});
