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

  const logged = async () => {
    const { body } = await log.server().json<{ history: { sql: string }[] }>("/history?db=t");
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
      const twin = await page.getByRole("link", { name: ".json" }).getAttribute("href");
      const answer = await (await fetch(log.server().origin + twin)).json();
      expect(answer).toMatchObject({ count: 1 });
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
      await page.waitForFunction(() => document.querySelectorAll(".log-entry").length === 1);
      expect((await logged()).filter((sql) => sql.includes("needle"))).toHaveLength(1);

      await page.getByRole("searchbox", { name: "Search the log" }).fill("");
      const total = (await logged()).length;
      await page.getByText(`${total} entries`).first().waitFor();
      await page.getByRole("button", { name: "Forget the whole log" }).click();
      await page.getByRole("button", { name: `Forget ${total} entries` }).click();
      await page.getByText("Nothing was run yet").waitFor();
      expect(await logged()).toEqual([]);
    },
    IN_BROWSER,
  );
});
