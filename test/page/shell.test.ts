import { beforeAll, describe, expect, test } from "bun:test";
import { startTestServer } from "../support/server.ts";
import { BROWSER_TIMEOUT_MS, describePage, IN_BROWSER } from "./support/browser.ts";
import { SHOP } from "./support/shop.ts";

describePage("shell", (shell) => {
  beforeAll(() => shell.sql("t", ...SHOP), BROWSER_TIMEOUT_MS);

  test(
    "a database is made, chosen, and there again on the next visit",
    async () => {
      await using opened = await shell.open();
      const { page } = opened;
      await page.getByRole("button", { name: /t\.db/ }).click();
      await page.getByRole("tabpanel").waitFor();
      await page.getByRole("navigation").getByRole("button", { name: "t.db" }).click();
      await page.getByRole("menuitem", { name: "New database…" }).click();
      await page.getByRole("textbox", { name: "Name" }).fill("fresh");
      await page.getByRole("button", { name: "Create" }).click();
      await page.getByRole("button", { name: "fresh.db" }).waitFor();
      expect(new URL(page.url()).hash).toBe("#/fresh.db/overview");
      const { body } = await shell.server().json<{ databases: { name: string }[] }>("/db/list");
      expect(body.databases.map(({ name }) => name)).toContain("fresh.db");

      // Its size stands beside each file.
      await page.getByRole("button", { name: "fresh.db" }).click();
      await page.getByRole("menuitemcheckbox", { name: /t\.db.* (KiB|MiB)/ }).click();
      await page.getByRole("link", { name: "orders", exact: true }).first().waitFor();
      await page.goto(shell.server().origin);
      await page.getByRole("button", { name: "t.db" }).waitFor();
    },
    IN_BROWSER,
  );

  test(
    "a name that is taken is refused with the server's words; paths are opened where it allows them",
    async () => {
      await using opened = await shell.open({
        address: "#/t.db/overview",
        expectedErrors: /status of 4\d\d/,
      });
      const { page } = opened;
      await page.getByRole("button", { name: "t.db" }).click();
      await page.getByRole("menuitem", { name: "New database…" }).click();
      await page.getByRole("textbox", { name: "Name" }).fill("t");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").filter({ hasText: "DATABASE_EXISTS" }).waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "t.db" }).click();
      await page.getByRole("menuitem", { name: "Look again" }).waitFor();
      expect(await page.getByRole("menuitem", { name: "Open a path…" }).count()).toBe(0);

      await using open = await startTestServer({ args: ["--allow-any-absolute-db-path"] });
      await using elsewhere = await shell.open({
        origin: open.origin,
        expectedErrors: /status of 4\d\d/,
      });
      await elsewhere.page.getByRole("button", { name: "Choose a database" }).click();
      await elsewhere.page.getByRole("menuitem", { name: "Open a path…" }).click();
      const path = elsewhere.page.getByRole("textbox", { name: "Path on the server" });
      await path.fill("/nowhere/other.db");
      await elsewhere.page.keyboard.press("Enter");
      await elsewhere.page.getByRole("alert").filter({ hasText: "DATABASE_NOT_FOUND" }).waitFor();
      await path.fill(shell.server().folder.file("t.db"));
      await elsewhere.page.keyboard.press("Enter");
      await elsewhere.page.getByRole("dialog").waitFor({ state: "detached" });
      expect(decodeURIComponent(elsewhere.page.url())).toContain(
        shell.server().folder.file("t.db"),
      );
    },
    IN_BROWSER,
  );

  test(
    "tabs open, close, survive a reload, and Back goes back",
    async () => {
      await using opened = await shell.open({ address: "#/t.db/overview" });
      const { page } = opened;
      const tabs = page.getByRole("tablist", { name: "Open tabs" }).getByRole("tab");
      await page.getByRole("link", { name: "Structure of orders", exact: true }).first().click();
      await page
        .getByRole("cell", { name: "user_id" })
        .or(page.getByRole("rowheader", { name: "user_id" }))
        .first()
        .waitFor();
      await page.keyboard.press("Alt+n");
      await page.getByRole("textbox", { name: "SQL" }).fill("select 41 + 1 as answer");
      await page.waitForURL(/answer/);
      expect(await tabs.allInnerTexts()).toEqual([
        "Overview",
        "orders structure",
        "select 41 + 1 as answer",
      ]);
      await page.reload();
      expect(await page.getByRole("textbox", { name: "SQL" }).innerText()).toBe(
        "select 41 + 1 as answer",
      );
      expect(await tabs.count()).toBe(3);
      await page.goBack();
      await page.waitForURL(/structure\/orders$/);
      await page.goBack();
      await page.waitForURL(/overview$/);
      await page.goForward();
      await page.waitForURL(/structure\/orders$/);
      await page.keyboard.press("Alt+w");
      expect(await tabs.allInnerTexts()).toEqual(["Overview", "select 41 + 1 as answer"]);
      await tabs.last().focus();
      await page.keyboard.press("ArrowLeft");
      expect(await tabs.first().getAttribute("aria-selected")).toBe("true");
      await page.waitForFunction(() => document.activeElement?.textContent === "Overview");
      await page.keyboard.press("ArrowRight");
      expect(await tabs.last().getAttribute("aria-selected")).toBe("true");
      await page.keyboard.press("Delete");
      expect(await tabs.allInnerTexts()).toEqual(["Overview"]);
    },
    IN_BROWSER,
  );

  test(
    "the palette finds a table by a few letters, a command, and closes with Escape",
    async () => {
      await using opened = await shell.open({ address: "#/t.db/overview" });
      const { page } = opened;
      await page.getByRole("link", { name: "orders", exact: true }).first().waitFor();
      await page.keyboard.press("Control+k");
      await page.keyboard.type("structure prod");
      await page.keyboard.press("Enter");
      await page.waitForURL(/structure\/products$/);
      // The keyboard goes on in what was chosen.
      await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "tabpanel");
      await page.keyboard.press("Control+k");
      await page.getByRole("dialog").waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await page.keyboard.press("Control+k");
      await page.keyboard.type("theme: dark");
      await page.keyboard.press("Enter");
      expect(await page.locator("html").getAttribute("data-theme")).toBe("dark");
    },
    IN_BROWSER,
  );

  test(
    "the theme is the system's until it is chosen, and then there from the first paint",
    async () => {
      await using opened = await shell.open({ address: "#/t.db/overview", theme: "dark" });
      const { page } = opened;
      const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const dark = await background();
      await page.getByRole("button", { name: "Appearance and help" }).click();
      await page.getByRole("menuitemcheckbox", { name: "Light" }).click();
      const light = await background();
      expect(light).not.toBe(dark);
      await page.reload({ waitUntil: "commit" });
      await page.waitForSelector("body");
      expect(await page.locator("html").getAttribute("data-theme")).toBe("light");
      expect(await background()).toBe(light);
    },
    IN_BROWSER,
  );

  test(
    "the sidebar is resized by keyboard, and remembers it",
    async () => {
      await using opened = await shell.open({ address: "#/t.db/overview" });
      const { page } = opened;
      const rail = page.getByRole("navigation", { name: "Database" });
      const width = async () => (await rail.boundingBox())?.width ?? 0;
      const before = await width();
      const edge = page.getByRole("separator", { name: "Width of the sidebar" });
      await edge.focus();
      await page.keyboard.press("ArrowRight");
      await page.waitForFunction(
        (least) => (document.querySelector("nav")?.getBoundingClientRect().width ?? 0) > least,
        before,
      );
      const after = await width();
      await page.waitForFunction(() =>
        Object.keys(localStorage).some((key) => key.includes("chronolite.shell")),
      );
      await page.reload();
      await rail.waitFor();
      expect(Math.abs((await width()) - after)).toBeLessThan(2);
    },
    IN_BROWSER,
  );

  test(
    "while the server is away the page says so, and it goes on when it is back",
    async () => {
      await using opened = await shell.open({
        address: "#/t.db/table/orders",
        expectedErrors: /ERR_INTERNET_DISCONNECTED|Failed to fetch/,
      });
      const { page, context } = opened;
      await page.getByText("of 1,000").waitFor();
      await context.setOffline(true);
      await page.getByRole("button", { name: "Next page" }).click();
      const away = page.getByText("The server does not answer. The page goes on");
      await away.waitFor();
      await opened.checkAccessibility();
      // A part of the page that was not loaded before.
      await page.getByRole("link", { name: "Query log" }).click();
      await page.getByRole("tab", { name: /^Query log/ }).waitFor();
      await context.setOffline(false);
      await away.waitFor({ state: "detached" });
      await page.getByRole("searchbox", { name: /^Search/ }).waitFor();
      await page.getByRole("tab", { name: /^orders/ }).click();
      await page.getByText("101–200 of 1,000").waitFor();
      await page.getByRole("gridcell", { name: "101", exact: true }).first().waitFor();
    },
    IN_BROWSER,
  );

  test(
    "? shows the keys, except while writing",
    async () => {
      await using opened = await shell.open({ address: "#/t.db/sql" });
      const { page } = opened;
      const editor = page.getByRole("textbox", { name: "SQL" });
      await editor.click();
      await page.keyboard.type("?");
      expect(await editor.innerText()).toContain("?");
      expect(await page.getByRole("dialog").count()).toBe(0);
      await page.getByRole("tab", { selected: true }).first().focus();
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keys" }).waitFor();
    },
    IN_BROWSER,
  );
});

describePage("a server with a token", (page) => {
  test(
    "asks for it once, tells a wrong one, and forgets it with the tab unless told otherwise",
    async () => {
      await using server = await startTestServer({ args: ["--token", "open-sesame"], empty: true });
      await server.api("/db/create?path=vault", {
        method: "POST",
        headers: { authorization: "Bearer open-sesame" },
      });
      await using opened = await page.open({
        origin: server.origin,
        address: "#/vault.db/overview",
        expectedErrors: /status of 401/,
      });
      const { page: browser } = opened;
      const prompt = browser.getByRole("dialog", { name: "This server asks for a token" });
      await prompt.getByLabel("Token").fill("wrong");
      await browser.keyboard.press("Enter");
      await prompt.getByText("The token is wrong").waitFor();
      await opened.checkAccessibility();
      await prompt.getByLabel("Token").fill("open-sesame");
      await prompt.getByRole("button", { name: "Go on" }).click();
      await prompt.waitFor({ state: "detached" });
      await browser.getByText("This database is empty").waitFor();
      await browser.reload();
      await browser.getByText("This database is empty").waitFor();
      const stored = await browser.evaluate(() => [
        sessionStorage.getItem("chronolite.token"),
        localStorage.getItem("chronolite.token"),
      ]);
      expect(stored).toEqual(["open-sesame", null]);
      expect(browser.url()).not.toContain("sesame");

      // A link would come without the token; the page fetches it.
      const [twin] = await Promise.all([
        opened.context.waitForEvent("page"),
        browser.getByRole("link", { name: ".json" }).click(),
      ]);
      await twin.waitForURL(/^blob:/);
      expect(JSON.parse(await twin.innerText("body"))).toMatchObject({
        success: true,
        objects: [],
      });
    },
    IN_BROWSER,
  );
});

describe("addresses", () => {
  test("of every state can be read back", async () => {
    const { parseHref, placeHref, place } = await import("../../src/ui/address/place.ts");
    for (const state of [
      place("t.db", "overview"),
      place("/var/lib/a b.db", "table", "odd/name?#%", { where: "a & b = '§'", sort: "" }),
      place("ü.db", "sql", null, { q: "select '+ %26'\n-- ☃" }),
    ]) {
      const { sort: _empty, ...params } = state.params;
      expect(parseHref(placeHref(state))).toEqual({ ...state, params });
    }
    expect(parseHref("#/%E0%A4%A")).toMatchObject({ db: null });
  });
});
