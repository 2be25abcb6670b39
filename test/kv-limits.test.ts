/** Each limit of the key-value store: what is just within it works, what is one past it is refused. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  MAX_BATCH_KEYS,
  MAX_DELTA,
  MAX_JSON_LEVELS,
  MAX_KEY_BYTES,
  MAX_LIST_KEYS,
  MAX_OFFSET_HERE_KEYS,
  MAX_PATH_CHARS,
  MAX_PATH_STEPS,
  MAX_TABLE_NAME_CHARS,
  MAX_TTL_MS,
} from "../src/limits.ts";
import { at, escaped, type KvAnswer, type KvCalls, kvCalls } from "./support/kv.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

const VALUE_BYTES = 2048;
const BODY_BYTES = 4096;

let server: TestServer;
let kv: KvCalls;
/** With small limits for values and bodies. */
let small: TestServer;
let smallKv: KvCalls;
beforeAll(async () => {
  server = await startTestServer();
  kv = kvCalls(server);
  small = await startTestServer({
    args: ["--max-value-bytes", String(VALUE_BYTES), "--max-body-bytes", String(BODY_BYTES)],
  });
  smallKv = kvCalls(small);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await small[Symbol.asyncDispose]();
});

let used = 0;
const freshKey = () => `limit${++used}`;

/** What a refusal must look like. */
const refused = (parameter?: string) => ({
  status: 400,
  body: { success: false, code: "INVALID_PARAMETERS", ...(parameter && { parameter }) },
});
const tooLarge = (parameter?: string) => ({
  status: 413,
  body: { success: false, code: "PAYLOAD_TOO_LARGE", ...(parameter && { parameter }) },
});
const OK = { status: 200, body: { success: true } };

/** `levels` arrays, one in the other. */
const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
/** `levels` objects, one in the other, around a value. */
const nestedObjects = (levels: number, inner = "1") =>
  '{"a":'.repeat(levels) + inner + "}".repeat(levels);
/** JSON text of so many bytes. */
const stringOf = (bytes: number) => JSON.stringify("x".repeat(bytes - 2));

describe("the length of a key, in bytes", () => {
  const KEYS: [string, (bytes: number) => string][] = [
    ["ASCII", (bytes) => "k".repeat(bytes)],
    ["é, 2 bytes each", (bytes) => "é".repeat(bytes >> 1) + "k".repeat(bytes & 1)],
    ["€, 3 bytes each", (bytes) => "€".repeat(bytes / 3) + "k".repeat(bytes % 3)],
    ["𝄞, 4 bytes each", (bytes) => "𝄞".repeat(bytes / 4) + "k".repeat(bytes % 4)],
    ["with slashes", (bytes) => "a/".repeat(bytes >> 1) + "k".repeat(bytes & 1)],
  ];
  const CALLS: [string, (key: string) => Promise<KvAnswer>][] = [
    ["PUT", (key) => kv.put(key, "1")],
    ["incr", (key) => kv.verb("incr", key)],
    ["batch/set", (key) => kv.post("batch/set", { batch: [{ key, value: 1 }] })],
    ["batch/get", (key) => kv.post("batch/get", { keys: [key] })],
    ["batch/delete", (key) => kv.post("batch/delete", { keys: [key] })],
    ["atomic", (key) => kv.post("atomic", { mutations: [{ op: "set", key, value: 1 }] })],
    [
      "atomic's check",
      (key) =>
        kv.post("atomic", {
          checks: [{ key, exists: false }],
          mutations: [{ op: "set", key: "other", value: 1 }],
        }),
    ],
  ];
  for (const [what, make] of KEYS)
    test.each(CALLS)(
      `${what}: %s takes the longest, and refuses one byte more`,
      async (_, call) => {
        const [longest, longer] = [make(MAX_KEY_BYTES), make(MAX_KEY_BYTES + 1)];
        expect([Buffer.byteLength(longest), Buffer.byteLength(longer)]).toEqual([2048, 2049]);
        expect(await call(longest)).toMatchObject(OK);
        const refusal = await call(longer);
        expect(refusal).toMatchObject(refused());
        expect(String(refusal.body["parameter"])).toEndWith(
          String(refusal.body["parameter"]).startsWith("keys[") ? "]" : "key",
        );
        await kv.delete(longest);
      },
    );

  test("GET of the longest is 404, of a longer one 400", async () => {
    expect((await kv.get("q".repeat(MAX_KEY_BYTES))).status).toBe(404);
    expect((await kv.get("q".repeat(MAX_KEY_BYTES + 1))).status).toBe(400);
  });
});

describe("the size of a value, in bytes, apart from the body's", () => {
  /** Each way to make a value of so many bytes, on a key of its own. */
  const WAYS: [string, (key: string, bytes: number) => Promise<KvAnswer>, string][] = [
    ["PUT", (key, bytes) => smallKv.put(key, "x".repeat(bytes)), "body"],
    ["PUT of bytes", (key, bytes) => smallKv.put(key, new Uint8Array(bytes)), "body"],
    [
      "PUT of é",
      (key, bytes) => smallKv.put(key, "é".repeat(bytes >> 1) + "x".repeat(bytes & 1)),
      "body",
    ],
    [
      "PUT with path",
      (key, bytes) => smallKv.put(key, stringOf(bytes - '{"a":}'.length), at("a")),
      `the value of KEY`,
    ],
    [
      "batch/set, batch",
      (key, bytes) => smallKv.post("batch/set", { batch: [{ key, value: "x".repeat(bytes - 2) }] }),
      "batch[0].value",
    ],
    [
      "batch/set, items",
      (key, bytes) => smallKv.post("batch/set", { items: [{ key, value: "x".repeat(bytes) }] }),
      "items[0].value",
    ],
    [
      "atomic set",
      (key, bytes) =>
        smallKv.post("atomic", { mutations: [{ op: "set", key, value: "x".repeat(bytes - 2) }] }),
      "mutations[0].value",
    ],
    [
      "atomic set with path",
      (key, bytes) =>
        smallKv.post("atomic", {
          mutations: [{ op: "set", key, path: "a", value: "x".repeat(bytes - '{"a":""}'.length) }],
        }),
      "the value of KEY",
    ],
    [
      "push",
      async (key, bytes) => {
        await smallKv.set(key, "[1]");
        return smallKv.verb("push", key, "", stringOf(bytes - "[1,]".length));
      },
      "the value of KEY",
    ],
    [
      "push to a missing key",
      (key, bytes) => smallKv.verb("push", key, "", stringOf(bytes - "[]".length)),
      "the value of KEY",
    ],
    [
      "atomic push",
      (key, bytes) =>
        smallKv.post("atomic", {
          mutations: [{ op: "push", key, value: "x".repeat(bytes - '[""]'.length) }],
        }),
      "the value of KEY",
    ],
    [
      "incr, which adds a digit",
      async (key, bytes) => {
        await smallKv.set(key, `{"n":9,"x":${stringOf(bytes - '{"n":10,"x":}'.length)}}`);
        return smallKv.verb("incr", key, at("n"));
      },
      "the value of KEY",
    ],
    [
      "decr, which adds a sign",
      async (key, bytes) => {
        await smallKv.set(key, `{"n":0,"x":${stringOf(bytes - '{"n":-1,"x":}'.length)}}`);
        return smallKv.verb("decr", key, at("n"));
      },
      "the value of KEY",
    ],
  ];
  test.each(WAYS)(
    "%s: takes the largest, and refuses one byte more",
    async (_, make, parameter) => {
      const [largest, larger] = [freshKey(), freshKey()];
      expect(await make(largest, VALUE_BYTES)).toMatchObject(OK);
      expect(Buffer.byteLength(await smallKv.text(largest))).toBe(VALUE_BYTES);
      const answer = await make(larger, VALUE_BYTES + 1);
      expect(answer).toMatchObject(tooLarge(parameter.replace("KEY", larger)));
      // What a refused change had to work on is still there, untouched.
      expect((await smallKv.text(larger)).length).toBeLessThan(VALUE_BYTES + 1);
      expect((await smallKv.list(`&prefix=${larger}&values=true`)).status).toBe(200);
    },
  );

  test("one entry too large refuses the whole batch, and the whole of atomic, by its name", async () => {
    const key = freshKey();
    const value = "x".repeat(VALUE_BYTES);
    const batch = [
      { key, value: 1 },
      { key: `${key}b`, value },
    ];
    expect(await smallKv.post("batch/set", { batch })).toMatchObject(tooLarge("batch[1].value"));
    const mutations = [
      { op: "set", key, value: [] },
      { op: "push", key, value: "x".repeat(VALUE_BYTES - 4) },
      { op: "push", key, value: 1 },
    ];
    expect(await smallKv.post("atomic", { mutations })).toMatchObject({
      status: 413,
      body: { mutation: 2 },
    });
    expect(await smallKv.keys(`&prefix=${key}`)).toEqual([]);
  });

  test("what takes away works on a value that is larger than the limit of today", async () => {
    await using generous = await startTestServer();
    const before = kvCalls(generous);
    await before.set("big", `[1,2,${stringOf(VALUE_BYTES)}]`);
    await using strict = await startTestServer({
      folder: generous.folder,
      empty: true,
      args: ["--max-value-bytes", String(VALUE_BYTES)],
    });
    const now = kvCalls(strict);
    expect(await now.verb("push", "big", "", "3")).toMatchObject(tooLarge());
    expect(await now.verb("remove", "big", "&index=0")).toMatchObject(OK);
    expect(await now.verb("pop", "big")).toMatchObject(OK);
    expect(await now.text("big")).toBe("[2]");
  });

  test("directory mode has the same limit", async () => {
    const folder = escaped(small.folder.path);
    const files = kvCalls(small, folder);
    expect(await files.put("a", "x".repeat(VALUE_BYTES))).toMatchObject(OK);
    expect(await files.put("b", "x".repeat(VALUE_BYTES + 1))).toMatchObject(tooLarge());
    const leaf = (bytes: number) => stringOf(bytes - '{"a":}'.length);
    expect(await files.put("c.json", leaf(VALUE_BYTES), at("a"))).toMatchObject(OK);
    expect(await files.put("c.json", leaf(VALUE_BYTES + 1), at("a"))).toMatchObject(tooLarge());
    expect((await files.text("c.json")).length).toBe(VALUE_BYTES);
  });
});

describe("the size of a body, in bytes", () => {
  const pad = (json: string, bytes: number) => json + " ".repeat(bytes - json.length);
  const CALLS: [string, (bytes: number) => Promise<KvAnswer>][] = [
    // Larger than any value, too: that a body is refused for its own size says which setting to raise.
    ["push", (bytes) => smallKv.verb("push", freshKey(), "", pad("1", bytes))],
    ["remove", (bytes) => smallKv.verb("remove", "array", "", pad('{"value":0}', bytes))],
    ["batch/get", (bytes) => smallKv.post("batch/get", pad('{"keys":["a"]}', bytes))],
    [
      "batch/set",
      (bytes) => smallKv.post("batch/set", pad('{"batch":[{"key":"a","value":1}]}', bytes)),
    ],
    ["batch/delete", (bytes) => smallKv.post("batch/delete", pad('{"keys":["a"]}', bytes))],
    [
      "atomic",
      (bytes) => smallKv.post("atomic", pad('{"mutations":[{"op":"incr","key":"n"}]}', bytes)),
    ],
  ];
  test.each(CALLS)("%s: takes the largest, and 413 for one byte more", async (_, call) => {
    await smallKv.set("array", "[0]");
    expect(await call(BODY_BYTES)).toMatchObject(OK);
    const refusal = await call(BODY_BYTES + 1);
    expect(refusal).toMatchObject(tooLarge());
    expect(String(refusal.body["hint"])).toContain("--max-body-bytes");
  });

  test("PUT of a body between the two limits is told which of them it is", async () => {
    const value = await smallKv.put("v", "x".repeat(BODY_BYTES));
    expect(String(value.body["hint"])).toContain("--max-value-bytes");
    const body = await smallKv.put("v", "x".repeat(BODY_BYTES + 1));
    expect(String(body.body["hint"])).toContain("--max-body-bytes");
  });

  test("a body without a length is counted as it comes", async () => {
    const stream = (bytes: number) =>
      new ReadableStream<Uint8Array>({
        start(controller) {
          for (let sent = 0; sent < bytes; sent += 1) controller.enqueue(new Uint8Array([0x78]));
          controller.close();
        },
      });
    const put = (bytes: number) =>
      small.api("/kv/streamed?db=t", { method: "PUT", body: stream(bytes) });
    expect((await put(VALUE_BYTES)).status).toBe(200);
    expect((await put(BODY_BYTES + 1)).status).toBe(413);
  });
});

describe("how deep JSON nests, in levels", () => {
  const deepest = nested(MAX_JSON_LEVELS);
  const tooDeep = nested(MAX_JSON_LEVELS + 1);

  test("PUT takes the deepest as JSON, and every operation works on it", async () => {
    const key = freshKey();
    await kv.set(key, deepest);
    const got = await kv.get(key);
    expect([got.headers.get("content-type"), await got.text()]).toEqual([
      "application/json",
      deepest,
    ]);
    expect(await kv.text(key, at("[0]"))).toBe(nested(MAX_JSON_LEVELS - 1));
    for (const raw of [
      await (await server.api(`/kv/${key}/entry?db=t`)).text(),
      await (
        await server.api("/kv/batch/get?db=t", { method: "POST", body: `{"keys":["${key}"]}` })
      ).text(),
      await (await server.api(`/kv?db=t&prefix=${key}&values=true`)).text(),
    ])
      expect(raw).toContain(`"value":${deepest}`);
    expect(await kv.verb("push", key, "", "7")).toMatchObject({ status: 200, body: { length: 2 } });
    expect(await kv.put(key, "8", at("[1]"))).toMatchObject(OK);
    expect(await kv.verb("incr", key, at("[1]"))).toMatchObject({ body: { value: 9 } });
    expect(await kv.verb("pop", key)).toMatchObject({ body: { value: 9, length: 1 } });
    const wanted = `{"value":${nested(MAX_JSON_LEVELS - 1)}}`;
    expect(await kv.verb("remove", key, "", wanted)).toMatchObject({ body: { length: 0 } });
    expect(await kv.text(key)).toBe("[]");
  });

  test("PUT keeps what is deeper as bytes: no JSON, so no path, and nothing breaks", async () => {
    const key = freshKey();
    await kv.set(key, tooDeep, "", { "content-type": "application/json" });
    const got = await kv.get(key);
    expect([got.headers.get("content-type"), await got.text()]).toEqual(["text/plain", tooDeep]);
    for (const refusal of [
      await kv.put(key, "1", at("[0]")),
      await kv.verb("push", key, "", "1"),
      await kv.verb("pop", key),
      await kv.verb("incr", key, at("[0]")),
      await kv.verb("remove", key, "", '{"value":1}'),
    ])
      expect(refusal).toMatchObject(refused());
    expect((await kv.get(key, at("[0]"))).status).toBe(400);
    expect(await kv.list(`&prefix=${key}&values=true`)).toMatchObject({
      body: { items: [{ key, value: tooDeep }] },
    });
    expect(await kv.post("batch/get", { keys: [key] })).toMatchObject({
      body: { results: { [key]: { value: tooDeep } } },
    });
    expect(await kv.text(key)).toBe(tooDeep);
  });

  /** Ways to make a document of so many levels at `key`, given a missing key. */
  const WAYS: [string, (key: string, levels: number) => Promise<KvAnswer>][] = [
    ["PUT with path", (key, levels) => kv.put(key, nested(levels - 1), at("a"))],
    [
      "PUT with a path of many steps",
      (key, levels) => kv.put(key, nested(levels - 50), at(Array(50).fill("a").join("."))),
    ],
    [
      "PUT with path into a deep document",
      async (key, levels) => {
        await kv.set(key, nestedObjects(90));
        return kv.put(key, nestedObjects(levels - 90), at(Array(90).fill("a").join(".")));
      },
    ],
    ["push to a missing key", (key, levels) => kv.verb("push", key, "", nested(levels - 1))],
    ["push, wrapped", (key, levels) => kv.verb("push", key, "", `{"value":${nested(levels - 1)}}`)],
    [
      "push to an array",
      async (key, levels) => {
        await kv.set(key, "[1]");
        return kv.verb("push", key, "", nested(levels - 1));
      },
    ],
    ["push with path", (key, levels) => kv.verb("push", key, at("a"), nested(levels - 2))],
    [
      "batch/set, batch",
      (key, levels) =>
        kv.post("batch/set", `{"batch":[{"key":"${key}","value":${nested(levels)}}]}`),
    ],
    [
      "batch/set, a value in items",
      (key, levels) =>
        kv.post("batch/set", `{"items":[{"key":"${key}","value":${nested(levels)}}]}`),
    ],
    [
      "atomic set",
      (key, levels) =>
        kv.post("atomic", `{"mutations":[{"op":"set","key":"${key}","value":${nested(levels)}}]}`),
    ],
    [
      "atomic set with path",
      (key, levels) =>
        kv.post(
          "atomic",
          `{"mutations":[{"op":"set","key":"${key}","path":"a","value":${nested(levels - 1)}}]}`,
        ),
    ],
    [
      "atomic push",
      (key, levels) =>
        kv.post(
          "atomic",
          `{"mutations":[{"op":"push","key":"${key}","value":${nested(levels - 1)}}]}`,
        ),
    ],
  ];
  test.each(WAYS)("%s: makes the deepest, and refuses one level more", async (_, make) => {
    const key = freshKey();
    expect(await make(key, MAX_JSON_LEVELS)).toMatchObject(OK);
    const got = await kv.get(key);
    expect(got.headers.get("content-type")).toBe("application/json");
    // Every later operation takes it for JSON.
    expect(await kv.verb("pop", key)).not.toMatchObject({ status: 500 });
    expect(await kv.post("batch/get", { keys: [key] })).toMatchObject(OK);
    const other = freshKey();
    const refusal = await make(other, MAX_JSON_LEVELS + 1);
    expect(refusal).toMatchObject(refused());
    expect(`${refusal.body["error"]} ${refusal.body["hint"]}`).toContain("1000 levels");
  });

  test.each([1100, 20_000, 500_000])("%i levels in any body are a 4xx", async (levels) => {
    await kv.set("array", "[1]");
    const deep = nested(levels);
    for (const answer of [
      await kv.put(freshKey(), deep, at("a")),
      await kv.verb("push", freshKey(), "", deep),
      await kv.verb("push", freshKey(), "", `{"value":${deep}}`),
      await kv.verb("remove", "array", "", `{"value":${deep}}`),
      await kv.post("batch/set", `{"batch":[{"key":"a","value":${deep}}]}`),
      await kv.post("batch/set", `{"batch":[{"key":${deep},"value":1}]}`),
      await kv.post("batch/get", `{"keys":${deep}}`),
      await kv.post("batch/delete", deep),
      await kv.post("atomic", `{"mutations":${deep}}`),
      await kv.post("atomic", `{"checks":${deep},"mutations":[]}`),
    ])
      expect(answer).toMatchObject(refused());
  });

  test("brackets in strings are not levels", async () => {
    const value = `"${"[".repeat(5000)}\\"{{"`;
    expect(await kv.post("batch/set", `{"batch":[{"key":"s","value":${value}}]}`)).toMatchObject(
      OK,
    );
    expect(await kv.text("s")).toBe(value);
  });
});

describe("paths", () => {
  const steps = (count: number) => Array(count).fill("a").join(".");
  const chars = (count: number) => `a${"b".repeat(count - 1)}`;
  const CALLS: [string, (path: string) => Promise<number>][] = [
    ["GET", async (path) => (await kv.get("deep", at(path))).status],
    ["PUT", async (path) => (await kv.put(freshKey(), "1", at(path))).status],
    ["incr", async (path) => (await kv.verb("incr", freshKey(), at(path))).status],
    ["push", async (path) => (await kv.verb("push", freshKey(), at(path), "1")).status],
    [
      "atomic",
      async (path) =>
        (await kv.post("atomic", { mutations: [{ op: "incr", key: freshKey(), path }] })).status,
    ],
  ];
  test.each(CALLS)("%s: 100 steps, not 101; 4,096 characters, not 4,097", async (_, call) => {
    await kv.set(
      "deep",
      `{${JSON.stringify(chars(MAX_PATH_CHARS))}:1,${nestedObjects(100).slice(1)}`,
    );
    expect([
      await call(steps(MAX_PATH_STEPS)),
      await call(steps(MAX_PATH_STEPS + 1)),
      await call(chars(MAX_PATH_CHARS)),
      await call(chars(MAX_PATH_CHARS + 1)),
    ]).toEqual([200, 400, 200, 400]);
  });
});

describe("numbers in the query", () => {
  const put = (extra: string) => kv.put(freshKey(), "1", extra).then(({ status }) => status);
  test("ttl: 100 years, not a millisecond more", async () => {
    const seconds = MAX_TTL_MS / 1000;
    expect([
      await put(`&ttl=${seconds}`),
      await put(`&ttl=${seconds + 1}`),
      await put(`&ttl=${MAX_TTL_MS}ms`),
      await put(`&ttl=${MAX_TTL_MS + 1}ms`),
      await put("&ttl=1ms"),
      await put("&ttl=-1"),
    ]).toEqual([200, 400, 200, 400, 200, 400]);
    const batch = (ttl: number) =>
      kv
        .post("batch/set", { batch: [{ key: freshKey(), value: 1, ttl }] })
        .then(({ status }) => status);
    expect([await batch(seconds), await batch(seconds + 1), await batch(-1)]).toEqual([
      200, 400, 400,
    ]);
    const key = freshKey();
    await kv.set(key, "1");
    expect((await kv.verb("expire", key, `&ttl=${seconds + 1}`)).status).toBe(400);
    expect((await kv.verb("expire", key, `&ttl=${seconds}`)).status).toBe(200);
  });

  test("delta: 1 to 2^63-1, in the query and in atomic", async () => {
    const verb = (delta: string) => kv.verb("incr", freshKey(), `&delta=${delta}`);
    const atomic = (delta: string) =>
      kv.post("atomic", `{"mutations":[{"op":"incr","key":"${freshKey()}","delta":${delta}}]}`);
    for (const call of [verb, atomic]) {
      const statuses: number[] = [];
      for (const delta of [1n, MAX_DELTA, 0n, MAX_DELTA + 1n])
        statuses.push((await call(String(delta))).status);
      expect(statuses).toEqual([200, 200, 400, 400]);
    }
  });

  test("limit: up to 1,000, cut beyond; 0 is an empty page; -1 is 400", async () => {
    await using own = await startTestServer();
    const calls = kvCalls(own);
    for (let start = 0; start <= MAX_LIST_KEYS; start += MAX_BATCH_KEYS) {
      const batch = Array.from({ length: MAX_BATCH_KEYS }, (_, n) => ({
        key: String(start + n).padStart(5, "0"),
        value: 1,
      }));
      expect(await calls.post("batch/set", { batch })).toMatchObject(OK);
    }
    const count = async (limit: number) => (await calls.keys(`&limit=${limit}`)).length;
    expect([
      await count(MAX_LIST_KEYS - 1),
      await count(MAX_LIST_KEYS),
      await count(MAX_LIST_KEYS + 1),
      await count(0),
    ]).toEqual([999, 1000, 1000, 0]);
    expect((await calls.list("&limit=-1")).status).toBe(400);
    expect((await calls.list("&offset=-1")).status).toBe(400);
    expect(await calls.keys("&offset=1099")).toEqual(["01099"]);
    expect(await calls.keys("&offset=1100")).toEqual([]);
    // The page beyond is read in another process, and is the same page.
    for (const offset of [MAX_OFFSET_HERE_KEYS, MAX_OFFSET_HERE_KEYS + 1, Number.MAX_SAFE_INTEGER])
      expect(await calls.keys(`&offset=${offset}`)).toEqual([]);
    expect((await calls.list("&offset=9007199254740992")).status).toBe(400);
  });
});

describe("names of tables", () => {
  test("64 characters, not 65", async () => {
    const put = (length: number) => kv.put("a", "1", `&table=${"t".repeat(length)}`);
    expect(await put(MAX_TABLE_NAME_CHARS)).toMatchObject(OK);
    expect(await put(MAX_TABLE_NAME_CHARS + 1)).toMatchObject(refused("table"));
    expect((await kv.list(`&table=${"t".repeat(MAX_TABLE_NAME_CHARS + 1)}`)).status).toBe(400);
  });
});

describe("entries of a batch", () => {
  const keys = (count: number) => Array.from({ length: count }, (_, n) => `entry${n}`);
  const CALLS: [string, (count: number) => Promise<KvAnswer>][] = [
    ["batch/get", (count) => kv.post("batch/get", { keys: keys(count) })],
    ["batch/delete", (count) => kv.post("batch/delete", { keys: keys(count) })],
    [
      "batch/set",
      (count) => kv.post("batch/set", { items: keys(count).map((key) => ({ key, value: "1" })) }),
    ],
    [
      "atomic",
      (count) => kv.post("atomic", { mutations: keys(count).map((key) => ({ op: "incr", key })) }),
    ],
  ];
  test.each(CALLS)("%s takes 1 and 100, not 0 and 101", async (_, call) => {
    expect(await call(1)).toMatchObject(OK);
    expect(await call(MAX_BATCH_KEYS)).toMatchObject(OK);
    expect(await call(0)).toMatchObject(refused());
    expect(await call(MAX_BATCH_KEYS + 1)).toMatchObject(refused());
  });

  test("atomic takes 0 and 100 checks, not 101", async () => {
    const call = (count: number) =>
      kv.post("atomic", {
        checks: Array.from({ length: count }, (_, n) => ({ key: `none${n}`, exists: false })),
        mutations: [{ op: "incr", key: "checked" }],
      });
    expect(await call(0)).toMatchObject(OK);
    expect(await call(MAX_BATCH_KEYS)).toMatchObject(OK);
    expect(await call(MAX_BATCH_KEYS + 1)).toMatchObject(refused("checks"));
  });
});
