/** Key-value tables with a history. */
import type { TestServer } from "../../support/server.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

export async function put(
  server: TestServer,
  table: string,
  key: string,
  value: unknown,
  more = "",
): Promise<void> {
  const { status } = await server.api(`/kv/${key}?db=t&table=${table}${more}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(value),
  });
  if (status !== 200 && status !== 201) throw new Error(`PUT ${key} was answered with ${status}`);
}

/**
 * Six changes, the last three an hour after the first three.
 * Ends a quarter of an hour after the last change: half an hour ago lies between the two halves.
 */
export async function fillStock(server: TestServer, table: string): Promise<void> {
  const { clock } = server;
  await put(server, table, "apple", 1);
  clock.advance(MINUTE_MS);
  await put(server, table, "pear", 2);
  clock.advance(MINUTE_MS);
  await put(server, table, "plum", 3);
  clock.advance(HOUR_MS);
  await put(server, table, "pear", 20);
  clock.advance(MINUTE_MS);
  await server.api(`/kv/plum?db=t&table=${table}`, { method: "DELETE" });
  clock.advance(MINUTE_MS);
  await put(server, table, "quince", 4);
  clock.advance(15 * MINUTE_MS);
}

const VISITORS = [
  "ada",
  "alan",
  "barbara",
  "claude",
  "donald",
  "edsger",
  "frances",
  "grace",
  "john",
  "katherine",
  "ken",
  "linus",
  "margaret",
  "niklaus",
  "radia",
];
/** A moment in the middle of the history of visitors: the clock of tests begins at 03:04:05 that day. */
export const VISITORS_KNOWN_MS = Date.UTC(2026, 0, 2, 8, 30);

/** A table with a working day behind it: calm and busy hours, a deletion, a key without a record. */
export async function fillVisitors(server: TestServer): Promise<void> {
  const { clock } = server;
  const visit = (index: number, visits: number) => {
    const name = VISITORS[index % VISITORS.length] ?? "";
    const role = index % 4 === 0 ? "admin" : visits > 6 ? "member" : "guest";
    return put(server, "visitors", name, {
      name,
      role,
      visits,
      tags: visits > 6 ? ["a", "b"] : ["a"],
    });
  };
  for (const [index] of VISITORS.slice(0, 12).entries()) {
    await visit(index, 1);
    clock.advance(2 * MINUTE_MS);
  }
  for (let step = 0; step < 120; step += 1) {
    clock.advance(Math.round((1 + 9 * Math.sin(step / 9) ** 2) * MINUTE_MS));
    await visit((step * 7) % (step < 60 ? 12 : 15), 1 + Math.floor(step / 8));
  }
  await server.api("/kv/ken?db=t&table=visitors", { method: "DELETE" });
  await put(server, "visitors", "linus", { name: "linus" }, "&history=false");
  clock.advance(3 * HOUR_MS);
}
