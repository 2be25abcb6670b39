import { expect, test } from "bun:test";
import { bundlePage } from "../../src/server/page/bundle.ts";

/** What a first visit fetches before it can show anything, compressed: 4 s at 400 kbit/s. */
const MAX_FIRST_BYTES = 200_000;

test("the page is the same whenever it is bundled, small at first, and comes from here alone", async () => {
  const files = await bundlePage();
  const again = await bundlePage();
  const bytesOf = (each: typeof files) =>
    each.map(({ name, bytes }) => [name, Bun.hash(bytes)]).toSorted();
  expect(bytesOf(again)).toEqual(bytesOf(files));

  const page = new TextDecoder().decode(files.find(({ name }) => name === "index.html")?.bytes);
  const first = files.filter(({ name }) => page.includes(`/ui/${name}"`));
  expect(first.length).toBeGreaterThanOrEqual(4);
  const firstBytes = first.reduce((sum, { bytes }) => sum + Bun.gzipSync(bytes).length, 0);
  expect(firstBytes).toBeLessThan(MAX_FIRST_BYTES);

  // The editor comes when a query is opened.
  const entry = first.map(({ bytes }) => new TextDecoder().decode(bytes)).join("\n");
  expect(entry).not.toContain("cm-lineNumbers");
  expect(
    files.some(({ bytes }) => new TextDecoder().decode(bytes).includes("cm-lineNumbers")),
  ).toBe(true);
  // Development builds of React are many times slower.
  expect(entry).not.toContain("jsxDEV");
  expect(page).not.toMatch(/<style|style=|<script>|\son\w+=/);
}, 20_000);
