import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";

interface Found {
  value?: unknown;
  value_base64?: string;
  content_type: string;
  etag: string;
}
interface BatchBody {
  success: boolean;
  status: string;
  results: Record<string, Found | null>;
  values: Record<string, unknown>;
  count: number;
  items: { key: string; etag: string }[];
  deleted: number;
  code?: string;
  error?: string;
  parameter?: string;
  failed?: { key: string; current_etag: string | null }[];
}
interface HistoryRow {
  key: string;
  op_number: number;
  op: string;
  value: string | null;
}
type Route = "get" | "set" | "delete";
type RawBody = string | Blob | Uint8Array<ArrayBuffer>;
/** Sent as it is, or as JSON. */
type Body = RawBody | { [member: string]: unknown };

const isRaw = (body: Body): body is RawBody =>
  typeof body === "string" || body instanceof Blob || body instanceof Uint8Array;

const MAX = "9223372036854775807";
const LONG = "123456789012345678901234567890";

let server: TestServer;
let tables = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A table of its own for each test. */
class Table {
  readonly name = `batch_${++tables}`;

  /** Calls a batch route; `raw` is its text, as JSON.parse would round digits. */
  async batch(route: Route, body: Body, extra = "", headers: Record<string, string> = {}) {
    const response = await server.api(`/kv/batch/${route}?db=t&table=${this.name}${extra}`, {
      method: "POST",
      body: isRaw(body) ? body : JSON.stringify(body),
      headers,
    });
    const raw = await response.text();
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      body: JSON.parse(raw) as BatchBody,
      raw,
    };
  }

  async batchOk(route: Route, body: Body, extra = "") {
    const answer = await this.batch(route, body, extra);
    expect({ status: answer.status, error: answer.body.error ?? null }).toEqual({
      status: 200,
      error: null,
    });
    return answer;
  }

  fetch(key: string, init: RequestInit = {}, extra = "") {
    return server.api(`/kv/${encodeURIComponent(key)}?db=t&table=${this.name}${extra}`, init);
  }

  /** Writes one key, and gives its ETag. */
  async put(
    key: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
    extra = "",
  ): Promise<string> {
    const response = await this.fetch(key, { method: "PUT", body, headers }, extra);
    expect(response.status).toBe(200);
    return ((await response.json()) as { etag: string }).etag;
  }

  async text(key: string) {
    return (await this.fetch(key)).text();
  }

  async header(key: string, name: string) {
    return (await this.fetch(key, { method: "HEAD" })).headers.get(name);
  }

  /** Every key with its value. */
  async contents(): Promise<Record<string, string>> {
    const { body } = await server.json<{ keys: string[] }>(
      `/kv?db=t&table=${this.name}&limit=1000`,
    );
    const entries = await Promise.all(
      body.keys.map(async (key) => [key, await this.text(key)] as const),
    );
    return Object.fromEntries(entries);
  }

  /** Without what the expiry timer adds in its own time. */
  async history() {
    const query = `select key, op_number, op, value from ${this.name}_history where op <> 'EXPIRE' order by seq`;
    const { body } = await server.json<{ results: { resultSet: HistoryRow[] }[] }>("/db?db=t", {
      method: "POST",
      body: JSON.stringify({ transaction: [{ query }] }),
    });
    return body.results[0]?.resultSet ?? [];
  }
}

const numbered = (count: number) => Array.from({ length: count }, (_, n) => `k${n}`);
const INVALID = { status: 400, body: { success: false, code: "INVALID_PARAMETERS" } };

/** One entry for a key in each kind of body: what the list is called, and an entry for a key. */
const BODIES: [Route, string, (key: unknown) => unknown][] = [
  ["get", "keys", (key) => key],
  ["set", "items", (key) => ({ key, value: "v" })],
  ["set", "batch", (key) => ({ key, value: "v" })],
  ["delete", "keys", (key) => key],
  ["delete", "items", (key) => ({ key })],
];

describe.each(BODIES)("POST /kv/batch/%s with %s", (route, name, entry) => {
  test.each([1, 2, 100])("takes %d entries", async (count) => {
    const table = new Table();
    await table.batchOk(route, { [name]: numbered(count).map(entry) });
  });

  test.each([0, 101])("refuses %d entries with 400", async (count) => {
    const table = new Table();
    const answer = await table.batch(route, { [name]: numbered(count).map(entry) });
    expect(answer).toMatchObject(INVALID);
    expect(answer.body.parameter).toBe(name);
    expect(await table.contents()).toEqual({});
  });

  test.each<[string, unknown]>([
    ["empty", ""],
    ["a space", " "],
    ["blank", "\t\n"],
    ["a no-break space", "\u00a0"],
    ["NUL in it", "a\0b"],
    ["half a character", "a\ud834"],
    ["the other half", "\udd1ea"],
    ["halves in the wrong order", "\udd1e\ud834"],
    ["2,049 bytes", "x".repeat(2049)],
    ["2,050 bytes in two-byte characters", "é".repeat(1025)],
    ["null", null],
    ["a number", 1],
    ["true", true],
    ["an array", ["k"]],
    ["an object", {}],
    ["nothing", undefined],
  ])("refuses a key that is %s with 400, and names it", async (_, key) => {
    const table = new Table();
    await table.put("before", "v");
    const answer = await table.batch(route, { [name]: [entry("before"), entry(key)] });
    expect(answer).toMatchObject(INVALID);
    expect(answer.body.parameter).toStartWith(`${name}[1]`);
    expect(await table.contents()).toEqual({ before: "v" });
  });

  test("refuses half a character as a JSON escape, and reads a whole one", async () => {
    const table = new Table();
    const body = JSON.stringify({ [name]: [entry("KEY")] });
    expect(await table.batch(route, body.replace("KEY", "a\\ud834"))).toMatchObject(INVALID);
    expect(await table.batch(route, body.replace("KEY", "\\udd1e\\ud834"))).toMatchObject(INVALID);
    await table.put("𝄞", '"v"');
    const { body: answer } = await table.batchOk(route, body.replace("KEY", "\\ud834\\udd1e"));
    if (route === "get") expect(answer.values).toEqual({ "𝄞": "v" });
    else if (route === "set") expect(answer.items.map(({ key }) => key)).toEqual(["𝄞"]);
    else expect(answer.deleted).toBe(1);
  });

  test.each<[string, string]>([
    ["a", "a"],
    ["users/alice", "users/alice"],
    ["a/../b", "a/../b"],
    ["x/history", "x/history"],
    ["batch/get", "batch/get"],
    ["constructor", "constructor"],
    ["toString", "toString"],
    ["10", "10"],
    ["with blanks around it", " a "],
    ["with quotes", "a'b\"c\\"],
    ["%_*?", "%_*?"],
    ["beyond ASCII", "ключ.𝄞"],
    ["with a byte order mark", "\ufeffa"],
    ["of 2,048 bytes", "x".repeat(2048)],
    ["of 2,048 bytes in two-byte characters", "é".repeat(1024)],
  ])("takes the key %s as it is", async (_, key) => {
    const table = new Table();
    await table.put(key, '"v"');
    await table.batchOk(route, { [name]: [entry(key)] });
    const { raw } = await table.batchOk("get", { keys: [key] });
    const found = route === "delete" ? "null" : '"v"';
    expect(raw).toContain(`"values":{${JSON.stringify(key)}:`);
    expect((await table.fetch(key)).status).toBe(route === "delete" ? 404 : 200);
    if (name !== "items" || route === "delete")
      expect(raw).toContain(`"values":{${JSON.stringify(key)}:${found}}`);
  });

  test.each<[string, string]>([
    ["nothing", ""],
    ["an array", '["k"]'],
    ["a string", '"k"'],
    ["a number", "1"],
    ["a number of many digits", LONG],
    ["null", "null"],
    ["an empty object", "{}"],
    ["the list under another name", '{"entries":["k"]}'],
    ["half an object", '{"keys":["k"]'],
    ["a form", "keys=k"],
    ["single quotes", "{'keys':['k']}"],
    [`${name}: null`, `{"${name}":null}`],
    [`${name}: a string`, `{"${name}":"k"}`],
    [`${name}: an object`, `{"${name}":{"0":"k","length":1}}`],
    [`${name}: a number`, `{"${name}":1}`],
  ])("refuses a body that is %s with 400", async (_, body) => {
    const table = new Table();
    expect(await table.batch(route, body)).toMatchObject(INVALID);
  });

  test("refuses a body that is not UTF-8 with 400", async () => {
    const table = new Table();
    const body = new Uint8Array([...Buffer.from('{"keys":["'), 0xff, ...Buffer.from('"]}')]);
    expect(await table.batch(route, body)).toMatchObject(INVALID);
  });

  test.each([
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain;charset=UTF-8",
    "multipart/form-data; boundary=x",
    "nonsense",
  ])("reads JSON under Content-Type: %s, and answers JSON", async (type) => {
    const table = new Table();
    const answer = await table.batch(route, { [name]: [entry("k")] }, "", { "content-type": type });
    expect(answer).toMatchObject({
      status: 200,
      type: "application/json",
      body: { success: true },
    });
  });

  test("reads JSON without a Content-Type", async () => {
    const table = new Table();
    const body = new Blob([JSON.stringify({ [name]: [entry("k")] })]);
    expect((await table.batch(route, body)).status).toBe(200);
  });

  test.each(["if-match", "if-none-match"])(
    "refuses the header %s with 400: it could be about any of the keys (contract 1.32)",
    async (header) => {
      const table = new Table();
      await table.put("k", "old");
      const answer = await table.batch(route, { [name]: [entry("k")] }, "", { [header]: '"x"' });
      expect(answer).toMatchObject(INVALID);
      expect(await table.contents()).toEqual({ k: "old" });
    },
  );

  test("of a database that does not exist is 400", async () => {
    const answer = await server.json<BatchBody>(`/kv/batch/${route}?db=nowhere`, {
      method: "POST",
      body: JSON.stringify({ [name]: [entry("k")] }),
    });
    expect(answer).toMatchObject({ status: 400, body: { code: "DATABASE_NOT_FOUND" } });
  });
});

describe("POST /kv/batch/get", () => {
  test("answers results and values, and nothing else", async () => {
    const table = new Table();
    const etag = await table.put("u:1", '{"name":"alice"}');
    const answer = await table.batchOk("get", { keys: ["u:1", "u:404"] });
    expect(answer.type).toBe("application/json");
    expect(answer.body as unknown).toEqual({
      success: true,
      results: {
        "u:1": { value: { name: "alice" }, content_type: "application/json", etag },
        "u:404": null,
      },
      values: { "u:1": { name: "alice" }, "u:404": null },
    });
  });

  test("is in the order asked", async () => {
    const table = new Table();
    for (const key of ["b", "a", "c"]) await table.put(key, `"${key}"`);
    const { raw, body } = await table.batchOk("get", { keys: ["c", "missing", "a", "b"] });
    expect(Object.keys(body.results)).toEqual(["c", "missing", "a", "b"]);
    expect(raw).toContain('"values":{"c":"c","missing":null,"a":"a","b":"b"}');
  });

  test("a key asked for twice is answered once", async () => {
    const table = new Table();
    await table.put("a", "1");
    const { raw } = await table.batchOk("get", { keys: ["a", "b", "a", "b"] });
    expect(raw).toContain('"values":{"a":1,"b":null}');
    expect(raw.match(/"content_type"/g)).toHaveLength(1);
  });

  test("100 times the same key are 100 entries", async () => {
    const table = new Table();
    const keys = Array.from({ length: 100 }, () => "a");
    expect((await table.batch("get", { keys })).status).toBe(200);
    expect(await table.batch("get", { keys: [...keys, "a"] })).toMatchObject(INVALID);
  });

  test("is in the order asked, also for keys that look like numbers", async () => {
    const { raw } = await new Table().batchOk("get", { keys: ["10", "9", "a", "1"] });
    expect(raw).toContain('"values":{"10":null,"9":null,"a":null,"1":null}');
  });

  test("the key __proto__ is a key as any other", async () => {
    const table = new Table();
    await table.put("__proto__", "1");
    const { raw } = await table.batchOk("get", { keys: ["__proto__", "a"] });
    expect(raw).toContain('"values":{"__proto__":1,"a":null}');
    expect(raw).toContain('"results":{"__proto__":{');
  });

  test("the missing key __proto__ is null as any other", async () => {
    const { raw } = await new Table().batchOk("get", { keys: ["__proto__", "a"] });
    expect(raw).toContain('"values":{"__proto__":null,"a":null}');
  });

  test.each([
    MAX,
    LONG,
    "9007199254740993",
    "1.0",
    "-0",
    "1e400",
    "0.1000",
    ` {"n" : ${MAX}} `,
    `[${LONG}]`,
    '"\\u00e9\\/"',
    "null",
    "false",
  ])("gives JSON as it was put: %s", async (json) => {
    const table = new Table();
    await table.put("a", json);
    const { raw, body } = await table.batchOk("get", { keys: ["a"] });
    expect(raw).toContain(`"values":{"a":${json}}`);
    expect(raw).toContain(`"value":${json}}`);
    expect(body.results["a"]).not.toHaveProperty("value_base64");
  });

  test("JSON counts as JSON whatever its type says", async () => {
    const table = new Table();
    const etag = await table.put("a", "[1]", { "content-type": "text/html" });
    expect((await table.batchOk("get", { keys: ["a"] })).body.results).toEqual({
      a: { value: [1], content_type: "text/html", etag },
    });
  });

  test.each(["plain é𝄞", "", "{broken", "NaN", 'say "hi"\n', "\ufeff1"])(
    "text that is no JSON comes as a string and in base64: %p",
    async (text) => {
      const table = new Table();
      const etag = await table.put("a", text);
      const { body } = await table.batchOk("get", { keys: ["a"] });
      expect(body.results["a"]).toEqual({
        value: text,
        value_base64: Buffer.from(text).toString("base64"),
        content_type: "text/plain",
        etag,
      });
      expect(body.values).toEqual({ a: text });
    },
  );

  test.each([
    ["not UTF-8", new Uint8Array([0xff, 0xfe, 0x00, 0x7f])],
    ["with NUL", new Uint8Array([0x61, 0x00, 0x62])],
    ["in standard base64, not the one for URLs", new Uint8Array([0xfb, 0xef, 0xff, 0xfe])],
  ])("bytes come in base64 only: %s", async (_, bytes) => {
    const table = new Table();
    const etag = await table.put("a", bytes);
    const base64 = Buffer.from(bytes).toString("base64");
    const { body } = await table.batchOk("get", { keys: ["a"] });
    expect(body.results["a"]).toEqual({
      value_base64: base64,
      content_type: "application/octet-stream",
      etag,
    });
    expect(body.values).toEqual({ a: base64 });
  });

  test("expired keys are null", async () => {
    const table = new Table();
    await table.put("a", "1", {}, "&ttl=5");
    await table.put("b", "2");
    server.clock.advance(4999);
    expect((await table.batchOk("get", { keys: ["a", "b"] })).body.values).toEqual({ a: 1, b: 2 });
    server.clock.advance(1);
    const { body } = await table.batchOk("get", { keys: ["a", "b"] });
    expect(body.values).toEqual({ a: null, b: 2 });
    expect(body.results["a"]).toBeNull();
  });

  test("of a table that does not exist: all null, and the table is not made", async () => {
    const table = new Table();
    expect((await table.batchOk("get", { keys: ["a"] })).body.values).toEqual({ a: null });
    const { body } = await server.json<{ error?: string }>("/db?db=t", {
      method: "POST",
      body: JSON.stringify({ transaction: [{ query: `select * from ${table.name}` }] }),
    });
    expect(body.error).toContain("no such table");
  });

  test("leaves no history", async () => {
    const table = new Table();
    await table.put("a", "1");
    await table.batchOk("get", { keys: ["a", "b"] });
    expect(await table.history()).toHaveLength(1);
  });

  test("keys differ by case and by spelling of their characters", async () => {
    const table = new Table();
    await table.put("Ä", "1");
    const { body } = await table.batchOk("get", { keys: ["Ä", "ä", "A\u0308"] });
    expect(body.values).toEqual({ Ä: 1, ä: null, "A\u0308": null });
  });
});

describe("POST /kv/batch/set", () => {
  test.each(["items", "batch"])(
    "with %s answers all fields of the contract, and nothing else",
    async (name) => {
      const table = new Table();
      const entries = ["b", "a"].map((key) => ({ key, value: 1 }));
      const { body, type } = await table.batchOk("set", { [name]: entries });
      expect(type).toBe("application/json");
      expect(body as unknown).toEqual({
        success: true,
        status: "ok",
        count: 2,
        items: [
          { key: "b", etag: (await table.header("b", "etag")) ?? "" },
          { key: "a", etag: (await table.header("a", "etag")) ?? "" },
        ],
      });
      expect(body.items[0]?.etag).not.toBe(body.items[1]?.etag);
    },
  );

  // The table of contract 1.10: the form, the value as JSON, the type sent, the bytes, the type stored.
  const JSON_TYPE = "application/json";
  const BYTES_TYPE = "application/octet-stream";
  test.each<[string, string, string | null, string, string]>([
    ["items", '"dark"', null, "dark", BYTES_TYPE],
    ["items", '"{\\"a\\":1}"', null, '{"a":1}', JSON_TYPE],
    ["items", '"\\"dark\\""', null, '"dark"', JSON_TYPE],
    ["items", '"12"', null, "12", JSON_TYPE],
    ["items", '" [1 ] "', null, " [1 ] ", JSON_TYPE],
    ["items", `"${LONG}"`, null, LONG, JSON_TYPE],
    ["items", '""', null, "", BYTES_TYPE],
    ["items", '"{broken"', null, "{broken", BYTES_TYPE],
    ["items", '"é𝄞\\n"', null, "é𝄞\n", BYTES_TYPE],
    ["items", '"dark"', "text/x-theme", "dark", "text/x-theme"],
    ["items", '"{\\"a\\":1}"', "text/x-theme", '{"a":1}', "text/x-theme"],
    ["items", '"{\\"a\\":1}"', JSON_TYPE, '{"a":1}', JSON_TYPE],
    ["items", '"dark"', JSON_TYPE, "dark", "text/plain"],
    ["items", '{"a":1}', null, '{"a":1}', JSON_TYPE],
    ["items", '{"a":1}', "text/x-theme", '{"a":1}', "text/x-theme"],
    ["items", "[1, 2]", null, "[1,2]", JSON_TYPE],
    ["items", "1", null, "1", JSON_TYPE],
    ["items", "true", null, "true", JSON_TYPE],
    ["items", "null", null, "null", JSON_TYPE],
    ["batch", '"dark"', null, '"dark"', JSON_TYPE],
    ["batch", '"{\\"a\\":1}"', null, '"{\\"a\\":1}"', JSON_TYPE],
    ["batch", '"12"', null, '"12"', JSON_TYPE],
    ["batch", '""', null, '""', JSON_TYPE],
    ["batch", '"dark"', "text/x-theme", '"dark"', "text/x-theme"],
    ["batch", '{"a":{"b":[null]}}', null, '{"a":{"b":[null]}}', JSON_TYPE],
    ["batch", "[]", null, "[]", JSON_TYPE],
    ["batch", "{}", null, "{}", JSON_TYPE],
    ["batch", "0", null, "0", JSON_TYPE],
    ["batch", "false", null, "false", JSON_TYPE],
    ["batch", "null", null, "null", JSON_TYPE],
  ])("%s: value %s of type %p is stored as %p, %s", async (name, value, sent, bytes, stored) => {
    const table = new Table();
    const type = sent === null ? "" : `,"content_type":"${sent}"`;
    await table.batchOk("set", `{"${name}":[{"key":"a","value":${value}${type}}]}`);
    const got = await table.fetch("a");
    expect({ text: await got.text(), type: got.headers.get("content-type") }).toEqual({
      text: bytes,
      type: stored,
    });
  });

  test.each(["items", "batch"])("%s: keeps every digit, alone and inside", async (name) => {
    const table = new Table();
    const numbers = [
      MAX,
      `-${MAX}`,
      LONG,
      "9007199254740993",
      "1.0",
      "-0",
      "0.1000",
      "1e400",
      "1E2",
    ];
    const entries = numbers.map((number, n) => `{"key":"k${n}","value":${number}}`);
    const inside = `{"key":"all","value":{"n":[${numbers.join(",")}]}}`;
    await table.batchOk("set", `{"${name}":[${[...entries, inside].join(",")}]}`);
    for (const [n, number] of numbers.entries()) expect(await table.text(`k${n}`)).toBe(number);
    expect(await table.text("all")).toBe(`{"n":[${numbers.join(",")}]}`);
  });

  test("keeps a member named __proto__ of a value", async () => {
    const table = new Table();
    await table.batchOk("set", '{"batch":[{"key":"a","value":{"__proto__":{"x":1},"b":2}}]}');
    expect(await table.text("a")).toBe('{"__proto__":{"x":1},"b":2}');
  });

  test("an object that JSON.rawJSON could have made is stored as any other", async () => {
    const table = new Table();
    await table.batchOk("set", '{"batch":[{"key":"a","value":{"rawJSON":"1"}}]}');
    expect(await table.text("a")).toBe('{"rawJSON":"1"}');
  });

  test("items wins where both are sent; extra members do not matter", async () => {
    const table = new Table();
    await table.batchOk("set", {
      batch: [{ key: "b", value: "x" }],
      items: [{ key: "a", value: "x", note: 1 }],
      note: 2,
    });
    expect(await table.contents()).toEqual({ a: "x" });
  });

  test.each<[unknown, number | null]>([
    [60, 60],
    [1, 1],
    [0, null],
    [null, null],
    [undefined, null],
    [3_153_600_000, 3_153_600_000],
  ])("ttl %p expires after %p seconds", async (ttl, seconds) => {
    const table = new Table();
    await table.put("a", "old", {}, "&ttl=5");
    const nowS = Math.floor(server.clock.nowMs() / 1000);
    await table.batchOk("set", { items: [{ key: "a", value: "v", ttl }] });
    expect(await table.header("a", "x-expire-at")).toBe(
      seconds === null ? null : String(nowS + seconds),
    );
  });

  test("each entry expires at its own time", async () => {
    const table = new Table();
    const items = [
      { key: "a", value: "v", ttl: 10 },
      { key: "b", value: "v" },
      { key: "c", value: "v", ttl: 20 },
    ];
    await table.batchOk("set", { items });
    server.clock.advance(9999);
    expect(Object.keys(await table.contents())).toEqual(["a", "b", "c"]);
    server.clock.advance(1);
    expect(Object.keys(await table.contents())).toEqual(["b", "c"]);
    server.clock.advance(10_000);
    expect(Object.keys(await table.contents())).toEqual(["b"]);
  });

  test("a ttl written 60.0 or 6e1 is the whole number 60", async () => {
    const table = new Table();
    const body = '{"items":[{"key":"a","value":"v","ttl":60.0},{"key":"b","value":"v","ttl":6e1}]}';
    await table.batchOk("set", body);
    for (const key of ["a", "b"]) expect(await table.header(key, "x-expire-at")).not.toBeNull();
  });

  test.each<[string, string]>([
    ["ttl -1", '{"key":"b","value":"v","ttl":-1}'],
    ["ttl 1.5", '{"key":"b","value":"v","ttl":1.5}'],
    ["ttl as a string", '{"key":"b","value":"v","ttl":"60"}'],
    ["ttl true", '{"key":"b","value":"v","ttl":true}'],
    ["ttl of more than 100 years", '{"key":"b","value":"v","ttl":3153600001}'],
    ["ttl 1e400", '{"key":"b","value":"v","ttl":1e400}'],
    ["no value", '{"key":"b"}'],
    ["no key", '{"value":"v"}'],
    ["content_type 1", '{"key":"b","value":"v","content_type":1}'],
    ["a content_type with a line break", '{"key":"b","value":"v","content_type":"a\\nb: c"}'],
    ["a content_type beyond ASCII", '{"key":"b","value":"v","content_type":"tëxt"}'],
    ["if_match 1", '{"key":"b","value":"v","if_match":1}'],
    ["if_match that is no tag", '{"key":"b","value":"v","if_match":"x"}'],
    ["if_none_match true", '{"key":"b","value":"v","if_none_match":true}'],
    ["a string", '"b"'],
    ["null", "null"],
    ["an array", '["b","v"]'],
    ["a number", "1"],
  ])("an entry with %s is 400, names it, and nothing is written", async (_, bad) => {
    const table = new Table();
    await table.put("a", "old");
    const good = (key: string) => `{"key":"${key}","value":"new"}`;
    const answer = await table.batch("set", `{"items":[${good("a")},${bad},${good("c")}]}`);
    expect(answer).toMatchObject(INVALID);
    expect(answer.body.parameter).toStartWith("items[1]");
    expect(await table.contents()).toEqual({ a: "old" });
    expect(await table.history()).toHaveLength(1);
  });

  test("a value that is text with half a character is not stored as another text", async () => {
    const table = new Table();
    await table.batch("set", '{"batch":[{"key":"json","value":"a\\ud834"}]}');
    expect(await table.text("json")).toBe('"a\\ud834"');
    const { status } = await table.batch("set", '{"items":[{"key":"raw","value":"a\\ud834"}]}');
    expect(status).toBe(400);
  });

  test("the same key twice: the last one wins, each is counted, tagged and recorded", async () => {
    const table = new Table();
    const items = [
      { key: "a", value: "first", ttl: 60, content_type: "text/x-first" },
      { key: "b", value: "b" },
      { key: "a", value: "last" },
    ];
    const { body } = await table.batchOk("set", { items });
    expect(body).toMatchObject({ count: 3, items: [{ key: "a" }, { key: "b" }, { key: "a" }] });
    expect(await table.contents()).toEqual({ a: "last", b: "b" });
    expect(await table.header("a", "x-expire-at")).toBeNull();
    expect(await table.header("a", "etag")).toBe(body.items[2]?.etag ?? "");
    expect(body.items[0]?.etag).not.toBe(body.items[2]?.etag);
  });

  test("is recorded as one SET for each entry, numbered per key", async () => {
    const table = new Table();
    await table.put("a", "0");
    await table.batchOk("set", {
      batch: [
        { key: "a", value: 1 },
        { key: "b", value: "x" },
      ],
    });
    expect(await table.history()).toEqual([
      { key: "a", op_number: 1, op: "SET", value: "0" },
      { key: "a", op_number: 2, op: "SET", value: "1" },
      { key: "b", op_number: 1, op: "SET", value: '"x"' },
    ]);
  });

  test("history=false leaves one gap per key, without the value", async () => {
    const table = new Table();
    const items = ["a", "b", "a"].map((key) => ({ key, value: "v" }));
    await table.batchOk("set", { items }, "&history=false");
    await table.batchOk("set", { items: [{ key: "b", value: "w" }] });
    expect(
      (await table.history()).toSorted((x, y) => (JSON.stringify(x) < JSON.stringify(y) ? -1 : 1)),
    ).toEqual([
      { key: "a", op_number: 1, op: "UNRECORDED", value: null },
      { key: "b", op_number: 1, op: "UNRECORDED", value: null },
      { key: "b", op_number: 2, op: "SET", value: "w" },
    ]);
    expect(await table.contents()).toEqual({ a: "v", b: "w" });
  });

  test("keeps the time a key was made, and moves the one of its update", async () => {
    const table = new Table();
    await table.put("a", "old");
    const made = await table.header("a", "x-created-at");
    server.clock.advance(5000);
    await table.batchOk("set", { items: [{ key: "a", value: "new" }] });
    expect(await table.header("a", "x-created-at")).toBe(made);
    expect(await table.header("a", "x-updated-at")).toBe(String(Number(made) + 5));
  });

  test.each(["create_db_if_missing", "auto_create"])("%s makes the database", async (flag) => {
    const db = `made_by_${flag}`;
    const body = JSON.stringify({ items: [{ key: "a", value: "v" }] });
    const set = (extra: string) =>
      server.json<BatchBody>(`/kv/batch/set?db=${db}${extra}`, { method: "POST", body });
    expect(await set(`&${flag}=false`)).toMatchObject({
      status: 400,
      body: { code: "DATABASE_NOT_FOUND" },
    });
    expect(await set(`&${flag}=true`)).toMatchObject({ status: 200, body: { count: 1 } });
    expect(await (await server.api(`/kv/a?db=${db}`)).text()).toBe("v");
  });

  test("a bad body does not make the database", async () => {
    const answer = await server.json<BatchBody>(
      "/kv/batch/set?db=unmade&create_db_if_missing=true",
      {
        method: "POST",
        body: '{"items":[{"key":"","value":"v"}]}',
      },
    );
    expect(answer).toMatchObject(INVALID);
    expect(await server.json("/kv?db=unmade")).toMatchObject({
      body: { code: "DATABASE_NOT_FOUND" },
    });
  });

  test("concurrent batches are each whole: no reader sees half of one", async () => {
    const table = new Table();
    const keys = numbered(20);
    await table.batchOk("set", { batch: keys.map((key) => ({ key, value: -1 })) });
    const writes = Array.from({ length: 30 }, (_, value) =>
      table.batchOk("set", { batch: keys.map((key) => ({ key, value })) }),
    );
    const reads = Array.from({ length: 30 }, async () => {
      const { body } = await table.batchOk("get", { keys });
      return new Set(Object.values(body.values)).size;
    });
    await Promise.all(writes);
    expect(new Set(await Promise.all(reads))).toEqual(new Set([1]));
  });

  test("S1: feature flags set with batch read as JSON", async () => {
    const table = new Table();
    const batch = [
      { key: "feature:new-ui", value: true },
      { key: "feature:limits", value: { max: 5 } },
    ];
    await table.batchOk("set", { batch });
    expect(await (await table.fetch("feature:new-ui")).json()).toBe(true);
    const { body } = await table.batchOk("get", { keys: batch.map(({ key }) => key) });
    expect(body.values).toEqual({ "feature:new-ui": true, "feature:limits": { max: 5 } });
  });
});

describe("conditions of POST /kv/batch/set and /delete", () => {
  /** The state before: `there` has the tag `tag`, `missing` and `gone` (expired) do not exist. */
  async function tableBefore() {
    const table = new Table();
    const stale = await table.put("there", "older");
    const tag = await table.put("there", "old");
    await table.put("gone", "old", {}, "&ttl=5");
    const goneTag = (await table.header("gone", "etag")) ?? "";
    server.clock.advance(5000);
    return { table, tag, stale, goneTag };
  }
  type Before = Awaited<ReturnType<typeof tableBefore>>;

  const holds: [string, string, (before: Before) => object][] = [
    ["if_match: the tag", "there", ({ tag }) => ({ if_match: tag })],
    ["if_match: a list with the tag", "there", ({ tag }) => ({ if_match: `"x", ${tag}` })],
    ["if_match: *", "there", () => ({ if_match: "*" })],
    ["if_none_match: another tag", "there", ({ stale }) => ({ if_none_match: stale })],
    ["if_none_match: * of a missing key", "missing", () => ({ if_none_match: "*" })],
    ["if_none_match: * of an expired key", "gone", () => ({ if_none_match: "*" })],
    ["if_none_match: a tag, of a missing key", "missing", ({ tag }) => ({ if_none_match: tag })],
    ["both", "there", ({ tag, stale }) => ({ if_match: tag, if_none_match: stale })],
    ["null is none", "missing", () => ({ if_match: null, if_none_match: null })],
  ];
  const fails: [string, string, (before: Before) => object][] = [
    ["if_match: an older tag", "there", ({ stale }) => ({ if_match: stale })],
    ["if_match: somebody's tag", "there", () => ({ if_match: '"somebody"' })],
    ["if_match: a weak tag", "there", ({ tag }) => ({ if_match: `W/${tag}` })],
    ["if_match: a tag, of a missing key", "missing", ({ tag }) => ({ if_match: tag })],
    ["if_match: * of a missing key", "missing", () => ({ if_match: "*" })],
    ["if_match: * of an expired key", "gone", () => ({ if_match: "*" })],
    ["if_match: the tag of an expired key", "gone", ({ goneTag }) => ({ if_match: goneTag })],
    ["if_none_match: *", "there", () => ({ if_none_match: "*" })],
    ["if_none_match: the tag", "there", ({ tag }) => ({ if_none_match: tag })],
    ["one of both", "there", ({ tag }) => ({ if_match: tag, if_none_match: tag })],
  ];

  test.each(holds)("set: %s holds", async (_, key, conditions) => {
    const before = await tableBefore();
    const items = [
      { key: "other", value: "new" },
      { key, value: "new", ...conditions(before) },
    ];
    await before.table.batchOk("set", { items });
    expect(await before.table.text(key)).toBe("new");
  });

  test.each(fails)(
    "set: %s fails: 412, nothing is written, failed names the key",
    async (_, key, conditions) => {
      const before = await tableBefore();
      const { table } = before;
      const recorded = await table.history();
      const items = [
        { key: "other", value: "new" },
        { key, value: "new", ...conditions(before) },
        { key: "there", value: "newer" },
      ];
      const answer = await table.batch("set", { items });
      expect(answer).toMatchObject({
        status: 412,
        body: { success: false, code: "PRECONDITION_FAILED", statusCode: 412 },
      });
      expect(answer.body.failed).toEqual([
        { key, current_etag: key === "there" ? before.tag : null },
      ]);
      expect(await table.contents()).toEqual({ there: "old" });
      expect(await table.header("there", "etag")).toBe(before.tag);
      expect(await table.history()).toEqual(recorded);
    },
  );

  test.each(holds.filter(([, key]) => key === "there"))(
    "delete: %s holds",
    async (_, key, conditions) => {
      const before = await tableBefore();
      const items = [{ key: "other" }, { key, ...conditions(before) }];
      expect((await before.table.batchOk("delete", { items })).body.deleted).toBe(1);
      expect(await before.table.contents()).toEqual({});
    },
  );

  test.each(fails)(
    "delete: %s fails: 412, nothing is deleted, failed names the key",
    async (_, key, conditions) => {
      const before = await tableBefore();
      await before.table.put("other", "v");
      const items = [{ key: "other" }, { key, ...conditions(before) }];
      const answer = await before.table.batch("delete", { items });
      expect(answer).toMatchObject({ status: 412, body: { code: "PRECONDITION_FAILED" } });
      expect(answer.body.failed).toEqual([
        { key, current_etag: key === "there" ? before.tag : null },
      ]);
      expect(await before.table.contents()).toEqual({ there: "old", other: "v" });
    },
  );

  test("failed lists all that failed in the order of the request, and only those", async () => {
    const { table, tag, stale } = await tableBefore();
    const items = [
      { key: "missing", value: "v", if_match: tag },
      { key: "there", value: "v", if_match: tag },
      { key: "free", value: "v", if_none_match: "*" },
      { key: "there", value: "v", if_match: stale },
      { key: "alone", value: "v" },
    ];
    expect((await table.batch("set", { items })).body.failed).toEqual([
      { key: "missing", current_etag: null },
      { key: "there", current_etag: tag },
    ]);
  });

  test("are about the keys before the batch, not about what the batch does", async () => {
    const { table, tag } = await tableBefore();
    const items = [
      { key: "there", value: "first", if_match: tag },
      { key: "there", value: "last", if_match: tag },
      { key: "new", value: "first", if_none_match: "*" },
      { key: "new", value: "last", if_none_match: "*" },
    ];
    await table.batchOk("set", { items });
    expect(await table.contents()).toEqual({ there: "last", new: "last" });
  });

  test("100 conditions are checked, and one that fails among them is found", async () => {
    const table = new Table();
    const keys = numbered(100);
    const { body } = await table.batchOk("set", {
      items: keys.map((key) => ({ key, value: "1" })),
    });
    const items = body.items.map(({ key, etag }) => ({ key, value: "2", if_match: etag }));
    const changed = await table.put("k57", "x");
    expect((await table.batch("set", { items })).body.failed).toEqual([
      { key: "k57", current_etag: changed },
    ]);
    expect(await table.text("k0")).toBe("1");
    await table.batchOk("set", { items: items.filter(({ key }) => key !== "k57") });
    expect(await table.text("k0")).toBe("2");
  });

  test("of many batches for the same tag exactly one wins", async () => {
    const { table, tag } = await tableBefore();
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        table.batch("set", {
          items: [
            { key: "there", value: String(n), if_match: tag },
            { key: `by${n}`, value: "v" },
          ],
        }),
      ),
    );
    const winners = answers.flatMap(({ status }, n) => (status === 200 ? [n] : []));
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(29);
    expect(await table.contents()).toEqual({ there: String(winners[0]), [`by${winners[0]}`]: "v" });
  });
});

describe("POST /kv/batch/delete", () => {
  test("answers all fields of the contract, and counts the keys that existed", async () => {
    const table = new Table();
    for (const key of ["a", "b", "c"]) await table.put(key, "v");
    const answer = await table.batchOk("delete", { keys: ["a", "missing", "c"] });
    expect(answer.body as unknown).toEqual({ success: true, status: "ok", deleted: 2 });
    expect(await table.contents()).toEqual({ b: "v" });
  });

  test("of missing keys only is 200 with 0, also in a table that does not exist", async () => {
    expect((await new Table().batchOk("delete", { keys: ["a", "b"] })).body.deleted).toBe(0);
    const table = new Table();
    await table.put("a", "v");
    await table.batchOk("delete", { keys: ["a"] });
    expect((await table.batchOk("delete", { keys: ["a"] })).body.deleted).toBe(0);
    expect(await table.history()).toHaveLength(2);
  });

  test("a key named twice counts once", async () => {
    const table = new Table();
    await table.put("a", "v");
    expect((await table.batchOk("delete", { keys: ["a", "a"] })).body.deleted).toBe(1);
  });

  test("expired keys do not count", async () => {
    const table = new Table();
    await table.put("a", "v", {}, "&ttl=5");
    await table.put("b", "v", {}, "&ttl=6");
    server.clock.advance(5000);
    expect((await table.batchOk("delete", { keys: ["a", "b"] })).body.deleted).toBe(1);
  });

  test("items without conditions are as keys; keys wins where both are sent", async () => {
    const table = new Table();
    for (const key of ["a", "b"]) await table.put(key, "v");
    expect((await table.batchOk("delete", { items: [{ key: "a" }] })).body.deleted).toBe(1);
    await table.put("a", "v");
    await table.batchOk("delete", { keys: ["a"], items: [{ key: "b" }] });
    expect(await table.contents()).toEqual({ b: "v" });
  });

  test("is recorded as one DELETE for each key that existed", async () => {
    const table = new Table();
    await table.put("a", "v");
    await table.put("b", "v");
    await table.batchOk("delete", { keys: ["b", "missing", "a"] });
    expect((await table.history()).slice(2)).toEqual([
      { key: "b", op_number: 2, op: "DELETE", value: null },
      { key: "a", op_number: 2, op: "DELETE", value: null },
    ]);
  });

  test("history=false leaves a gap", async () => {
    const table = new Table();
    await table.put("a", "v");
    const { body } = await table.batchOk("delete", { keys: ["a", "missing"] }, "&history=false");
    expect(body.deleted).toBe(1);
    expect(await table.contents()).toEqual({});
    expect((await table.history()).slice(1)).toEqual([
      { key: "a", op_number: 2, op: "UNRECORDED", value: null },
    ]);
  });

  test("of the same keys at the same time: each key counts once", async () => {
    const table = new Table();
    const keys = numbered(50);
    await table.batchOk("set", { items: keys.map((key) => ({ key, value: "v" })) });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => table.batchOk("delete", { keys })),
    );
    expect(answers.reduce((sum, { body }) => sum + body.deleted, 0)).toBe(50);
  });
});

describe("/kv/batch/… as a route and as a key", () => {
  test.each(["get", "set", "delete"])(
    "POST kv/batch%%2F%s is not the batch route",
    async (route) => {
      const init = { method: "POST", body: '{"keys":["a"],"items":[{"key":"a","value":"v"}]}' };
      for (const path of [`batch%2F${route}`, `batch%2f${route}`]) {
        const { status, body } = await server.json<BatchBody>(`/kv/${path}?db=t`, init);
        expect({ status, code: body.code }).toEqual({ status: 405, code: "METHOD_NOT_ALLOWED" });
      }
      expect((await server.api("/kv/a?db=t")).status).toBe(404);
    },
  );

  test.each(["get", "set", "delete"])(
    "batch/%s is a key for GET, PUT, HEAD and DELETE",
    async (route) => {
      const path = `/kv/batch/${route}?db=t`;
      expect((await server.api(path, { method: "PUT", body: "v" })).status).toBe(200);
      expect(await (await server.api(`/kv/batch%2F${route}?db=t`)).text()).toBe("v");
      expect(await (await server.api(path)).text()).toBe("v");
      expect((await server.api(path, { method: "HEAD" })).status).toBe(200);
      expect((await server.api(path, { method: "DELETE" })).status).toBe(200);
    },
  );

  test("verbs work on such keys: batch/get/incr", async () => {
    const answer = await server.json("/kv/batch/get/incr?db=t", { method: "POST" });
    expect(answer).toMatchObject({ status: 200, body: { key: "batch/get", value: 1 } });
  });

  test.each([
    "/kv/batch",
    "/kv/batch/",
    "/kv/batch/put",
    "/kv/batch/get/",
    "/kv/batch//get",
    "/kv/Batch/get",
  ])("POST %s is no route: 405", async (path) => {
    expect(
      (await server.api(`${path}?db=t`, { method: "POST", body: '{"keys":["a"]}' })).status,
    ).toBe(405);
  });
});

describe("a missing database", () => {
  test("is not made by batch/get, which only reads, whatever the request says", async () => {
    await using server = await startTestServer({ args: ["--create-missing"] });
    const { status, body } = await server.json("/kv/batch/get?db=new&create_db_if_missing=true", {
      method: "POST",
      body: JSON.stringify({ keys: ["a"] }),
    });
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: "DATABASE_NOT_FOUND" });
    expect(await Bun.file(server.folder.file("new.db")).exists()).toBe(false);
  });
});
