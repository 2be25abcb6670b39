import { beforeAll, expect, test } from "bun:test";
import { BROWSER_TIMEOUT_MS, describePage, IN_BROWSER } from "./support/browser.ts";
import { SHOP } from "./support/shop.ts";

describePage("schema", (schema) => {
  beforeAll(() => schema.sql("t", ...SHOP), BROWSER_TIMEOUT_MS);

  test(
    "the sidebar shows tables and views, their rows, columns, types and keys, and filters",
    async () => {
      await using opened = await schema.open({ address: "#/t.db/overview" });
      const { page } = opened;
      const tree = page.getByRole("region", { name: "Tables and views" });
      await tree.getByRole("link", { name: "orders 1,000" }).waitFor();
      await tree.getByRole("link", { name: "big_orders", exact: true }).waitFor();
      await tree.getByRole("button", { name: "Columns of orders" }).click();
      const columns = tree.locator(".tree-columns li");
      expect(await columns.allInnerTexts()).toEqual([
        "id\ninteger?",
        "user_id\ninteger",
        "total\nreal?",
        "note\ntext?",
        "placed\ntext?",
      ]);
      await columns.first().getByRole("img", { name: "primary key" }).waitFor();
      await columns.nth(1).getByRole("link", { name: "refers to users" }).click();
      await page.waitForURL(/\/table\/users$/);

      // A column that is found unfolds its table.
      await tree.getByRole("searchbox").fill("pref");
      await tree.getByRole("link", { name: /^orders/ }).waitFor({ state: "detached" });
      expect(await tree.locator(".tree-columns li").first().innerText()).toContain("id");
      await tree.getByRole("searchbox").fill("nowhere");
      await tree.getByText("Nothing has that name").waitFor();
    },
    IN_BROWSER,
  );

  test(
    "the structure has columns, keys both ways, indexes, triggers and the SQL",
    async () => {
      await using opened = await schema.open({ address: "#/t.db/structure/users" });
      const { page } = opened;
      const row = (name: string) =>
        page.getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });
      expect(await row("name").innerText()).toMatch(/TEXT.*not null/s);
      await page.getByRole("heading", { name: "Referred to by" }).waitFor();
      await page.getByText("(user_id)").waitFor();
      await page.getByText("of a UNIQUE constraint").waitFor();
      await page.getByText("a user needs a name").waitFor();
      await page.getByRole("button", { name: "Copy the SQL of users", exact: true }).click();
      const copied = await page.evaluate(() => navigator.clipboard.readText());
      expect(copied).toStartWith("CREATE TABLE users(id INTEGER PRIMARY KEY");
      await page.getByRole("region").getByRole("link", { name: "orders" }).first().click();
      await page.waitForURL(/\/table\/orders$/);
    },
    IN_BROWSER,
  );

  test(
    "what others change in the schema appears by itself",
    async () => {
      await using opened = await schema.open();
      const { page } = opened;
      await page.clock.install();
      await page.goto(`${schema.server().origin}/#/t.db/overview`);
      await page.reload();
      const tree = page.getByRole("region", { name: "Tables and views" });
      await tree.getByRole("link", { name: /^products/ }).waitFor();
      await schema.sql("t", "CREATE TABLE arrivals(id)", "DROP VIEW big_orders");
      await page.clock.fastForward(20_000);
      await tree.getByRole("link", { name: "arrivals 0" }).waitFor();
      await tree.getByRole("link", { name: "big_orders" }).waitFor({ state: "detached" });
    },
    IN_BROWSER,
  );

  test(
    "what cannot be read is said once, and not asked for again and again",
    async () => {
      await schema.sql("t", "DROP VIEW IF EXISTS lost", "CREATE VIEW lost AS SELECT * FROM gone");
      await using opened = await schema.open({
        address: "#/t.db/table/lost",
        expectedErrors: /status of 400/,
      });
      const { page } = opened;
      await page.getByRole("alert").getByText("no such table: main.gone").waitFor();
      const asked: string[] = [];
      page.on("request", (request) => asked.push(request.url()));
      await page.goto(`${schema.server().origin}/#/away.db/overview`);
      const tree = page.getByRole("region", { name: "Tables and views" });
      await tree.getByText("There is no database away.db").waitFor();
      // The parts that show the failure have come by now, and would have asked.
      await page.waitForLoadState("networkidle");
      expect(await tree.getByRole("alert").count()).toBe(1);
      expect(asked.filter((url) => url.includes("/queries?db=away.db")).length).toBeLessThan(3);
      await page.getByRole("button", { name: "Create away.db" }).click();
      await page.getByText("This database is empty").waitFor();
      expect((await schema.server().api("/db/schema?db=away")).status).toBe(200);
      await schema.server().api("/db?db=away&confirm=yes", { method: "DELETE" });
    },
    IN_BROWSER,
  );

  test(
    "an empty database says so, and offers the first step",
    async () => {
      await schema.server().api("/db/create?path=empty", { method: "POST" });
      await using opened = await schema.open({ address: "#/empty.db/overview" });
      const { page } = opened;
      await page.getByText("This database is empty").waitFor();
      await opened.checkAccessibility();
      await page.getByRole("link", { name: "Create the first one" }).click();
      await page.getByRole("button", { name: /^Run/ }).click();
      await page
        .getByRole("navigation")
        .getByRole("link", { name: /^people/ })
        .waitFor();
      expect(
        await schema.sql("empty", "SELECT name FROM sqlite_schema WHERE type = 'table'"),
      ).toEqual([{ name: "people" }]);
    },
    IN_BROWSER,
  );
});
