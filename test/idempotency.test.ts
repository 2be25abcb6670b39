/** `Idempotency-Key`: contracts/hoody.md 1.32. */
import { describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";

const DAY_MS = 24 * 3_600_000;

interface Request {
  method?: string;
  key?: string;
  body?: string;
  headers?: Record<string, string>;
}

/** Sends a request with an Idempotency-Key, `k` if not said. */
async function send(server: TestServer, path: string, request: Request = {}) {
  const { method = "POST", key = "k", body, headers } = request;
  const response = await server.api(path, {
    method,
    headers: { "idempotency-key": key, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  return {
    status: response.status,
    replayed: response.headers.get("idempotent-replayed"),
    body: await response.text(),
  };
}

async function valueOfKey(server: TestServer, key: string) {
  return (await server.api(`/kv/${key}?db=t`)).text();
}

describe("Idempotency-Key", () => {
  const batch = '{"items":[{"key":"x","value":"1"},{"key":"y","value":"2"}]}';
  const atomic = '{"mutations":[{"op":"incr","key":"n"},{"op":"push","key":"l","value":1}]}';
  test.each<[string, string, Request]>([
    ["PUT", "/kv/n?db=t&ttl=9", { method: "PUT", body: "5" }],
    ["PUT with path", "/kv/d?db=t&path=a", { method: "PUT", body: "5" }],
    ["DELETE", "/kv/old?db=t", { method: "DELETE" }],
    ["incr", "/kv/n/incr?db=t&delta=9007199254740993", {}],
    ["decr", "/kv/n/decr?db=t", {}],
    ["push", "/kv/l/push?db=t", { body: "1" }],
    ["pop", "/kv/list/pop?db=t", {}],
    ["remove", "/kv/list/remove?db=t&index=0", {}],
    ["expire", "/kv/old/expire?db=t&ttl=5", {}],
    ["persist", "/kv/old/persist?db=t", {}],
    ["batch/set", "/kv/batch/set?db=t", { body: batch }],
    ["batch/delete", "/kv/batch/delete?db=t", { body: '{"keys":["old","none"]}' }],
    ["atomic", "/kv/atomic?db=t", { body: atomic }],
  ])("%s is done once and answered alike", async (_, path, request) => {
    await using server = await startTestServer();
    await server.api("/kv/list?db=t", { method: "PUT", body: '[1,{"a":2},"three"]' });
    await server.api("/kv/old?db=t&ttl=60", { method: "PUT", body: "old" });
    const first = await send(server, path, request);
    expect(first).toMatchObject({ status: 200, replayed: null });
    const log = await server.json("/changes?db=t");
    server.clock.advance(1000);
    const second = await send(server, path, request);
    expect(second).toEqual({ ...first, replayed: "true" });
    expect((await server.json("/changes?db=t")).body).toEqual(log.body);
    const other = await send(server, path, { ...request, key: "other" });
    expect(other.replayed).toBeNull();
  });

  test("a hundred at once are done once", async () => {
    await using server = await startTestServer();
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => send(server, "/kv/n/incr?db=t")),
    );
    expect(await valueOfKey(server, "n")).toBe("1");
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(answers.filter(({ replayed }) => replayed === null)).toHaveLength(1);
  });

  test.each<[string, string, Request]>([
    ["another body", "/kv/a?db=t", { method: "PUT", body: "2" }],
    ["another key", "/kv/b?db=t", { method: "PUT", body: "1" }],
    ["another parameter", "/kv/a?db=t&ttl=5", { method: "PUT", body: "1" }],
    ["another method", "/kv/a?db=t", { method: "DELETE" }],
    [
      "another type",
      "/kv/a?db=t",
      { method: "PUT", body: "1", headers: { "content-type": "text/x" } },
    ],
    ["another condition", "/kv/a?db=t", { method: "PUT", body: "1", headers: { "if-match": "*" } }],
  ])("%s is another request: 422, and nothing is done", async (_, path, request) => {
    await using server = await startTestServer();
    await send(server, "/kv/a?db=t", { method: "PUT", body: "1" });
    const answer = await send(server, path, request);
    expect(answer.status).toBe(422);
    expect(JSON.parse(answer.body)).toMatchObject({ code: "IDEMPOTENCY_KEY_MISMATCH" });
    expect(await valueOfKey(server, "a")).toBe("1");
  });

  test("is kept for 24 hours, and forgotten then", async () => {
    await using server = await startTestServer();
    await send(server, "/kv/n/incr?db=t");
    server.clock.advance(DAY_MS - 1);
    expect(await send(server, "/kv/n/incr?db=t")).toMatchObject({ replayed: "true" });
    server.clock.advance(1);
    expect(await send(server, "/kv/n/incr?db=t")).toMatchObject({ replayed: null });
    expect(await valueOfKey(server, "n")).toBe("2");
  });

  test("a request that failed may be sent again", async () => {
    await using server = await startTestServer();
    expect(await send(server, "/kv/l/pop?db=t")).toMatchObject({ status: 404 });
    await server.api("/kv/l?db=t", { method: "PUT", body: "[7]" });
    expect(await send(server, "/kv/l/pop?db=t")).toMatchObject({ status: 200, replayed: null });
  });

  test("outlives the server, with the write", async () => {
    await using first = await startTestServer();
    const before = await send(first, "/kv/n/incr?db=t");
    await using second = await startTestServer({ folder: first.folder, empty: true });
    expect(await send(second, "/kv/n/incr?db=t")).toEqual({ ...before, replayed: "true" });
  });

  test("an answer of a MiB is kept; a longer one undoes the write", async () => {
    await using server = await startTestServer();
    // The result is [{"etag":…,"elementText":"…"}]: a few members, and quotes within quotes.
    const element = (length: number) => `["${"x".repeat(length)}"]`;
    for (const [length, status] of [
      [1024 * 1024 - 200, 200],
      [1024 * 1024, 413],
    ] as const) {
      await server.api("/kv/big?db=t", { method: "PUT", body: element(length) });
      const answer = await send(server, "/kv/big/pop?db=t", { key: `k${length}` });
      expect(answer.status).toBe(status);
      expect(await valueOfKey(server, "big")).toBe(status === 200 ? "[]" : element(length));
    }
  });

  test.each([
    ["with a blank", "a b"],
    ["too long", "x".repeat(256)],
  ])("%s is 400", async (_, key) => {
    await using server = await startTestServer();
    const answer = await send(server, "/kv/n/incr?db=t", { key });
    expect(answer.status).toBe(400);
    expect(answer.body).toContain("Idempotency-Key");
    expect(await send(server, "/kv/n/incr?db=t", { key: "x".repeat(255) })).toMatchObject({
      status: 200,
    });
  });

  test.each<[string, string, Request]>([
    ["deletion by prefix", "/kv?db=t&prefix=&confirm=yes", { method: "DELETE" }],
    ["rollback of a table", "/kv/rollback?db=t&to_timestamp=1&confirm=yes", {}],
    ["rollback of a key", "/kv/a/rollback?db=t", {}],
  ])("%s refuses it", async (_, path, request) => {
    await using server = await startTestServer();
    const answer = await send(server, path, request);
    expect(answer.status).toBe(400);
    expect(answer.body).toContain("Idempotency-Key");
  });
});
