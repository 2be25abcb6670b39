/** Every state of the page has an address for programs: the same facts as JSON and as CSV. */
import { beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { type CsvRow, parseCsv } from "../support/csv.ts";
import { API, startTestServer } from "../support/server.ts";
import { describePage, IN_BROWSER } from "./support/browser.ts";
import { makeTables } from "./support/tables.ts";

interface Twin {
  // biome-ignore lint/suspicious/noExplicitAny: each view has another shape
  json: any;
  rows: CsvRow[];
}

interface View {
  name: string;
  address: string;
  prepare?: (page: Page) => Promise<unknown>;
  /** Facts of the page, and the same of its twins. */
  facts(page: Page, twin: Twin): Promise<readonly [shown: object, json: object, csv?: object]>;
}

const NEWEST = encodeURIComponent("SELECT name FROM customers WHERE id < 3 ORDER BY id");
const FILTER = encodeURIComponent('[["city","=","London"]]');

/** Texts of the elements that a selector finds. */
const texts = async (page: Page, selector: string) =>
  (await page.locator(`.panel:not([hidden]) :is(${selector})`).allInnerTexts()).map((text) =>
    text.trim(),
  );
const pick = (entries: readonly Record<string, unknown>[], name: string) =>
  entries.map((entry) => entry[name]);

const VIEWS: readonly View[] = [
  {
    name: "the overview",
    address: "#/t.db/overview",
    prepare: (page) => page.locator(".overview td", { hasText: "KiB" }).first().waitFor(),
    async facts(page, { json, rows }) {
      const lines = await page.locator(".overview tr:has(a)").all();
      const shown = await Promise.all(
        lines.map(async (line) =>
          (await line.locator("th, td").allInnerTexts()).slice(0, 4).map((text) => text.trim()),
        ),
      );
      const said = (object: Record<string, unknown>, columns: unknown) => [
        object["object"] ?? object["name"],
        object["row_count"] === null ? "" : Number(object["row_count"]).toLocaleString("en"),
        object["size"] === null
          ? ""
          : `${(Number(object["size"]) / 1024).toFixed(Number(object["size"]) < 10240 ? 1 : 0)} KiB`,
        String(columns),
      ];
      const byName = (a: unknown[], b: unknown[]) => (String(a[0]) < String(b[0]) ? -1 : 1);
      return [
        shown.sort(byName),
        json.objects
          .map((each: Record<string, unknown[]>) => said(each, each["columns"]?.length))
          .sort(byName),
        rows.map((each) => said(each, each["columns"])).sort(byName),
      ];
    },
  },
  {
    name: "the structure of a table",
    address: "#/t.db/structure/orders",
    async facts(page, { json, rows }) {
      return [
        await texts(page, "section:first-of-type tbody th"),
        pick(json.objects[0].columns, "name"),
        pick(rows, "column"),
      ];
    },
  },
  {
    name: "the diagram",
    address: "#/t.db/diagram?as=list",
    async facts(page, { json, rows }) {
      const orders = json.objects.find(({ name }: { name: string }) => name === "orders");
      const [key] = orders.foreign_keys;
      const [row] = rows;
      return [
        (await texts(page, ".diagram-list .soft")).slice(0, 1),
        [`${key.columns[0]} → ${key.referenced_columns[0]}`],
        [`${row?.["column"]} → ${row?.["referenced_column"]}`],
      ];
    },
  },
  {
    name: "filtered rows",
    address: `#/t.db/table/customers?filter=${FILTER}`,
    prepare: (page) => page.getByRole("gridcell", { name: "London" }).waitFor(),
    async facts(page, { json, rows }) {
      return [
        await texts(page, '[role=gridcell][data-column="1"]'),
        pick(json.resultSet, "name"),
        pick(rows, "name"),
      ];
    },
  },
  {
    name: "rows as a chart",
    address: `#/t.db/table/customers?filter=${FILTER}&view=chart`,
    prepare: (page) => page.getByRole("region", { name: "Chart" }).waitFor(),
    async facts(_page, { json, rows }) {
      return [["Ada"], pick(json.resultSet, "name"), pick(rows, "name")];
    },
  },
  {
    name: "results",
    address: `#/t.db/sql?run=1&q=${NEWEST}`,
    prepare: (page) => page.getByRole("gridcell", { name: "Blaise" }).waitFor(),
    async facts(page, { json, rows }) {
      return [
        await texts(page, '[role=gridcell][data-column="0"]'),
        pick(json.resultSet, "name"),
        pick(rows, "name"),
      ];
    },
  },
  {
    name: "a plan",
    address: `#/t.db/sql?q=${NEWEST}`,
    prepare: async (page) => {
      await page.getByRole("button", { name: "Explain" }).click();
      await page.getByRole("region", { name: "Query plan" }).waitFor();
    },
    async facts(page, { json }) {
      return [await texts(page, ".plan-step .data"), pick(json.plan, "detail")];
    },
  },
  {
    name: "the log",
    address: "#/t.db/log?q=name&success=false",
    prepare: (page) => page.locator(".log-entry").first().waitFor(),
    async facts(page, { json, rows }) {
      return [await texts(page, ".log-sql"), pick(json.history, "sql"), pick(rows, "sql")];
    },
  },
  {
    name: "the log by statement",
    address: "#/t.db/log?by=statement&q=nam",
    prepare: (page) => page.locator(".log-statements").waitFor(),
    async facts(page, { json, rows }) {
      return [
        await texts(page, ".log-sql"),
        pick(json.statements, "statement"),
        pick(rows, "statement"),
      ];
    },
  },
];

describePage("twins", (tests) => {
  beforeAll(async () => {
    await makeTables(tests, "t.db");
    await tests.server().api("/query?db=t.db&sql=SELECT+nothing_of_that_name");
  });

  test(
    "of every view say what it shows, in the type that they are called",
    async () => {
      await using opened = await tests.open({ address: "#/t.db/overview" });
      const { page } = opened;
      const { origin } = tests.server();
      const view = page.locator(".panel:not([hidden]), .home, [role=dialog]").last();
      const twinOf = async (name: string, scope = view): Promise<Twin> => {
        const links = scope.getByRole("link", { name: /^\.(json|csv)$/ });
        await links.first().waitFor();
        const twin: Twin = { json: null, rows: [] };
        for (const link of await links.all()) {
          const format = await link.innerText();
          const response = await fetch(origin + (await link.getAttribute("href")));
          expect({ name, format, status: response.status }).toEqual({ name, format, status: 200 });
          const type = response.headers.get("content-type") ?? "";
          expect({ name, type }).toEqual({
            name,
            type: expect.stringContaining(format === ".csv" ? "text/csv" : "application/json"),
          });
          if (format === ".csv") twin.rows = parseCsv(await response.text());
          else twin.json = await response.json();
        }
        return twin;
      };
      for (const { name, address, prepare, facts } of VIEWS) {
        await page.evaluate((hash) => {
          location.hash = hash;
        }, address);
        await prepare?.(page);
        const [shown, json, csv] = await facts(page, await twinOf(name));
        expect({ name, facts: json }).toEqual({ name, facts: shown });
        if (csv !== undefined) expect({ name, facts: csv }).toEqual({ name, facts: shown });
        expect({ name, shown: JSON.stringify(shown).length > 4 }).toEqual({ name, shown: true });
        await page.keyboard.press("Alt+w");
      }

      await tests.server().json("/share?db=t.db", {
        method: "POST",
        body: JSON.stringify({ sql: "SELECT 'shared'" }),
      });
      await page.evaluate((hash) => {
        location.hash = hash;
      }, `#/t.db/table/customers?filter=${FILTER}`);
      await page.getByRole("button", { name: "More", exact: true }).click();
      await page.getByRole("menuitem", { name: "Share a link" }).click();
      await page.getByText("SELECT 'shared'").waitFor();
      const shares = await twinOf("links");
      expect(pick(shares.json.shares, "sql")).toEqual(["SELECT 'shared'"]);
      expect(pick(shares.rows, "url")).toEqual(pick(shares.json.shares, "url"));

      await page.keyboard.press("Escape");
      await tests.server().api("/queries/newest?db=t.db", {
        method: "PUT",
        body: JSON.stringify({ sql: "SELECT 'saved'" }),
      });
      await page.reload();
      const saved = page.getByRole("region", { name: "Queries" });
      await saved.getByRole("link", { name: "newest" }).waitFor();
      const queries = await twinOf("queries", saved);
      expect(pick(queries.json.queries, "sql")).toEqual(["SELECT 'saved'"]);
      expect(pick(queries.rows, "name")).toEqual(["newest"]);

      await page.evaluate(() => localStorage.clear());
      await page.goto(`${origin}/#/`);
      await page.reload();
      const databases = await twinOf("databases");
      expect(await page.locator(".home-name").allInnerTexts()).toEqual(["t.db"]);
      expect(pick(databases.json.databases, "name")).toEqual(["t.db"]);
      expect(pick(databases.rows, "name")).toEqual(["t.db"]);
    },
    IN_BROWSER,
  );

  test(
    "open with the token that a link alone would not send",
    async () => {
      await using server = await startTestServer({ args: ["--token", "open-sesame"], empty: true });
      const headers = { authorization: "Bearer open-sesame" };
      await server.api("/db/create?path=t", { method: "POST", headers });
      await using opened = await tests.open({
        origin: server.origin,
        expectedErrors: /status of 401/,
      });
      const { page, context } = opened;
      await page.evaluate(() => sessionStorage.setItem("chronolite.token", "open-sesame"));
      for (const address of ["#/t.db/overview", "#/t.db/log"]) {
        await page.goto(`${server.origin}/${address}`);
        await page.reload();
        for (const format of ["json", "csv"]) {
          const link = page.getByRole("link", { name: `.${format}` });
          const href = await link.getAttribute("href");
          expect(href).toStartWith(API);
          expect((await fetch(server.origin + href)).status).toBe(401);
          const popup = context.waitForEvent("page");
          await link.click();
          const twin = await popup;
          await twin.waitForURL(/^blob:/);
          const text = await (await fetch(server.origin + href, { headers })).text();
          expect((await twin.locator("body").innerText()).trim()).toBe(
            text.replaceAll("\r\n", "\n").trim(),
          );
          await twin.close();
        }
      }
    },
    IN_BROWSER,
  );
});
