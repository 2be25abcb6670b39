/** Every atomic operation by many clients at once: nothing is lost, nothing happens twice. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { at, atOnce, type KvAnswer, type KvCalls, kvCalls } from "./support/kv.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

const CLIENTS = 100;

let server: TestServer;
let kv: KvCalls;
beforeAll(async () => {
  server = await startTestServer();
  kv = kvCalls(server);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

let used = 0;
const freshKey = () => `race${++used}`;

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const sorted = (values: readonly unknown[]) => values.map(Number).sort((a, b) => a - b);
const wins = (answers: readonly KvAnswer[]) => answers.filter(({ status }) => status === 200);
const statuses = (answers: readonly KvAnswer[]) =>
  Object.fromEntries(
    [...Map.groupBy(answers, ({ status }) => status)].map(([status, all]) => [status, all.length]),
  );
const tags = (answers: readonly KvAnswer[]) => new Set(answers.map(({ body }) => body["etag"]));

/** The same on a whole value, on members of a document, and deep in one that must stay as it is. */
const PLACES: [string, string, (value: string) => string][] = [
  ["a key", "", (value) => value],
  ["a member", at("n"), (value) => `{"big":9007199254740993,"n":${value},"o":1.0}`],
  ["an element", at("a[1].n"), (value) => `{"a":[0,{"n":${value}},9007199254740993]}`],
];

describe.each(PLACES)(`${CLIENTS} clients at once, on %s:`, (_, extra, document) => {
  const start = async (value: string): Promise<string> => {
    const key = freshKey();
    await kv.set(key, document(value));
    return key;
  };

  test.each(["incr", "decr"] as const)("%s hands out each sum once", async (verb) => {
    const sign = verb === "incr" ? 1 : -1;
    const key = await start("5");
    const answers = await atOnce(CLIENTS, () => kv.verb(verb, key, `${extra}&delta=3`));
    expect(statuses(answers)).toEqual({ 200: CLIENTS });
    const sums = numbers(CLIENTS).map((n) => 5 + sign * 3 * (n + 1));
    expect(sorted(answers.map(({ body }) => body["value"]))).toEqual(sorted(sums));
    expect(sorted(answers.map(({ body }) => body["previous"]))).toEqual(
      sorted(sums.map((sum) => sum - sign * 3)),
    );
    expect(tags(answers).size).toBe(CLIENTS);
    expect(await kv.text(key)).toBe(document(String(5 + sign * 3 * CLIENTS)));
  });

  test("incr and decr together come out even", async () => {
    const key = await start("0");
    await atOnce(CLIENTS, (n) => kv.verb(n % 2 === 0 ? "incr" : "decr", key, extra));
    expect(await kv.text(key)).toBe(document("0"));
  });

  test("push keeps every element, in the order of the lengths told", async () => {
    const key = await start("[]");
    const answers = await atOnce(CLIENTS, (n) => kv.verb("push", key, extra, String(n)));
    const order: number[] = [];
    for (const [n, { body }] of answers.entries()) order[Number(body["length"]) - 1] = n;
    expect(sorted(order)).toEqual(numbers(CLIENTS));
    expect(await kv.text(key)).toBe(document(`[${order.join(",")}]`));
  });

  test("pop hands out each element once, and 404 to those that come too late", async () => {
    const key = await start(`[${numbers(CLIENTS - 10).join(",")}]`);
    const answers = await atOnce(CLIENTS, () => kv.verb("pop", key, extra));
    expect(statuses(answers)).toEqual({ 200: CLIENTS - 10, 404: 10 });
    expect(sorted(wins(answers).map(({ body }) => body["value"]))).toEqual(numbers(CLIENTS - 10));
    expect(await kv.text(key)).toBe(document("[]"));
  });

  test("remove takes each element once: by value, and by index", async () => {
    const key = await start(`[${numbers(CLIENTS).join(",")}]`);
    // Two clients want each value; half of the elements are never asked for.
    const byValue = await atOnce(CLIENTS, (n) =>
      kv.verb("remove", key, extra, JSON.stringify({ value: n >> 1 })),
    );
    expect(statuses(byValue)).toEqual({ 200: CLIENTS / 2, 404: CLIENTS / 2 });
    expect(sorted(wins(byValue).map(({ body }) => body["removed"]))).toEqual(numbers(CLIENTS / 2));
    const byIndex = await atOnce(CLIENTS, () => kv.verb("remove", key, `${extra}&index=0`, "{}"));
    expect(statuses(byIndex)).toEqual({ 200: CLIENTS / 2, 404: CLIENTS / 2 });
    expect(sorted(wins(byIndex).map(({ body }) => body["removed"]))).toEqual(
      numbers(CLIENTS / 2).map((n) => n + CLIENTS / 2),
    );
    expect(await kv.text(key)).toBe(document("[]"));
  });

  test("PUT with if_match lets one through", async () => {
    const key = await start("0");
    const expected = `&if_match=${encodeURIComponent(document("0"))}`;
    const answers = await atOnce(CLIENTS, (n) => kv.put(key, String(n + 1), extra + expected));
    expect(statuses(answers)).toEqual({ 200: 1, 412: CLIENTS - 1 });
    const winner = answers.findIndex(({ status }) => status === 200);
    expect(await kv.text(key)).toBe(document(String(winner + 1)));
  });

  test.each(["PUT", "incr"])(
    "%s with If-Match lets one through, and tells others its tag",
    async (how) => {
      const key = await start("0");
      const etag = (await kv.get(key)).headers.get("etag") ?? "";
      const answers = await atOnce(CLIENTS, (n) =>
        how === "PUT"
          ? kv.put(key, String(n + 1), extra, { "if-match": etag })
          : kv.verb("incr", key, extra, undefined, { "if-match": etag }),
      );
      expect(statuses(answers)).toEqual({ 200: 1, 412: CLIENTS - 1 });
      const [winner] = wins(answers);
      const told = answers.filter(({ status }) => status === 412);
      expect(new Set(told.map(({ body }) => body["current_etag"]))).toEqual(
        new Set([winner?.body["etag"]]),
      );
    },
  );

  test("PUT with if_match, tried again after each refusal, counts like incr", async () => {
    const key = await start("0");
    await atOnce(10, async () => {
      for (;;) {
        const document = await kv.text(key);
        const value = Number(await kv.text(key, extra));
        const condition = `&if_match=${encodeURIComponent(document)}`;
        // The two reads may be of different moments: the condition is on the first.
        if (!document.includes(String(value))) continue;
        if ((await kv.put(key, String(value + 1), extra + condition)).status === 200) return;
      }
    });
    expect(await kv.text(key)).toBe(document("10"));
  });
});

describe(`${CLIENTS} clients at once:`, () => {
  test.each([
    ["PUT", ""],
    ["PUT with path", at("a")],
  ])("%s with If-None-Match: * makes the key once", async (_, extra) => {
    const key = freshKey();
    const answers = await atOnce(CLIENTS, (n) =>
      kv.put(key, String(n), extra, { "if-none-match": "*" }),
    );
    expect(statuses(answers)).toEqual({ 200: 1, 412: CLIENTS - 1 });
    expect(wins(answers)[0]?.body["created"]).toBe(true);
  });

  test("PUT says created once", async () => {
    const key = freshKey();
    const answers = await atOnce(CLIENTS, (n) => kv.put(key, String(n)));
    expect(answers.filter(({ body }) => body["created"] === true)).toHaveLength(1);
    expect(tags(answers).size).toBe(CLIENTS);
  });

  test("DELETE deletes once, and 404 to the others", async () => {
    const key = freshKey();
    await kv.set(key, "1");
    expect(statuses(await atOnce(CLIENTS, () => kv.delete(key)))).toEqual({
      200: 1,
      404: CLIENTS - 1,
    });
  });

  test("DELETE and If-None-Match: * in turns: as often made as deleted, at most once more", async () => {
    const key = freshKey();
    const answers = await atOnce(CLIENTS, (n) =>
      n % 2 === 0 ? kv.put(key, "1", "", { "if-none-match": "*" }) : kv.delete(key),
    );
    const made = wins(answers.filter((_, n) => n % 2 === 0)).length;
    const deleted = wins(answers.filter((_, n) => n % 2 === 1)).length;
    expect(made - deleted).toBe((await kv.get(key)).status === 200 ? 1 : 0);
  });

  test("a key past its time is made anew once", async () => {
    const key = freshKey();
    await kv.set(key, "old", "&ttl=1ms");
    server.clock.advance(1);
    const answers = await atOnce(CLIENTS, () => kv.verb("incr", key));
    expect(sorted(answers.map(({ body }) => body["value"]))).toEqual(
      numbers(CLIENTS).map((n) => n + 1),
    );
  });

  test("batch/set writes all its keys or none: the last batch is whole in all of them", async () => {
    const keys = numbers(5).map(freshKey);
    const answers = await atOnce(CLIENTS, (value) =>
      kv.post("batch/set", { batch: keys.map((key) => ({ key, value })) }),
    );
    expect(statuses(answers)).toEqual({ 200: CLIENTS });
    const { body } = await kv.post("batch/get", { keys });
    expect(new Set(Object.values(body["values"] as object)).size).toBe(1);
  });

  test("batch/set with a tag lets one through", async () => {
    const [a, b] = [freshKey(), freshKey()];
    const tag = await kv.set(a, "0");
    const answers = await atOnce(CLIENTS, (value) =>
      kv.post("batch/set", {
        batch: [
          { key: b, value },
          { key: a, value, if_match: tag },
        ],
      }),
    );
    expect(statuses(answers)).toEqual({ 200: 1, 412: CLIENTS - 1 });
    const winner = String(answers.findIndex(({ status }) => status === 200));
    expect([await kv.text(a), await kv.text(b)]).toEqual([winner, winner]);
  });

  test("batch/delete counts each key once", async () => {
    const keys = numbers(20).map(freshKey);
    await kv.post("batch/set", { batch: keys.map((key) => ({ key, value: 1 })) });
    const answers = await atOnce(CLIENTS, (n) =>
      kv.post("batch/delete", { keys: [keys[n % 20], keys[(n + 1) % 20]] }),
    );
    expect(answers.reduce((sum, { body }) => sum + Number(body["deleted"]), 0)).toBe(20);
  });

  test("atomic moves elements from one list to another: each is in one of them, once", async () => {
    const [from, to] = [freshKey(), freshKey()];
    await kv.set(from, JSON.stringify(numbers(CLIENTS)));
    const answers = await atOnce(CLIENTS, (n) =>
      kv.post("atomic", {
        mutations: [
          { op: "remove", key: from, value: n },
          { op: "push", key: to, path: "moved", value: n },
          { op: "incr", key: to, path: "count" },
        ],
      }),
    );
    expect(statuses(answers)).toEqual({ 200: CLIENTS });
    expect(await kv.text(from)).toBe("[]");
    const { moved, count } = JSON.parse(await kv.text(to)) as { moved: number[]; count: number };
    expect([sorted(moved), count]).toEqual([numbers(CLIENTS), CLIENTS]);
  });

  test("atomic with a failing mutation changes nothing, among those that succeed", async () => {
    const [good, bad] = [freshKey(), freshKey()];
    await kv.set(bad, '"no number"');
    const answers = await atOnce(CLIENTS, (n) =>
      kv.post("atomic", {
        mutations: [{ op: "incr", key: good }, ...(n % 2 === 0 ? [{ op: "incr", key: bad }] : [])],
      }),
    );
    expect(statuses(answers)).toEqual({ 200: CLIENTS / 2, 400: CLIENTS / 2 });
    expect(await kv.text(good)).toBe(String(CLIENTS / 2));
  });

  test("atomic with a check of absence lets one through", async () => {
    const key = freshKey();
    const answers = await atOnce(CLIENTS, (value) =>
      kv.post("atomic", {
        checks: [{ key, exists: false }],
        mutations: [{ op: "set", key, value }],
      }),
    );
    expect(statuses(answers)).toEqual({ 200: 1, 409: CLIENTS - 1 });
  });

  test("DELETE by prefix beside writers: what was written before is gone, what comes after stays", async () => {
    const prefix = `${freshKey()}:`;
    const written = await atOnce(CLIENTS, (n) => kv.set(`${prefix}old${n}`, "1"));
    expect(written).toHaveLength(CLIENTS);
    const [deleted] = await Promise.all([
      server.json(`/kv?db=t&prefix=${prefix}old&confirm=yes`, { method: "DELETE" }),
      atOnce(CLIENTS, (n) => kv.set(`${prefix}new${n}`, "1")),
    ]);
    expect(deleted).toMatchObject({ status: 200, body: { deleted: CLIENTS } });
    expect(await kv.keys(`&prefix=${prefix}&limit=1000`)).toHaveLength(CLIENTS);
  });
});
