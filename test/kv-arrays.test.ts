import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { at, type KvBody, type KvCalls, kvCalls } from "./support/kv.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

type Verb = "push" | "pop" | "remove";

const MAX = "9223372036854775807";
const MIN = "-9223372036854775808";
/** More digits than a double or 64 bits hold. */
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
const freshKey = () => `array${++keys}`;

/** A new key that holds this. */
async function keyWith(body: KvBody): Promise<string> {
  const key = freshKey();
  await kv.set(key, body);
  return key;
}

/** Calls a verb, and gives its JSON and, as JSON.parse would round digits, its text. */
async function call(verb: Verb, key: string, extra = "", init: RequestInit = {}) {
  const response = await server.api(`/kv/${key}/${verb}?db=t${extra}`, { method: "POST", ...init });
  const raw = await response.text();
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    body: JSON.parse(raw) as Record<string, unknown>,
    raw,
  };
}
const push = (key: string, body: string, extra = "", headers = {}) =>
  call("push", key, extra, { body, headers });
const pop = (key: string, extra = "") => call("pop", key, extra);
const remove = (key: string, body: string, extra = "") => call("remove", key, extra, { body });
/** Removes by value, given as JSON text. */
const removeValue = (key: string, value: string, extra = "") =>
  remove(key, `{"value":${value}}`, extra);

/** An error answer, and the key as it was. */
async function expectRefused(
  key: string,
  refused: () => Promise<{ status: number; type: string | null; body: Record<string, unknown> }>,
  expected: { status: number; code: string; parameter?: string },
) {
  const before = [await kv.text(key), await kv.header(key, "etag")];
  const { status, type, body } = await refused();
  const { parameter, ...error } = expected;
  expect({ status, code: body["code"] }).toEqual(error);
  if (parameter !== undefined) expect(body["parameter"]).toBe(parameter);
  expect(body).toMatchObject({ success: false, status: "error", statusCode: status });
  expect(type).toMatch(/^application\/json/);
  expect([await kv.text(key), await kv.header(key, "etag")]).toEqual(before);
}
const INVALID = { status: 400, code: "INVALID_PARAMETERS" };
const NO_KEY = { status: 404, code: "KEY_NOT_FOUND" };
const NOT_FOUND = { status: 404, code: "NOT_FOUND" };

/** Values that have no array in them, where one is needed. */
const NOT_ARRAYS: [string, KvBody][] = [
  ["an object", '{"a":[1]}'],
  ["an object with index members", '{"0":1}'],
  ["a string", '"[1]"'],
  ["a number", "1"],
  ["null", "null"],
  ["true", "true"],
  ["text", "plain"],
  ["broken JSON", "[1,2"],
  ["nothing", ""],
  ["bytes", new Uint8Array([0xff, 0x00, 0x5b, 0x5d])],
];

/** Each array of this document, in all spellings of its path. */
const DOCUMENT =
  '{"list":[1,2],"a":{"b":[1,2]},"m":[[0],[1,2]],"0":[1,2],"a key":[1,2],"x.y":[1,2],"é":[1,2]}';
const SPELLINGS: [string, string][] = [
  ...["list", ".list", "$.list", '$."list"', '["list"]', "['list']", "$['list']", '."list"'].map(
    (path): [string, string] => [path, "list"],
  ),
  ...["a.b", ".a.b", "$.a.b", 'a["b"]', "a['b']", '$."a"."b"', "$['a']['b']", 'a."b"'].map(
    (path): [string, string] => [path, "a.b"],
  ),
  ...["m[1]", "m.1", ".m.1", "$.m[1]", "$.m.1", "m[-1]", "m[ 1 ]", "m[#-1]"].map(
    (path): [string, string] => [path, "m[1]"],
  ),
  ["0", "$['0']"],
  ["$.0", "$['0']"],
  ['$."0"', "$['0']"],
  ["a key", "$['a key']"],
  ['$."a key"', "$['a key']"],
  ['["a key"]', "$['a key']"],
  ['$."x.y"', "$['x.y']"],
  ["['x.y']", "$['x.y']"],
  ["é", "$['é']"],
];
const partAt = async (key: string, path: string) =>
  (await server.api(`/kv/${key}?db=t${at(path)}`)).text();
/** The document, where nothing but the array at the path may have changed. */
async function expectOnlyChanged(key: string, path: string, array: string) {
  expect(await partAt(key, path)).toBe(array);
  const [before, after] = [DOCUMENT, await kv.text(key)];
  expect(after.length - before.length).toBe(array.length - "[1,2]".length);
  expect(after.replace(array, "[1,2]").length).toBe(before.length);
  expect(Object.keys(JSON.parse(after)).sort()).toEqual(Object.keys(JSON.parse(before)).sort());
}

describe("POST /kv/{key}/push", () => {
  test("answers all fields of the contract, and nothing else", async () => {
    const key = await keyWith("[1,2]");
    const answer = await push(key, "3");
    expect(answer).toMatchObject({ status: 200, type: "application/json" });
    expect(answer.body).toEqual({
      success: true,
      status: "ok",
      key,
      length: 3,
      newLength: 3,
      etag: (await kv.header(key, "etag")) ?? "",
    });
    expect(await kv.text(key)).toBe("[1,2,3]");
  });

  test("with a path answers the path, too, as it was sent", async () => {
    const key = await keyWith('{"a":[1]}');
    const { body } = await push(key, "2", at("$.a"));
    expect(body).toEqual({
      success: true,
      status: "ok",
      key,
      path: "$.a",
      length: 2,
      newLength: 2,
      etag: (await kv.header(key, "etag")) ?? "",
    });
  });

  test.each<[string, string, string]>([
    ["{value} unwraps", '{"value":1}', "1"],
    ["{value: object} unwraps once", '{"value":{"a":1}}', '{"a":1}'],
    ["{value: {value}} unwraps once", '{"value":{"value":1}}', '{"value":1}'],
    ["{value: null} is null", '{"value":null}', "null"],
    ["{value: array} is one element", '{"value":[1,2]}', "[1,2]"],
    ["{value: empty object}", '{"value":{}}', "{}"],
    ["white space around {value}", ' \n{ "value" :\t1 } \r\n', "1"],
    ["a raw number", "1", "1"],
    ["a raw string", '"x"', '"x"'],
    ["a raw string that is JSON inside", '"[1]"', '"[1]"'],
    ["null", "null", "null"],
    ["true", "true", "true"],
    ["false", "false", "false"],
    ["an empty string", '""', '""'],
    ["an object", '{"a":1,"b":[2]}', '{"a":1,"b":[2]}'],
    ["an empty object", "{}", "{}"],
    ["an array is one element", "[1,2]", "[1,2]"],
    ["an empty array is one element", "[]", "[]"],
    ["a member beside value: the whole object", '{"value":1,"b":2}', '{"value":1,"b":2}'],
    ["a member before value: the whole object", '{"b":2,"value":1}', '{"b":2,"value":1}'],
    ["another name: the whole object", '{"Value":1}', '{"Value":1}'],
    ["value deeper down: the whole object", '{"a":{"value":1}}', '{"a":{"value":1}}'],
    ["{value} inside an array", '[{"value":1}]', '[{"value":1}]'],
    ["text beyond ASCII", '"é𝄞\\u0000\\n"', '"é𝄞\\u0000\\n"'],
  ])("%s", async (_, body, element) => {
    const key = await keyWith("[0]");
    expect(await push(key, body)).toMatchObject({ status: 200, body: { length: 2 } });
    expect(await kv.text(key)).toBe(`[0,${element}]`);
  });

  test.each([MAX, MIN, LONG, "9007199254740993", "1.0", "1e2", "-0", "0.1000", "1e400"])(
    "keeps every digit of %s, alone, unwrapped and inside",
    async (number) => {
      const key = await keyWith(`[${number}]`);
      await push(key, number);
      await push(key, `{"value":${number}}`);
      await push(key, `{"n":${number}}`);
      expect(await kv.text(key)).toBe(`[${number},${number},${number},{"n":${number}}]`);
    },
  );

  test("a missing key becomes an array, as JSON", async () => {
    const key = freshKey();
    expect((await push(key, '{"value":"a"}')).body).toMatchObject({ length: 1, newLength: 1 });
    expect(await kv.text(key)).toBe('["a"]');
    expect(await kv.header(key, "content-type")).toBe("application/json");
    expect((await push(key, "[]")).body).toMatchObject({ length: 2 });
    expect(await kv.text(key)).toBe('["a",[]]');
  });

  test("an expired key is a missing one: a new array, without expiry", async () => {
    const key = freshKey();
    await kv.set(key, "[1,2]", "&ttl=5");
    server.clock.advance(4999);
    expect((await push(key, "3")).body).toMatchObject({ length: 3 });
    server.clock.advance(1);
    expect((await push(key, "4")).body).toMatchObject({ length: 1 });
    expect(await kv.text(key)).toBe("[4]");
    expect(await kv.header(key, "x-expire-at")).toBeNull();
  });

  test.each<[string | null, string, string]>([
    [null, "a", '{"a":[1]}'],
    [null, "$.a.b.c", '{"a":{"b":{"c":[1]}}}'],
    [null, "$", "[1]"],
    [null, "[0]", "[[1]]"],
    [null, '$."a key"', '{"a key":[1]}'],
    ["{}", "a", '{"a":[1]}'],
    ['{"x":1}', ".a.b", '{"x":1,"a":{"b":[1]}}'],
    ['{"a":{}}', "a.b", '{"a":{"b":[1]}}'],
    ['{"a":[]}', "a", '{"a":[1]}'],
    ['{"a":[0]}', "a[1]", '{"a":[0,[1]]}'],
    ["[]", "$", "[1]"],
    ["[[]]", "[0]", "[[1]]"],
  ])("on %p at the missing path %s makes %s", async (start, path, document) => {
    const key = start === null ? freshKey() : await keyWith(start);
    expect(await push(key, '{"value":1}', at(path))).toMatchObject({
      status: 200,
      body: { length: 1, path },
    });
    expect(await kv.text(key)).toBe(document);
  });

  test.each(SPELLINGS)("path %s appends there, and nowhere else", async (path, plain) => {
    const key = await keyWith(DOCUMENT);
    expect(await push(key, "3", at(path))).toMatchObject({
      status: 200,
      body: { path, length: 3 },
    });
    await expectOnlyChanged(key, plain, "[1,2,3]");
  });

  test.each(NOT_ARRAYS)("to %s is 400, and changes nothing", async (_, value) => {
    const key = await keyWith(value);
    await expectRefused(key, () => push(key, "1"), INVALID);
  });

  test("says which key holds no array", async () => {
    const key = await keyWith('"events"');
    expect((await push(key, "1")).body["error"]).toContain(`the value at ${key} is not an array`);
  });

  test.each<[string, string]>([
    ['{"a":1}', "a"],
    ['{"a":null}', "a"],
    ['{"a":{}}', "a"],
    ['{"a":"[]"}', "a"],
    ['{"a":1}', "a.b"],
    ['{"a":[1]}', "a[0]"],
    ['{"a":[1]}', "a[2]"],
    ['{"a":[1]}', "a[-2]"],
    ['{"a":[1]}', "a.b"],
    ["[1]", "a"],
    ["{}", "[0]"],
    ["plain", "a"],
  ])("on %s at %s, where no array can be, is 400 and changes nothing", async (value, path) => {
    const key = await keyWith(value);
    await expectRefused(key, () => push(key, "1", at(path)), INVALID);
  });

  test.each([
    ["nothing", ""],
    ["blank", "  \n"],
    ["bare text, as the SDK's push(key, 'x') sends it", "x"],
    ["half an object", '{"value":1'],
    ["two values", "1 2"],
    ["a comma too many", "[1,]"],
    ["single quotes", "{'value':1}"],
    ["a name without quotes", "{value:1}"],
    ["a comment", "1 /* one */"],
    ["NaN", "NaN"],
    ["Infinity", "Infinity"],
    ["undefined", "undefined"],
    ["a hexadecimal number", "0x10"],
    ["a number with a plus sign", "+1"],
    ["a number that begins with a point", ".5"],
    ["a form", "value=1"],
  ])("a body of %s is 400, and changes nothing", async (_, body) => {
    const key = await keyWith("[1]");
    await expectRefused(key, () => push(key, body), { ...INVALID, parameter: "body" });
    const missing = freshKey();
    expect(await push(missing, body)).toMatchObject({ status: 400 });
    expect((await server.api(`/kv/${missing}?db=t`)).status).toBe(404);
  });

  test("a body that is not UTF-8 is 400", async () => {
    const key = await keyWith("[1]");
    const body = new Uint8Array([0x22, 0xff, 0x22]);
    await expectRefused(key, () => call("push", key, "", { body }), INVALID);
  });

  test.each([
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain;charset=UTF-8",
    "multipart/form-data; boundary=x",
    "application/octet-stream",
    "nonsense",
  ])("reads JSON under Content-Type: %s, and keeps the key's own type", async (type) => {
    const key = freshKey();
    await server.api(`/kv/${key}?db=t`, {
      method: "PUT",
      body: "[]",
      headers: { "content-type": "application/vnd.list+json" },
    });
    const answer = await push(key, '{"value":{"a":"b=c&d"}}', "", { "content-type": type });
    expect(answer).toMatchObject({ status: 200, body: { length: 1 } });
    expect(await kv.text(key)).toBe('[{"a":"b=c&d"}]');
    expect(await kv.header(key, "content-type")).toBe("application/vnd.list+json");
  });

  test("JSON of 1,000 levels is pushed; what nests deeper is 400", async () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    const key = await keyWith("[1]");
    await expectRefused(key, () => push(key, nested(1001)), INVALID);
    expect((await push(key, nested(999))).status).toBe(200);
    expect(await kv.text(key)).toBe(`[1,${nested(999)}]`);
  });

  test("200 at the same time keep all 200, in the order of their lengths", async () => {
    const key = freshKey();
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, element) => ({
        element,
        answer: await push(key, String(element)),
      })),
    );
    expect(answers.filter(({ answer }) => answer.status !== 200)).toEqual([]);
    const stored = JSON.parse(await kv.text(key)) as number[];
    expect([...stored].sort((a, b) => a - b)).toEqual(answers.map(({ element }) => element));
    for (const { element, answer } of answers)
      expect(stored[Number(answer.body["length"]) - 1]).toBe(element);
    expect(new Set(answers.map(({ answer }) => answer.body["etag"])).size).toBe(200);
  });

  test("of different members at the same time lose nothing", async () => {
    const key = freshKey();
    const members = ["a", "b", "c.d", "c.e"];
    const all = members.flatMap((path) =>
      Array.from({ length: 25 }, (_, n) => push(key, String(n), at(path))),
    );
    expect((await Promise.all(all)).filter(({ status }) => status !== 200)).toEqual([]);
    for (const path of members) {
      const stored = JSON.parse(await partAt(key, path)) as number[];
      expect(stored.sort((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, n) => n));
    }
  });

  test("a database that is missing is made only when asked", async () => {
    const at = (extra: string) => `/kv/k/push?db=pushed${extra}`;
    const init = { method: "POST", body: "1" };
    expect(await server.json(at(""), init)).toMatchObject({
      status: 400,
      body: { code: "DATABASE_NOT_FOUND" },
    });
    expect(await server.json(at("&create_db_if_missing=true"), init)).toMatchObject({
      status: 200,
      body: { length: 1 },
    });
  });
});

describe("POST /kv/{key}/pop", () => {
  test("answers the last element and all fields of the contract, and nothing else", async () => {
    const key = await keyWith('[1,{"a":2}]');
    const answer = await pop(key);
    expect(answer).toMatchObject({ status: 200, type: "application/json" });
    expect(answer.body).toEqual({
      success: true,
      status: "ok",
      key,
      value: { a: 2 },
      length: 1,
      newLength: 1,
      etag: (await kv.header(key, "etag")) ?? "",
    });
    expect(await kv.text(key)).toBe("[1]");
  });

  test("takes one after the other, down to the empty array, which is 404 and stays", async () => {
    const key = await keyWith("[1,2]");
    expect((await pop(key)).body).toMatchObject({ value: 2, length: 1 });
    expect((await pop(key)).body).toMatchObject({ value: 1, length: 0, newLength: 0 });
    await expectRefused(key, () => pop(key), NOT_FOUND);
    expect((await pop(key)).body["error"]).toMatch(/array is empty/i);
    expect(await kv.text(key)).toBe("[]");
  });

  test.each([
    MAX,
    MIN,
    LONG,
    "9007199254740993",
    "1.0",
    "-0",
    "1e400",
    "null",
    "false",
    '""',
    '"é𝄞"',
    "[]",
    '[[1],{"a":null}]',
    `{"n":${MAX}}`,
  ])("gives %s back as it was", async (element) => {
    const key = await keyWith(`[${MAX},${element}]`);
    const { status, raw } = await pop(key);
    expect(status).toBe(200);
    expect(raw).toContain(`"value":${element}}`);
    expect(await kv.text(key)).toBe(`[${MAX}]`);
  });

  test.each(["", "{ no json", '{"value":1}'])("does not care for a body: %p", async (body) => {
    const key = await keyWith("[1,2]");
    const init = { body, headers: { "content-type": "application/json" } };
    expect(await call("pop", key, "", init)).toMatchObject({ status: 200, body: { value: 2 } });
  });

  test.each(SPELLINGS)("path %s takes the last element there", async (path, plain) => {
    const key = await keyWith(DOCUMENT);
    expect(await pop(key, at(path))).toMatchObject({
      status: 200,
      body: { path, value: 2, length: 1 },
    });
    await expectOnlyChanged(key, plain, "[1]");
  });

  test("a missing key is 404, and is not made", async () => {
    const key = freshKey();
    expect(await pop(key)).toMatchObject({ status: 404, body: { code: "KEY_NOT_FOUND" } });
    expect(await pop(key, at("a"))).toMatchObject({ status: 404, body: { code: "KEY_NOT_FOUND" } });
    expect((await server.api(`/kv/${key}?db=t`)).status).toBe(404);
    expect(await kv.recorded(key, "op_number, op, path, value")).toEqual([]);
  });

  test("an expired key is 404", async () => {
    const key = freshKey();
    await kv.set(key, "[1,2]", "&ttl=5");
    server.clock.advance(4999);
    expect((await pop(key)).status).toBe(200);
    server.clock.advance(1);
    expect(await pop(key)).toMatchObject({ status: 404 });
  });

  test.each<[string, string]>([
    ['{"a":[1]}', "b"],
    ['{"a":[1]}', "a.b"],
    ['{"a":[[1]]}', "a[1]"],
    ['{"a":[[1]]}', "a[-2]"],
    ["[[1]]", "a"],
    ["{}", "$.a.b.c"],
  ])("of %s at the missing path %s is 404", async (value, path) => {
    const key = await keyWith(value);
    await expectRefused(key, () => pop(key, at(path)), NOT_FOUND);
  });

  test("of an empty array at a path is 404", async () => {
    const key = await keyWith('{"a":[]}');
    await expectRefused(key, () => pop(key, at("a")), NOT_FOUND);
  });

  test.each(NOT_ARRAYS)("of %s is 400, and changes nothing", async (_, value) => {
    const key = await keyWith(value);
    await expectRefused(key, () => pop(key), INVALID);
  });

  test.each(["1", "null", "{}", '"[1]"'])("of %s at a path is 400", async (value) => {
    const key = await keyWith(`{"a":${value}}`);
    await expectRefused(key, () => pop(key, at("a")), INVALID);
  });

  test("120 at the same time hand out each of 100 elements once, and 404 to the others", async () => {
    const elements = Array.from({ length: 100 }, (_, element) => element);
    const key = await keyWith(JSON.stringify(elements));
    const answers = await Promise.all(Array.from({ length: 120 }, () => pop(key)));
    const taken = answers.filter(({ status }) => status === 200);
    expect(taken.map(({ body }) => Number(body["value"])).sort((a, b) => a - b)).toEqual(elements);
    expect(answers.filter(({ status }) => status === 404).length).toBe(20);
    expect(await kv.text(key)).toBe("[]");
  });

  test("with pushes at the same time: what was pushed is popped or still there, once", async () => {
    const key = await keyWith("[]");
    const pushes = Array.from({ length: 100 }, (_, element) => push(key, String(element)));
    const pops = await Promise.all(Array.from({ length: 60 }, () => pop(key)));
    await Promise.all(pushes);
    const popped = pops.flatMap(({ status, body }) => (status === 200 ? [body["value"]] : []));
    const left = JSON.parse(await kv.text(key)) as number[];
    expect([...popped, ...left].map(Number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, element) => element),
    );
  });
});

describe("POST /kv/{key}/remove with index", () => {
  test("answers the element and all fields of the contract, and nothing else", async () => {
    const key = await keyWith('["a","b","c"]');
    const answer = await remove(key, "", "&index=1");
    expect(answer).toMatchObject({ status: 200, type: "application/json" });
    expect(answer.body).toEqual({
      success: true,
      status: "ok",
      key,
      removed: "b",
      length: 2,
      newLength: 2,
      etag: (await kv.header(key, "etag")) ?? "",
    });
    expect(await kv.text(key)).toBe('["a","c"]');
  });

  test.each<[string, number, string]>([
    ["0", 1, "[2,3]"],
    ["1", 2, "[1,3]"],
    ["2", 3, "[1,2]"],
    ["%2B2", 3, "[1,2]"],
    ["-0", 1, "[2,3]"],
    ["002", 3, "[1,2]"],
  ])("%s of [1,2,3] is %d", async (index, removed, left) => {
    const key = await keyWith("[1,2,3]");
    expect(await remove(key, "", `&index=${index}`)).toMatchObject({
      status: 200,
      body: { removed },
    });
    expect(await kv.text(key)).toBe(left);
  });

  test.each(["3", "4", "-1", "-3", "2147483648", "4294967296", "999999999999999"])(
    "%s of [1,2,3] is 404, and changes nothing",
    async (index) => {
      const key = await keyWith("[1,2,3]");
      await expectRefused(key, () => remove(key, "", `&index=${index}`), NOT_FOUND);
    },
  );

  test("0 of an empty array is 404", async () => {
    const key = await keyWith("[]");
    await expectRefused(key, () => remove(key, "{}", "&index=0"), NOT_FOUND);
  });

  test.each(["a", "1.5", "1e0", "0x1", "NaN", "%20", "1%202"])("%s is 400", async (index) => {
    const key = await keyWith("[1,2,3]");
    await expectRefused(key, () => remove(key, '{"value":1}', `&index=${index}`), {
      ...INVALID,
      parameter: "index",
    });
  });

  test.each(['{"value":3}', "{}", "", "no json", "[]", "null", '{"value":99}'])(
    "wins over a body of %p",
    async (body) => {
      const key = await keyWith("[1,2,3]");
      expect((await remove(key, body, "&index=0")).body).toMatchObject({ removed: 1, length: 2 });
      expect(await kv.text(key)).toBe("[2,3]");
    },
  );

  test("an empty index is none: the body counts", async () => {
    const key = await keyWith("[1,2,3]");
    expect((await remove(key, '{"value":3}', "&index=")).body).toMatchObject({ removed: 3 });
  });
});

describe("POST /kv/{key}/remove with value", () => {
  test.each<[string, string, string, string, string]>([
    ["the first equal one only", "[1,2,1]", "1", "1", "[2,1]"],
    ["null", "[1,null,null]", "null", "null", "[1,null]"],
    ["false, not null or 0", '[0,null,"",false]', "false", "false", '[0,null,""]'],
    ["true, not 1", "[1,true]", "true", "true", "[1]"],
    ["1, not true", "[true,1]", "1", "1", "[true]"],
    ["0, not false", "[false,null,0]", "0", "0", "[false,null]"],
    ["a string, not a number", '[1,"1"]', '"1"', '"1"', "[1]"],
    ["a number, not a string", '["1",1]', "1", "1", '["1"]'],
    ["1 for 1.0", "[2,1.0]", "1", "1.0", "[2]"],
    ["1.0 for 1", "[2,1]", "1.0", "1", "[2]"],
    ["100 for 1e2", "[1e2]", "100", "1e2", "[]"],
    ["1 for 1.0 inside", '[{"a":[1.0]}]', '{"a":[1]}', '{"a":[1.0]}', "[]"],
    ["the empty string, not null", '[null,""]', '""', '""', "[null]"],
    ["exact in case", '["A","a"]', '"a"', '"a"', '["A"]'],
    ["an array", "[[1],[1,2],[2,1]]", "[2,1]", "[2,1]", "[[1],[1,2]]"],
    ["an empty array, not an object", "[{},[1],[]]", "[]", "[]", "[{},[1]]"],
    ["an empty object, not an array", "[[],{}]", "{}", "{}", "[[]]"],
    ["a nested array", "[[[1,[2]]],[[1,[3]]]]", "[[1,[3]]]", "[[1,[3]]]", "[[[1,[2]]]]"],
    ["members in another order", '[{"a":1,"b":2}]', '{"b":2,"a":1}', '{"a":1,"b":2}', "[]"],
    [
      "nested members in another order",
      '[0,{"x":{"a":[1,{"c":3,"d":4}],"b":2}}]',
      '{"x":{"b":2,"a":[1,{"d":4,"c":3}]}}',
      '{"x":{"a":[1,{"c":3,"d":4}],"b":2}}',
      "[0]",
    ],
    ["a null member", '[{},{"a":null}]', '{"a":null}', '{"a":null}', "[{}]"],
    ["a string written with escapes", '["\\u0061\\/b"]', '"a/b"', '"\\u0061\\/b"', "[]"],
    ["text beyond ASCII", '["é","e\\u0301","𝄞"]', '"𝄞"', '"𝄞"', '["é","e\\u0301"]'],
    [
      "a name with dots, not a nested member",
      '[{"a":{"b":1}},{"a.b":1}]',
      '{"a.b":1}',
      '{"a.b":1}',
      '[{"a":{"b":1}}]',
    ],
    [
      "a nested member, not a name with dots",
      '[{"a.b":1},{"a":{"b":1}}]',
      '{"a":{"b":1}}',
      '{"a":{"b":1}}',
      '[{"a.b":1}]',
    ],
    ["a member named 0, not an array", '[[1],{"0":1}]', '{"0":1}', '{"0":1}', "[[1]]"],
    ["an array, not a member named 0", '[{"0":1},[1]]', "[1]", "[1]", '[{"0":1}]'],
    ["names with quotes", '[{"\\"":1}]', '{"\\"":1}', '{"\\"":1}', "[]"],
    ["__proto__", '[{"__proto__":1}]', '{"__proto__":1}', '{"__proto__":1}', "[]"],
    ["64-bit neighbours apart", `[9223372036854775806,${MAX}]`, MAX, MAX, "[9223372036854775806]"],
    [
      "neighbours above 2^53 apart",
      "[9007199254740992,9007199254740993]",
      "9007199254740993",
      "9007199254740993",
      "[9007199254740992]",
    ],
    [
      "such neighbours inside",
      '[{"id":9007199254740992},{"id":9007199254740993}]',
      '{"id":9007199254740993}',
      '{"id":9007199254740993}',
      '[{"id":9007199254740992}]',
    ],
  ])("%s", async (_, array, value, removed, left) => {
    const key = await keyWith(array);
    const { status, raw, body } = await removeValue(key, value);
    expect({ status, body }).toMatchObject({ status: 200 });
    expect(raw).toContain(`"removed":${removed}}`);
    expect(await kv.text(key)).toBe(left);
  });

  test("finds a member whose name was stored with escapes", async () => {
    const key = await keyWith('[{"\\u0061":1}]');
    expect(await removeValue(key, '{"a":1}')).toMatchObject({ status: 200 });
    expect(await kv.text(key)).toBe("[]");
  });

  test.each<[string, string, string]>([
    ["another number", "[1,2]", "3"],
    ["the empty array", "[]", "1"],
    ["null where there is none", '[0,false,"",[],{}]', "null"],
    ["1 where there is true", "[true]", "1"],
    ["an array that is only the beginning", "[[1,2]]", "[1]"],
    ["an array that goes on", "[[1]]", "[1,2]"],
    ["a string in another case", '["A"]', '"a"'],
    ["what is one level down", "[[1]]", "1"],
    ["1e400 where there is null", "[null]", "1e400"],
    ["an object with a member too many", '[{"a":1}]', '{"a":1,"b":2}'],
    ["an object with another member", '[{"a":1}]', '{"a":2}'],
    ["a missing member is not null", '[{"b":1}]', '{"a":null}'],
    ["an object, of what is an array", "[[1]]", '{"0":1}'],
    ["a neighbour above 2^53", "[9007199254740992]", "9007199254740993"],
  ])("%s: 404, and nothing changes", async (_, array, value) => {
    const key = await keyWith(array);
    await expectRefused(key, () => removeValue(key, value), NOT_FOUND);
  });

  test.each<[string, string, string, string]>([
    [
      "the contract's cart",
      '[{"product_id":"a","quantity":1},{"product_id":"b","quantity":2},{"product_id":"b","quantity":3}]',
      '{"product_id":"b"}',
      '[{"product_id":"a","quantity":1},{"product_id":"b","quantity":3}]',
    ],
    [
      "all members must be there",
      '[{"a":1,"x":0},{"a":1,"b":2,"x":0}]',
      '{"b":2,"a":1}',
      '[{"a":1,"x":0}]',
    ],
    ["a nested member", '[{"a":{"b":1},"x":0}]', '{"a":{"b":1}}', "[]"],
    ["a null member", '[{"x":0},{"a":null,"x":0}]', '{"a":null}', '[{"x":0}]'],
    [
      "what is not an object is passed over",
      '["a",["a"],null,{"a":1,"b":2}]',
      '{"a":1}',
      '["a",["a"],null]',
    ],
    [
      "the exact match after a partial one",
      '[{"a":1,"b":2},{"a":1}]',
      '{"a":1}',
      '[{"a":1,"b":2}]',
    ],
    [
      "the first exact match of two",
      '[{"a":1,"b":2},{"a":1},0,{"a":1}]',
      '{"a":1}',
      '[{"a":1,"b":2},0,{"a":1}]',
    ],
    [
      "an exact match in another order",
      '[{"a":1,"b":2,"c":3},{"b":2,"a":1}]',
      '{"a":1,"b":2}',
      '[{"a":1,"b":2,"c":3}]',
    ],
  ])("by some members: %s", async (_, array, value, left) => {
    const key = await keyWith(array);
    expect(await removeValue(key, value)).toMatchObject({ status: 200 });
    expect(await kv.text(key)).toBe(left);
  });

  test("by some members: one that is an array must be that array, not begin with it", async () => {
    const key = await keyWith('[{"tags":["a","b"],"x":0}]');
    await expectRefused(key, () => removeValue(key, '{"tags":["a"]}'), NOT_FOUND);
  });

  test("arrays have no partial match, also not of objects in them", async () => {
    const key = await keyWith('[[{"a":1,"b":2}]]');
    await expectRefused(key, () => removeValue(key, '[{"a":1}]'), NOT_FOUND);
  });

  const numbers = (count: number) => Array.from({ length: count }, (_element, n) => n);
  const members = (count: number) =>
    JSON.stringify(Object.fromEntries(numbers(count).map((n) => [`member${n}`, n])));
  const objects = numbers(5000).map((n) => ({ id: n, name: "x" }));
  // Each took from seconds to minutes when the elements were compared through paths and joins.
  test.each([
    ["100,000 numbers, the last", JSON.stringify(numbers(100_000)), "99999"],
    ["5,000 objects, the last by its id", JSON.stringify(objects), '{"id":4999}'],
    ["an object of 5,000 members", `[${members(5000)}]`, members(5000)],
    ["an object of 5,000 members by one", `[${members(5000)}]`, '{"member4999":4999}'],
    ["999 levels", "[".repeat(1000) + "]".repeat(1000), "[".repeat(999) + "]".repeat(999)],
  ])(
    "of %s takes time in proportion",
    async (_name, document, value) => {
      const key = await keyWith(document);
      expect(await removeValue(key, value)).toMatchObject({ status: 200 });
    },
    3000,
  );

  test("other members of the body do not matter", async () => {
    const key = await keyWith("[1,2]");
    expect((await remove(key, '{"index":0,"value":2}')).body).toMatchObject({ removed: 2 });
  });

  test.each([
    ["nothing", ""],
    ["blank", " \n"],
    ["an object without value, as the SDK sends it with an index", "{}"],
    ["another name", '{"Value":1}'],
    ["a raw element", "1"],
    ["null", "null"],
    ["an array", "[1]"],
    ["a string", '"value"'],
    ["no JSON", "value"],
    ["half an object", '{"value":1'],
    ["a form", "value=1"],
  ])("a body of %s, and no index, is 400", async (_, body) => {
    const key = await keyWith("[1,2]");
    await expectRefused(key, () => remove(key, body), { ...INVALID, parameter: "body" });
  });

  test.each(["application/x-www-form-urlencoded", "text/plain", "nonsense"])(
    "reads JSON under Content-Type: %s",
    async (type) => {
      const key = await keyWith("[1,2]");
      const init = { body: '{"value":1}', headers: { "content-type": type } };
      expect(await call("remove", key, "", init)).toMatchObject({ status: 200 });
    },
  );
});

describe.each<[string, (key: string, extra?: string) => ReturnType<typeof call>]>([
  ["index", (key, extra = "") => remove(key, "", `&index=1${extra}`)],
  ["value", (key, extra = "") => removeValue(key, "2", extra)],
])("POST /kv/{key}/remove by %s", (_, removeSecond) => {
  test.each(SPELLINGS)("path %s removes there", async (path, plain) => {
    const key = await keyWith(DOCUMENT);
    expect(await removeSecond(key, at(path))).toMatchObject({
      status: 200,
      body: { path, removed: 2, length: 1, newLength: 1 },
    });
    await expectOnlyChanged(key, plain, "[1]");
  });

  test("a missing key is 404, and is not made", async () => {
    const key = freshKey();
    expect(await removeSecond(key)).toMatchObject({ status: 404, body: { code: NO_KEY.code } });
    expect((await server.api(`/kv/${key}?db=t`)).status).toBe(404);
  });

  test("a missing path is 404", async () => {
    const key = await keyWith('{"a":[1,2]}');
    await expectRefused(key, () => removeSecond(key, at("b")), NOT_FOUND);
    await expectRefused(key, () => removeSecond(key, at("a[5]")), NOT_FOUND);
  });

  test.each(NOT_ARRAYS)("of %s is 400, and changes nothing", async (_name, value) => {
    const key = await keyWith(value);
    await expectRefused(key, () => removeSecond(key), INVALID);
  });

  test.each(["1", "null", '{"1":2}', '"2"'])("of %s at a path is 400", async (value) => {
    const key = await keyWith(`{"a":${value}}`);
    await expectRefused(key, () => removeSecond(key, at("a")), INVALID);
  });

  test("leaves the digits of the other elements alone", async () => {
    const key = await keyWith(`[${MAX},2,${LONG},1.0,{"n":${MIN}}]`);
    expect(await removeSecond(key)).toMatchObject({ status: 200 });
    expect(await kv.text(key)).toBe(`[${MAX},${LONG},1.0,{"n":${MIN}}]`);
  });

  test("at the same time: each element goes once", async () => {
    const key = await keyWith(`[${Array.from({ length: 50 }, () => "2").join(",")},2]`);
    const answers = await Promise.all(Array.from({ length: 50 }, () => removeSecond(key)));
    expect(answers.map(({ body }) => Number(body["length"])).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_element, length) => length + 1),
    );
    expect(await kv.text(key)).toBe("[2]");
  });
});

describe("push, pop and remove", () => {
  const all: [string, (key: string, extra?: string) => ReturnType<typeof call>][] = [
    ["push", (key, extra) => push(key, "3", extra)],
    ["pop", (key, extra) => pop(key, extra)],
    ["remove", (key, extra) => removeValue(key, "1", extra)],
  ];

  test.each(all)(
    "%s keeps the expiry and the type, moves the times and the ETag",
    async (_, act) => {
      const key = freshKey();
      await server.api(`/kv/${key}?db=t&ttl=60`, {
        method: "PUT",
        body: "[1,2]",
        headers: { "content-type": "text/x-list" },
      });
      const before = await server.api(`/kv/${key}?db=t`);
      server.clock.advance(5000);
      const { body } = await act(key);
      const after = await server.api(`/kv/${key}?db=t`);
      for (const name of ["x-expire-at", "x-created-at", "content-type"])
        expect(after.headers.get(name)).toBe(before.headers.get(name));
      expect(Number(after.headers.get("x-updated-at"))).toBe(
        Number(before.headers.get("x-updated-at")) + 5,
      );
      expect(after.headers.get("etag")).not.toBe(before.headers.get("etag"));
      expect(after.headers.get("etag")).toBe(String(body["etag"]));
      server.clock.advance(54_999);
      expect((await server.api(`/kv/${key}?db=t`)).status).toBe(200);
      server.clock.advance(1);
      expect((await server.api(`/kv/${key}?db=t`)).status).toBe(404);
    },
  );

  test("are recorded as PUSH, POP and REMOVE with path and value; refused ones are not", async () => {
    const key = freshKey();
    await push(key, "1", at("a"));
    await push(key, "2", at("$.a"));
    await push(key, "no json", at("a"));
    await removeValue(key, "1", at(".a"));
    await removeValue(key, "1", at("a"));
    await pop(key, at("a"));
    await pop(key, at("a"));
    expect(await kv.recorded(key, "op_number, op, path, value")).toEqual([
      { op_number: 1, op: "PUSH", path: "a", value: '{"a":[1]}' },
      { op_number: 2, op: "PUSH", path: "$.a", value: '{"a":[1,2]}' },
      { op_number: 3, op: "REMOVE", path: ".a", value: '{"a":[2]}' },
      { op_number: 4, op: "POP", path: "a", value: '{"a":[]}' },
    ]);
  });

  test.each(all)("%s with history=false is UNRECORDED, without the value", async (_, act) => {
    const key = await keyWith("[1,2]");
    expect(await act(key, "&history=false")).toMatchObject({ status: 200 });
    expect(await kv.recorded(key, "op_number, op, path, value")).toEqual([
      { op_number: 1, op: "SET", path: null, value: "[1,2]" },
      { op_number: 2, op: "UNRECORDED", path: null, value: null },
    ]);
  });

  test.each(all)("%s at a path that cannot be read is 400", async (_, act) => {
    const key = await keyWith('{"a":[1,2]}');
    for (const path of ["a[", "a..b", "a[x]", "$.", 'a."b'])
      await expectRefused(key, () => act(key, at(path)), { ...INVALID, parameter: "path" });
  });

  test.each(all)("%s with an empty path is about the whole value", async (_, act) => {
    const key = await keyWith("[1,2]");
    const { status, body } = await act(key, "&path=");
    expect(status).toBe(200);
    expect(body).not.toHaveProperty("path");
  });

  test.each(all)(
    "%s keeps the white space and digits of nothing but JSON: the rest stays",
    async (_, act) => {
      const key = await keyWith(`{"big":${LONG},"list":[1,2],"s":"\\u00e9\\/"}`);
      expect(await act(key, at("list"))).toMatchObject({ status: 200 });
      const stored = await kv.text(key);
      expect(stored).toStartWith(`{"big":${LONG},"list":[`);
      expect(stored).toEndWith('],"s":"\\u00e9\\/"}');
    },
  );

  test("the verb's name in the key is a key: array%2Fpush has no verb", async () => {
    const init = { method: "POST", body: "1" };
    expect((await server.api("/kv/array%2Fpush?db=t", init)).status).toBe(405);
    expect((await server.api("/kv/array/push/push?db=t", init)).status).toBe(200);
    expect(await (await server.api("/kv/array%2Fpush?db=t")).text()).toBe("[1]");
  });

  test("S1's cart: push an item as {value}, remove it by its id", async () => {
    const key = freshKey();
    const item = { product_id: "prod-xyz", quantity: 2, price: 29.99 };
    await push(key, JSON.stringify({ value: { ...item, product_id: "prod-abc" } }));
    await push(key, JSON.stringify({ value: item }));
    const removed = await removeValue(key, '{"product_id":"prod-xyz"}');
    expect(removed.body).toMatchObject({ removed: item, newLength: 1 });
    expect(JSON.parse(await kv.text(key))).toEqual([{ ...item, product_id: "prod-abc" }]);
  });
});
