/** GET /kv/moments: where a moment is in a table's past. */
import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { sharedServer } from "./support/database.ts";
import { escaped, kvCalls } from "./support/kv.ts";
import { randomFrom } from "./support/random.ts";

interface Bucket {
  from_ms: number;
  to_ms: number;
  operations: number;
}
interface Moments {
  first_ms: number | null;
  last_ms: number | null;
  horizon_ms: number | null;
  at_ms: number;
  previous_ms: number | null;
  next_ms: number | null;
  operations: number;
  total: number;
  buckets: Bucket[];
}

const shared = sharedServer();
afterAll(() => shared.stop());

async function start() {
  const server = await shared.start();
  return Object.assign(server, {
    kv: kvCalls(server),
    moments: async (at?: number | string, more = "") => {
      const time = at === undefined ? "" : `&at_timestamp=${at}`;
      const { status, body } = await server.json(`/kv/moments?db=t${time}${more}`);
      expect(status).toBe(200);
      return body as unknown as Moments;
    },
    keysAt: async (at: number) => {
      const sql = escaped("select key || value as pair from kv_store order by key");
      const { body } = await server.json<{ resultSet: { pair: string }[] }>(
        `/query?db=t&sql=${sql}&at_timestamp=${at}`,
      );
      return body.resultSet.map(({ pair }) => pair).join();
    },
    tick(ms: number): number {
      const nowMs = server.clock.nowMs();
      server.clock.advance(ms);
      return nowMs;
    },
  });
}

describe("steps", () => {
  test("lead through every state of the table, back and forth", async () => {
    await using server = await start();
    const { kv } = server;
    const states: [number, string][] = [];
    const write = async (work: () => Promise<unknown>, state: string) => {
      await work();
      states.push([server.tick(700), state]);
    };
    await write(() => kv.set("a", "1"), "a1");
    await write(() => kv.set("b", "1"), "a1,b1");
    // Two operations at one time are one step.
    await write(async () => {
      await kv.set("a", "2");
      await kv.delete("b");
    }, "a2");
    await write(() => kv.verb("incr", "a"), "a3");
    const times = states.map(([at]) => at);
    const [first, last] = [times[0] as number, times.at(-1) as number];
    const nowMs = server.clock.nowMs();
    const now = await server.moments();
    expect(now).toEqual({
      success: true,
      table: "kv_store",
      first_ms: first,
      last_ms: last,
      horizon_ms: null,
      at_ms: nowMs,
      previous_ms: times.at(-2),
      next_ms: null,
      operations: 5,
      total: 5,
      buckets: [],
    } as unknown as Moments);
    expect(await server.moments(Math.floor(nowMs / 1000))).toEqual(now);
    for (const at of ["", "0"]) expect(await server.moments(at)).toEqual(now);
    const back: [number, string][] = [];
    for (let at: number | null = last; at !== null; at = (await server.moments(at)).previous_ms)
      back.unshift([at, await server.keysAt(at)]);
    expect(back).toEqual(states);
    const forth: number[] = [];
    for (let at = (await server.moments(first - 1)).next_ms; at !== null; ) {
      forth.push(at);
      at = (await server.moments(at)).next_ms;
    }
    expect(forth).toEqual(times);
    // Between two, the step back leaves the newest change that is seen.
    expect(await server.moments(last - 1)).toMatchObject({
      at_ms: last - 1,
      previous_ms: times[1],
      next_ms: last,
      operations: 4,
    });
    expect(await server.moments(first - 1)).toMatchObject({
      previous_ms: null,
      next_ms: first,
      operations: 0,
      total: 5,
    });
    expect(await server.moments(first)).toMatchObject({ previous_ms: null, operations: 1 });
  });

  test("count writes without a record, also where their gap moved on", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("a", "1");
    for (const value of ["1", "2", "3"]) await kv.set("lost", value, "&history=false");
    await kv.set("b", "1");
    expect(await server.moments()).toMatchObject({ operations: 5, total: 5 });
  });

  test("end at the horizon, where that is a state of its own", async () => {
    await using server = await start();
    const { kv } = server;
    await kv.set("a", "1");
    server.tick(1000);
    await kv.set("a", "2");
    server.tick(10_000);
    const last = server.clock.nowMs();
    await kv.set("a", "3");
    server.tick(1000);
    await server.json("/maintenance?db=t", {
      method: "POST",
      body: '{"op":"prune_history","retention":"5s"}',
    });
    const horizon = last + 1000 - 5000;
    const now = await server.moments();
    expect(now).toMatchObject({ horizon_ms: horizon, previous_ms: horizon, last_ms: last });
    expect(await server.keysAt(horizon)).toBe("a2");
    for (const at of [horizon, horizon - 1])
      expect(await server.moments(at)).toMatchObject({
        ...{ previous_ms: null, next_ms: last },
        // What was dropped does not count.
        ...{ operations: 1, total: 2 },
      });
  });
});

describe("buckets", () => {
  test("cover the past without a gap, and count every operation once", async () => {
    await using server = await start();
    const random = randomFrom(7);
    const times: number[] = [];
    for (let index = 0; index < 60; index += 1) {
      await server.kv.set(`k${random.below(9)}`, String(index));
      times.push(server.tick(random.pick([0, 1, 5, 40, 900])));
    }
    const [first, last] = [times[0] as number, times.at(-1) as number];
    // 20 are counted at once, more in another process.
    for (const count of [1, 2, 7, 20, 21, 500]) {
      const { buckets } = await server.moments(undefined, `&buckets=${count}`);
      expect(buckets).toHaveLength(count);
      expect([buckets[0]?.from_ms, buckets.at(-1)?.to_ms]).toEqual([first, last]);
      let from = first;
      for (const bucket of buckets) {
        expect(bucket.from_ms).toBe(from);
        const { to_ms: to } = bucket;
        expect(bucket.operations).toBe(times.filter((at) => at >= from && at <= to).length);
        expect(Math.abs(to + 1 - from - (last + 1 - first) / count)).toBeLessThanOrEqual(1);
        from = to + 1;
      }
    }
  });

  test("are no more than there are milliseconds, and at most 500", async () => {
    await using server = await start();
    await server.kv.set("a", "1");
    server.tick(2);
    await server.kv.set("a", "2");
    const { first_ms: first = 0, buckets } = await server.moments(undefined, "&buckets=500");
    expect(buckets).toEqual(
      [1, 0, 1].map((operations, index) => {
        const at = Number(first) + index;
        return { from_ms: at, to_ms: at, operations };
      }),
    );
    for (const buckets of ["501", "-1", "x"])
      expect(await server.json(`/kv/moments?db=t&buckets=${buckets}`)).toMatchObject({
        status: 400,
        body: { code: "INVALID_PARAMETERS", parameter: "buckets" },
      });
  });
});

describe("a table", () => {
  test("that is not there, or has nothing recorded, has no past", async () => {
    await using server = await start();
    const none = { first_ms: null, last_ms: null, previous_ms: null, next_ms: null };
    const nothing = { ...none, operations: 0, total: 0, buckets: [] };
    for (const more of ["&buckets=9", "&buckets=99"]) {
      expect(await server.moments(undefined, more)).toMatchObject(nothing);
      expect(await server.moments(undefined, `&table=other${more}`)).toMatchObject(nothing);
    }
    await server.kv.set("a", "1");
    await server.kv.delete("a");
    expect(await server.moments(undefined, "&table=other")).toMatchObject(nothing);
    expect(await server.moments()).toMatchObject({ total: 2 });
  });

  test("of somebody else's is refused as everywhere", async () => {
    await using server = await start();
    using database = new Database(server.folder.file(`${server.name}.db`));
    database.run("create table notes (id integer primary key, text)");
    for (const more of ["", "&buckets=99"])
      expect(await server.json(`/kv/moments?db=t&table=notes${more}`)).toMatchObject({
        status: 409,
        body: { code: "CONFLICT" },
      });
    for (const path of [
      "/kv/moments?db=t&table=a_history",
      "/kv/moments?db=t&at_timestamp=soon",
      "/kv/moments",
    ])
      expect((await server.json(path)).status).toBe(400);
  });
});
