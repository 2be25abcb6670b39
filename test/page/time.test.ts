/** The time control, as people use it: back, compare, restore, undo; what the server then holds. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { describePage, IN_BROWSER, type PageTests } from "./support/browser.ts";
import { fillStock, HOUR_MS, MINUTE_MS, put } from "./support/stock.ts";

const time = (page: Page) => page.getByRole("region", { name: "Time" });
const moment = (page: Page) => time(page).getByRole("button", { name: /^Moment/ });
const slider = (page: Page) => time(page).getByRole("slider", { name: "Moment" });
const params = (page: Page) => new URLSearchParams(page.url().split("?")[1]);

/** Keys and values of the grid, as they stand there. */
function shown(page: Page): Promise<Record<string, string>> {
  return page.evaluate(() => {
    const panel = document.querySelector(".panel:not([hidden])");
    const rows = [...(panel?.querySelectorAll("[data-row]") ?? [])].map((row) =>
      [0, 1].map(
        (column) => row.querySelector(`[data-column="${column}"]`)?.textContent?.trim() ?? "",
      ),
    );
    return Object.fromEntries(rows.filter(([key]) => key !== "")) as Record<string, string>;
  });
}

/** Waits until the grid shows exactly these. */
async function expectShown(page: Page, rows: Record<string, string>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline && !Bun.deepEquals(await shown(page), rows)) await Bun.sleep(30);
  expect(await shown(page)).toEqual(rows);
}

/** A test that is tried again begins with a table of its own. */
let tables = 0;
function another(word: string): string {
  tables += 1;
  return `${word}_${tables}`;
}

/** What the table holds now. */
async function held({ server }: PageTests, table: string): Promise<Record<string, unknown>> {
  const { body } = await server().json<{ keys: { key: string; value: unknown }[] }>(
    `/kv/snapshot?db=t&table=${table}&timestamp=${server().clock.nowMs()}`,
  );
  return Object.fromEntries(body.keys.map(({ key, value }) => [key, value]));
}

const LATEST = { apple: "1", pear: "20", quince: "4" };
const BEFORE_QUINCE = { apple: "1", pear: "20" };
const BEFORE_DELETION = { apple: "1", pear: "20", plum: "3" };
const EARLY = { apple: "1", pear: "2", plum: "3" };

describePage("the time control", (tests) => {
  const { server } = tests;
  /** The page with the server's clock, on a table with six changes. */
  const openStock = async (table: string, options: Parameters<PageTests["open"]>[0] = {}) => {
    await fillStock(server(), table);
    const opened = await tests.open({ address: "#/t.db/table/apart", ...options });
    await opened.page.clock.setFixedTime(server().clock.nowMs());
    await opened.page.goto(`${server().origin}/${options.address ?? `#/t.db/table/${table}`}`);
    await opened.page.reload();
    await moment(opened.page).waitFor();
    return opened;
  };

  test(
    "one steps back by keys, filters there, comes again with the address, and the twins say the same",
    async () => {
      const table = another("stock");
      await using opened = await openStock(table);
      const { page } = opened;
      await expectShown(page, LATEST);
      expect(await moment(page).innerText()).toContain("Now");
      await page.keyboard.press(",");
      await expectShown(page, BEFORE_QUINCE);
      await page.getByText("(change 5 of 6)").waitFor();
      await page.keyboard.press(",");
      await expectShown(page, BEFORE_DELETION);
      await page.keyboard.press(",");
      await expectShown(page, EARLY);
      // The eye is led to what the step has changed.
      const marked = page.locator(".cell-marked");
      await marked.filter({ hasText: /^2$/ }).first().waitFor();
      expect(await page.locator('[data-row="0"] .cell-marked').count()).toBe(0);
      await page.keyboard.press(".");
      await expectShown(page, BEFORE_DELETION);
      // Steps that follow one another at once are one for Back.
      await page.goBack();
      await expectShown(page, LATEST);
      expect(params(page).get("at")).toBeNull();
      await page.goForward();
      await expectShown(page, BEFORE_DELETION);

      await page.getByRole("searchbox", { name: "Search all columns" }).fill("pe");
      await expectShown(page, { pear: "20" });
      // In a field the keys are letters.
      await page.getByRole("searchbox", { name: "Search all columns" }).pressSequentially("nt,.");
      await page.waitForURL(/search=pent/);
      expect(params(page).get("at")).not.toBeNull();
      await page.getByRole("searchbox", { name: "Search all columns" }).fill("");
      await expectShown(page, BEFORE_DELETION);
      await page.getByRole("columnheader", { name: /primary key/ }).click();
      await page.getByRole("columnheader", { name: /primary key/ }).click();
      await expectShown(page, BEFORE_DELETION);
      const url = page.url();
      expect(params(page).get("at")).toMatch(/^\d{13}$/);
      expect(params(page).get("order")).toBe("desc");
      await page.reload();
      await expectShown(page, BEFORE_DELETION);
      expect(page.url()).toBe(url);

      const twin = async (format: string) => {
        const href = await page.getByRole("link", { name: `.${format}` }).getAttribute("href");
        return fetch(new URL(href ?? "", server().origin));
      };
      const json = (await (await twin("json")).json()) as { resultSet: { key: string }[] };
      expect(json.resultSet.map(({ key }) => key)).toEqual(["plum", "pear", "apple"]);
      const csv = await (await twin("csv")).text();
      expect(csv.split(/\r?\n/)[1]).toMatch(/^plum,3,/);

      // What would change something waits for now, and says so.
      await page.getByRole("button", { name: "More", exact: true }).click();
      for (const name of [/^Import a file/, /^Share a link/]) {
        const item = page.getByRole("menuitem", { name });
        expect(await item.getAttribute("aria-disabled")).toBe("true");
        expect(await item.innerText()).toContain("only now");
      }
      await page.keyboard.press("Escape");

      // So is a file of it.
      await page.getByRole("button", { name: "More", exact: true }).click();
      await page.getByRole("menuitem", { name: "Export" }).click();
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Download" }).click(),
      ]);
      expect(readFileSync(await download.path(), "utf8")).toMatch(/\r\nplum,3,.*\r\npear,20,/);

      // A query of it is about the same moment.
      await page.getByRole("button", { name: "More", exact: true }).click();
      await page.getByRole("menuitem", { name: "Open as a query" }).click();
      await page
        .getByText(/^As it was/)
        .last()
        .waitFor();
      expect(Object.keys(await shown(page))).toEqual(["plum", "pear", "apple"]);
      await page.keyboard.press("Alt+w");
      await expectShown(page, BEFORE_DELETION);

      // Counts of values, too, are those of then.
      await page.getByRole("button", { name: "Facets" }).click();
      await page.getByRole("button", { name: "Columns" }).last().click();
      await page.getByRole("menuitemcheckbox", { name: "key", exact: true }).click();
      await page.getByRole("region", { name: "Values of key" }).getByText("plum").waitFor();
      await page.keyboard.press("n");
      await expectShown(page, LATEST);
      await page.getByRole("region", { name: "Values of key" }).getByText("quince").waitFor();

      // A step back is one from the newest change, though the page has not seen it yet.
      server().clock.advance(MINUTE_MS);
      await put(server(), table, "fig", 5);
      await page.keyboard.press(",");
      await page.getByText("(change 6 of 7)").waitFor();
      await expectShown(page, LATEST);
    },
    IN_BROWSER,
  );

  test(
    "one types a moment, compares it with now, restores it, and undoes that",
    async () => {
      const table = another("typed");
      await using opened = await openStock(table, { expectedErrors: /400/ });
      const { page } = opened;
      await expectShown(page, LATEST);
      await page.keyboard.press("t");
      const form = page.getByRole("dialog", { name: "Go to a moment" });
      const input = form.getByRole("textbox", { name: "Go to a moment" });
      await input.fill("the day of the move");
      await form.getByText("does not read as a moment").waitFor();
      expect(await form.getByRole("button", { name: "Go", exact: true }).isDisabled()).toBe(true);
      await input.fill("tomorrow");
      await form.getByText("still to come").waitFor();
      await input.fill("30 minutes ago");
      await form.getByText(/:05\.678/).waitFor();
      await opened.checkAccessibility();
      await page.keyboard.press("Enter");
      await expectShown(page, EARLY);
      expect(params(page).get("at")).toBe(String(server().clock.nowMs() - 30 * MINUTE_MS));
      // A leap that changes most rows marks none.
      expect(await page.locator(".cell-marked").count()).toBe(0);

      await page.getByRole("button", { name: "Compare with now" }).click();
      const pane = page.getByRole("region", { name: "Compare with now" });
      await pane.getByText("1 added · 1 changed · 1 removed").waitFor();
      expect(params(page).get("side")).toBe("compare");
      const changes = await pane.getByRole("listitem").allInnerTexts();
      expect(changes.map((each) => each.split(/\s+/).join(" "))).toEqual([
        "pear changed Then 2 Now 20",
        "plum removed Then 3 Now no such key",
        "quince added Then no such key Now 4",
      ]);
      await opened.checkAccessibility();

      await page.getByRole("button", { name: "Restore…" }).click();
      const dialog = page.getByRole("dialog", { name: `Restore ${table}?` });
      await dialog.getByText("1 key goes back to the value of then").waitFor();
      await dialog.getByText("1 key that was deleted comes back").waitFor();
      await dialog.getByText("1 key that was added since is deleted").waitFor();
      await opened.checkAccessibility();
      expect(await held(tests, table)).toEqual({ apple: 1, pear: 20, quince: 4 });
      server().clock.advance(MINUTE_MS);
      await dialog.getByRole("button", { name: "Restore 3 keys" }).click();
      await page.getByText("1 changed back, 1 brought back, 1 deleted").first().waitFor();
      await expectShown(page, EARLY);
      expect(params(page).get("at")).toBeNull();
      expect(await held(tests, table)).toEqual({ apple: 1, pear: 2, plum: 3 });

      server().clock.advance(MINUTE_MS);
      await page.getByRole("button", { name: "Undo", exact: true }).click();
      await expectShown(page, LATEST);
      expect(await held(tests, table)).toEqual({ apple: 1, pear: 20, quince: 4 });
      // Nothing of it is lost: both ways are changes of their own.
      await page.clock.setFixedTime(server().clock.nowMs());
      await page.keyboard.press(",");
      await expectShown(page, EARLY);
    },
    IN_BROWSER,
  );

  test(
    "what somebody else wrote since a restore is not undone with it",
    async () => {
      const table = another("shared");
      await using opened = await openStock(table);
      const { page } = opened;
      await expectShown(page, LATEST);
      await page.keyboard.press(",");
      await expectShown(page, BEFORE_QUINCE);
      await page.getByRole("button", { name: "Restore…" }).click();
      await page.getByRole("button", { name: "Restore 1 key" }).waitFor();
      server().clock.advance(MINUTE_MS);
      await page.getByRole("button", { name: "Restore 1 key" }).click();
      await page.getByText("1 deleted").first().waitFor();
      server().clock.advance(MINUTE_MS);
      await put(server(), table, "fig", 5);
      await page.getByRole("button", { name: "Undo", exact: true }).click();
      await page.getByText(`${table} was written to since`).first().waitFor();
      expect(await held(tests, table)).toEqual({ apple: 1, pear: 20, fig: 5 });
    },
    IN_BROWSER,
  );

  test(
    "the slider is a film: rows follow the thumb, nothing moves, and letting go is one step",
    async () => {
      const table = another("film");
      await using opened = await openStock(table);
      const { page } = opened;
      await expectShown(page, LATEST);
      const box = await slider(page).boundingBox();
      if (box === null) throw new Error("there is no slider");
      const places = () =>
        page.evaluate(() =>
          [".time-line", ".time-note", ".film", ".table-bar", ".grid", ".table-status"].map(
            (part) => {
              const { x, y, width, height } =
                document.querySelector(`.panel:not([hidden]) ${part}`)?.getBoundingClientRect() ??
                new DOMRect();
              return [part, x, y, width, height];
            },
          ),
        );
      const before = await places();
      const y = box.y + box.height / 2;
      await page.mouse.move(box.x + box.width - 8, y);
      await page.mouse.down();
      for (const share of [0.9, 0.8, 0.6, 0.4])
        await page.mouse.move(box.x + box.width * share, y, { steps: 3 });
      await expectShown(page, EARLY);
      expect(params(page).get("at")).toBeNull();
      expect(await places()).toEqual(before);
      await page.mouse.move(box.x + box.width * 0.98, y, { steps: 3 });
      await page.mouse.move(box.x + box.width * 0.005, y, { steps: 9 });
      await expectShown(page, { apple: "1" });
      await page.mouse.up();
      await page.waitForURL(/at=\d{13}/);
      await expectShown(page, { apple: "1" });
      expect(await places()).toEqual(before);
      await page.goBack();
      await expectShown(page, LATEST);

      // By keyboard it goes from change to change.
      await slider(page).focus();
      await page.keyboard.press("ArrowLeft");
      await expectShown(page, BEFORE_QUINCE);
      expect(await slider(page).getAttribute("aria-valuetext")).toContain("2026");
      await page.keyboard.press("Home");
      await expectShown(page, { apple: "1" });
      expect(await page.getByRole("button", { name: "One change back" }).isDisabled()).toBe(true);
      await page.keyboard.press("End");
      await expectShown(page, LATEST);
      expect(await slider(page).getAttribute("aria-valuetext")).toBe("now");
    },
    IN_BROWSER,
  );

  test(
    "keys that nobody knows of are named; what is forgotten cannot be reached, and a wrong address says so",
    async () => {
      const table = another("gappy");
      // What was overwritten so long ago can be forgotten.
      await put(server(), table, "apple", 0);
      await fillStock(server(), table);
      await put(server(), table, "pear", 21, "&history=false");
      server().clock.advance(MINUTE_MS);
      const inGap = server().clock.nowMs();
      server().clock.advance(MINUTE_MS);
      await put(server(), table, "pear", 22, "&history=false");
      server().clock.advance(MINUTE_MS);
      await put(server(), table, "pear", 23);
      await put(server(), table, "quince", 5);
      server().clock.advance(MINUTE_MS);
      const address = `#/t.db/table/${table}?at=${inGap}`;
      await using opened = await tests.open({ address, expectedErrors: /400|410/ });
      const { page } = opened;
      await expectShown(page, { apple: "1", quince: "4" });
      await page.getByRole("button", { name: "1 key unknown" }).click();
      const list = page.getByRole("dialog", { name: "Unknown keys" });
      expect(await list.getByRole("listitem").allInnerTexts()).toEqual(["pear"]);
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Restore…" }).click();
      await page.getByText("Left out: pear").waitFor();
      await page.getByRole("button", { name: "Restore 1 key" }).click();
      await expectShown(page, { apple: "1", pear: "23", quince: "4" });
      expect(await held(tests, table)).toEqual({ apple: 1, pear: 23, quince: 4 });

      // Everything older than an hour is dropped.
      const { status } = await server().json("/maintenance?db=t", {
        method: "POST",
        body: JSON.stringify({ op: "prune_history", retention: "30m" }),
      });
      expect(status).toBe(200);
      await page.goto(`${server().origin}/#/t.db/table/${table}?at=${inGap - 5 * HOUR_MS}`);
      const alert = page.getByRole("alert");
      await alert.getByText("HISTORY_PRUNED").waitFor();
      await alert.getByRole("button", { name: "Back to now" }).click();
      await expectShown(page, { apple: "1", pear: "23", quince: "4" });
      await page.reload();
      await moment(page).waitFor();
      await page.keyboard.press("t");
      const form = page.getByRole("dialog", { name: "Go to a moment" });
      await form.getByRole("textbox", { name: "Go to a moment" }).fill(String(inGap - 5 * HOUR_MS));
      await form.getByText(/is forgotten/).waitFor();
      await page.keyboard.press("Escape");

      await page.goto(`${server().origin}/#/t.db/table/${table}?at=sometime`);
      await page.getByRole("alert").getByText("at=sometime, which is no moment").waitFor();
      await page.getByRole("alert").getByRole("button", { name: "Back to now" }).click();
      await expectShown(page, { apple: "1", pear: "23", quince: "4" });
    },
    IN_BROWSER,
  );

  test(
    "a query is run as of a moment, again when the moment changes, and the palette knows the way",
    async () => {
      const table = another("opened");
      await using opened = await openStock(table);
      const sql = `SELECT key, value FROM ${table} ORDER BY key`;
      const address = `#/t.db/sql?q=${encodeURIComponent(sql)}&run=1`;
      const { page } = opened;
      await page.clock.setFixedTime(server().clock.nowMs());
      await page.goto(`${server().origin}/${address}`);
      await expectShown(page, LATEST);
      await page
        .getByRole("toolbar", { name: "Query" })
        .getByRole("button", { name: /^Moment/ })
        .click();
      await page.getByRole("textbox", { name: "Go to a moment" }).fill("30 minutes ago");
      await page.keyboard.press("Enter");
      await expectShown(page, EARLY);
      await page.getByText(/As it was 30 minutes ago/).waitFor();
      const bar = page.getByRole("toolbar", { name: "Query" });
      expect(await bar.getByRole("button", { name: "Share" }).isDisabled()).toBe(true);
      const href = await page.getByRole("link", { name: ".csv" }).getAttribute("href");
      expect(await (await fetch(new URL(href ?? "", server().origin))).text()).toContain("plum,3");
      await opened.checkAccessibility();
      await page.reload();
      await expectShown(page, EARLY);
      await page.goBack();
      await expectShown(page, LATEST);

      await page.keyboard.press("Control+k");
      await page.getByRole("option", { name: "Go to a moment…" }).click();
      await page.getByRole("textbox", { name: "Go to a moment" }).fill("30 minutes ago");
      await page.keyboard.press("Enter");
      await expectShown(page, EARLY);
      await page.keyboard.press("Control+k");
      await page.getByRole("option", { name: "Back to now" }).click();
      await expectShown(page, LATEST);
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keys" }).getByText("One change back").waitFor();
    },
    IN_BROWSER,
  );

  describe("on a phone", () => {
    test(
      "everything is within reach of a thumb",
      async () => {
        const table = another("pocket");
        await using opened = await openStock(table, { width: 390, height: 800, theme: "dark" });
        const { page } = opened;
        await expectShown(page, LATEST);
        await time(page).getByRole("button", { name: "One change back" }).tap();
        await expectShown(page, BEFORE_QUINCE);
        await moment(page).tap();
        await page.getByRole("button", { name: "1 hour ago" }).tap();
        await expectShown(page, EARLY);
        const box = await slider(page).boundingBox();
        if (box === null) throw new Error("there is no slider");
        await page.touchscreen.tap(box.x + box.width * 0.5, box.y + box.height / 2);
        await expectShown(page, EARLY);
        await opened.checkAccessibility();
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(wider).toBe(0);
        await page.getByRole("button", { name: "Compare with now" }).tap();
        const sheet = page.getByRole("dialog", { name: "Compare with now" });
        await sheet.getByText("1 added · 1 changed · 1 removed").waitFor();
        await sheet.getByRole("button", { name: "Close the comparison" }).tap();
        await page.getByRole("button", { name: "Restore…" }).tap();
        await page.getByRole("button", { name: "Restore 3 keys" }).waitFor();
        server().clock.advance(MINUTE_MS);
        await page.getByRole("button", { name: "Restore 3 keys" }).tap();
        await page.getByText("1 changed back").first().waitFor();
        expect(await held(tests, table)).toEqual({ apple: 1, pear: 2, plum: 3 });
      },
      IN_BROWSER,
    );
  });
});
