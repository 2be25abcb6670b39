/** Charts of results: sensible at once, changed, kept in the address and with the query, saved as PNG. */
import { beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { describePage, IN_BROWSER } from "./support/browser.ts";
import { makeTables } from "./support/tables.ts";

const QUERY =
  "select state, count(*) as orders, sum(total) as money from orders group by state order by state";

/** How many pixels of the chart have the colour of the most common one that is not its ground. */
async function inked(page: Page): Promise<number> {
  return page.locator("canvas").evaluate((canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    const context = (canvas as HTMLCanvasElement).getContext("2d");
    const { data } = context?.getImageData(0, 0, width, height) ?? { data: [] };
    let pixels = 0;
    for (let at = 0; at < data.length; at += 4)
      if (data[at] !== data[0] || data[at + 1] !== data[1] || data[at + 2] !== data[2]) pixels += 1;
    return pixels;
  });
}

describePage("charts", (tests) => {
  beforeAll(() => makeTables(tests, "t.db"));

  test(
    "a result becomes bars by itself, then a pie, and the address keeps it",
    async () => {
      const address = `#/t.db/sql?q=${encodeURIComponent(QUERY)}&run=1`;
      await using opened = await tests.open({ address, expectedErrors: /willReadFrequently/ });
      const { page } = opened;
      await page.getByRole("button", { name: "Rows as a chart" }).click();
      await page.getByRole("img", { name: "Bars: orders by state, 4 values" }).waitFor();
      expect(await inked(page)).toBeGreaterThan(10_000);
      await page.getByRole("button", { name: /^Values/ }).click();
      await page.getByRole("menuitemcheckbox", { name: "money" }).click();
      await page.getByRole("img", { name: "Bars: orders, money by state, 4 values" }).waitFor();
      await page.getByRole("button", { name: /^Values/ }).click();
      await page.getByRole("menuitemcheckbox", { name: "orders" }).click();
      await page.getByLabel("Kind of chart").selectOption("pie");
      await page.getByRole("img", { name: "Pie: money by state, 4 values" }).waitFor();
      await page.reload();
      await page.getByRole("img", { name: "Pie: money by state, 4 values" }).waitFor();
      expect(await inked(page)).toBeGreaterThan(10_000);

      await page.getByText("The same as a table").click();
      const values = page.getByRole("region", { name: "Values of the chart" });
      const sums = await tests.sql("t.db", "select sum(total) s from orders where state = 'paid'");
      await values.getByRole("cell", { name: String(sums[0]?.["s"]) }).waitFor();
      await opened.checkAccessibility();

      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "PNG" }).click();
      const picture = await (await download).path();
      expect(new Uint8Array(await Bun.file(picture).arrayBuffer()).slice(0, 4)).toEqual(
        new Uint8Array([0x89, 0x50, 0x4e, 0x47]),
      );
    },
    IN_BROWSER,
  );

  test(
    "every kind draws; a saved query brings its chart back",
    async () => {
      const address = `#/t.db/sql?q=${encodeURIComponent("select born, credit, id from customers order by name")}&run=1&view=chart`;
      await using opened = await tests.open({ address, expectedErrors: /willReadFrequently/ });
      const { page } = opened;
      // A column of dates makes a line.
      await page.getByRole("img", { name: "Lines: credit by born, 4 values" }).waitFor();
      for (const [kind, words] of [
        ["area", "Areas"],
        ["scatter", "Points"],
        ["bar", "Bars"],
        ["line", "Lines"],
      ] as const) {
        await page.getByLabel("Kind of chart").selectOption(kind);
        await page.getByRole("img", { name: new RegExp(`^${words}`) }).waitFor();
        expect(await inked(page)).toBeGreaterThan(500);
      }
      await page.getByLabel("Kind of chart").selectOption("scatter");
      await page.getByRole("button", { name: /^Save/ }).click();
      await page.getByRole("dialog").getByLabel("Name").fill("births");
      await page.keyboard.press("Enter");
      await page.goto(`${tests.server().origin}/#/t.db/overview`);
      await page.getByRole("link", { name: "births" }).click();
      const births = page.getByRole("tabpanel", { name: "births" });
      await births.getByRole("button", { name: /^Run/ }).first().click();
      await births.getByRole("img", { name: /^Points/ }).waitFor();
    },
    IN_BROWSER,
  );

  test(
    "the rows of a table, combined by a column",
    async () => {
      await using opened = await tests.open({ address: "#/t.db/table/orders" });
      const { page } = opened;
      await page.getByRole("button", { name: "Chart", exact: true }).click();
      await page.getByLabel("Across").selectOption("state");
      await page.getByLabel("Rows with the same place").selectOption("count");
      await page.getByRole("img", { name: "Bars: number of rows by state, 4 values" }).waitFor();
      await page.getByText("The same as a table").click();
      const paid = await tests.sql("t.db", "select count(*) n from orders where state = 'paid'");
      await page
        .getByRole("region", { name: "Values of the chart" })
        .getByRole("row", { name: `paid ${paid[0]?.["n"]}` })
        .waitFor();
    },
    IN_BROWSER,
  );
});
