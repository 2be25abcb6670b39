import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type KvBody, type KvCalls, kvCalls } from "./support/kv.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

interface Entry {
  key: string;
  value?: unknown;
  value_base64?: string;
  content_type: string;
  etag: string;
  created_at: number;
  updated_at: number;
  expire_at: number | null;
}
interface VerbBody {
  success: boolean;
  status: string;
  key: string;
  expire_at: number | null;
  etag: string;
  code?: string;
  parameter?: string;
}

const MAX = "9223372036854775807";
const LONG = "123456789012345678901234567890";

let server: TestServer;
let kv: KvCalls;
let keys = 0;

beforeAll(async () => {
  server = await startTestServer();
  kv = kvCalls(server);
});
afterAll(() => server[Symbol.asyncDispose]());

/** A key of its own for each test. */
const freshKey = () => `entry${++keys}`;
const nowS = () => Math.floor(server.clock.nowMs() / 1000);

async function keyWith(body: KvBody, extra = "") {
  const key = freshKey();
  await kv.set(key, body, extra);
  return key;
}
const get = (key: string, headers: Record<string, string> = {}) =>
  server.api(`/kv/${key}?db=t`, { headers });
const entry = (key: string, headers: Record<string, string> = {}) =>
  server.api(`/kv/${key}/entry?db=t`, { headers });
const entryJson = (key: string) => server.json<Entry>(`/kv/${key}/entry?db=t`);
const expire = (key: string, ttl: string | null, extra = "", init: RequestInit = {}) =>
  server.json<VerbBody>(`/kv/${key}/expire?db=t${ttl === null ? "" : `&ttl=${ttl}`}${extra}`, {
    method: "POST",
    ...init,
  });
const persist = (key: string, extra = "", init: RequestInit = {}) =>
  server.json<VerbBody>(`/kv/${key}/persist?db=t${extra}`, { method: "POST", ...init });

describe("GET /kv/{key}/entry", () => {
  test("answers all fields of the contract, and nothing else", async () => {
    const key = await keyWith('{"n":1}');
    const madeS = nowS();
    server.clock.advance(5000);
    await kv.set(key, '{"n":2}', "&ttl=60");
    const answer = await entry(key);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/json");
    const etag = answer.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[^"]+"$/);
    expect(etag).toBe((await get(key)).headers.get("etag") ?? "");
    expect(await answer.json()).toEqual({
      key,
      value: { n: 2 },
      content_type: "application/json",
      etag,
      created_at: madeS,
      updated_at: madeS + 5,
      expire_at: Math.floor((server.clock.nowMs() + 60_000) / 1000),
    });
  });

  test("expire_at is null where there is none", async () => {
    const { body } = await entryJson(await keyWith("1"));
    expect(body.expire_at).toBeNull();
  });

  test.each([
    MAX,
    LONG,
    "1.0",
    "-0",
    "1e400",
    `{"a" : [${MAX}, 0.10]}`,
    '"\\u00e9\\/"',
    " [1 ]\n",
    "null",
    "false",
    '""',
  ])("gives JSON as it was put: %s", async (json) => {
    const raw = await (await entry(await keyWith(json))).text();
    expect(raw).toContain(`"value":${json}}`);
    expect(raw).not.toContain("value_base64");
  });

  test.each(["text/html", "image/svg+xml", "text/plain", "application/vnd.x+json"])(
    "JSON is JSON whatever its type says, and the answer is application/json: %s",
    async (type) => {
      const key = freshKey();
      await kv.set(key, "[1]", "", { "content-type": type });
      const answer = await entry(key);
      expect(answer.headers.get("content-type")).toBe("application/json");
      expect(await answer.json()).toMatchObject({ value: [1], content_type: type });
    },
  );

  test.each(["plain é𝄞", "", "{broken", "NaN", 'say "hi"\n\u2028', "</script>", "\ufeff1"])(
    "text comes as a string and in base64: %p",
    async (text) => {
      const { body } = await entryJson(await keyWith(text));
      expect(body).toMatchObject({
        value: text,
        value_base64: Buffer.from(text).toString("base64"),
        content_type: "text/plain",
      });
    },
  );

  test.each([
    ["not UTF-8", new Uint8Array([0xff, 0xfe, 0x7f])],
    ["with NUL", new Uint8Array([0x31, 0x00])],
    ["in standard base64", new Uint8Array([0xfb, 0xef, 0xff, 0xfe])],
  ])("bytes come in base64 only: %s", async (_, bytes) => {
    const { body } = await entryJson(await keyWith(bytes));
    expect(body).not.toHaveProperty("value");
    expect(body).toMatchObject({
      value_base64: Buffer.from(bytes).toString("base64"),
      content_type: "application/octet-stream",
    });
  });

  test.each<[string, (etag: string) => string]>([
    ["its tag", (etag) => etag],
    ["its tag, weak", (etag) => `W/${etag}`],
    ["a list with its tag", (etag) => `"x", ${etag}`],
    ["*", () => "*"],
  ])("If-None-Match with %s is 304 with the tag and without a body", async (_, header) => {
    const key = await keyWith('{"a":1}');
    const etag = (await entry(key)).headers.get("etag") ?? "";
    const answer = await entry(key, { "if-none-match": header(etag) });
    expect({
      status: answer.status,
      etag: answer.headers.get("etag"),
      text: await answer.text(),
    }).toEqual({ status: 304, etag, text: "" });
  });

  test("If-None-Match with an older tag is 200, after a write, expire and persist", async () => {
    const key = await keyWith("1");
    for (const act of [() => kv.set(key, "1"), () => expire(key, "60"), () => persist(key)]) {
      const older = (await entry(key)).headers.get("etag") ?? "";
      await act();
      expect((await entry(key, { "if-none-match": older })).status).toBe(200);
    }
  });

  test("a missing key is 404, also with If-None-Match: *", async () => {
    const answer = await entry(freshKey());
    expect({ status: answer.status, code: answer.headers.get("x-hoody-error-code") }).toEqual({
      status: 404,
      code: "KEY_NOT_FOUND",
    });
    expect((await entry(freshKey(), { "if-none-match": "*" })).status).toBe(404);
  });

  test("an expired key is 404, to the millisecond", async () => {
    const key = await keyWith("1", "&ttl=500ms");
    server.clock.advance(499);
    expect((await entry(key)).status).toBe(200);
    server.clock.advance(1);
    expect((await entry(key)).status).toBe(404);
  });

  test("entry as the last segment is the verb; encoded it is part of the key", async () => {
    await kv.set("a/entry", "inner");
    expect(await (await get("a%2Fentry")).text()).toBe("inner");
    expect((await server.api("/kv/a/entry?db=t")).status).toBe(404);
    expect(await (await entry("a%2Fentry")).json()).toMatchObject({
      key: "a/entry",
      value: "inner",
    });
    expect(await (await entry("a/entry")).json()).toMatchObject({ key: "a/entry", value: "inner" });
  });

  test("needs a key before it: kv/entry is the key entry", async () => {
    await kv.set("entry", "v");
    expect(await (await get("entry")).text()).toBe("v");
  });

  test.each(["__proto__", "a b/é?", 'q"\\'])("the key %p is given as it is", async (key) => {
    await kv.set(key, "1");
    expect((await entryJson(encodeURIComponent(key))).body.key).toBe(key);
  });

  test("of a database that does not exist is 400", async () => {
    expect(await server.json("/kv/a/entry?db=nowhere")).toMatchObject({
      status: 400,
      body: { code: "DATABASE_NOT_FOUND" },
    });
  });
});

describe("POST /kv/{key}/expire", () => {
  test("answers all fields of the contract, and nothing else", async () => {
    const key = await keyWith("v");
    const { status, body } = await expire(key, "60");
    expect(status).toBe(200);
    expect(body as unknown).toEqual({
      success: true,
      status: "ok",
      key,
      expire_at: Math.floor((server.clock.nowMs() + 60_000) / 1000),
      etag: (await get(key)).headers.get("etag") ?? "",
    });
  });

  test.each<[string, number]>([
    ["1", 1000],
    ["3600", 3_600_000],
    ["0001", 1000],
    ["1ms", 1],
    ["500ms", 500],
    ["90s", 90_000],
    ["2m", 120_000],
    ["1h30m", 5_400_000],
    ["1d", 86_400_000],
    ["1w", 604_800_000],
    ["1w2d3h4m5s6ms", 788_645_006],
    ["30d", 2_592_000_000],
    ["3153600000", 3_153_600_000_000],
  ])("ttl=%s expires after %d ms: there 1 ms before, gone then", async (ttl, ms) => {
    await using own = await startTestServer();
    await own.api("/kv/a?db=t", { method: "PUT", body: "v" });
    const expireAtS = Math.floor((own.clock.nowMs() + ms) / 1000);
    const { body } = await own.json<VerbBody>(`/kv/a/expire?db=t&ttl=${ttl}`, { method: "POST" });
    expect(body.expire_at).toBe(expireAtS);
    const got = await own.api("/kv/a?db=t");
    expect(got.headers.get("x-expire-at")).toBe(String(expireAtS));
    own.clock.advance(ms - 1);
    expect((await own.api("/kv/a?db=t")).status).toBe(200);
    own.clock.advance(1);
    for (const path of ["/kv/a", "/kv/a/entry"])
      expect((await own.api(`${path}?db=t`)).status).toBe(404);
    expect((await own.api("/kv/a?db=t", { method: "HEAD" })).status).toBe(404);
  });

  test.each([
    null,
    "",
    "0",
    "-0",
    "0s",
    "0ms",
    "0h0m",
    "-1",
    "-60",
    "1.5",
    "1e3",
    "abc",
    "60x",
    "s",
    "1h-30m",
    "%20",
    "60%20",
    "0x10",
    "3153600001",
    "99999999999999999999",
    "36501d",
  ])("ttl %p is 400 that names it, and changes nothing", async (ttl) => {
    const key = await keyWith("v", "&ttl=60");
    const before = (await entryJson(key)).body;
    expect(await expire(key, ttl)).toMatchObject({
      status: 400,
      body: { code: "INVALID_PARAMETERS", parameter: "ttl" },
    });
    expect((await entryJson(key)).body).toEqual(before);
  });

  test.each<[string, KvBody]>([
    ["JSON", ` {"n" : ${MAX}} `],
    ["text", "v"],
    ["nothing", ""],
    ["bytes", new Uint8Array([0xff, 0x00])],
  ])("leaves value, type and times of %s alone, and changes the tag", async (_, value) => {
    const key = await keyWith(value);
    const before = await get(key);
    server.clock.advance(5000);
    await expire(key, "60");
    const after = await get(key);
    for (const name of ["content-type", "x-created-at", "x-updated-at"])
      expect(after.headers.get(name)).toBe(before.headers.get(name));
    expect(await after.bytes()).toEqual(await before.bytes());
    expect(after.headers.get("etag")).not.toBe(before.headers.get("etag"));
  });

  test("again sets the new time, later or earlier, counted from now; the tag changes each time", async () => {
    const key = await keyWith("v", "&ttl=10");
    const tags = new Set([(await get(key)).headers.get("etag")]);
    for (const ttl of [100, 20, 20]) {
      server.clock.advance(1000);
      const { body } = await expire(key, String(ttl));
      expect(body.expire_at).toBe(nowS() + ttl);
      tags.add(body.etag);
    }
    expect(tags.size).toBe(4);
    server.clock.advance(19_999);
    expect((await get(key)).status).toBe(200);
    server.clock.advance(1);
    expect((await get(key)).status).toBe(404);
  });

  test("a plain PUT takes the time away again; incr and push keep it", async () => {
    const key = await keyWith("[]");
    const { body } = await expire(key, "60");
    await server.api(`/kv/${key}/push?db=t`, { method: "POST", body: "1" });
    expect((await entryJson(key)).body.expire_at).toBe(body.expire_at);
    await kv.set(key, "v");
    expect((await entryJson(key)).body.expire_at).toBeNull();
  });

  test("a missing key is 404, and is not made", async () => {
    const key = freshKey();
    expect(await expire(key, "60")).toMatchObject({ status: 404, body: { code: "KEY_NOT_FOUND" } });
    expect((await get(key)).status).toBe(404);
    expect(await kv.recorded(key, "op_number, op, value, expire_at_ms")).toEqual([]);
  });

  test("an expired key is 404, and does not come back", async () => {
    const key = await keyWith("v", "&ttl=5");
    server.clock.advance(5000);
    expect(await expire(key, "60")).toMatchObject({ status: 404, body: { success: false } });
    expect((await get(key)).status).toBe(404);
  });

  test("a deleted key is 404", async () => {
    const key = await keyWith("v");
    await server.api(`/kv/${key}?db=t`, { method: "DELETE" });
    expect((await expire(key, "60")).status).toBe(404);
  });

  test.each(["{ no json", '{"ttl":1}', ""])("does not care for a body: %p", async (body) => {
    const key = await keyWith("v");
    const init = { body, headers: { "content-type": "application/json" } };
    expect((await expire(key, "60", "", init)).body.expire_at).toBe(
      Math.floor((server.clock.nowMs() + 60_000) / 1000),
    );
  });

  test("is recorded as TTL with value and time; with history=false as a gap", async () => {
    const key = await keyWith("v");
    const atMs = server.clock.nowMs() + 60_000;
    await expire(key, "60");
    await expire(key, "60", "&history=false");
    expect(await kv.recorded(key, "op_number, op, value, expire_at_ms")).toEqual([
      { op_number: 1, op: "SET", value: "v", expire_at_ms: null },
      { op_number: 2, op: "TTL", value: "v", expire_at_ms: atMs },
      { op_number: 3, op: "UNRECORDED", value: null, expire_at_ms: atMs },
    ]);
  });

  test("of a database that does not exist is 400", async () => {
    const answer = await server.json("/kv/a/expire?db=nowhere&ttl=1", { method: "POST" });
    expect(answer).toMatchObject({ status: 400, body: { code: "DATABASE_NOT_FOUND" } });
  });
});

describe("POST /kv/{key}/persist", () => {
  test("takes the expiry away, and answers all fields of the contract", async () => {
    const key = await keyWith("v", "&ttl=5");
    const before = (await entryJson(key)).body;
    server.clock.advance(1000);
    const { status, body } = await persist(key);
    const after = (await entryJson(key)).body;
    expect(status).toBe(200);
    expect(body as unknown).toEqual({
      success: true,
      status: "ok",
      key,
      expire_at: null,
      etag: after.etag,
    });
    expect(after).toEqual({ ...before, expire_at: null, etag: after.etag });
    expect(after.etag).not.toBe(before.etag);
    expect((await get(key)).headers.get("x-expire-at")).toBeNull();
    server.clock.advance(1_000_000);
    expect((await get(key)).status).toBe(200);
  });

  test("one millisecond before the end is in time", async () => {
    const key = await keyWith("v", "&ttl=5");
    server.clock.advance(4999);
    expect((await persist(key)).status).toBe(200);
    server.clock.advance(1);
    expect((await get(key)).status).toBe(200);
  });

  test("without an expiry writes nothing: the same tag, no history", async () => {
    const key = await keyWith("v");
    const before = (await entryJson(key)).body;
    server.clock.advance(1000);
    for (const extra of ["", "", "&history=false"])
      expect(await persist(key, extra)).toMatchObject({
        status: 200,
        body: { success: true, expire_at: null, etag: before.etag },
      });
    expect((await entryJson(key)).body).toEqual(before);
    expect(await kv.recorded(key, "op_number, op, value, expire_at_ms")).toHaveLength(1);
  });

  test("a missing key is 404, and is not made", async () => {
    const key = freshKey();
    expect(await persist(key)).toMatchObject({ status: 404, body: { code: "KEY_NOT_FOUND" } });
    expect((await get(key)).status).toBe(404);
  });

  test("an expired key is 404, and does not come back", async () => {
    const key = await keyWith("v", "&ttl=5");
    server.clock.advance(5000);
    expect((await persist(key)).status).toBe(404);
    expect((await get(key)).status).toBe(404);
  });

  test("is recorded as TTL without a time; with history=false as a gap", async () => {
    const key = await keyWith("v", "&ttl=60");
    await persist(key);
    await expire(key, "60", "&history=false");
    await persist(key, "&history=false");
    expect((await kv.recorded(key, "op_number, op, value, expire_at_ms")).slice(1)).toEqual([
      { op_number: 2, op: "TTL", value: "v", expire_at_ms: null },
      { op_number: 3, op: "UNRECORDED", value: null, expire_at_ms: null },
    ]);
  });

  test("does not care for a body or a ttl", async () => {
    const key = await keyWith("v", "&ttl=60");
    const init = { body: "{ no json", headers: { "content-type": "application/json" } };
    expect((await persist(key, "&ttl=nonsense", init)).body.expire_at).toBeNull();
  });
});

describe("expire and persist as keys", () => {
  test.each(["expire", "persist"])(
    "an encoded slash before %s makes it part of the key",
    async (verb) => {
      const answer = await server.json<VerbBody>(`/kv/k%2F${verb}?db=t&ttl=5`, { method: "POST" });
      expect({ status: answer.status, code: answer.body.code }).toEqual({
        status: 405,
        code: "METHOD_NOT_ALLOWED",
      });
    },
  );

  test.each(["expire", "persist"])(
    "GET, PUT and DELETE of k/%s are about that key",
    async (verb) => {
      const path = `/kv/k/${verb}?db=t`;
      expect((await server.api(path, { method: "PUT", body: "v" })).status).toBe(200);
      expect(await (await server.api(path)).text()).toBe("v");
      expect((await server.api(path, { method: "DELETE" })).status).toBe(200);
    },
  );
});
