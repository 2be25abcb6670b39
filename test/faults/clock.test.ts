/** The machine's clock is set, in both directions: nothing breaks, nobody waits longer or shorter. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { startTestServer } from "../support/server.ts";

const HOUR_MS = 3_600_000;

test("writes, history, expiry and deadlines hold when the clock jumps", async () => {
  await using server = await startTestServer();
  const put = async (key: string, body: string, more = "") =>
    (await server.api(`/kv/${key}?db=t${more}`, { method: "PUT", body })).status;
  for (const [round, stepMs] of [48 * HOUR_MS, -72 * HOUR_MS, 24 * HOUR_MS, -1, 0].entries()) {
    expect(await put("a", String(round))).toBe(200);
    expect(await put(`short${round}`, "1", "&ttl=3600")).toBe(200);
    server.clock.advance(stepMs);
    // What expires does so by the clock as it is.
    const expired = stepMs > HOUR_MS;
    expect((await server.api(`/kv/short${round}?db=t`)).status).toBe(expired ? 404 : 200);
    expect(await put("a", `${round} later`)).toBe(200);
    expect(await (await server.api("/kv/a?db=t")).text()).toBe(`${round} later`);
    const counted = await server.json<{ value: number }>("/kv/n/incr?db=t", { method: "POST" });
    expect(counted.body.value).toBe(round + 1);
  }
  using database = new Database(server.folder.file("t.db"), { readonly: true });
  const backwards = `select seq from (select seq, at_ms, lag(at_ms) over (order by seq) as before
    from kv_store_history) where at_ms < before`;
  using statement = database.prepare(backwards);
  expect(statement.all()).toEqual([]);
});

test("a write that waits for another program's lock keeps its own deadline", async () => {
  await using server = await startTestServer();
  await server.api("/kv/a?db=t", { method: "PUT", body: "1" });
  for (const stepMs of [HOUR_MS, -HOUR_MS]) {
    using other = new Database(server.folder.file("t.db"));
    other.run("begin immediate");
    const waiting = server.api("/kv/a?db=t&timeout=20", { method: "PUT", body: "2" });
    const late = server.api("/kv/a?db=t&timeout=1", { method: "PUT", body: "3" });
    await Bun.sleep(100);
    server.clock.advance(stepMs);
    // Had the jump counted, the first would be late now, or the second never.
    const startedMs = performance.now();
    expect((await late).status).toBe(503);
    expect(performance.now() - startedMs).toBeWithin(500, 4000);
    other.run("rollback");
    expect((await waiting).status).toBe(200);
  }
}, 20_000);
