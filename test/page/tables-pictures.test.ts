/** Pictures of the tables for people to look at, test/page/screenshots. */
import { beforeAll, test } from "bun:test";
import type { Page } from "playwright-core";
import { DEVICES, describePage } from "./support/browser.ts";
import { fillVisitors, VISITORS_KNOWN_MS } from "./support/stock.ts";
import { makeTables } from "./support/tables.ts";

const TIMEOUT_MS = 120_000;

interface Scene {
  readonly name: string;
  readonly address: string;
  prepare(page: Page): Promise<void>;
}

const grid = (page: Page) => page.getByRole("grid");

const SCENES: readonly Scene[] = [
  {
    name: "table-staged",
    address: `#/t.db/table/customers`,
    async prepare(page) {
      await grid(page).getByText("London", { exact: true }).dblclick();
      await page.getByRole("textbox", { name: "Value of city" }).fill("Paris");
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "Row", exact: true }).click();
      await grid(page).getByText("Carl").click({ button: "right" });
      await page.getByRole("menuitem", { name: "Delete 1 row" }).click();
      await page.getByRole("menu").waitFor({ state: "detached" });
    },
  },
  {
    name: "table-value",
    address: `#/t.db/table/customers`,
    async prepare(page) {
      await grid(page).getByText("London", { exact: true }).click();
      await page.getByRole("button", { name: "Value", exact: true }).click();
      await page.getByRole("navigation", { name: "Related rows" }).getByText("781").waitFor();
    },
  },
  {
    name: "table-facets",
    address: `#/t.db/table/orders?filter=${encodeURIComponent('[["total",">",10],["state","in","open","paid"]]')}&facets=${encodeURIComponent('["state","customer"]')}&side=facets`,
    async prepare(page) {
      await page.getByRole("region", { name: "Values of state" }).getByText("paid").waitFor();
    },
  },
  {
    name: "table-chart",
    address: `#/t.db/table/orders?view=chart&chart=${encodeURIComponent('{"type":"bar","x":"state","y":["total"],"combine":"sum"}')}`,
    async prepare(page) {
      await page.getByRole("img", { name: /^Bars: total by state/ }).waitFor();
    },
  },
  {
    name: "diagram",
    address: `#/t.db/diagram`,
    async prepare(page) {
      await page.getByRole("article", { name: "orders" }).waitFor();
    },
  },
  {
    name: "import",
    address: `#/t.db/overview`,
    async prepare(page) {
      await page.getByRole("main").getByRole("button", { name: "Import" }).click();
      await page.getByLabel("File to import").setInputFiles({
        name: "people.csv",
        mimeType: "text/csv",
        buffer: Buffer.from("name,age\nAda,36\nAlan,41\n"),
      });
      await page.getByLabel("Table", { exact: true }).waitFor();
    },
  },
  {
    name: "share",
    address: `#/t.db/table/orders`,
    async prepare(page) {
      await page.getByRole("button", { name: "More", exact: true }).click();
      await page.getByRole("menuitem", { name: "Share a link" }).click();
      await page.getByRole("button", { name: "Make a link" }).waitFor();
    },
  },
  {
    name: "time-now",
    address: `#/t.db/table/visitors`,
    async prepare(page) {
      await page.getByRole("slider", { name: "Moment" }).waitFor();
    },
  },
  {
    name: "time-past",
    address: `#/t.db/table/visitors`,
    async prepare(page) {
      const slider = page.getByRole("slider", { name: "Moment" });
      const box = await slider.boundingBox();
      if (box === null) throw new Error("there is no slider");
      await page.mouse.click(box.x + box.width * 0.42, box.y + box.height / 2);
      await page.getByText(/^As it was/).waitFor();
    },
  },
  {
    name: "time-form",
    address: `#/t.db/table/visitors`,
    async prepare(page) {
      await page.getByRole("button", { name: /^Moment/ }).click();
      await page.getByRole("textbox", { name: "Go to a moment" }).fill("yesterday 14:00");
      await page.getByText(/14:00:00|02:00:00/).waitFor();
    },
  },
  {
    name: "time-compare",
    address: `#/t.db/table/visitors?at=${VISITORS_KNOWN_MS}&side=compare`,
    async prepare(page) {
      await page.getByText(/added · /).waitFor();
    },
  },
  {
    name: "time-restore",
    address: `#/t.db/table/visitors?at=${VISITORS_KNOWN_MS}`,
    async prepare(page) {
      await page.getByRole("button", { name: "Restore…" }).click();
      await page.getByRole("button", { name: /^Restore \d+ keys/ }).waitFor();
    },
  },
  {
    name: "time-query",
    address: `#/t.db/sql?q=${encodeURIComponent("SELECT key, value ->> 'role' AS role FROM visitors\nWHERE value ->> 'visits' > 3\nORDER BY key")}&run=1&at=${VISITORS_KNOWN_MS}`,
    async prepare(page) {
      await page.getByText(/^As it was/).waitFor();
    },
  },
];

describePage("pictures of tables", (tests) => {
  beforeAll(async () => {
    await makeTables(tests, "t.db");
    await fillVisitors(tests.server());
  });

  for (const { name, address, prepare } of SCENES)
    test(
      name,
      async () => {
        for (const device of DEVICES) {
          await using opened = await tests.open({
            address,
            device,
            expectedErrors: /404|405|503/,
          });
          await prepare(opened.page);
          await opened.takePictures(name);
          opened.page.on("dialog", (dialog) => void dialog.accept());
        }
      },
      TIMEOUT_MS,
    );
});
