/** Saved queries: kept on the server, found again from anywhere, never lost. */
import { beforeAll, beforeEach, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { asRoot, makeToken, ROOT_TOKEN } from "../support/access.ts";
import { startTestServer } from "../support/server.ts";
import { BROWSER_TIMEOUT_MS, DEVICES, describePage, IN_BROWSER } from "./support/browser.ts";
import { SHOP } from "./support/shop.ts";

const editorOf = (page: Page) => page.getByRole("textbox", { name: "SQL" });
const railOf = (page: Page) => page.getByRole("region", { name: "Queries", exact: true });
const linkOf = (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Database" }).getByRole("link", { name, exact: true });
const shownTab = (page: Page) => page.getByRole("tab", { selected: true }).first();

async function write(page: Page, sql: string): Promise<void> {
  // Not a click: what could be completed may lie over the text.
  await page.locator(".panel:not([hidden])").getByRole("textbox", { name: "SQL" }).focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(sql);
}

async function saveAs(page: Page, name: string): Promise<void> {
  await page.getByRole("dialog").getByRole("textbox", { name: "Name" }).fill(name);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

async function itemOf(page: Page, query: string, item: string): Promise<void> {
  await linkOf(page, query).hover();
  await page.getByRole("button", { name: `What to do with ${query}` }).click();
  await page.getByRole("menuitem", { name: item }).click();
}

describePage("saved queries", (tests) => {
  beforeAll(() => tests.sql("t", ...SHOP), BROWSER_TIMEOUT_MS);

  interface Saved {
    name: string;
    sql: string;
    values: unknown;
    chart: string | null;
  }
  const saved = async (): Promise<Saved[]> =>
    (await tests.server().json<{ queries: Saved[] }>("/queries?db=t")).body.queries;
  const forget = (name: string) =>
    tests.server().api(`/queries/${encodeURIComponent(name)}?db=t`, { method: "DELETE" });
  beforeEach(async () => {
    for (const { name } of await saved()) await forget(name);
  });
  const sqlOf = async (name: string) => (await saved()).find((query) => query.name === name)?.sql;
  const put = (name: string, sql: string) =>
    tests.server().api(`/queries/${encodeURIComponent(name)}?db=t`, {
      method: "PUT",
      body: JSON.stringify({ sql }),
    });

  test(
    "one is saved with its values, found from another browser, changed, renamed, deleted and back",
    async () => {
      await using opened = await tests.open({ address: "#/t.db/sql" });
      const { page } = opened;
      await write(page, "SELECT name FROM users WHERE id = :id");
      await page.getByRole("textbox", { name: ":id", exact: true }).fill("7");
      await page.keyboard.press("Control+s");
      await saveAs(page, "One user / 100 %");
      await linkOf(page, "One user / 100 %").waitFor();
      expect(await saved()).toMatchObject([
        {
          name: "One user / 100 %",
          sql: "SELECT name FROM users WHERE id = :id",
          values: { ":id": 7 },
          chart: null,
        },
      ]);
      const address = new URL(page.url()).hash;
      expect(address).toBe("#/t.db/sql/One%20user%20%2F%20100%20%25");

      await itemOf(page, "One user / 100 %", "Copy the link");
      await page.getByText("Copied the link").first().waitFor();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());

      // The address is enough, on any device, and the query shows its rows.
      await using elsewhere = await tests.open({ address });
      const other = elsewhere.page;
      await other.getByRole("gridcell", { name: "User 7" }).waitFor();
      expect(await other.getByRole("textbox", { name: ":id", exact: true }).inputValue()).toBe("7");
      expect(await shownTab(other).innerText()).toBe("One user / 100 %");
      expect(new URL(other.url()).hash).toBe(address);

      // A dot as long as it is not saved; the address and a reload keep what was typed.
      await write(page, "SELECT email FROM users WHERE id = :id");
      const dot = shownTab(page).getByRole("img", { name: "changed, not saved" });
      await dot.waitFor();
      await page.reload();
      await dot.waitFor();
      await editorOf(page).getByText("email").waitFor();
      expect(await sqlOf("One user / 100 %")).toContain("SELECT name");
      await opened.checkAccessibility();
      await editorOf(page).press("Control+s");
      await dot.waitFor({ state: "detached" });
      expect(await sqlOf("One user / 100 %")).toContain("SELECT email");
      expect(new URL(page.url()).hash).toBe(address);
      // Back to what was saved before; the text stays.
      await page.getByRole("button", { name: "Undo" }).click();
      await dot.waitFor();
      expect(await sqlOf("One user / 100 %")).toContain("SELECT name");
      expect(await editorOf(page).innerText()).toContain("SELECT email");
      await page.keyboard.press("Control+s");
      await dot.waitFor({ state: "detached" });

      await itemOf(page, "One user / 100 %", "Rename…");
      await saveAs(page, "A user");
      await linkOf(page, "One user / 100 %").waitFor({ state: "detached" });
      expect(await shownTab(page).innerText()).toBe("A user");
      expect((await saved()).map(({ name }) => name)).toEqual(["A user"]);

      await itemOf(page, "A user", "Delete");
      await linkOf(page, "A user").waitFor({ state: "detached" });
      await page.getByText("There is no longer a saved query called A user.").waitFor();
      expect(await saved()).toEqual([]);
      expect(await editorOf(page).innerText()).toContain("SELECT email");
      await page.getByRole("button", { name: "Undo" }).last().click();
      await linkOf(page, "A user").waitFor();
      expect(await saved()).toMatchObject([{ name: "A user", values: { ":id": 7 } }]);
      // Deleted for good, its text is still the tab's.
      await itemOf(page, "A user", "Delete");
      await linkOf(page, "A user").waitFor({ state: "detached" });
      await page.reload();
      await editorOf(page).getByText("email").waitFor();
      expect(await page.getByRole("textbox", { name: ":id", exact: true }).inputValue()).toBe("7");
    },
    IN_BROWSER,
  );

  test(
    "lists find it: the palette, the filter of the sidebar, the editor's menu",
    async () => {
      for (let at = 1; at <= 9; at += 1) await put(`Report ${at}`, `SELECT ${at} AS part`);
      await using opened = await tests.open({ address: "#/t.db/sql" });
      const { page } = opened;
      await page.keyboard.press("Control+k");
      await page.keyboard.type("report 9");
      await page.getByRole("option", { name: "Report 9" }).waitFor();
      await page.keyboard.press("Enter");
      await page.getByRole("gridcell", { name: "9", exact: true }).waitFor();

      // Many do not push the tables out of sight.
      const rail = railOf(page);
      expect(await rail.getByRole("listitem").count()).toBe(6);
      const filter = page.getByRole("searchbox", { name: "Filter tables, columns and queries" });
      await filter.fill("report 8");
      await linkOf(page, "Report 8").waitFor();
      expect(await rail.getByRole("listitem").count()).toBe(1);
      expect(await page.getByText("Nothing has that name").count()).toBe(0);
      await filter.fill("");
      await rail.getByRole("button", { name: /^All \d+ queries$/ }).click();
      await linkOf(page, "Report 9").waitFor();

      await page.getByRole("button", { name: "Queries", exact: true }).click();
      await page.getByRole("menuitem", { name: "Report 3" }).click();
      await page.getByRole("gridcell", { name: "3", exact: true }).waitFor();
      // One tab for each, as it was left.
      await write(page, "SELECT 33 AS part");
      await shownTab(page).getByRole("img", { name: "changed, not saved" }).waitFor();
      await linkOf(page, "Report 9").click();
      await linkOf(page, "Report 3").click();
      await page
        .getByRole("tab", { name: /Report 3/, selected: true })
        .getByRole("img", { name: "changed, not saved" })
        .waitFor();
      expect(await page.getByRole("tab", { name: /Report 3/ }).count()).toBe(1);
      // What another device saves shows where nothing was changed.
      await page.evaluate(() => {
        location.hash = "#/t.db/sql/none";
      });
      await page.getByText("There is no saved query called none.").waitFor();
      await linkOf(page, "Report 2").click();
      await page.clock.install();
      await page.reload();
      await page.getByRole("gridcell", { name: "2", exact: true }).waitFor();
      await put("Report 2", "SELECT 99 AS part");
      await page.clock.fastForward("01:00");
      await page
        .locator(".panel:not([hidden])")
        .getByRole("textbox", { name: "SQL" })
        .getByText("99")
        .waitFor();
    },
    IN_BROWSER,
  );

  test(
    "a name that is in use is said before anything is replaced, also when somebody was faster",
    async () => {
      await put("taken", "SELECT 'old'");
      await using opened = await tests.open({
        address: `#/t.db/sql?q=${encodeURIComponent("SELECT 'new'")}`,
        expectedErrors: /status of 412/,
      });
      const { page } = opened;
      const dialog = page.getByRole("dialog");
      const name = dialog.getByRole("textbox", { name: "Name" });
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await name.fill("taken");
      await dialog.getByText("It will be replaced.").waitFor();
      await name.fill("race");
      await put("race", "SELECT 'theirs'");
      await dialog.getByRole("button", { name: "Save" }).click();
      const replace = dialog.getByRole("button", { name: "Replace" });
      await replace.waitFor();
      expect(await sqlOf("race")).toBe("SELECT 'theirs'");
      await replace.click();
      await dialog.waitFor({ state: "detached" });
      expect(await sqlOf("race")).toBe("SELECT 'new'");
      await page.getByRole("button", { name: "Undo" }).click();
      await shownTab(page).getByRole("img", { name: "changed, not saved" }).waitFor();
      expect(await sqlOf("race")).toBe("SELECT 'theirs'");

      // Renaming replaces nothing.
      await itemOf(page, "race", "Rename…");
      await name.fill("taken");
      await dialog.getByText("There is a query of that name.").waitFor();
      expect(await dialog.getByRole("button", { name: "Rename" }).isDisabled()).toBe(true);
      await page.keyboard.press("Escape");
      expect(await sqlOf("taken")).toBe("SELECT 'old'");
    },
    IN_BROWSER,
  );

  test(
    "those that a browser kept are moved when they are asked to, and none is lost",
    async () => {
      await put("taken", "SELECT 'another'");
      await put("same", "SELECT 'same'");
      await using opened = await tests.open({ address: "#/t.db/overview" });
      const { page } = opened;
      await page.evaluate(() =>
        localStorage.setItem(
          "chronolite.saved:t.db",
          JSON.stringify([
            { id: "1", name: "taken", sql: "SELECT 'of this device'", savedAt: "2026-01-02" },
            {
              id: "2",
              name: "mine",
              sql: "SELECT ? AS a, ? AS b",
              values: '{"?1":"007","?2":9007199254740993,"?9":1}',
              chart: '{"type":"pie"}',
            },
            { id: "3", name: "same", sql: "SELECT 'same'" },
          ]),
        ),
      );
      await page.reload();
      await page.getByRole("heading", { name: "3 queries of this device" }).waitFor();
      // They open meanwhile.
      await linkOf(page, "mine").click();
      expect(await page.getByRole("textbox", { name: "?1", exact: true }).inputValue()).toBe("007");
      await page.getByRole("button", { name: "Keep on the server" }).click();
      await linkOf(page, "taken (2)").waitFor();
      await page.getByRole("heading", { name: /of this device/ }).waitFor({ state: "detached" });
      const text = await (await tests.server().api("/queries?db=t")).text();
      expect(text).toContain('["007",9007199254740993]');
      const all = await saved();
      expect(all.map(({ name, sql, chart }) => ({ name, sql, chart }))).toEqual(
        expect.arrayContaining([
          { name: "taken", sql: "SELECT 'another'", chart: null },
          { name: "taken (2)", sql: "SELECT 'of this device'", chart: null },
          { name: "mine", sql: "SELECT ? AS a, ? AS b", chart: '{"type":"pie"}' },
          { name: "same", sql: "SELECT 'same'", chart: null },
        ]),
      );
      expect(all.filter(({ name }) => name.startsWith("same"))).toHaveLength(1);
      expect(await page.evaluate(() => localStorage.getItem("chronolite.saved:t.db"))).toBe("[]");
      await page.reload();
      await linkOf(page, "mine").click();
      await page.locator(".panel:not([hidden])").getByRole("textbox", { name: "?2" }).waitFor();
    },
    IN_BROWSER,
  );

  test(
    "a token that may only read says so where something was to be saved, and nothing is lost",
    async () => {
      await using server = await startTestServer({ args: ["--token", ROOT_TOKEN], empty: true });
      await server.api("/db/create?path=t", asRoot({ method: "POST" }));
      await server.api(
        "/queries/theirs?db=t",
        asRoot({ method: "PUT", body: '{"sql":"SELECT 1 AS one"}' }),
      );
      const { token } = await makeToken(server, { databases: "t", level: "read" });
      await using opened = await tests.open({
        origin: server.origin,
        address: "#/t.db/sql/theirs",
        expectedErrors: /status of 40[13]/,
      });
      const { page } = opened;
      await page.evaluate(() =>
        localStorage.setItem(
          "chronolite.saved:t.db",
          JSON.stringify([{ id: "1", name: "mine", sql: "SELECT 2" }]),
        ),
      );
      await page.reload();
      await page.getByRole("dialog").getByLabel("Token", { exact: true }).fill(token);
      await page.keyboard.press("Enter");
      await page.getByRole("gridcell", { name: "1", exact: true }).waitFor();
      await write(page, "SELECT 11 AS one");
      await page.keyboard.press("Control+s");
      const alert = page.locator(".sql-text").getByRole("alert");
      await alert.getByText("This token may only read").waitFor();
      await alert.getByText("The query is not saved.").waitFor();
      await shownTab(page).getByRole("img", { name: "changed, not saved" }).waitFor();
      await alert.getByRole("button", { name: "All right" }).click();

      await page.getByRole("button", { name: "Queries", exact: true }).click();
      await page.getByRole("menuitem", { name: "Save as…" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("textbox", { name: "Name" }).fill("new");
      await page.keyboard.press("Enter");
      await dialog.getByRole("alert").getByText("This token may only read").waitFor();
      await opened.checkAccessibility();
      await page.keyboard.press("Escape");

      await page.getByRole("button", { name: "Keep on the server" }).click();
      await page
        .locator(".rail")
        .getByRole("alert")
        .getByText("This token may only read")
        .waitFor();
      await page.getByRole("heading", { name: "1 query of this device" }).waitFor();
      const { body } = await server.json<{ queries: object[] }>("/queries?db=t", asRoot());
      expect(body.queries).toMatchObject([{ name: "theirs", sql: "SELECT 1 AS one" }]);
    },
    IN_BROWSER,
  );

  test.each(DEVICES)(
    "pictures on a %s",
    async (device) => {
      await put("Orders of a user", "SELECT id, total FROM orders WHERE user_id = 7 LIMIT 20");
      await put("Turnover", "SELECT user_id, sum(total) AS turnover FROM orders GROUP BY user_id");
      await using opened = await tests.open({
        address: `#/t.db/sql/Turnover?q=${encodeURIComponent("SELECT user_id, count(*) FROM orders GROUP BY 1")}&run=1`,
        device,
      });
      const { page } = opened;
      await page.getByRole("gridcell").first().waitFor();
      await page.getByRole("button", { name: "Queries", exact: true }).click();
      await page.getByRole("menuitem", { name: "Rename…" }).waitFor();
      await opened.takePictures("saved-queries", { axe: false });
      if (device !== "phone") return;
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Tables and more" }).click();
      await linkOf(page, "Turnover").waitFor();
      await opened.takePictures("saved-queries-rail");
    },
    IN_BROWSER,
  );
});
