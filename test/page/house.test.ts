/** What holds for the whole page, whatever it shows. */
import { beforeAll, describe, expect, test } from "bun:test";
import { BROWSER_TIMEOUT_MS, describePage, IN_BROWSER, type Theme } from "./support/browser.ts";
import { SHOP } from "./support/shop.ts";

const VIEWS = [
  ["overview", "#/t.db/overview"],
  ["structure", "#/t.db/structure/orders"],
  ["rows", "#/t.db/sql?run=1&q=SELECT+*+FROM+users"],
  ["error", "#/t.db/sql?run=1&q=SELECT+nothing+FROM+users"],
  ["parameters", "#/t.db/sql?q=SELECT+*+FROM+orders+WHERE+total+%3E+%3Aleast"],
  ["log", "#/t.db/log"],
  ["statements", "#/t.db/log?by=statement"],
] as const;

describePage("the page", (page) => {
  beforeAll(() => page.sql("t", ...SHOP), BROWSER_TIMEOUT_MS);

  test(
    "paints within a second, and nothing moves when the data arrives",
    async () => {
      // The server bundles the page when it is first asked for it; the executable holds it ready.
      await fetch(page.server().origin, { headers: { accept: "text/html" } });
      await using opened = await page.open();
      await opened.page.goto(`${page.server().origin}/#/t.db/overview`);
      await opened.page.reload();
      await opened.page.getByRole("link", { name: "users", exact: true }).last().waitFor();
      const { paintMs, shifts } = await opened.page.evaluate(async () => {
        const entries = (type: string) =>
          new Promise<PerformanceEntry[]>((resolve) => {
            const observer = new PerformanceObserver((list) => resolve(list.getEntries()));
            observer.observe({ type, buffered: true });
            // Without an entry the observer stays silent: two frames are enough to know.
            requestAnimationFrame(() => requestAnimationFrame(() => resolve([])));
          });
        const [paints, moved] = await Promise.all([entries("paint"), entries("layout-shift")]);
        return {
          paintMs: paints.find(({ name }) => name === "first-contentful-paint")?.startTime ?? null,
          shifts: moved.map((entry) => (entry as PerformanceEntry & { value: number }).value),
        };
      });
      expect(paintMs).not.toBeNull();
      expect(paintMs ?? 0).toBeLessThan(1000);
      expect(shifts.reduce((sum, shift) => sum + shift, 0)).toBeLessThan(0.01);
    },
    IN_BROWSER,
  );

  describe.each<Theme>(["light", "dark"])("in %s", (theme) => {
    test.each(VIEWS)(
      "%s has no violation that axe-core knows",
      async (view, address) => {
        await using opened = await page.open({
          address,
          theme,
          expectedErrors: /status of 400/,
        });
        const ready = opened.page.getByRole("tabpanel");
        await ready.waitFor();
        await opened.page.waitForLoadState("networkidle");
        if (view === "rows") await opened.page.getByRole("gridcell").first().waitFor();
        if (view === "error") await opened.page.getByRole("alert").waitFor();
        await opened.checkAccessibility();
      },
      IN_BROWSER,
    );

    test(
      "the dialogs have none either",
      async () => {
        await using opened = await page.open({ address: "#/t.db/overview", theme });
        const { keyboard } = opened.page;
        await opened.page.getByRole("tabpanel").waitFor();
        await keyboard.press("Control+k");
        await opened.page.getByRole("dialog").waitFor();
        await opened.checkAccessibility();
        await keyboard.press("Escape");
        await keyboard.press("?");
        await opened.page.getByRole("dialog", { name: "Keys" }).waitFor();
        await opened.checkAccessibility();
      },
      IN_BROWSER,
    );
  });
});
