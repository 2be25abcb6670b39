/** A key-value table with a history of six changes, the last three an hour after the first three. */
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

/** Ends a quarter of an hour after the last change: half an hour ago lies between the two halves. */
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
