import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type KvCalls, kvCalls } from "./support/kv.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

const MAX = "9223372036854775807";
const MIN = "-9223372036854775808";

let server: TestServer;
let kv: KvCalls;
let keys = 0;

beforeAll(async () => {
  server = await startTestServer();
  kv = kvCalls(server);
});
afterAll(() => server[Symbol.asyncDispose]());

/** A key of its own for each test. */
const freshKey = () => `counter${++keys}`;

const etag = (key: string) => kv.header(key, "etag");

/** Counts, and gives the numbers as they stand in the answer: JSON.parse would round them. */
async function count(key: string, verb: "incr" | "decr" = "incr", extra = "", init = {}) {
  const response = await server.api(`/kv/${key}/${verb}?db=t${extra}`, { method: "POST", ...init });
  const raw = await response.text();
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    body: JSON.parse(raw) as Record<string, unknown>,
    value: /"value":([^,}]*)/.exec(raw)?.[1],
    previous: /"previous":([^,}]*)/.exec(raw)?.[1],
  };
}

/** What a refused count answers. */
async function expectRefused(key: string, verb: "incr" | "decr", extra: string, parameter: string) {
  const before = { text: await kv.text(key), etag: await etag(key) };
  expect(await count(key, verb, extra)).toMatchObject({
    status: 400,
    body: { code: "INVALID_PARAMETERS", parameter },
  });
  expect({ text: await kv.text(key), etag: await etag(key) }).toEqual(before);
}

describe("POST /kv/{key}/incr and /decr", () => {
  test("a missing key counts as 0, and becomes text/plain with the bare number", async () => {
    const key = freshKey();
    const first = await count(key);
    expect(first).toMatchObject({ status: 200, type: "application/json" });
    expect(first.body).toEqual({
      success: true,
      status: "ok",
      key,
      etag: (await etag(key)) ?? "",
      value: 1,
      previous: 0,
    });
    const got = await server.api(`/kv/${key}?db=t`);
    expect(got.headers.get("content-type")).toBe("text/plain");
    expect(await got.json()).toBe(1);
    expect((await count(key)).body).toMatchObject({ value: 2, previous: 1 });
  });

  test("decr of a missing key goes below 0", async () => {
    const key = freshKey();
    expect(await count(key, "decr", "&delta=5")).toMatchObject({ value: "-5", previous: "0" });
    expect(await kv.text(key)).toBe("-5");
  });

  test("accepts the SDK's Content-Type: application/json without a body, and ignores a body", async () => {
    const key = freshKey();
    const headers = { "content-type": "application/json" };
    expect((await count(key, "incr", "", { headers })).value).toBe("1");
    expect((await count(key, "incr", "", { headers, body: "{ no json" })).value).toBe("2");
  });

  test.each<[string, string, string, string, string]>([
    ["8", "incr", "1", "9", "8"],
    ["8", "decr", "10", "-2", "8"],
    ["0", "decr", "1", "-1", "0"],
    ["-1", "incr", "1", "0", "-1"],
    ["-0", "incr", "1", "1", "-0"],
    ["null", "incr", "3", "3", "0"],
    ["null", "decr", "3", "-3", "0"],
    [" 8 ", "incr", "1", "9", "8"],
    ["1.5", "incr", "1", "2.5", "1.5"],
    ["1.0", "incr", "1", "2.0", "1.0"],
    ["-0.5", "decr", "1", "-1.5", "-0.5"],
    ["1e2", "incr", "1", "101.0", "1e2"],
    ["2147483647", "incr", "1", "2147483648", "2147483647"],
    ["1", "incr", "3000000000", "3000000001", "1"],
    ["9007199254740991", "incr", "1", "9007199254740992", "9007199254740991"],
    ["9007199254740992", "incr", "1", "9007199254740993", "9007199254740992"],
    ["9007199254740993", "incr", "2", "9007199254740995", "9007199254740993"],
    ["0", "incr", "9007199254740993", "9007199254740993", "0"],
    ["9223372036854775806", "incr", "1", MAX, "9223372036854775806"],
    ["0", "incr", MAX, MAX, "0"],
    ["-1", "decr", MAX, MIN, "-1"],
    [MIN, "incr", MAX, "-1", MIN],
    [MAX, "decr", MAX, "0", MAX],
  ])("%s %s %s is %s, with every digit", async (start, verb, delta, value, previous) => {
    const key = freshKey();
    await kv.set(key, start);
    const answer = await count(key, verb === "incr" ? "incr" : "decr", `&delta=${delta}`);
    expect(answer).toMatchObject({ status: 200, value, previous });
    expect(await kv.text(key)).toBe(value);
  });

  test.each([
    [MAX, "incr", "1"],
    [MIN, "decr", "1"],
    ["1", "incr", MAX],
    ["-2", "decr", MAX],
    ["9223372036854775808", "incr", "1"],
    ["9223372036854775808", "decr", "1"],
    ["1e999", "incr", "1"],
  ] as const)("%s %s %s does not fit into 64 bits: 400, unchanged", async (start, verb, delta) => {
    const key = freshKey();
    await kv.set(key, start);
    await expectRefused(key, verb, `&delta=${delta}`, "delta");
  });

  test.each<[string, string | Uint8Array<ArrayBuffer>]>([
    ["text", "hello"],
    ["nothing", ""],
    ["a number and a unit", "8 apples"],
    ["a number with a leading zero", "08"],
    ["a number with a plus sign", "+8"],
    ["hexadecimal", "0x10"],
    ["NaN", "NaN"],
    ["a JSON text", '"8"'],
    ["true", "true"],
    ["an object", '{"n":1}'],
    ["an array", "[1]"],
    ["bytes", Uint8Array.fromHex("ff")],
    ["a number before a NUL byte", Uint8Array.fromHex("3800")],
    ["a number after a byte order mark", Uint8Array.fromHex("efbbbf38")],
  ])("a value that is no number is 400 and stays: %s", async (_, value) => {
    const key = freshKey();
    await kv.set(key, value);
    await expectRefused(key, "incr", "", "key");
    await expectRefused(key, "decr", "&delta=2", "key");
  });

  test.each([
    "0",
    "-1",
    "-0",
    "+0",
    "1.5",
    "1e3",
    "0x1",
    "abc",
    "1%20",
    "%2B",
    "9223372036854775808",
    "9".repeat(400),
  ])("delta=%s is 400 that names delta, and writes nothing", async (delta) => {
    const key = freshKey();
    await kv.set(key, "5");
    for (const verb of ["incr", "decr"] as const)
      await expectRefused(key, verb, `&delta=${delta}`, "delta");
    const absent = freshKey();
    expect((await count(absent, "incr", `&delta=${delta}`)).status).toBe(400);
    expect((await server.api(`/kv/${absent}?db=t`)).status).toBe(404);
  });

  test("delta=0 is refused in the contract's words", async () => {
    const { body } = await count(freshKey(), "incr", "&delta=0");
    expect(body["error"]).toBe("delta must be a positive integer");
  });

  test.each(["", "1", "%2B1", "001"])("delta=%p is 1", async (delta) => {
    expect((await count(freshKey(), "incr", `&delta=${delta}`)).value).toBe("1");
  });

  test.each(["text/plain", "application/json", "application/vnd.count"])(
    "the type of an existing value is kept: %s",
    async (type) => {
      const key = freshKey();
      await kv.set(key, "8", "", { "content-type": type });
      await count(key);
      const got = await server.api(`/kv/${key}?db=t`);
      expect(got.headers.get("content-type")).toBe(type);
      expect(await got.text()).toBe("9");
    },
  );

  test.each([
    ["incr", 1000],
    ["decr", -1000],
  ] as const)("1,000 concurrent %s add exactly 1,000", async (verb, total) => {
    const key = freshKey();
    const answers = await Promise.all(Array.from({ length: 1000 }, () => count(key, verb)));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(new Set(answers.map(({ value }) => value)).size).toBe(1000);
    expect(await kv.text(key)).toBe(String(total));
  });

  test("refused counts among many do not spoil the others", async () => {
    const [key, bad] = [freshKey(), freshKey()];
    await kv.set(bad, MAX);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => count(index % 2 === 0 ? key : bad)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
    expect(await kv.text(key)).toBe("100");
    expect(await kv.text(bad)).toBe(MAX);
  });
});

describe("path of incr and decr", () => {
  test.each<[string, string, string, string]>([
    ['{"a":{"n":1},"z":[1]}', "a.n", "2", '{"a":{"n":2},"z":[1]}'],
    ['{"a":{}}', "a.n", "1", '{"a":{"n":1}}'],
    ["{}", "a.b.c", "1", '{"a":{"b":{"c":1}}}'],
    ['{"n":null}', "n", "1", '{"n":1}'],
    ["[1,2]", "[1]", "3", "[1,3]"],
    ["[1,2]", "1", "3", "[1,3]"],
    ["[1,2]", "[2]", "1", "[1,2,1]"],
    ["[1,2]", "[-1]", "3", "[1,3]"],
    ['{"l":[{"n":1}]}', "l.0.n", "2", '{"l":[{"n":2}]}'],
    ['{"l":{"0":{"n":1}}}', "l.0.n", "2", '{"l":{"0":{"n":2}}}'],
    ['{"n":1.5}', "n", "2.5", '{"n":2.5}'],
    ['{"n":9007199254740992}', "n", "9007199254740993", '{"n":9007199254740993}'],
    ['{"n":1,"big":9223372036854775807}', "n", "2", '{"n":2,"big":9223372036854775807}'],
    ["7", "$", "8", "8"],
  ])("in %s at %s gives %s", async (document, path, value, after) => {
    const key = freshKey();
    await kv.set(key, document);
    const answer = await count(key, "incr", `&path=${encodeURIComponent(path)}`);
    expect(answer).toMatchObject({ status: 200, value, body: { path } });
    expect(await kv.text(key)).toBe(after);
  });

  test("previous is the member's value, 0 where there was none", async () => {
    const key = freshKey();
    await kv.set(key, '{"n":9007199254740993}');
    expect((await count(key, "decr", "&path=n")).previous).toBe("9007199254740993");
    expect((await count(key, "decr", "&path=m")).previous).toBe("0");
  });

  test.each([
    ["views.today", '{"views":{"today":1}}'],
    ["[0]", "[1]"],
    ["a.0", '{"a":{"0":1}}'],
  ])("makes the document of a missing key: %s", async (path, document) => {
    const key = freshKey();
    expect(await count(key, "incr", `&path=${path}`)).toMatchObject({ value: "1", previous: "0" });
    const got = await server.api(`/kv/${key}?db=t`);
    expect(got.headers.get("content-type")).toBe("application/json");
    expect(await got.text()).toBe(document);
  });

  test.each([
    ["a text", '{"n":"1"}', "n", "key"],
    ["true", '{"n":true}', "n", "key"],
    ["an object", '{"n":{}}', "n", "key"],
    ["an array", '{"n":[]}', "n", "key"],
    ["beyond 64 bits", `{"n":${MAX}}`, "n", "delta"],
    ["through a number", '{"n":1}', "n.m", "path"],
    ["past the end of an array", "[1]", "[2]", "path"],
    ["before the start of an array", "[1]", "[-2]", "path"],
  ])("is 400 and changes nothing: %s", async (_, document, path, parameter) => {
    const key = freshKey();
    await kv.set(key, document);
    await expectRefused(key, "incr", `&path=${path}`, parameter);
  });

  test.each<[string, Uint8Array<ArrayBuffer>]>([
    ["text", new TextEncoder().encode("hello")],
    ["JSON with invalid UTF-8 in it", Uint8Array.fromHex("7b2261223a22ff222c226e223a317d")],
  ])("a document that is not JSON is 400, and keeps its bytes: %s", async (_, document) => {
    const key = freshKey();
    await kv.set(key, document);
    expect((await count(key, "incr", "&path=n")).status).toBe(400);
    const kept = await (await server.api(`/kv/${key}?db=t`)).bytes();
    expect(kept.toHex()).toBe(document.toHex());
  });

  test("makes no key where the path cannot start", async () => {
    const key = freshKey();
    expect((await count(key, "incr", "&path=[1]")).status).toBe(400);
    expect((await server.api(`/kv/${key}?db=t`)).status).toBe(404);
  });
});
