import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { API, startTestServer, type TestServer } from "./support/server.ts";

interface PutBody {
  created: boolean;
  size: number;
  etag: string;
  path?: string;
}
interface ErrorBody {
  code: string;
  error: string;
  parameter?: string;
  current_etag?: string | null;
}

let server: TestServer;
let tables = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A table of its own for each test, so that all can share one server. */
class Table {
  readonly name = `kv_${++tables}`;

  url(key: string, extra = ""): string {
    return `/kv/${key}?db=t&table=${this.name}${extra}`;
  }

  fetch(key: string, extra = "", init: RequestInit = {}): Promise<Response> {
    return server.api(this.url(key, extra), init);
  }

  put(key: string, body: string | Uint8Array<ArrayBuffer>, extra = "", headers = {}) {
    return server.json<PutBody & ErrorBody>(this.url(key, extra), { method: "PUT", body, headers });
  }

  async putOk(key: string, body: string | Uint8Array<ArrayBuffer>, extra = "", headers = {}) {
    const { status, body: answer } = await this.put(key, body, extra, headers);
    expect(status).toBe(200);
    return answer;
  }

  async text(key: string, extra = ""): Promise<string> {
    return (await this.fetch(key, extra)).text();
  }

  async header(key: string, name: string): Promise<string | null> {
    return (await this.fetch(key, "", { method: "HEAD" })).headers.get(name);
  }

  error(key: string, extra: string, init: RequestInit) {
    return server.json<ErrorBody>(this.url(key, extra), init);
  }

  async listed(): Promise<string[]> {
    const { body } = await server.json<{ keys: string[] }>(`/kv?db=t&table=${this.name}`);
    return body.keys;
  }

  /** Waits until the expiry timer has removed a key's row: soon, if its time to live was short. */
  async reclaimed(key: string): Promise<void> {
    const transaction = [
      { query: `select count(*) as n from ${this.name} where key = ?`, values: [key] },
    ];
    for (let attempt = 0; attempt < 1000; attempt += 1) {
      const { body } = await server.json<{ results: { resultSet: { n: number }[] }[] }>(
        "/db?db=t",
        { method: "POST", body: JSON.stringify({ transaction }) },
      );
      if (body.results[0]?.resultSet[0]?.n === 0) return;
    }
    throw new Error(`${key} was not removed`);
  }
}

/** Gives each test of a group a server, and so a clock and an expiry timer, of its own. */
function withOwnServer(): void {
  let shared: TestServer;
  beforeEach(async () => {
    shared = server;
    server = await startTestServer();
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    server = shared;
  });
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const hex = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.fromHex(text);
const seconds = (ms: number): string => String(Math.floor(ms / 1000));

describe("PUT and GET /kv/{key}", () => {
  test.each<[string, Uint8Array<ArrayBuffer>]>([
    ["no bytes", bytes("")],
    ["one space", bytes(" ")],
    ["line ends of all kinds", bytes("\r\n\n\r")],
    ["JSON with odd spacing", bytes('\n{ "b" :1 ,\t"a": [ 1,2 ] ,"b":2}\r\n')],
    ["JSON null", bytes("null")],
    ["a NUL byte alone", hex("00")],
    ["text with NUL bytes inside and at the end", bytes("a\0b\0")],
    ["JSON with a NUL byte after it", bytes('{"a":1}\0')],
    ["invalid UTF-8", hex("ff80c328")],
    ["invalid UTF-8 inside JSON", hex("7b2261223a22ff227d")],
    ["an overlong encoding and an encoded surrogate", hex("c080eda080")],
    ["a byte order mark before text", hex("efbbbf61")],
    ["a byte order mark before JSON", hex("efbbbf7b7d")],
    ["a UTF-16 byte order mark", hex("fffe6100")],
    ["characters beyond the basic plane", bytes("𝄞 ✓ \u{10ffff}")],
    ["noncharacters and the replacement character", bytes("\ufffe\uffff\ufffd")],
    ["64-bit integers", bytes("[9223372036854775807,-9223372036854775808,9007199254740993]")],
    ["numbers with more digits than a double has", bytes("0.10000000000000000000000000001")],
    ["escapes of lone surrogates", bytes('{"a":"\\ud800","b":"\\udc00\\ud800"}')],
    ["escapes that need not be", bytes('"\\u0041\\/"')],
    ["every byte", Uint8Array.from({ length: 256 }, (_, index) => index)],
    ["1 MB of text", bytes("é".repeat(512 * 1024))],
    ["1 MB of bytes", Uint8Array.from({ length: 1024 * 1024 }, (_, index) => (index * 7919) >> 3)],
  ])("gives back byte for byte: %s", async (_, value) => {
    const table = new Table();
    const put = await table.putOk("k", value);
    expect(put.size).toBe(value.length);
    const got = await table.fetch("k");
    expect(got.status).toBe(200);
    expect(got.headers.get("content-length")).toBe(String(value.length));
    expect(Buffer.from(await got.bytes()).equals(Buffer.from(value))).toBeTrue();
  });

  test("answers all fields of the contract to a new key, and nothing else", async () => {
    const put = await new Table().put("users/alice", '{"name":"Ada"}');
    expect(put).toEqual({
      status: 200,
      body: {
        success: true,
        status: "ok",
        key: "users/alice",
        created: true,
        size: 14,
        etag: '"1"',
      },
    } as never);
  });

  test("tells times, type and tag with the value; no expiry where there is none", async () => {
    const table = new Table();
    const { etag } = await table.putOk("k", "{}");
    const { headers } = await table.fetch("k");
    expect(headers.get("x-created-at")).toBe(seconds(server.clock.nowMs()));
    expect(headers.get("x-updated-at")).toBe(seconds(server.clock.nowMs()));
    expect(headers.get("content-type")).toBe("application/json");
    expect(headers.get("etag")).toBe(etag);
    expect(headers.has("x-expire-at")).toBeFalse();
    expect(headers.has("x-json-path")).toBeFalse();
  });

  test("says created only for a key that did not exist; sizes are bytes", async () => {
    const table = new Table();
    expect(await table.putOk("k", "ü")).toMatchObject({ created: true, size: 2 });
    expect(await table.putOk("k", "𝄞")).toMatchObject({ created: false, size: 4 });
    expect(await table.putOk("K", "")).toMatchObject({ created: true, size: 0 });
  });

  test("keeps X-Created-At and moves X-Updated-At, for PUT, PUT with path, and incr", async () => {
    const table = new Table();
    await table.putOk("k", '{"n":1}');
    const created = seconds(server.clock.nowMs());
    const update: (() => Promise<unknown>)[] = [
      () => table.putOk("k", '{"n":2}'),
      () => table.putOk("k", "3", "&path=n"),
      () => table.fetch("k/incr", "&path=n", { method: "POST" }),
    ];
    for (const write of update) {
      server.clock.advance(10_000);
      await write();
      const { headers } = await table.fetch("k");
      expect(headers.get("x-created-at")).toBe(created);
      expect(headers.get("x-updated-at")).toBe(seconds(server.clock.nowMs()));
    }
    expect(await table.text("k")).toBe('{"n":4}');
  });

  test("stored HTML cannot act in the name of the server's own page", async () => {
    const table = new Table();
    await table.putOk("k", "<script>1</script>", "", { "content-type": "text/html" });
    const { headers } = await table.fetch("k");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toBe("sandbox");
  });

  test.each(["db=missing", "db=", "table=x"])("refuses ?%s with 400", async (query) => {
    expect((await server.api(`/kv/k?${query}`)).status).toBe(400);
    expect((await server.api(`/kv/k?${query}`, { method: "PUT", body: "1" })).status).toBe(400);
  });

  test("a database that is missing is not made, unless the write asks for it", async () => {
    const put = (extra: string) =>
      server.json<ErrorBody>(`/kv/k?db=later${extra}`, { method: "PUT", body: "1" });
    expect((await put("")).body.code).toBe("DATABASE_NOT_FOUND");
    const both = await put("&create_db_if_missing=true&auto_create=false");
    expect(both).toMatchObject({ status: 400, body: { code: "INVALID_PARAMETERS" } });
    expect((await put("")).status).toBe(400);
    expect((await put("&create_db_if_missing=true")).status).toBe(200);
    expect(await (await server.api("/kv/k?db=later")).text()).toBe("1");
  });
});

describe("content type of PUT /kv/{key}", () => {
  const fetchDefault = "text/plain;charset=UTF-8";
  const form = "application/x-www-form-urlencoded";
  test.each<[string | null, string | Uint8Array<ArrayBuffer>, string]>([
    // Nothing was said about the type: what it is decides.
    [null, '{"a":1}', "application/json"],
    [null, " [1] ", "application/json"],
    [null, "7", "application/json"],
    [null, "hello", "text/plain"],
    [null, "{a:1}", "text/plain"],
    [null, "[1,]", "text/plain"],
    [null, "NaN", "text/plain"],
    [null, "", "text/plain"],
    [null, "\ufeff{}", "text/plain"],
    [null, hex("ff"), "application/octet-stream"],
    [null, bytes("a\0"), "application/octet-stream"],
    [null, bytes("{}\0"), "application/octet-stream"],
    [form, '{"a":1}', "application/json"],
    [form, "a=b", "text/plain"],
    [form, hex("ff"), "application/octet-stream"],
    [fetchDefault, '{"a":1}', "application/json"],
    [fetchDefault, "hello", "text/plain"],
    ["text/plain; charset=utf-8", "[]", "application/json"],
    // Declared JSON is JSON only if it is.
    ["application/json", '{"a":1}', "application/json"],
    ["application/json; charset=utf-8", '"x"', "application/json"],
    ["APPLICATION/JSON", "1", "application/json"],
    ["application/json", "hello", "text/plain"],
    ["application/json", "", "text/plain"],
    ["application/json", "{'a':1}", "text/plain"],
    ["application/json", hex("22ff22"), "application/octet-stream"],
    ["application/problem+json", "{}", "application/problem+json"],
    ["application/problem+json", "{", "text/plain"],
    // Anything else is as sent, whatever the bytes.
    ["text/plain", '{"a":1}', "text/plain"],
    ["text/plain;charset=iso-8859-1", "{}", "text/plain;charset=iso-8859-1"],
    ["text/html", "<p>", "text/html"],
    ["application/octet-stream", "{}", "application/octet-stream"],
    ["image/png", hex("89504e47"), "image/png"],
    ["text/csv; header=present", "a,b", "text/csv; header=present"],
  ])("%p with %p is stored as %p", async (sent, body, stored) => {
    const table = new Table();
    const value = typeof body === "string" ? bytes(body) : body;
    await table.putOk("k", value, "", sent === null ? {} : { "content-type": sent });
    const got = await table.fetch("k");
    expect(got.headers.get("content-type")).toBe(stored);
    expect(Buffer.from(await got.bytes()).equals(Buffer.from(value))).toBeTrue();
  });

  test("fetch with a string and no header stores JSON that .json() reads", async () => {
    const table = new Table();
    await table.putOk("k", '{"a":[1]}');
    expect(await (await table.fetch("k")).json()).toEqual({ a: [1] });
  });

  test("a later PUT replaces the type", async () => {
    const table = new Table();
    await table.putOk("k", "{}", "", { "content-type": "text/html" });
    await table.putOk("k", "{}");
    expect(await table.header("k", "content-type")).toBe("application/json");
  });
});

describe("if_match of PUT /kv/{key}", () => {
  test.each<[string, string, string]>([
    ["the same text", "v1", "v1"],
    ["an empty value and an empty if_match", "", ""],
    ["form encoding: + is a space", "a b", "a+b"],
    ["percent encoding", "ü&=+%", "%C3%BC%26%3D%2B%25"],
    ["JSON, byte for byte", '{ "a":1}', encodeURIComponent('{ "a":1}')],
    ["NUL bytes", "a\0b", "a%00b"],
    ["a byte order mark", "\ufeffx", "%EF%BB%BFx"],
    ["a number", "8", "8"],
  ])("writes when the value is: %s", async (_, value, ifMatch) => {
    const table = new Table();
    await table.putOk("k", bytes(value));
    expect((await table.put("k", "new", `&if_match=${ifMatch}`)).status).toBe(200);
    expect(await table.text("k")).toBe("new");
  });

  test.each<[string, string, string]>([
    ["another text", "v1", "v2"],
    ["a prefix", "v1", "v"],
    ["a longer text", "v", "v1"],
    ["another case", "v", "V"],
    ["an empty if_match", "v", ""],
    ["JSON that is equal but spaced otherwise", '{ "a":1}', '{"a":1}'],
    ["a number that is equal but written otherwise", "8", "8.0"],
    ["the part before a NUL byte", "a\0b", "a"],
  ])("refuses with 412, and changes nothing, for: %s", async (_, value, ifMatch) => {
    const table = new Table();
    const { etag } = await table.putOk("k", bytes(value));
    const refused = await table.put("k", "new", `&if_match=${encodeURIComponent(ifMatch)}`);
    expect(refused).toMatchObject({
      status: 412,
      body: { code: "PRECONDITION_FAILED", error: "Value mismatch for CAS", current_etag: etag },
    });
    expect(await table.text("k")).toBe(value);
    expect(await table.header("k", "etag")).toBe(etag);
  });

  test("never matches bytes that are no text", async () => {
    const table = new Table();
    await table.putOk("k", hex("ff"));
    const malformed = await table.put("k", "new", "&if_match=%FF");
    expect(malformed).toMatchObject({ status: 400, body: { parameter: "if_match" } });
    expect((await table.put("k", "new", "&if_match=%EF%BF%BD")).status).toBe(412);
    expect((await table.fetch("k")).headers.get("content-length")).toBe("1");
  });

  test.each(["", "v"])(
    "refuses %p for a key that does not exist, and does not make it",
    async (literal) => {
      const table = new Table();
      expect(await table.put("k", "new", `&if_match=${literal}`)).toMatchObject({
        status: 412,
        body: { error: "Key does not exist for CAS", current_etag: null },
      });
      expect((await table.fetch("k")).status).toBe(404);
    },
  );

  test("treats an expired key as one that does not exist", async () => {
    const table = new Table();
    await table.putOk("k", "v", "&ttl=1");
    server.clock.advance(1000);
    expect((await table.put("k", "new", "&if_match=v")).body.error).toBe(
      "Key does not exist for CAS",
    );
    expect((await table.fetch("k")).status).toBe(404);
  });

  test("compares the whole document when there is a path too", async () => {
    const table = new Table();
    await table.putOk("k", '{"a":1}');
    expect((await table.put("k", "2", "&path=a&if_match=1")).status).toBe(412);
    expect(await table.text("k")).toBe('{"a":1}');
    const whole = encodeURIComponent('{"a":1}');
    expect((await table.put("k", "2", `&path=a&if_match=${whole}`)).status).toBe(200);
    expect(await table.text("k")).toBe('{"a":2}');
  });

  test("lets exactly one of many writers win", async () => {
    const table = new Table();
    await table.putOk("k", "free");
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => table.put("k", `w${index}`, "&if_match=free")),
    );
    const winners = answers.flatMap(({ status }, index) => (status === 200 ? [`w${index}`] : []));
    expect(winners).toHaveLength(1);
    expect(await table.text("k")).toBe(winners[0] ?? "");
  });
});

describe("If-Match and If-None-Match", () => {
  /** What a writer may send, given the key's tag; and whether it may write where the key exists, or not. */
  const cases: [string, string, boolean, boolean][] = [
    ["if-match", "TAG", true, false],
    ["if-match", '"zzzz"', false, false],
    ["if-match", '"zzzz", TAG', true, false],
    ["if-match", "W/TAG", false, false],
    ["if-match", '"not-ours"', false, false],
    ["if-match", '""', false, false],
    ["if-match", "*", true, false],
    ["if-none-match", "TAG", false, true],
    ["if-none-match", '"zzzz"', true, true],
    ["if-none-match", '"zzzz",TAG', false, true],
    ["if-none-match", "*", false, true],
  ];

  test.each(cases)(
    "PUT with %s: %s writes if the key exists: %p; if not: %p",
    async (name, value, existing, absent) => {
      const table = new Table();
      const { etag } = await table.putOk("k", "old");
      const headers = { [name]: value.replace("TAG", etag) };
      const over = await table.put("k", "new", "", headers);
      expect(over.status).toBe(existing ? 200 : 412);
      expect(await table.text("k")).toBe(existing ? "new" : "old");
      if (!existing)
        expect(over.body).toMatchObject({ code: "PRECONDITION_FAILED", current_etag: etag });
      const fresh = await table.put("absent", "new", "", headers);
      expect(fresh.status).toBe(absent ? 200 : 412);
      if (!absent) expect(fresh.body.current_etag).toBeNull();
      expect((await table.fetch("absent")).status).toBe(absent ? 200 : 404);
    },
  );

  test.each(cases)(
    "DELETE with %s: %s deletes if the key exists: %p",
    async (name, value, existing) => {
      const table = new Table();
      const { etag } = await table.putOk("k", "old");
      const headers = { [name]: value.replace("TAG", etag) };
      const { status } = await table.fetch("k", "", { method: "DELETE", headers });
      expect(status).toBe(existing ? 200 : 412);
      expect((await table.fetch("k")).status).toBe(existing ? 404 : 200);
    },
  );

  test.each(cases)(
    "PUT with a path and %s: %s writes if the key exists: %p",
    async (name, value, existing) => {
      const table = new Table();
      const { etag } = await table.putOk("k", '{"a":1}');
      const { status } = await table.put("k", "2", "&path=a", {
        [name]: value.replace("TAG", etag),
      });
      expect(status).toBe(existing ? 200 : 412);
      expect(await table.text("k")).toBe(existing ? '{"a":2}' : '{"a":1}');
    },
  );

  test.each(["abc", '"abc', "*, *", "W/abc"])(
    "PUT with If-Match: %s is 400, and writes nothing",
    async (tag) => {
      const table = new Table();
      const { status, body } = await table.put("k", "new", "", { "if-match": tag });
      expect(status).toBe(400);
      expect(body.parameter).toBe("If-Match");
      expect((await table.fetch("k")).status).toBe(404);
    },
  );

  test("both conditions must hold", async () => {
    const table = new Table();
    const { etag } = await table.putOk("k", "v");
    expect((await table.put("k", "n", "&if_match=other", { "if-match": etag })).status).toBe(412);
    expect((await table.put("k", "n", "&if_match=v", { "if-match": '"zzzz"' })).status).toBe(412);
    expect((await table.put("k", "n", "&if_match=v", { "if-match": etag })).status).toBe(200);
  });

  test("If-None-Match: * makes an expired key anew; If-Match: * refuses it", async () => {
    const table = new Table();
    await table.putOk("k", "v", "&ttl=1");
    server.clock.advance(1000);
    expect((await table.put("k", "n", "", { "if-match": "*" })).status).toBe(412);
    const made = await table.put("k", "n", "", { "if-none-match": "*" });
    expect(made).toMatchObject({ status: 200, body: { created: true } });
  });

  test.each<[string, number]>([
    ["TAG", 304],
    ["W/TAG", 304],
    ['"other", TAG', 304],
    ["*", 304],
    ['"other"', 200],
    ["TAGx", 200],
  ])("GET with If-None-Match: %s answers %d", async (value, status) => {
    const table = new Table();
    const { etag } = await table.putOk("k", "value");
    const got = await table.fetch("k", "", {
      headers: { "if-none-match": value.replace("TAG", etag) },
    });
    expect(got.status).toBe(status);
    expect(got.headers.get("etag")).toBe(etag);
    expect(await got.text()).toBe(status === 304 ? "" : "value");
  });

  test("GET with If-None-Match: * of a missing key is 404, not 304", async () => {
    const got = await new Table().fetch("k", "", { headers: { "if-none-match": "*" } });
    expect(got.status).toBe(404);
  });
});

describe("ttl of PUT /kv/{key}", () => {
  test.each<[string, number]>([
    ["1", 1000],
    ["3600", 3_600_000],
    ["1ms", 1],
    ["500ms", 500],
    ["90s", 90_000],
    ["2m", 120_000],
    ["1h30m", 5_400_000],
    ["1d", 86_400_000],
    ["2w", 1_209_600_000],
    ["30d", 2_592_000_000],
    ["3153600000", 3_153_600_000_000],
    ["36500d", 3_153_600_000_000],
  ])("%s makes the key expire after exactly %d ms", async (ttl, ttlMs) => {
    await using own = await startTestServer();
    await own.api(`/kv/k?db=t&ttl=${ttl}`, { method: "PUT", body: "v" });
    const expected = seconds(own.clock.nowMs() + ttlMs);
    own.clock.advance(ttlMs - 1);
    const before = await own.api("/kv/k?db=t");
    expect(before.status).toBe(200);
    expect(before.headers.get("x-expire-at")).toBe(expected);
    own.clock.advance(1);
    expect((await own.api("/kv/k?db=t")).status).toBe(404);
  });

  test.each(["0", "", "0s", "0ms", "-0"])("%p means no expiry", async (ttl) => {
    const table = new Table();
    await table.putOk("k", "v", `&ttl=${ttl}`);
    expect(await table.header("k", "x-expire-at")).toBeNull();
  });

  test.each([
    "-1",
    "-1s",
    "1.5",
    "1e3",
    "0x10",
    "abc",
    "1y",
    "1h-30m",
    "1 h",
    "h",
    "Infinity",
    "NaN",
    "3153600001",
    "36501d",
    "99999999999999999999",
    "9".repeat(400),
    `${"9".repeat(400)}w`,
  ])("%s is 400 that names ttl, and writes nothing", async (ttl) => {
    const table = new Table();
    expect(await table.put("k", "v", `&ttl=${encodeURIComponent(ttl)}`)).toMatchObject({
      status: 400,
      body: { code: "INVALID_PARAMETERS", parameter: "ttl" },
    });
    expect((await table.fetch("k")).status).toBe(404);
  });

  test("a plain PUT clears the expiry; PUT with path, incr and decr keep it", async () => {
    const table = new Table();
    await table.putOk("k", '{"n":1}', "&ttl=100");
    const expiry = seconds(server.clock.nowMs() + 100_000);
    server.clock.advance(10_000);
    await table.putOk("k", "5", "&path=n");
    expect(await table.header("k", "x-expire-at")).toBe(expiry);
    await table.fetch("k/incr", "&path=n", { method: "POST" });
    expect(await table.header("k", "x-expire-at")).toBe(expiry);
    await table.fetch("k/decr", "&path=n", { method: "POST" });
    expect(await table.header("k", "x-expire-at")).toBe(expiry);
    await table.putOk("k", '{"n":1}');
    expect(await table.header("k", "x-expire-at")).toBeNull();
    server.clock.advance(1_000_000);
    expect((await table.fetch("k")).status).toBe(200);
  });

  test("PUT with path and ttl replaces the expiry", async () => {
    const table = new Table();
    await table.putOk("k", '{"n":1}', "&ttl=100");
    await table.putOk("k", "2", "&path=n&ttl=5");
    expect(await table.header("k", "x-expire-at")).toBe(seconds(server.clock.nowMs() + 5000));
  });

  test("a refused write does not touch the expiry", async () => {
    const table = new Table();
    await table.putOk("k", "v", "&ttl=100");
    const expiry = await table.header("k", "x-expire-at");
    expect((await table.put("k", "n", "&ttl=5&if_match=other")).status).toBe(412);
    expect(await table.header("k", "x-expire-at")).toBe(expiry);
  });
});

describe("ETag of a key", () => {
  withOwnServer();

  test("never comes back: not after the same value, deletion, expiry, nor untracked writes", async () => {
    const table = new Table();
    const tags: string[] = [];
    const put = async (extra = "") => tags.push((await table.putOk("k", "same", extra)).etag);
    const remove = (extra = "") => table.fetch("k", extra, { method: "DELETE" });
    await put();
    await put();
    await remove();
    await put();
    await put("&history=false");
    await put("&history=false");
    await remove("&history=false");
    await put("&history=false");
    await put("&ttl=1ms");
    server.clock.advance(1);
    await table.reclaimed("k");
    await put();
    await put("&if_match=same");
    expect(new Set(tags).size).toBe(tags.length);
  });
});

describe("an expired key", () => {
  withOwnServer();

  /** A table whose key `k` expires now, and `stays` does not. */
  async function withExpired(value = "5"): Promise<Table> {
    const table = new Table();
    await table.putOk("k", value, "&ttl=10ms");
    await table.putOk("stays", "v", "&ttl=11ms");
    server.clock.advance(9);
    expect((await table.fetch("k")).status).toBe(200);
    server.clock.advance(1);
    return table;
  }

  test.each([false, true])(
    "is absent for GET, HEAD, DELETE and lists; space reclaimed: %p",
    async (reclaimed) => {
      const table = await withExpired();
      if (reclaimed) await table.reclaimed("k");
      const got = await table.fetch("k");
      expect(got.status).toBe(404);
      expect(got.headers.get("x-error-code")).toBe("KEY_EXPIRED");
      expect(await got.text()).toBe("null");
      const head = await table.fetch("k", "", { method: "HEAD" });
      expect(head.status).toBe(404);
      expect(head.headers.get("x-error-code")).toBe("KEY_EXPIRED");
      expect(head.headers.has("x-expire-at")).toBeFalse();
      const withPath = await table.fetch("k", "&path=$");
      expect(withPath.status).toBe(404);
      expect(withPath.headers.get("x-error-code")).toBe("KEY_EXPIRED");
      expect(await table.error("k", "", { method: "DELETE" })).toMatchObject({
        status: 404,
        body: { code: "KEY_NOT_FOUND" },
      });
      expect(await table.listed()).toEqual(["stays"]);
    },
  );

  test.each([false, true])(
    "counts from 0 as a new key without expiry; space reclaimed: %p",
    async (reclaimed) => {
      const table = await withExpired();
      if (reclaimed) await table.reclaimed("k");
      const sum = await table.error("k/incr", "", { method: "POST" });
      expect(sum).toMatchObject({ status: 200, body: { value: 1, previous: 0 } as never });
      const { headers } = await table.fetch("k");
      expect(headers.has("x-expire-at")).toBeFalse();
      expect(headers.get("x-created-at")).toBe(seconds(server.clock.nowMs()));
      expect(headers.get("content-type")).toBe("text/plain");
    },
  );

  test.each([false, true])(
    "is created anew by PUT, with and without a path; space reclaimed: %p",
    async (reclaimed) => {
      const table = await withExpired('{"old":1}');
      if (reclaimed) await table.reclaimed("k");
      expect(await table.putOk("k", "1", "&path=new")).toMatchObject({ created: true });
      const { headers } = await table.fetch("k");
      expect(headers.get("x-created-at")).toBe(seconds(server.clock.nowMs()));
      expect(headers.has("x-expire-at")).toBeFalse();
      expect(await table.text("k")).toBe('{"new":1}');
    },
  );

  test("that held no JSON is created anew by PUT with a path", async () => {
    const table = await withExpired("no json");
    expect(await table.putOk("k", "1", "&path=a")).toMatchObject({ created: true });
    expect(await table.text("k")).toBe('{"a":1}');
  });

  test("that was deleted before its time reads as KEY_NOT_FOUND, not KEY_EXPIRED", async () => {
    const table = new Table();
    await table.putOk("k", "v", "&ttl=1");
    await table.fetch("k", "", { method: "DELETE" });
    server.clock.advance(1000);
    expect((await table.fetch("k")).headers.get("x-error-code")).toBe("KEY_NOT_FOUND");
  });

  test("whose expiry was cleared in time stays", async () => {
    const table = new Table();
    await table.putOk("k", "v", "&ttl=1");
    await table.putOk("k", "v");
    server.clock.advance(1000);
    expect((await table.fetch("k")).status).toBe(200);
  });

  test("reads as KEY_EXPIRED after an untracked write too", async () => {
    const table = new Table();
    await table.putOk("k", "v", "&ttl=1ms&history=false");
    server.clock.advance(1);
    expect((await table.fetch("k")).headers.get("x-error-code")).toBe("KEY_EXPIRED");
    await table.reclaimed("k");
    expect((await table.fetch("k")).headers.get("x-error-code")).toBe("KEY_EXPIRED");
  });
});

describe("GET /kv/{key} of a missing key", () => {
  test("is 404 with the body null, and says why in headers (decision 1)", async () => {
    const got = await new Table().fetch("k");
    expect(got.status).toBe(404);
    expect(got.headers.get("content-type")).toBe("application/json");
    expect(got.headers.get("x-error-code")).toBe("KEY_NOT_FOUND");
    expect(got.headers.get("x-hoody-error-code")).toBe("KEY_NOT_FOUND");
    expect(got.headers.get("x-error-message")).toBe("Key not found");
    expect(await got.text()).toBe("null");
  });

  test("is the same in a table that exists, and with a path", async () => {
    const table = new Table();
    await table.putOk("other", "{}");
    expect(await table.text("k")).toBe("null");
    const got = await table.fetch("k", "&path=a");
    expect(got.headers.get("x-error-code")).toBe("KEY_NOT_FOUND");
    expect(await got.text()).toBe("null");
  });

  test("keys differ by case", async () => {
    const table = new Table();
    await table.putOk("Key", "1");
    expect((await table.fetch("key")).status).toBe(404);
  });
});

describe("DELETE /kv/{key}", () => {
  test("answers all fields, and the key is gone", async () => {
    const table = new Table();
    await table.putOk("a/b", "1");
    expect(await table.error("a%2Fb", "", { method: "DELETE" })).toEqual({
      status: 200,
      body: { success: true, status: "ok", key: "a/b", deleted: true },
    } as never);
    expect((await table.fetch("a/b")).headers.get("x-error-code")).toBe("KEY_NOT_FOUND");
    expect(await table.listed()).toEqual([]);
  });

  test("of a missing key is 404 with the envelope, also the second time", async () => {
    const table = new Table();
    const missing = {
      status: 404,
      body: { code: "KEY_NOT_FOUND", error: "Key not found", success: false },
    };
    expect(await table.error("k", "", { method: "DELETE" })).toMatchObject(missing as never);
    await table.putOk("k", "1");
    expect((await table.fetch("k", "", { method: "DELETE" })).status).toBe(200);
    expect(await table.error("k", "", { method: "DELETE" })).toMatchObject(missing as never);
  });

  test("accepts the SDK's Content-Type: application/json without a body", async () => {
    const table = new Table();
    await table.putOk("k", "1");
    const headers = { "content-type": "application/json" };
    expect((await table.fetch("k", "", { headers })).status).toBe(200);
    expect((await table.fetch("k", "", { method: "DELETE", headers })).status).toBe(200);
  });

  test("with if_match deletes only that value", async () => {
    const table = new Table();
    await table.putOk("k", "v");
    expect((await table.fetch("k", "&if_match=other", { method: "DELETE" })).status).toBe(412);
    expect((await table.fetch("k", "&if_match=", { method: "DELETE" })).status).toBe(412);
    expect(await table.text("k")).toBe("v");
    expect((await table.fetch("k", "&if_match=v", { method: "DELETE" })).status).toBe(200);
    expect((await table.fetch("k", "&if_match=v", { method: "DELETE" })).status).toBe(412);
  });
});

describe("HEAD /kv/{key}", () => {
  test("sends the headers of GET, with the value's length and no body", async () => {
    const table = new Table();
    await table.putOk("a b/ü", bytes('{"ü":1}'), "&ttl=60");
    const key = "a%20b%2F%C3%BC";
    const head = await table.fetch(key, "", { method: "HEAD" });
    const got = await table.fetch(key);
    expect(head.status).toBe(200);
    expect(await head.text()).toBe("");
    expect(head.headers.get("content-length")).toBe("8");
    for (const name of ["content-type", "etag", "x-created-at", "x-updated-at", "x-expire-at"]) {
      expect(head.headers.get(name)).toBe(got.headers.get(name));
      expect(head.headers.get(name)).not.toBeNull();
    }
  });

  test("tells length 0 of an empty value", async () => {
    const table = new Table();
    await table.putOk("k", "");
    expect(await table.header("k", "content-length")).toBe("0");
  });

  test("of a missing key is 404 without a body", async () => {
    const head = await new Table().fetch("k", "", { method: "HEAD" });
    expect(head.status).toBe(404);
    expect(head.headers.get("x-error-code")).toBe("KEY_NOT_FOUND");
    expect(head.headers.get("x-hoody-error-code")).toBe("KEY_NOT_FOUND");
    expect(await head.text()).toBe("");
  });

  test("of a blank key is 400 without a body", async () => {
    const head = await server.api("/kv/%20?db=t", { method: "HEAD" });
    expect(head.status).toBe(400);
    expect(await head.text()).toBe("");
  });
});

describe("path of GET /kv/{key}", () => {
  const document = JSON.stringify({
    a: { b: { c: 1 }, "0": { b: "zero" } },
    list: [{ b: "first" }, [10, 20, [30]], "last"],
    "a.b": "dotted",
    "a b": "spaced",
    'quo"te': "double",
    "it's": "single",
    "back\\slash": "backslash",
    "[0]": "bracketed",
    ключ: { "𝄞": "unicode" },
    $x: "dollar",
    "": "empty name",
    "0": "digit",
    "-1": "minus",
    nothing: null,
    no: false,
    text: "é",
    empty: {},
  });
  const precise = '{"big":9223372036854775807,"past":18446744073709551616,"e":"\\ud800","f":1.0}';

  test.each<[string, string]>([
    ["a.b.c", "1"],
    [".a.b.c", "1"],
    ["$.a.b.c", "1"],
    ["$['a'].b['c']", "1"],
    ['a["b"].c', "1"],
    ['$."a"."b"."c"', "1"],
    ['a.["b"].c', "1"],
    ["list[0].b", '"first"'],
    ["list.[0].b", '"first"'],
    ["list.0.b", '"first"'],
    ["list.1.2.0", "30"],
    ["list[1][2][0]", "30"],
    ["list[ 1 ][0]", "10"],
    ["list[-1]", '"last"'],
    ["list[#-1]", '"last"'],
    ["list[-3].b", '"first"'],
    ["$.list[0].b", '"first"'],
    ["a.0.b", '"zero"'],
    ['a."0".b', '"zero"'],
    ["0", '"digit"'],
    ["$.0", '"digit"'],
    ["-1", '"minus"'],
    ['$."a.b"', '"dotted"'],
    ["['a.b']", '"dotted"'],
    ['"a.b"', '"dotted"'],
    ["a b", '"spaced"'],
    ["['a b']", '"spaced"'],
    ['["quo\\"te"]', '"double"'],
    ["it's", '"single"'],
    ["['it\\'s']", '"single"'],
    ['["back\\\\slash"]', '"backslash"'],
    ["['[0]']", '"bracketed"'],
    ['["ключ"]["𝄞"]', '"unicode"'],
    ["$x", '"dollar"'],
    ['[""]', '"empty name"'],
    ["nothing", "null"],
    ["no", "false"],
    ["text", '"é"'],
    ["empty", "{}"],
    ["$", document],
  ])("%s reads %s", async (path, expected) => {
    const table = new Table();
    await table.putOk("k", document);
    const got = await table.fetch("k", `&path=${encodeURIComponent(path)}`);
    expect({ status: got.status, text: await got.text() }).toEqual({ status: 200, text: expected });
    expect(got.headers.get("content-type")).toBe("application/json");
  });

  test("X-JSON-Path is the path as it was sent", async () => {
    const table = new Table();
    await table.putOk("k", document);
    expect((await table.fetch("k", "&path=.a.b")).headers.get("x-json-path")).toBe(".a.b");
  });

  test.each(["ключ.𝄞", "['ключ']", "é"])("a path beyond ASCII reads, too: %s", async (path) => {
    const table = new Table();
    await table.putOk("k", '{"ключ":{"𝄞":1},"é":1}');
    expect((await table.fetch("k", `&path=${encodeURIComponent(path)}`)).status).toBe(200);
  });

  test.each([
    ["big", "9223372036854775807"],
    ["past", "18446744073709551616"],
    ["e", '"\\ud800"'],
    ["f", "1.0"],
  ])("%s keeps every digit and escape: %s", async (path, expected) => {
    const table = new Table();
    await table.putOk("k", precise);
    expect(await table.text("k", `&path=${path}`)).toBe(expected);
  });

  test.each([
    "x",
    "a.x",
    "a.b.c.d",
    "list[3]",
    "list[-4]",
    "list.3",
    "list.x",
    "text[0]",
    "a[0]",
    "[0]",
    "nothing.x",
    "a.0.x",
  ])("%s is 404 NOT_FOUND with the envelope, not null", async (path) => {
    const table = new Table();
    await table.putOk("k", document);
    expect(await table.error("k", `&path=${encodeURIComponent(path)}`, {})).toMatchObject({
      status: 404,
      body: { code: "NOT_FOUND", success: false } as never,
    });
  });

  test.each<[string, Uint8Array<ArrayBuffer>]>([
    ["text", bytes("hello")],
    ["nothing", bytes("")],
    ["JSON5", bytes("{a:1}")],
    ["JSON after a byte order mark", bytes('\ufeff{"a":1}')],
    ["JSON before a NUL byte", bytes('{"a":1}\0')],
    ["JSON with invalid UTF-8 in it", hex("7b2261223a22ff227d")],
    ["SQLite's JSONB", hex("4c1761133131")],
  ])("a value that is not JSON is 400 that names path: %s", async (_, value) => {
    const table = new Table();
    await table.putOk("k", value);
    for (const path of ["a", "$", "a.0"])
      expect(await table.error("k", `&path=${path}`, {})).toMatchObject({
        status: 400,
        body: { code: "INVALID_PARAMETERS", parameter: "path" },
      });
  });

  test.each([
    ".",
    "..",
    "a.",
    "a..b",
    "[",
    "a[",
    "a[]",
    "a[x]",
    "a[1",
    "[1.5]",
    "['a",
    '"a',
    'a"b',
    "a]",
    '["\\x"]',
    "a[0]b",
  ])("%s cannot be read: 400 that names path", async (path) => {
    const table = new Table();
    await table.putOk("k", document);
    expect(await table.error("k", `&path=${encodeURIComponent(path)}`, {})).toMatchObject({
      status: 400,
      body: { code: "INVALID_PARAMETERS", parameter: "path" },
    });
  });

  test("100 steps are read, 101 are 400; 4,096 characters are read, 4,097 are 400", async () => {
    const table = new Table();
    await table.putOk("k", `${"[".repeat(101)}7${"]".repeat(101)}`);
    expect(await table.text("k", `&path=${"[0]".repeat(100)}`)).toBe("[7]");
    expect((await table.fetch("k", `&path=${"[0]".repeat(101)}`)).status).toBe(400);
    expect((await table.fetch("k", `&path=${".0".repeat(100)}`)).status).toBe(200);
    const long = "x".repeat(4096);
    await table.putOk("k", JSON.stringify({ [long]: 1 }));
    expect((await table.fetch("k", `&path=${long}`)).status).toBe(200);
    expect((await table.fetch("k", `&path=${long}x`)).status).toBe(400);
  });

  test("works whatever the declared type", async () => {
    const table = new Table();
    await table.putOk("k", '{"a":1}', "", { "content-type": "text/plain" });
    expect(await table.text("k", "&path=a")).toBe("1");
  });
});

describe("path of PUT /kv/{key}", () => {
  test.each<[string, string, string, unknown]>([
    ['{"a":1,"b":2}', "a", "9", { a: 9, b: 2 }],
    ['{"a":{"b":1}}', ".a.b", '"x"', { a: { b: "x" } }],
    ['{"a":{"b":1}}', "$.a.c", "[1]", { a: { b: 1, c: [1] } }],
    ["{}", "a.b.c", "true", { a: { b: { c: true } } }],
    ["{}", "a", "null", { a: null }],
    ["{}", "a[0].b", "1", { a: [{ b: 1 }] }],
    ['{"a":[{"b":1}]}', "a.0.b", "2", { a: [{ b: 2 }] }],
    ['{"a":{"0":{"b":1}}}', "a.0.b", "2", { a: { "0": { b: 2 } } }],
    ['{"a":{}}', "a.0", "1", { a: { "0": 1 } }],
    ['{"a":[1,2]}', "a.1", "9", { a: [1, 9] }],
    ['{"a":[1,2]}', "a.2", "9", { a: [1, 2, 9] }],
    ['{"a":[1,2]}', "a[2]", "9", { a: [1, 2, 9] }],
    ['{"a":[1,2]}', "a[-1]", "9", { a: [1, 9] }],
    ["[1]", "0", "9", [9]],
    ["[1]", "[0]", "{}", [{}]],
    ["{}", '$."a.b"', "1", { "a.b": 1 }],
    ["{}", "['it\\'s']", "1", { "it's": 1 }],
    ["{}", '["q\\"q"]', "1", { 'q"q': 1 }],
    ['{"a":1}', "$", "[2]", [2]],
    ["5", "$", "6", 6],
    ['{"a":1}', "a", ' {"x" : [ 1 ] } ', { a: { x: [1] } }],
  ])("sets in %s at %s the value %s", async (document, path, leaf, expected) => {
    const table = new Table();
    await table.putOk("k", document);
    const put = await table.put("k", leaf, `&path=${encodeURIComponent(path)}`);
    expect(put).toMatchObject({ status: 200, body: { created: false, path } });
    const text = await table.text("k");
    expect(JSON.parse(text)).toEqual(expected);
    expect(put.body.size).toBe(Buffer.byteLength(text));
  });

  test.each<[string, unknown]>([
    ["a.b", { a: { b: 1 } }],
    ["[0]", [1]],
    ["[0].a", [{ a: 1 }]],
    ["a.0.b", { a: { "0": { b: 1 } } }],
    ["0", { "0": 1 }],
    ["$", 1],
  ])("makes the document of a missing key: %s", async (path, expected) => {
    const table = new Table();
    const put = await table.putOk("k", "1", `&path=${path}`);
    expect(put.created).toBeTrue();
    expect(await (await table.fetch("k")).json()).toEqual(expected);
    expect(await table.header("k", "content-type")).toBe("application/json");
  });

  test("keeps the other members' digits and escapes", async () => {
    const table = new Table();
    await table.putOk("k", '{"big":9223372036854775807,"e":"\\ud800","f":1.0,"set":0}');
    await table.putOk("k", "9007199254740993", "&path=set");
    expect(await table.text("k")).toBe(
      '{"big":9223372036854775807,"e":"\\ud800","f":1.0,"set":9007199254740993}',
    );
  });

  test("keeps the document's own type, whatever the leaf's", async () => {
    const table = new Table();
    await table.putOk("k", '{"a":1}', "", { "content-type": "application/geo+json" });
    await table.putOk("k", "2", "&path=a", { "content-type": "text/html" });
    expect(await table.header("k", "content-type")).toBe("application/geo+json");
  });

  test.each<[string, string, string]>([
    ["through a number", '{"a":1}', "a.b"],
    ["through a text", '{"a":"x"}', "a[0]"],
    ["through null", '{"a":null}', "a.b"],
    ["an index of an object", '{"a":{}}', "a[0]"],
    ["a name of an array", '{"a":[]}', "a.b"],
    ["past the end of an array", '{"a":[1]}', "a[2]"],
    ["past the end of an array, with a dot", '{"a":[1]}', "a.2"],
    ["before the start of an array", '{"a":[1]}', "a[-2]"],
    ["into a scalar document", "7", "a"],
    ["past the end of an array in a new member", "{}", "a[1]"],
  ])("is 400 and changes nothing: %s", async (_, document, path) => {
    const table = new Table();
    const { etag } = await table.putOk("k", document);
    expect(await table.put("k", "9", `&path=${path}`)).toMatchObject({
      status: 400,
      body: { code: "INVALID_PARAMETERS", parameter: "path" },
    });
    expect(await table.text("k")).toBe(document);
    expect(await table.header("k", "etag")).toBe(etag);
  });

  test.each(["[1]", "a[1]", "[-1]", "[0][1]"])(
    "makes no key where the path cannot start: %s",
    async (path) => {
      const table = new Table();
      expect((await table.put("k", "9", `&path=${path}`)).status).toBe(400);
      expect((await table.fetch("k")).status).toBe(404);
    },
  );

  test.each<[string, Uint8Array<ArrayBuffer>]>([
    ["text", bytes("hello")],
    ["nothing", bytes("")],
    ["JSON before a NUL byte", bytes('{"a":1}\0')],
    ["JSON with invalid UTF-8 in it", hex("7b2261223a22ff222c2262223a317d")],
  ])(
    "a document that is not JSON is 400 that names path, and keeps its bytes: %s",
    async (_, document) => {
      const table = new Table();
      await table.putOk("k", document);
      for (const path of ["b", "b.0"])
        expect(await table.put("k", "9", `&path=${path}`)).toMatchObject({
          status: 400,
          body: { code: "INVALID_PARAMETERS", parameter: "path" },
        });
      const kept = await (await table.fetch("k")).bytes();
      expect(Buffer.from(kept).toString("hex")).toBe(Buffer.from(document).toString("hex"));
    },
  );

  test.each<[string, Uint8Array<ArrayBuffer>]>([
    ["nothing", bytes("")],
    ["text", bytes("hello")],
    ["JSON with something after it", bytes("1 2")],
    ["bytes", hex("ff")],
    ["a NUL byte", bytes("1\0")],
  ])("a leaf that is not JSON is 400 that names body: %s", async (_, leaf) => {
    const table = new Table();
    await table.putOk("k", '{"a":1}');
    for (const key of ["k", "absent"])
      expect(await table.put(key, leaf, "&path=a")).toMatchObject({
        status: 400,
        body: { code: "INVALID_PARAMETERS", parameter: "body" },
      });
    expect(await table.text("k")).toBe('{"a":1}');
    expect(await table.listed()).toEqual(["k"]);
  });

  test("concurrent writers of different members lose nothing", async () => {
    const table = new Table();
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => table.putOk("k", String(index), `&path=m${index}`)),
    );
    const document: unknown = await (await table.fetch("k")).json();
    expect(document).toEqual(
      Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`m${index}`, index])),
    );
  });
});

test("every answer of the key-value routes carries a Content-Length", async () => {
  const table = new Table();
  await table.putOk("k", "{}");
  for (const [path, method] of [
    ["/kv/k", "GET"],
    ["/kv/missing", "GET"],
    ["/kv/k", "PUT"],
    ["/kv/k/incr", "POST"],
    ["/kv", "GET"],
    ["/kv/k", "DELETE"],
  ] as const) {
    const response = await fetch(`${server.origin}${API}${path}?db=t&table=${table.name}`, {
      method,
    });
    expect([method, path, response.headers.get("content-length")]).toEqual([
      method,
      path,
      String((await response.bytes()).length),
    ]);
  }
});
