/**
 * The documented examples (contracts/hoody.md section 9), key-value part, as their pages write them:
 * curl's and fetch's bodies, without the headers that those leave out.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { type KvCalls, kvCalls } from "../support/kv.ts";
import { API, startTestServer, TestFolder, type TestServer } from "../support/server.ts";

let server: TestServer;
let kv: KvCalls;
beforeAll(async () => {
  server = await startTestServer();
  kv = kvCalls(server);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const FORM = { "content-type": "application/x-www-form-urlencoded" };
const JSON_TYPE = { "content-type": "application/json" };
const put = (path: string, body: string, headers = {}) =>
  server.api(path, { method: "PUT", body, headers });
const post = (path: string, body?: unknown, headers = {}) =>
  server.api(path, {
    method: "POST",
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

describe("S1: the key-value examples", () => {
  test("curl: PUT JSON to user:1, GET it byte for byte, DELETE it", async () => {
    const body = '{"name": "Alice",  "email":"alice@example.com"}';
    // curl -d says form, -H application/json says JSON.
    for (const headers of [FORM, JSON_TYPE]) {
      expect((await put("/kv/user:1?db=t", body, headers)).status).toBe(200);
      const got = await server.api("/kv/user:1?db=t");
      expect([await got.text(), got.headers.get("content-type")]).toEqual([
        body,
        "application/json",
      ]);
      const deleted = await server.json("/kv/user:1?db=t", { method: "DELETE" });
      expect(deleted).toEqual({
        status: 200,
        body: { success: true, status: "ok", key: "user:1", deleted: true },
      });
      expect((await server.api("/kv/user:1?db=t")).status).toBe(404);
    }
  });

  test("fetch: PUT of a string without a header, then .json()", async () => {
    await put("/kv/session:1?db=t", JSON.stringify({ cart: [1], at: null }));
    expect(await (await server.api("/kv/session:1?db=t")).json()).toEqual({ cart: [1], at: null });
  });

  test("a cache: a missing key is a null that .json() reads, and a hit is the value", async () => {
    const cached = async () =>
      (await server.api("/kv/cache:x?db=t")).json().catch(() => "no JSON") as Promise<unknown>;
    expect(await cached()).toBeNull();
    await put("/kv/cache:x?db=t&ttl=60", '{"hit":true}');
    expect(await cached()).toEqual({ hit: true });
  });

  test("a counter: POST incr of an unset key with an empty body, GET .json() is the number 1", async () => {
    for (const headers of [{}, JSON_TYPE]) {
      await server.api("/kv/page:views?db=t", { method: "DELETE" });
      expect((await post("/kv/page:views/incr?db=t", undefined, headers)).status).toBe(200);
      expect(await (await server.api("/kv/page:views?db=t")).json()).toBe(1);
    }
  });

  test("a rate limit: incr with history=false, then a time to live", async () => {
    for (const expected of [1, 2, 3])
      expect(await (await post("/kv/rate:ip/incr?db=t&history=false")).json()).toMatchObject({
        value: expected,
        previous: expected - 1,
      });
    expect((await post("/kv/rate:ip/expire?db=t&ttl=60")).status).toBe(200);
    server.clock.advance(60_000);
    expect(await (await post("/kv/rate:ip/incr?db=t")).json()).toMatchObject({ value: 1 });
  });

  test("1,000 increments at the same time add 1,000", async () => {
    await Promise.all(Array.from({ length: 1000 }, () => post("/kv/hits/incr?db=t")));
    expect(await (await server.api("/kv/hits?db=t")).json()).toBe(1000);
  });

  test("a cart: push {value}, remove {value: part of it}, GET the array without it", async () => {
    const cart = "/kv/cart:7";
    for (const product_id of ["prod-abc", "prod-xyz"])
      await post(`${cart}/push?db=t`, { value: { product_id, quantity: 2, price: 29.99 } });
    const removed = await post(`${cart}/remove?db=t`, { value: { product_id: "prod-xyz" } });
    expect(await removed.json()).toMatchObject({
      removed: { product_id: "prod-xyz", quantity: 2, price: 29.99 },
      length: 1,
    });
    expect(await (await server.api(`${cart}?db=t`)).json()).toEqual([
      { product_id: "prod-abc", quantity: 2, price: 29.99 },
    ]);
  });

  test("a queue: pop takes the last element", async () => {
    for (const task of ["first", "last"]) await post("/kv/tasks/push?db=t", { value: task });
    expect(await (await post("/kv/tasks/pop?db=t")).json()).toMatchObject({
      value: "last",
      length: 1,
      newLength: 1,
    });
  });

  test("feature flags: batch/set {batch}, GET gives true, batch/get gives all", async () => {
    const batch = [
      { key: "feature:new-ui", value: true },
      { key: "feature:limits", value: { max: 10 } },
    ];
    expect((await post("/kv/batch/set?db=t", { batch })).status).toBe(200);
    const flag = await server.api("/kv/feature:new-ui?db=t");
    expect([flag.headers.get("content-type"), await flag.json()]).toEqual([
      "application/json",
      true,
    ]);
    const got = await post("/kv/batch/get?db=t", {
      keys: ["feature:new-ui", "feature:limits", "feature:none"],
    });
    expect(await got.json()).toMatchObject({
      results: {
        "feature:new-ui": { value: true, content_type: "application/json" },
        "feature:limits": { value: { max: 10 } },
        "feature:none": null,
      },
      values: { "feature:new-ui": true, "feature:limits": { max: 10 }, "feature:none": null },
    });
    const deleted = await post("/kv/batch/delete?db=t", {
      keys: ["feature:new-ui", "feature:limits", "feature:none"],
    });
    expect(await deleted.json()).toEqual({ success: true, status: "ok", deleted: 2 });
  });

  test("ttl=3600: 200 with X-Expire-At until then, 404 from then on, for GET and HEAD", async () => {
    await put("/kv/session:abc?db=t&ttl=3600", '{"user":1}');
    const expires = String(Math.floor((server.clock.nowMs() + 3_600_000) / 1000));
    server.clock.advance(3_599_999);
    for (const method of ["GET", "HEAD"]) {
      const response = await server.api("/kv/session:abc?db=t", { method });
      expect([response.status, response.headers.get("x-expire-at")]).toEqual([200, expires]);
    }
    server.clock.advance(1);
    for (const method of ["GET", "HEAD"])
      expect((await server.api("/kv/session:abc?db=t", { method })).status).toBe(404);
  });

  test("a document's member: GET and PUT with path, incr with path", async () => {
    await put("/kv/user:9?db=t", '{"profile":{"email":"a@b.c"},"views":{"today":1}}');
    const email = await server.api("/kv/user:9?db=t&path=.profile.email");
    expect([await email.text(), email.headers.get("x-json-path")]).toEqual([
      '"a@b.c"',
      ".profile.email",
    ]);
    await put("/kv/user:9?db=t&path=.profile.email", '"d@e.f"');
    await post("/kv/user:9/incr?db=t&path=.views.today");
    expect(await (await server.api("/kv/user:9?db=t")).json()).toEqual({
      profile: { email: "d@e.f" },
      views: { today: 2 },
    });
  });

  test("SELECT key FROM kv_store LIMIT 100 reads the table", async () => {
    await put("/kv/selected?db=t", "1");
    const { body } = await server.json<{ resultSet: { key: string }[] }>(
      `/query?db=t&sql=${encodeURIComponent(btoa("SELECT key FROM kv_store LIMIT 100"))}`,
    );
    expect(body.resultSet).toContainEqual({ key: "selected" });
  });

  test("?db=notes is notes.db of the data folder; an absolute path needs the flag", async () => {
    const folder = server.folder.path;
    expect((await put("/kv/a?db=notes&create_db_if_missing=true", "1")).status).toBe(200);
    expect(existsSync(`${folder}/notes.db`)).toBe(true);
    using elsewhere = new TestFolder();
    const path = encodeURIComponent(`${elsewhere.path}/app.db`);
    const refused = await put(`/kv/a?db=${path}&create_db_if_missing=true`, "1");
    expect([refused.status, refused.headers.get("x-error-code")]).toEqual([400, "INVALID_DB_PATH"]);
    await using free = await startTestServer({ args: ["--allow-any-absolute-db-path"] });
    const init = { method: "PUT", body: "1" };
    const used = await free.api(`/kv/a?db=${path}&create_db_if_missing=true`, init);
    expect([used.status, existsSync(`${elsewhere.path}/app.db`)]).toEqual([200, true]);
  });
});

describe("S0: the key-value page", () => {
  test("GET users/alice: literal slash and %2F, raw value, X-Created-At and X-Updated-At", async () => {
    await put("/kv/users/alice?db=t", '{"user":"alice"}');
    for (const key of ["users/alice", "users%2Falice"]) {
      const got = await server.api(`/kv/${key}?db=t`);
      const now = String(Math.floor(server.clock.nowMs() / 1000));
      expect(await got.text()).toBe('{"user":"alice"}');
      expect([got.headers.get("x-created-at"), got.headers.get("x-updated-at")]).toEqual([
        now,
        now,
      ]);
      expect(got.headers.get("x-expire-at")).toBeNull();
    }
  });

  test("PUT with if_match, ttl, path, history and create_db_if_missing", async () => {
    const made = await put(
      "/kv/a?db=made&create_db_if_missing=true&history=true&ttl=60",
      '{"a":1}',
    );
    expect(await made.json()).toMatchObject({ status: "ok", key: "a", created: true });
    const query = `db=made&path=b&ttl=120&history=false&if_match=${encodeURIComponent('{"a":1}')}`;
    const changed = await put(`/kv/a?${query}`, "2");
    expect(await changed.json()).toMatchObject({ status: "ok", key: "a", created: false });
    expect(await (await server.api("/kv/a?db=made")).text()).toBe('{"a":1,"b":2}');
    const again = await put(`/kv/a?${query}`, "3");
    expect(again.status).toBe(412);
    expect(await again.json()).toMatchObject({ error: "Value mismatch for CAS" });
  });

  test("HEAD: 200 and 404, without a body", async () => {
    await put("/kv/head?db=t", "x");
    for (const [key, status] of [
      ["head", 200],
      ["headless", 404],
    ] as const) {
      const response = await server.api(`/kv/${key}?db=t`, { method: "HEAD" });
      expect([response.status, await response.text()]).toEqual([status, ""]);
    }
  });

  test("incr and decr answer {key, value, previous}; what is no number is 400", async () => {
    await put("/kv/n?db=t", "1041");
    expect(await (await post("/kv/n/incr?db=t")).json()).toMatchObject({
      key: "n",
      value: 1042,
      previous: 1041,
    });
    expect(await (await post("/kv/n/decr?db=t&delta=2")).json()).toMatchObject({
      key: "n",
      value: 1040,
      previous: 1042,
    });
    await put("/kv/word?db=t", "word");
    expect((await post("/kv/word/incr?db=t")).status).toBe(400);
    await put("/kv/nothing?db=t", "null");
    expect(await (await post("/kv/nothing/incr?db=t")).json()).toMatchObject({ value: 1 });
  });
});

test("the contract's exact words", async () => {
  await kv.set("words", "1");
  const words = async (answer: Promise<{ body: Record<string, unknown> }>) =>
    (await answer).body["error"];
  expect([
    await words(kv.delete("wordless")),
    await words(kv.put("words", "2", "&if_match=0")),
    await words(kv.put("wordless", "2", "&if_match=0")),
    await words(kv.verb("incr", "words", "&delta=0")),
    await words(kv.put("words", "2", "&create_db_if_missing=true&auto_create=false")),
    await words(kv.post("batch/set", "{broken")),
  ]).toEqual([
    "Key not found",
    "Value mismatch for CAS",
    "Key does not exist for CAS",
    expect.stringContaining("delta must be a positive integer"),
    expect.stringContaining("conflicting flags: create_db_if_missing and auto_create must match"),
    expect.stringContaining("Invalid JSON body"),
  ]);
});

test("the SDK's requests: Content-Type: application/json without a body, everywhere", async () => {
  await kv.set("sdk", "[1,2]", "", JSON_TYPE);
  await kv.set("count", "1", "", JSON_TYPE);
  for (const [method, path] of [
    ["GET", "/kv/sdk"],
    ["HEAD", "/kv/sdk"],
    ["GET", "/kv"],
    ["GET", "/kv/sdk/entry"],
    ["POST", "/kv/count/incr"],
    ["POST", "/kv/count/decr"],
    ["POST", "/kv/sdk/pop"],
    ["DELETE", "/kv/sdk"],
  ]) {
    const response = await fetch(`${server.origin}${API}${path}?db=t`, {
      method: method ?? "",
      headers: JSON_TYPE,
    });
    expect([path, response.status]).toEqual([path, 200]);
  }
});
