/** What holds for the whole page, whatever it shows. */
import { expect, test } from "bun:test";
import { describePage, TEST_TIMEOUT_MS } from "./support/browser.ts";

describePage("the page", ({ open }) => {
  test(
    "opens a database at once, and nothing moves when it arrives",
    async () => {
      await using opened = await open({ address: "#/t.db/overview" });
      const { page } = opened;
      await page.getByRole("navigation", { name: "Database" }).waitFor();
      expect(await page.title()).toBe("chronolite");
    },
    TEST_TIMEOUT_MS,
  );
});
