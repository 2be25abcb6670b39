import { beforeAll, expect, test } from "bun:test";
import { BROWSER_TIMEOUT_MS, describePage, IN_BROWSER } from "./support/browser.ts";

describePage("query log", (log) => {
  beforeAll(async () => {
    await log.sql("t", "CREATE TABLE a(x)", "INSERT INTO a VALUES(1), (2)");
    await log.sql("t", "SELECT 'needle' AS found, x FROM a");
    await log.server().json("/db?db=t", {
      method: "POST",
      body: JSON.stringify({ transaction: [{ statement: "SELECT broken" }] }),
    });
  }, BROWSER_TIMEOUT_MS);

  const logged = async (text = "", source = "sql") => {
    const { body } = await log
      .server()
      .json<{ history: { sql: string }[] }>(`/history?db=t&source=${source}&q=${text}`);
    return body.history.map(({ sql }) => sql);
  };

  test(
    "is searched, narrowed to what failed, and has its state in the address",
    async () => {
      await using opened = await log.open({ address: "#/t.db/log" });
      const { page } = opened;
      const entries = page.getByRole("region", { name: "Entries" }).getByRole("listitem");
      await entries.filter({ hasText: "needle" }).waitFor();
      await opened.checkAccessibility();
      const all = await entries.count();
      await page.getByRole("searchbox", { name: "Search the log" }).fill("needle");
      await page.waitForFunction(
        (count) => document.querySelectorAll(".log-entry").length < count,
        all,
      );
      expect(await entries.count()).toBe(1);
      expect(await entries.locator("mark").innerText()).toBe("needle");
      expect(new URL(page.url()).hash).toBe("#/t.db/log?q=needle");
      await page.getByRole("searchbox", { name: "Search the log" }).fill("");
      await page.getByRole("combobox", { name: "Outcome" }).selectOption("Failed");
      await entries.filter({ hasText: "no such column: broken" }).waitFor();
      await page.waitForFunction(() => document.querySelectorAll(".log-entry").length === 1);
      const statistics = page.getByLabel("Statistics");
      expect(await statistics.innerText()).toMatch(/failed\s*1\b/);
    },
    IN_BROWSER,
  );

  test(
    "an entry is run again, forgotten, and the whole log after a question that says how many",
    async () => {
      await using opened = await log.open({ address: "#/t.db/log?q=needle" });
      const { page } = opened;
      const entries = page.getByRole("region", { name: "Entries" }).getByRole("listitem");
      await entries.getByRole("link", { name: "Run again" }).click();
      await page.getByRole("gridcell", { name: "needle" }).first().waitFor();
      await page.getByRole("tab", { name: "Query log" }).click();
      await page.waitForFunction(() => document.querySelectorAll(".log-entry").length === 2);
      await entries.first().getByRole("button", { name: "Forget this entry" }).click();
      await entries.first().getByRole("button", { name: "Keep" }).click();
      await entries.first().getByRole("button", { name: "Forget this entry" }).click();
      expect(await logged("needle")).toHaveLength(2);
      await entries.first().getByRole("button", { name: "Forget for good" }).click();
      await page.waitForFunction(() => document.querySelectorAll(".log-entry").length === 1);
      expect(await logged("needle")).toHaveLength(1);

      await page.getByRole("searchbox", { name: "Search the log" }).fill("");
      const before = await logged();
      await page.getByText(`${before.length} entries`).first().waitFor();
      await page.getByRole("combobox", { name: "Outcome" }).selectOption("Failed");
      await page.getByText("1 entry", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Forget what is shown" }).click();
      await opened.checkAccessibility();
      await page
        .getByText(/^1 entry of the log of t.db will be deleted: all that failed/)
        .waitFor();
      // What comes while somebody reads the question stays.
      await log.server().api("/query?db=t&sql=SELECT+late");
      await page.getByRole("button", { name: "Forget 1 entry" }).click();
      await entries.filter({ hasText: "SELECT late" }).waitFor();
      expect(await logged()).toEqual([
        "SELECT late",
        ...before.filter((sql) => sql !== "SELECT broken"),
      ]);
      await page.getByRole("combobox", { name: "Outcome" }).selectOption("All");
      await page.getByText(`${before.length} entries`).first().waitFor();
      await page.getByRole("button", { name: "Forget what is shown" }).click();
      await page.getByRole("button", { name: `Forget ${before.length} entries` }).click();
      await page.getByText("Nothing was run yet").waitFor();
      expect(await logged()).toEqual([]);
    },
    IN_BROWSER,
  );

  test(
    "has what people ran, and what the page read by itself where that is asked for",
    async () => {
      await using opened = await log.open({ address: "#/t.db/table/a" });
      const { page } = opened;
      await page.getByRole("gridcell", { name: "2" }).waitFor();
      expect(await logged("", "sql")).toEqual([]);
      expect((await logged("", "page")).length).toBeGreaterThan(0);
      await page.goto(`${log.server().origin}/#/t.db/sql?run=1&q=SELECT+42+AS+asked`);
      await page.getByRole("gridcell", { name: "42" }).waitFor();
      expect(await logged("", "sql")).toEqual(["SELECT 42 AS asked"]);

      await page.goto(`${log.server().origin}/#/t.db/log`);
      const entries = page.getByRole("region", { name: "Entries" }).getByRole("listitem");
      await entries.first().waitFor();
      expect(await entries.locator(".log-sql").allInnerTexts()).toEqual(["SELECT 42 AS asked"]);
      expect(await page.getByLabel("Statistics").innerText()).toMatch(/statements\s*1\b/);
      await page.getByRole("checkbox", { name: "By this page, too" }).check();
      await entries.filter({ hasText: "by this page" }).first().waitFor();
      expect(new URL(page.url()).hash).toBe("#/t.db/log?source=all");
      expect(await entries.count()).toBe((await logged("", "")).length);
      await page.goBack();
      await page.waitForFunction(() => document.querySelectorAll(".log-entry").length === 1);
    },
    IN_BROWSER,
  );

  test(
    "by statement says where the time went, and leads to the entries of one",
    async () => {
      const slow =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400000) SELECT max(i) FROM n";
      await log.sql("t", "SELECT 'quick'", "SELECT 'quick'", "SELECT 'quicker'", slow);
      await using opened = await log.open({ address: "#/t.db/log" });
      const { page } = opened;
      await page.getByRole("button", { name: "By statement, the slowest first" }).click();
      const lines = page.getByRole("region", { name: "Statements" }).getByRole("row");
      await lines.nth(1).waitFor();
      expect(new URL(page.url()).hash).toBe("#/t.db/log?by=statement");
      expect(await lines.nth(1).getByRole("rowheader").innerText()).toBe(slow);
      await opened.checkAccessibility();
      const quick = lines.filter({ hasText: "SELECT 'quick'" });
      expect(await quick.getByRole("cell").nth(3).innerText()).toBe("2");
      await quick.getByRole("link").click();
      // Exactly this statement, not what contains it.
      await page.getByText("2 entries", { exact: true }).waitFor();
      expect(new URL(page.url()).hash).toBe("#/t.db/log?statement=SELECT+%27quick%27");
      await page.getByRole("button", { name: "All statements" }).click();
      await page.waitForFunction(() => document.querySelectorAll(".log-entry").length > 2);
    },
    IN_BROWSER,
  );
});
