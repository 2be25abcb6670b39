/** Files that become tables: dropped on the page, chosen in the dialog, stopped half way. */

import { Database } from "bun:sqlite";
import { beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { describePage, IN_BROWSER } from "./support/browser.ts";

async function drop(page: Page, name: string, text: string): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([fileName, content]) => {
      const data = new DataTransfer();
      data.items.add(new File([content ?? ""], fileName ?? "", { type: "text/plain" }));
      return data;
    },
    [name, text],
  );
  for (const event of ["dragenter", "dragover"])
    await page.dispatchEvent("main", event, { dataTransfer: transfer });
  await page.getByText("Drop the file to import it").waitFor();
  await page.dispatchEvent("main", "drop", { dataTransfer: transfer });
}

describePage("imports", (tests) => {
  const { open, sql, server } = tests;
  beforeAll(() => sql("t.db", "CREATE TABLE old(a INTEGER)"));
  const dialog = (page: Page) => page.getByRole("dialog", { name: /^Import/ });

  test(
    "a CSV file that is dropped becomes a table with types, and is looked at",
    async () => {
      await using opened = await open({ address: "#/t.db/overview" });
      const { page } = opened;
      await page.getByRole("navigation", { name: "Database" }).waitFor();
      await drop(page, "my people.csv", 'name;age;note\nAda;36;\nAlan;41;"a;b"\n');
      await dialog(page)
        .getByText(/^my people\.csv, \d+ B$/)
        .waitFor();
      expect(await dialog(page).getByLabel("Table", { exact: true }).inputValue()).toBe(
        "my_people",
      );
      await opened.checkAccessibility();
      await dialog(page).getByRole("button", { name: "Import", exact: true }).click();
      await dialog(page).getByText("2 rows went into my_people").waitFor();
      await dialog(page).getByRole("button", { name: "Look at my_people" }).click();
      await page.getByRole("grid", { name: "Rows of my_people" }).getByText("a;b").waitFor();
      await page
        .getByRole("navigation", { name: "Database" })
        .getByRole("link", { name: /^my_people/ })
        .waitFor();
      expect(await sql("t.db", "SELECT name, age, typeof(age) t, note FROM my_people")).toEqual([
        { name: "Ada", age: 36, t: "integer", note: null },
        { name: "Alan", age: 41, t: "integer", note: "a;b" },
      ]);
    },
    IN_BROWSER,
  );

  test(
    "options are heeded, and an error leaves nothing behind",
    async () => {
      await using opened = await open({ address: "#/t.db/overview", expectedErrors: /40\d/ });
      const { page } = opened;
      await page.getByRole("main").getByRole("button", { name: "Import", exact: true }).click();
      await dialog(page)
        .getByLabel("File to import")
        .setInputFiles({
          name: "x.txt",
          mimeType: "text/plain",
          buffer: Buffer.from("1|007|\n2|008|z\n"),
        });
      await dialog(page).getByLabel("Table", { exact: true }).fill("codes");
      await dialog(page).getByLabel("Types of a new table").selectOption("text");
      await dialog(page).getByLabel("Between fields").selectOption("pipe");
      await dialog(page).getByLabel("An empty field is").selectOption("text");
      await dialog(page).getByLabel("The first row names the columns").uncheck();
      await dialog(page).getByRole("button", { name: "Import", exact: true }).click();
      await dialog(page).getByText("2 rows went into codes").waitFor();
      const rows = await sql("t.db", "SELECT * FROM codes");
      expect(rows.map((row) => Object.values(row))).toEqual([
        ["1", "007", ""],
        ["2", "008", "z"],
      ]);
      await dialog(page).getByRole("button", { name: "Close", exact: true }).last().click();

      await page.getByRole("main").getByRole("button", { name: "Import", exact: true }).click();
      await dialog(page)
        .getByLabel("File to import")
        .setInputFiles({
          name: "bad.ndjson",
          mimeType: "text/plain",
          buffer: Buffer.from('{"a":1}\n{"a":\n'),
        });
      await dialog(page).getByRole("button", { name: "Import", exact: true }).click();
      await dialog(page).getByText("Nothing of the file was kept").waitFor();
      expect(await sql("t.db", "SELECT name FROM sqlite_schema WHERE name = 'bad'")).toEqual([]);
    },
    IN_BROWSER,
  );

  test(
    "a large import shows how far it is, and Stop really stops it",
    async () => {
      await using opened = await open({ address: "#/t.db/overview" });
      const { page } = opened;
      await page.getByRole("main").getByRole("button", { name: "Import", exact: true }).click();
      const line = `${"x".repeat(60)},1234567,${"y".repeat(60)}\n`;
      const file = server().folder.file("large.csv");
      await Bun.write(file, `a,b,c\n${line.repeat(600_000)}`);
      await dialog(page).getByLabel("File to import").setInputFiles(file);
      await dialog(page).getByRole("button", { name: "Import", exact: true }).click();
      await dialog(page).getByRole("progressbar", { name: "Import of large.csv" }).waitFor();
      await dialog(page).getByRole("button", { name: "Stop" }).click();
      await page.getByText("Stopped. Nothing of the file was kept.").first().waitFor();
      // The transaction is undone, and others may write.
      await sql("t.db", "INSERT INTO old VALUES (1)");
      expect(await sql("t.db", "SELECT name FROM sqlite_schema WHERE name = 'large'")).toEqual([]);
    },
    IN_BROWSER,
  );

  test(
    "a SQLite file becomes a database",
    async () => {
      await using opened = await open({ address: "#/t.db/overview" });
      const { page } = opened;
      const other = new Database(":memory:");
      other.run("CREATE TABLE inside(a)");
      other.run("INSERT INTO inside VALUES ('here')");
      const bytes = Buffer.from(other.serialize());
      other.close();
      await page.getByRole("main").getByRole("button", { name: "Import", exact: true }).click();
      await dialog(page).getByLabel("File to import").setInputFiles({
        name: "shop copy.sqlite",
        mimeType: "application/octet-stream",
        buffer: bytes,
      });
      await dialog(page).getByRole("button", { name: "Import", exact: true }).click();
      await dialog(page).getByRole("button", { name: "Open shop_copy.db" }).click();
      await page
        .getByRole("navigation", { name: "Database" })
        .getByRole("link", { name: /^inside/ })
        .waitFor();
      const { body } = await server().json<{ databases: { name: string }[] }>("/db/list");
      expect(body.databases.map(({ name }) => name)).toContain("shop_copy.db");
      expect(await sql("shop_copy.db", "SELECT a FROM inside")).toEqual([{ a: "here" }]);
    },
    IN_BROWSER,
  );
});
