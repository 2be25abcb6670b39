/** Looking at the rows of tables: pages, filters, order, keys, facets, addresses. */
import { beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { describePage, IN_BROWSER, type PageTests } from "./support/browser.ts";
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
      await using opened = await open({
        address: "#/t.db/table/orders",
        expectedErrors: /ERR_FAILED/,
      });
      const { page } = opened;
      await shows(page, "1–100 of 2,345");
      // While the next rows cannot be read, the last good ones stay.
      await page.route(/\/query\?/, (route) => route.abort());
      await page.getByRole("button", { name: "Next page" }).click();
      await page.getByRole("alert").getByText("The server does not answer").waitFor();
      expect((await column(page, 0))[0]).toBe("1");
      await page.unroute(/\/query\?/);
      await page.goBack();
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
      await opened.takePictures("table", { axe: false });
      await opened.checkAccessibility();
    },
    IN_BROWSER,
  );

  test(
    "filters, search and order are done by the server, and stand in the address with their twins",
    async () => {
      await using opened = await open({ address: "#/t.db/table/orders" });
      const { page } = opened;
      await shows(page, "of 2,345");
      await page.getByRole("button", { name: "Filter", exact: true }).click();
      const form = page.getByRole("dialog", { name: "Filter" });
      await form.getByLabel("Column").selectOption("total");
      await form.getByLabel("Operator").selectOption(">=");
      await form.getByLabel("Value").fill("249");
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "Filter", exact: true }).click();
      await form.getByLabel("Column").selectOption("SQL condition…");
      await form.getByLabel("SQL condition").fill("note IS NOT NULL");
      await page.keyboard.press("Enter");
      await page.getByRole("searchbox", { name: "Search all columns" }).fill("paid");
      await page.getByRole("columnheader", { name: "note" }).click();
      await page.getByRole("columnheader", { name: "note" }).click();
      const expected = await sql(
        "t.db",
        "SELECT note FROM orders WHERE total >= 249 AND note IS NOT NULL AND state = 'paid' ORDER BY note DESC, id DESC",
      );
      expect(expected.length).toBeGreaterThan(2);
      await shows(page, `1–${expected.length} of ${expected.length}`);
      const notes = expected.map(({ note }) => String(note));
      expect(await column(page, 4)).toEqual(notes);

      const twin = await page.getByRole("link", { name: ".json" }).getAttribute("href");
      const json = (await (await fetch(`${server().origin}${twin}`)).json()) as {
        resultSet: { note: string }[];
      };
      expect(json.resultSet.map(({ note }) => note)).toEqual(notes);
      const csvTwin = await page.getByRole("link", { name: ".csv" }).getAttribute("href");
      const csv = await (await fetch(`${server().origin}${csvTwin}`)).text();
      expect(csv.trim().split("\r\n")).toHaveLength(notes.length + 1);

      const address = page.url();
      await page.getByRole("button", { name: "Remove the filter note IS NOT NULL" }).click();
      await page.getByText("note IS NOT NULL").waitFor({ state: "detached" });
      await page.goBack();
      await page.getByText("note IS NOT NULL").waitFor();
      await page.goto("about:blank");
      await page.goto(address);
      await shows(page, `1–${expected.length} of ${expected.length}`);
      expect(await column(page, 4)).toEqual(notes);
    },
    IN_BROWSER,
  );

  test(
    "every page of a column with NULL and equal values is found, in both directions",
    async () => {
      await sql(
        "t.db",
        "DROP TABLE IF EXISTS ties",
        "CREATE TABLE ties(id INTEGER PRIMARY KEY, v INTEGER)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 230) INSERT INTO ties SELECT i, CASE WHEN i % 3 = 0 THEN NULL ELSE i % 4 END FROM n",
      );
      for (const order of ["asc", "desc"]) {
        await using opened = await open({
          address: `#/t.db/table/ties?sort=v&order=${order}&size=50`,
          height: 2400,
        });
        const { page } = opened;
        const ids = await sql("t.db", `SELECT id FROM ties ORDER BY v ${order}, id ${order}`);
        const wanted = ids.map(({ id }) => String(id));
        const seen: string[] = [];
        for (let first = 1; ; first += 50) {
          await shows(page, `${first}–${Math.min(first + 49, 230)} of 230`);
          seen.push(...(await column(page, 0)));
          if (first + 50 > 230) break;
          await page.getByRole("button", { name: "Next page" }).click();
        }
        expect(seen).toEqual(wanted);
        for (const first of [151, 101, 51, 1]) {
          await page.getByRole("button", { name: "Previous page" }).click();
          await shows(page, `${first}–${first + 49} of 230`);
          expect(await column(page, 0)).toEqual(wanted.slice(first - 1, first + 49));
        }
      }
    },
    IN_BROWSER,
  );

  test(
    "a value leads to the row it refers to, and a row to those that refer to it",
    async () => {
      await using opened = await open({ address: "#/t.db/table/orders" });
      const { page } = opened;
      await page.getByRole("link", { name: "The row of customers" }).nth(1).click();
      const customers = page.getByRole("tabpanel", { name: "customers" });
      await customers.getByText("id = 3").waitFor();
      await customers.getByRole("gridcell", { name: "Carl" }).waitFor();
      expect(await column(page, 1)).toEqual(["Carl"]);
      await customers.getByRole("gridcell", { name: "Carl" }).click();
      await customers.getByRole("button", { name: "Value", exact: true }).click();
      await customers.getByRole("link", { name: /^orders/ }).click();
      await page.getByRole("tabpanel", { name: "orders" }).getByText("customer = 3").waitFor();
      await shows(page, "of 782");
    },
    IN_BROWSER,
  );

  test(
    "facets count values, filter by a click, and say when they are too slow",
    async () => {
      await using opened = await open({
        address: "#/t.db/table/orders",
        expectedErrors: /408|503|504/,
      });
      const { page } = opened;
      await page.getByRole("button", { name: "Facets" }).click();
      await page
        .getByRole("region", { name: "Facets" })
        .getByRole("button", { name: "Columns" })
        .click();
      await page.getByRole("menuitemcheckbox", { name: "state" }).click();
      const facet = page.getByRole("region", { name: "Values of state" });
      await facet.getByRole("button", { name: /^paid/ }).waitFor();
      const counted = await sql("t.db", "SELECT count(*) n FROM orders WHERE state = 'paid'");
      expect(await facet.getByRole("button", { name: /^paid/ }).innerText()).toContain(
        String(counted[0]?.["n"]),
      );
      await facet.getByRole("button", { name: /^paid/ }).click();
      await shows(page, `of ${counted[0]?.["n"]}`);
      expect(await facet.getByRole("button", { name: /^paid/ }).getAttribute("aria-pressed")).toBe(
        "true",
      );
      expect(await facet.getByRole("button").count()).toBeGreaterThan(3);
      await opened.checkAccessibility();

      await sql(
        "t.db",
        "DROP VIEW IF EXISTS slow",
        "CREATE VIEW slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i % 7 AS d FROM n",
      );
      const side = encodeURIComponent('["d"]');
      await page.goto(`${server().origin}/#/t.db/table/slow?side=facets&facets=${side}`);
      const slow = page.getByRole("region", { name: "Values of d" });
      await slow.getByText("Too slow").waitFor();
      await slow.getByRole("button", { name: "Count the first" }).click();
      await slow.getByText("2,858").first().waitFor();
    },
    IN_BROWSER,
  );

  test(
    "columns are hidden and shown; an address with a column that is gone says so",
    async () => {
      await using opened = await open({ address: "#/t.db/table/customers" });
      const { page } = opened;
      await page.getByRole("columnheader", { name: /^name/ }).click({ button: "right" });
      await page.getByRole("menuitem", { name: "Hide name" }).click();
      await page.getByRole("columnheader", { name: /^name/ }).waitFor({ state: "detached" });
      expect(await column(page, 1)).toEqual(["London", "Clermont", "empty", "NULL"]);
      await page.reload();
      await page.getByRole("columnheader", { name: /^city/ }).waitFor();
      expect(await page.getByRole("columnheader", { name: /^name/ }).count()).toBe(0);
      const filter = encodeURIComponent('[["gone","=",1]]');
      await page.goto(`${server().origin}/#/t.db/table/customers?filter=${filter}`);
      await page.getByText("customers has no column gone").waitFor();
      await page.getByRole("button", { name: "Show all rows" }).click();
      await shows(page, "1–4 of 4");
      // Where there are no rows it says why, and what to do.
      await page.goto(`${server().origin}/#/t.db/table/customers?search=nobody`);
      await page.getByText("No row is like that").waitFor();
      await page.getByRole("button", { name: "Show all rows" }).click();
      await shows(page, "1–4 of 4");
      await sql(
        "t.db",
        "DROP TABLE IF EXISTS bare",
        "CREATE TABLE bare(id INTEGER PRIMARY KEY, name TEXT)",
      );
      await page.goto(`${server().origin}/#/t.db/table/bare`);
      await page.getByRole("button", { name: "Add the first one" }).click();
      await page.getByRole("gridcell", { name: "default" }).waitFor();
      expect(await page.getByText("There are no rows yet").count()).toBe(0);
    },
    IN_BROWSER,
  );
});
