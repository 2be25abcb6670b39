/** Following changes: contracts/hoody.md 1.32. */
import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { sharedServer } from "./support/database.ts";
import { serverEvents } from "./support/events.ts";
import { kvCalls } from "./support/kv.ts";
import {
  API,
  spawnServer,
  startTestServer,
  TestFolder,
  type TestServer,
} from "./support/server.ts";
import { SqlClient } from "./support/sql.ts";

interface Event {
  seq: number;
  cursor: number;
  key: string;
  op: string;
  operation: string;
  value?: unknown;
  [name: string]: unknown;
}
interface Page {
  cursor: number;
  oldest_cursor: number;
  next_cursor: number;
  has_more: boolean;
  events: Event[];
  code?: string;
  [name: string]: unknown;
}

const shared = sharedServer();
afterAll(() => shared.stop());

const ask = (server: TestServer, query = "") => server.json<Page>(`/changes?db=t${query}`);
const page = async (server: TestServer, query = "") => (await ask(server, query)).body;
const stream = (server: Pick<TestServer, "api">, query = "", headers = {}) =>
  server.api(`/changes/stream?db=t${query}`, { headers });
const names = (events: Event[]) => events.map(({ op, key }) => `${op} ${key}`);

/** Reads events until one is the last, and hangs up. */
async function readUntil(response: Response, isLast: (event: Event, name: string) => boolean) {
  const read: { name: string; id: string | undefined; event: Event }[] = [];
  for await (const { event: name, id, data } of serverEvents(response)) {
    const event = data as Event;
    read.push({ name, id, event });
    if (isLast(event, name)) break;
  }
  return read;
}

/** A stream of database t over a bare socket, once it has begun; `isRead` false: nobody reads it. */
async function openStream(origin: string, query = "", isRead = true): Promise<Socket> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.write(
    `GET ${API}/changes/stream?db=t${query} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
  );
  if (isRead) await new Promise((resolve) => socket.once("data", resolve));
  else socket.pause();
  return socket;
}

describe("GET /changes", () => {
  test("tells every operation in order, with what it left", async () => {
    await using server = await shared.start();
    const kv = kvCalls(server);
    const at = server.clock.nowMs();
    const tag = await kv.set("a", '{"n":1}', "&ttl=60");
    await kv.verb("incr", "a", "&path=n");
    await kv.verb("persist", "a");
    await kv.set("b", "text");
    await kv.delete("a");
    const { events, ...more } = await page(server);
    expect(more).toEqual({
      success: true,
      cursor: 5,
      oldest_cursor: 0,
      next_cursor: 5,
      has_more: false,
    } as never);
    expect(events.map(({ op, operation, key }) => [op, operation, key])).toEqual([
      ["set", "SET", "a"],
      ["set", "INCR", "a"],
      ["ttl", "TTL", "a"],
      ["set", "SET", "b"],
      ["delete", "DELETE", "a"],
    ]);
    expect(events[0]).toEqual({
      cursor: 1,
      seq: 1,
      ts: Math.floor(at / 1000),
      ts_ms: at,
      table: "kv_store",
      key: "a",
      op: "set",
      operation: "SET",
      etag: tag,
      content_type: "application/json",
      expire_at: Math.floor(at / 1000) + 60,
    });
    expect(events[4]).toMatchObject({ expire_at: null });
    expect(events[4]).not.toHaveProperty("etag");
    const withValues = (await page(server, "&include_values=true")).events;
    expect(withValues.map(({ value }) => value)).toEqual([
      { n: 1 },
      { n: 2 },
      { n: 2 },
      "text",
      undefined,
    ]);
    expect(withValues[3]).toMatchObject({ value_base64: btoa("text") });
  });

  test("pages by cursor, whole or by prefix: nothing is missed, nothing comes twice", async () => {
    await using server = await shared.start();
    for (const batch of [0, 1, 2])
      await kvCalls(server).post("batch/set", {
        items: Array.from({ length: 100 }, (_, index) => ({
          key: `${index % 3 === 0 ? "x" : "y"}/${batch}/${index}`,
          value: "1",
        })),
      });
    for (const [prefix, limit, count] of [
      ["", 7, 300],
      ["", 300, 300],
      ["", 299, 300],
      ["x/", 10, 102],
      ["none", 10, 0],
    ] as const) {
      const seen: number[] = [];
      let at = 0;
      for (;;) {
        const next = await page(server, `&since=${at}&limit=${limit}&prefix=${prefix}`);
        seen.push(...next.events.map(({ seq }) => seq));
        expect(next.events.length).toBeLessThanOrEqual(limit);
        at = next.next_cursor;
        if (!next.has_more) break;
      }
      expect([prefix, limit, at, seen.length, new Set(seen).size]).toEqual([
        prefix,
        limit,
        300,
        count,
        count,
      ]);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    }
    expect((await page(server)).events).toHaveLength(100);
    expect((await page(server, "&since=now")).events).toEqual([]);
    expect(await page(server, "&since=now")).toMatchObject({ next_cursor: 300 });
  });

  test("refuses what is no cursor, one ahead of all, and bad bounds", async () => {
    await using server = await shared.start();
    await kvCalls(server).set("a", "1");
    for (const [query, name] of [
      ["&limit=0", "limit"],
      ["&limit=1001", "limit"],
      ["&wait=61", "wait"],
      ["&wait=-1", "wait"],
      ["&since=x", "since"],
      ["&since=-1", "since"],
      ["&include_values=perhaps", "include_values"],
    ])
      expect(await ask(server, query)).toMatchObject({
        status: 400,
        body: { code: "INVALID_PARAMETERS", error: expect.stringContaining(String(name)) },
      });
    for (const fine of ["&limit=1", "&limit=1000", "&wait=0", "&since=1"])
      expect((await ask(server, fine)).status).toBe(200);
    expect(await ask(server, "&since=2")).toMatchObject({
      status: 410,
      body: { code: "CHANGE_CURSOR_INVALID", reason: "ahead", newest_cursor: 1 },
    });
  });

  test("wait answers as soon as there is something: a write, one without a record, an expiry", async () => {
    await using server = await shared.start();
    const kv = kvCalls(server);
    await kv.set("other", "1");
    const cases: [string, () => Promise<unknown>, string][] = [
      ["", () => kv.set("a", "1"), "set a"],
      ["&prefix=b", () => kv.set("a", "1").then(() => kv.set("b", "1")), "set b"],
      [
        "",
        async () => {
          await kv.set("short", "1", "&ttl=20ms&history=false");
        },
        "set short",
      ],
      ["", async () => server.clock.advance(20), "expire short"],
    ];
    for (const [query, act, told] of cases) {
      const { cursor } = await page(server, "&since=now");
      const started = performance.now();
      const waiting = page(server, `&since=${cursor}&wait=30${query}`);
      await Bun.sleep(20);
      await act();
      expect(names((await waiting).events)).toEqual([told]);
      expect(performance.now() - started).toBeLessThan(10_000);
    }
  });

  test("wait is woken, and does not just look again every second", async () => {
    await using server = await shared.start();
    const kv = kvCalls(server);
    const started = performance.now();
    for (let round = 0; round < 10; round += 1) {
      const waiting = page(server, `&since=${round}&wait=30`);
      await Bun.sleep(5);
      await kv.set("a", String(round));
      expect((await waiting).events).toHaveLength(1);
    }
    expect(performance.now() - started).toBeLessThan(6000);
  }, 20_000);

  test("wait ends without an event, and at once where there is one already", async () => {
    await using server = await shared.start();
    const kv = kvCalls(server);
    await kv.set("a", "1");
    const started = performance.now();
    expect(await page(server, "&wait=60&since=0")).toMatchObject({ next_cursor: 1 });
    expect(performance.now() - started).toBeLessThan(5000);
    expect(await page(server, "&wait=1&since=1")).toMatchObject({ events: [], next_cursor: 1 });
    expect(performance.now() - started).toBeGreaterThanOrEqual(990);
  });

  test("a write with history=false is told without its value", async () => {
    await using server = await shared.start();
    const kv = kvCalls(server);
    await kv.set("a", "1");
    const etag = await kv.set("a", "secret", "&history=false");
    await kv.delete("a", "&history=false");
    await kv.set("b", "secret", "&history=false");
    const text = await (await server.api("/changes?db=t&include_values=true")).text();
    expect(text).not.toContain("secret");
    const { events } = await page(server, "&include_values=true");
    expect(events.map(({ op, key, value_omitted }) => [op, key, value_omitted])).toEqual([
      ["set", "a", undefined],
      ["delete", "a", undefined],
      ["set", "b", true],
    ]);
    expect(etag).toBe('"2"');
  });

  test("large values are left out and named, and the page goes on", async () => {
    await using server = await shared.start();
    const kv = kvCalls(server);
    const big = "x".repeat(3 * 1024 * 1024);
    for (const key of ["a", "b", "c"]) await kv.set(key, key === "c" ? "1" : big);
    const { events } = await page(server, "&include_values=true");
    expect(events.map((event) => [event.key, event["value_omitted"]])).toEqual([
      ["a", undefined],
      ["b", true],
      ["c", true],
    ]);
    // Alone it fits.
    expect((await page(server, "&include_values=true&since=1&limit=1")).events[0]?.value).toBe(big);
  });
});

describe("GET /changes/stream", () => {
  test("says ready, then every change; it begins now, or where it is told", async () => {
    await using server = await shared.start();
    const kv = kvCalls(server);
    await kv.set("old", "1");
    const response = await stream(server, "&include_values=true");
    expect(response.headers.get("content-type")).toStartWith("text/event-stream");
    const events = serverEvents(response);
    expect((await events.next()).value).toMatchObject({
      event: "ready",
      id: "1",
      data: { cursor: 1, oldest_cursor: 0 },
    });
    await kv.set("a", '{"line":"one\\ntwo"}');
    const change = (await events.next()).value;
    expect(change).toMatchObject({
      event: "change",
      id: "2",
      data: { key: "a", op: "set", value: { line: "one\ntwo" } },
    });
    // Callers' SQL is told without values.
    await new SqlClient(server).run("update kv_store set value = '5' where key = 'a'");
    expect((await events.next()).value).toMatchObject({
      id: "3",
      data: { key: "a", operation: "UNRECORDED", value_omitted: true },
    });
    await kv.set("b", "1");
    expect((await events.next()).value).toMatchObject({ id: "4", data: { key: "b" } });
    await events.return(undefined);
    const all = await readUntil(await stream(server, "&since=0"), ({ key }) => key === "b");
    expect(all.map(({ name, id }) => `${name} ${id}`)).toEqual([
      "ready 0",
      "change 1",
      "change 2",
      "change 3",
      "change 4",
    ]);
    // What the client has seen last counts for more than its URL.
    const again = await readUntil(
      await stream(server, "&since=0", { "last-event-id": "3" }),
      ({ key }) => key === "b",
    );
    expect(again.map(({ name, id }) => `${name} ${id}`)).toEqual(["ready 3", "change 4"]);
    expect((await stream(server, "", { "last-event-id": "x" })).status).toBe(400);
  });

  test("comes back again and again while others write: nothing is missed or seen twice", async () => {
    await using server = await shared.start();
    const kv = kvCalls(server);
    let written = 0;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let index = 0; index < 50; index += 1) {
        await kv.set(`w${writer}/${index}`, "1");
        written += 1;
      }
    });
    const seen: string[] = [];
    let last: string | undefined = "0";
    while (seen.length < 200) {
      let taken = 0;
      const response = await stream(server, "", { "last-event-id": last });
      for await (const { event, id, data } of serverEvents(response)) {
        if (event === "change") {
          seen.push(String(data["key"]));
          last = id;
          taken += 1;
        }
        if (taken >= 17 || seen.length >= 200) break;
      }
    }
    await Promise.all(writers);
    expect(written).toBe(200);
    expect([seen.length, new Set(seen).size]).toEqual([200, 200]);
  });

  test("tells a cursor that is no good, and ends", async () => {
    await using server = await shared.start();
    await kvCalls(server).set("a", "1");
    const read = await readUntil(await stream(server, "&since=9"), (_, name) => name === "end");
    expect(read.map(({ name, event }) => [name, event["code"] ?? event["reason"]])).toEqual([
      ["reset", "CHANGE_CURSOR_INVALID"],
      ["end", "CHANGE_CURSOR_INVALID"],
    ]);
  });

  test("ends at once when the server stops", async () => {
    const server = await startTestServer();
    await kvCalls(server).set("a", "1");
    const response = await stream(server);
    const waiting = page(server, "&since=1&wait=60");
    const ended = readUntil(response, () => false);
    await Bun.sleep(20);
    const started = performance.now();
    await server[Symbol.asyncDispose]();
    expect((await ended).at(-1)).toMatchObject({ name: "end", event: { reason: "stopping" } });
    expect(await waiting).toMatchObject({ events: [] });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test("1,000 may be open; one that hangs up makes room", async () => {
    await using server = await startTestServer();
    // fetch keeps 256 connections at the most.
    const sockets: Socket[] = [];
    for (let at = 0; at < 1000; at += 50)
      sockets.push(
        ...(await Promise.all(Array.from({ length: 50 }, () => openStream(server.origin)))),
      );
    const refused = await stream(server);
    expect([refused.status, refused.headers.get("x-error-code")]).toEqual([
      503,
      "SERVICE_UNAVAILABLE",
    ]);
    sockets.pop()?.destroy();
    let status = 503;
    for (let attempt = 0; attempt < 500 && status === 503; attempt += 1) {
      await Bun.sleep(5);
      const response = await stream(server);
      status = response.status;
      await response.body?.cancel();
    }
    expect(status).toBe(200);
    for (const socket of sockets) socket.destroy();
  }, 60_000);

  test.skipIf(process.platform !== "linux")(
    "a reader that does not read costs no memory, however much is written",
    async () => {
      using folder = new TestFolder();
      await using server = await spawnServer(folder);
      await server.api("/db/create?path=t", { method: "POST" });
      const body = "x".repeat(1024 * 1024);
      const write = async () => {
        for (let index = 0; index < 40; index += 1)
          expect((await server.api(`/kv/k${index}?db=t`, { method: "PUT", body })).status).toBe(
            200,
          );
      };
      const rssMb = () =>
        Number(
          /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.process.pid}/status`, "utf8"))?.[1],
        ) / 1024;
      await write();
      const before = rssMb();
      const sockets = await Promise.all(
        Array.from({ length: 6 }, () =>
          openStream(server.origin, "&since=0&include_values=true", false),
        ),
      );
      await write();
      const grown = rssMb() - before;
      for (const socket of sockets) socket.destroy();
      // Kept for them it would be 6 × 80 MB.
      expect(grown).toBeLessThan(300);
    },
    60_000,
  );
});
