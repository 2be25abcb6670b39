/** Links to rows: made, shown in three forms, opened by anybody, listed, revoked. */
import { beforeAll, expect, test } from "bun:test";
import { describePage, IN_BROWSER } from "./support/browser.ts";
import { makeTables } from "./support/tables.ts";

describePage("sharing", (tests) => {
  const { open, server } = tests;
  beforeAll(() => makeTables(tests, "t.db"));

  test(
    "the rows of a filtered table get a link that works until it is revoked",
    async () => {
      const { status } = await server().json("/share?db=t.db");
      const filter = encodeURIComponent('[["name","=","Ada"]]');
      await using opened = await open({
        address: `#/t.db/table/customers?filter=${filter}`,
        expectedErrors: /404|405/,
      });
      const { page } = opened;
      await page.getByRole("button", { name: "More", exact: true }).click();
      await page.getByRole("menuitem", { name: "Share a link" }).click();
      const dialog = page.getByRole("dialog", { name: "Share the rows" });
      await dialog.getByRole("button", { name: "Make a link" }).waitFor();
      if (status === 404 || status === 405) {
        await dialog.getByText("This server makes no links.").waitFor();
        return;
      }
      await dialog.getByLabel("As").selectOption("csv");
      await dialog.getByLabel("Works for").selectOption({ label: "1 day" });
      await dialog.getByRole("button", { name: "Make a link" }).click();
      const url = await dialog.getByLabel("URL", { exact: true }).inputValue();
      expect(await dialog.getByLabel("iframe", { exact: true }).inputValue()).toContain(
        `src="${url}"`,
      );
      expect(await dialog.getByLabel("curl", { exact: true }).inputValue()).toContain(`'${url}'`);
      const shared = await fetch(url);
      expect(shared.status).toBe(200);
      expect(await shared.text()).toContain("Ada,London");
      await dialog.getByRole("button", { name: "Copy the URL" }).click();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(url);
      await opened.checkAccessibility();

      const list = dialog.getByRole("region", { name: "Links to t.db" });
      await list.getByRole("button", { name: "Revoke this link" }).click();
      await list.getByRole("button", { name: "Revoke for good" }).click();
      await list.waitFor({ state: "detached" });
      expect((await fetch(url)).status).toBeGreaterThanOrEqual(400);
    },
    IN_BROWSER,
  );
});
