import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { startTestServer, TestFolder, type TestServer } from "./support/server.ts";
import { until } from "./support/until.ts";

/** One number of the file, past every filter that reads apply. */
async function tell(server: TestServer, sql: string): Promise<number> {
  const { body } = await server.json<{ resultSet: { n: number }[] }>(
    `/query?db=t&sql=${encodeURIComponent(sql)}`,
  );
  return body.resultSet[0]?.n ?? Number.NaN;
}

const storedKeys = (server: TestServer) => tell(server, "SELECT count(*) AS n FROM kv_store");

const put = (server: TestServer, key: string, more: string) =>
  server.api(`/kv/${key}?db=t${more}`, { method: "PUT", body: "x" });

/** Keys `<prefix>0` to `<prefix>n` with the same time to live. */
async function putMany(server: TestServer, prefix: string, count: number, ttl: string) {
  let next = 0;
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      while (next < count) {
        next += 1;
        expect((await put(server, `${prefix}${next - 1}`, `&ttl=${ttl}`)).status).toBe(200);
      }
    }),
  );
}

describe("a key past its time", () => {
  test("reads as missing at once, whether the timer has been there or not", async () => {
    await using server = await startTestServer();
    await put(server, "a", "&ttl=3600");
    server.clock.advance(3_599_999);
    expect((await server.api("/kv/a?db=t")).status).toBe(200);
    server.clock.advance(1);
    const got = await server.api("/kv/a?db=t");
    expect([got.status, got.headers.get("x-error-code")]).toEqual([404, "KEY_EXPIRED"]);
    expect((await server.api("/kv/a?db=t", { method: "HEAD" })).status).toBe(404);
    const { body } = await server.json<{ keys: unknown[] }>("/kv?db=t");
    expect(JSON.stringify(body)).not.toContain('"a"');
  });

  test("is removed from the table by the timer, and others stay", async () => {
    await using server = await startTestServer();
    await put(server, "stays", "");
    await put(server, "later", "&ttl=3600");
    await put(server, "gone", "&ttl=50ms");
    expect(await storedKeys(server)).toBe(3);
    server.clock.advance(50);
    await until(async () => (await storedKeys(server)) === 2, "the timer removes the key");
    for (const key of ["stays", "later"])
      expect((await server.api(`/kv/${key}?db=t`)).status).toBe(200);
  });

  test("is recorded once as EXPIRE, after its last operation, and time does not go back", async () => {
    await using server = await startTestServer();
    await put(server, "a", "&ttl=20ms");
    server.clock.advance(20);
    await until(async () => (await storedKeys(server)) === 0, "the timer removes the key");
    const { body } = await server.json<{ resultSet: Record<string, unknown>[] }>(
      `/query?db=t&sql=${encodeURIComponent(
        "SELECT key, op, op_number, expire_at_ms = lag(expire_at_ms) OVER (ORDER BY seq) AS same, at_ms >= lag(at_ms) OVER (ORDER BY seq) AS orderly FROM kv_store_history ORDER BY seq",
      )}`,
    );
    expect(body.resultSet.slice(1)).toEqual([
      { key: "a", op: "EXPIRE", op_number: null, same: 1, orderly: 1 },
    ]);
  });

  test("can be written again, and is a new key", async () => {
    await using server = await startTestServer();
    await put(server, "a", "&ttl=1");
    server.clock.advance(1000);
    const again = await server.json<{ created: boolean }>("/kv/a?db=t", {
      method: "PUT",
      body: "new",
    });
    expect(again.body.created).toBe(true);
    server.clock.advance(10_000);
    expect(await (await server.api("/kv/a?db=t")).text()).toBe("new");
  });

  test("with its ttl taken away by a later PUT is not removed", async () => {
    await using server = await startTestServer();
    await put(server, "a", "&ttl=50ms");
    await put(server, "b", "&ttl=50ms");
    await put(server, "a", "");
    server.clock.advance(60);
    await until(async () => (await storedKeys(server)) === 1, "the timer removes the other key");
    expect((await server.api("/kv/a?db=t")).status).toBe(200);
  });

  test("of any table is removed", async () => {
    await using server = await startTestServer();
    await put(server, "a", "&table=one&ttl=30ms");
    await put(server, "a", "&table=two&ttl=30ms");
    server.clock.advance(30);
    for (const table of ["one", "two"])
      await until(
        async () => (await tell(server, `SELECT count(*) AS n FROM ${table}`)) === 0,
        `the timer empties ${table}`,
      );
  });
});

describe("2,000 keys past their time", () => {
  test("are all removed and recorded, and reads and writes go on meanwhile", async () => {
    await using server = await startTestServer();
    await put(server, "live", "");
    await putMany(server, "k", 2000, "500ms");
    expect(await storedKeys(server)).toBe(2001);
    // The timer sleeps in real time: half a second at the most, then it sees the moved clock.
    server.clock.advance(500);
    let slowestMs = 0;
    await until(async () => {
      const beforeMs = performance.now();
      expect(await (await server.api("/kv/live?db=t")).text()).toBe("x");
      expect((await server.api("/kv/k7?db=t")).status).toBe(404);
      slowestMs = Math.max(slowestMs, performance.now() - beforeMs);
      expect((await put(server, "live", "")).status).toBe(200);
      return (await storedKeys(server)) === 1;
    }, "the timer removes 2,000 keys");
    expect(slowestMs).toBeLessThan(500);
    expect(
      await tell(
        server,
        "SELECT count(DISTINCT key) AS n FROM kv_store_history WHERE op = 'EXPIRE' AND op_number IS NULL",
      ),
    ).toBe(2000);
  }, 15_000);

  test("left by an earlier server are found by the next one with its first write", async () => {
    await using first = await startTestServer();
    await putMany(first, "k", 600, "1");
    first.clock.advance(5000);
    // The same file under another server, whose clock is as far.
    await using second = await startTestServer({ folder: first.folder, empty: true });
    second.clock.advance(5000);
    expect((await put(second, "first-write", "")).status).toBe(200);
    await until(async () => (await storedKeys(second)) === 1, "the next server removes them");
  }, 15_000);
});

describe("100,000 keys past their time", () => {
  test("are absent at once; reads are answered between the sweeps that remove them", async () => {
    const COUNT = 100_000;
    using folder = new TestFolder();
    const first = await startTestServer({ folder });
    await put(first, "live", "");
    await put(first, "later", "&ttl=3600");
    await first[Symbol.asyncDispose]();
    // As many as a server would take long to be asked for: straight into the file, while none has it.
    using file = new Database(folder.file("t.db"));
    const expireAtMs = first.clock.nowMs() + 500;
    file.run(
      `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${COUNT})
       insert into kv_store (key, value, expire_at_ms) select 'k' || i, 'x', ${expireAtMs} from n`,
    );
    file.close();

    await using server = await startTestServer({ folder, empty: true });
    // The timer begins with the first write, and everything has expired by then.
    server.clock.advance(500);
    expect((await put(server, "first-write", "")).status).toBe(200);
    const left = new Set<number>();
    for (let stored = COUNT; stored > 3; stored = await storedKeys(server)) {
      left.add(stored);
      expect(await (await server.api("/kv/live?db=t")).text()).toBe("x");
      for (const key of ["k1", `k${COUNT}`])
        expect((await server.api(`/kv/${key}?db=t`)).status).toBe(404);
      const { body } = await server.json<{ keys: string[] }>("/kv?db=t&prefix=l");
      expect(body.keys).toEqual(["later", "live"]);
    }
    // Not all at once: the rounds above saw the table shrink.
    expect(left.size).toBeGreaterThan(5);
    expect(
      await tell(server, "SELECT count(*) AS n FROM kv_store_history WHERE op = 'EXPIRE'"),
    ).toBe(COUNT);
  }, 30_000);
});
