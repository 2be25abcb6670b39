import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";

interface ListBody {
  items: { key: string; size: number; etag: string; expire_at?: number }[];
  keys: string[];
  count: number;
  limit: number;
  offset: number;
  prefix: string;
  has_more: boolean;
  next_after: string | null;
  code?: string;
  parameter?: string;
}

let server: TestServer;
let tables = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A table of its own, holding these keys. */
async function tableWith(keys: readonly string[], extra = ""): Promise<string> {
  const table = `list_${++tables}`;
  const answers = await Promise.all(
    keys.map((key) =>
      server.api(`/kv/${encodeURIComponent(key)}?db=t&table=${table}${extra}`, {
        method: "PUT",
        body: key,
      }),
    ),
  );
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  return table;
}

const list = (table: string, extra = "") =>
  server.json<ListBody>(`/kv?db=t&table=${table}${extra}`);
const listed = async (table: string, extra = "") => (await list(table, extra)).body.keys;
const byBytes = (keys: readonly string[]) =>
  [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => `k${String(index).padStart(5, "0")}`);

describe("GET /kv", () => {
  test("answers all fields of the contract, and no values", async () => {
    const table = await tableWith([]);
    await server.api(`/kv/a?db=t&table=${table}&ttl=60`, {
      method: "PUT",
      body: '{"secret":"value"}',
    });
    await server.api(`/kv/b?db=t&table=${table}`, { method: "PUT", body: "ü" });
    const now = Math.floor(server.clock.nowMs() / 1000);
    const { status, body } = await list(table);
    expect(status).toBe(200);
    const times = { created_at: now, updated_at: now };
    expect(body as unknown).toEqual({
      success: true,
      items: [
        {
          key: "a",
          content_type: "application/json",
          size: 18,
          ...times,
          expire_at: Math.floor((server.clock.nowMs() + 60_000) / 1000),
          etag: '"1"',
        },
        { key: "b", content_type: "text/plain", size: 2, ...times, etag: '"2"' },
      ],
      keys: ["a", "b"],
      count: 2,
      limit: 100,
      offset: 0,
      prefix: "",
      has_more: false,
      next_after: null,
      change_cursor: 2,
    });
    expect(JSON.stringify(body)).not.toContain("secret");
  });

  test("is in the order of bytes: not of letters, numbers or UTF-16", async () => {
    const keys = [
      "b",
      "B",
      "a",
      "Z",
      "10",
      "9",
      "é",
      "z",
      "a/b",
      "a",
      "a ",
      "aa",
      "~",
      "_",
      "𝄞",
      "\uff5e",
      "\ue000",
      "\ud7ff",
      "a\u0001",
    ];
    const table = await tableWith(keys);
    expect(await listed(table)).toEqual(byBytes([...new Set(keys)]));
  });

  test("a table that does not exist reads as empty, and reading does not make it", async () => {
    const { status, body } = await list("nowhere");
    expect({ status, items: body.items, keys: body.keys, more: body.has_more }).toEqual({
      status: 200,
      items: [],
      keys: [],
      more: false,
    });
    const transaction = [{ query: "select name from sqlite_schema where name like 'nowhere%'" }];
    const { body: sql } = await server.json<{ results: { resultSet: unknown[] }[] }>("/db?db=t", {
      method: "POST",
      body: JSON.stringify({ transaction }),
    });
    expect(sql.results[0]?.resultSet).toEqual([]);
  });

  test("a database that does not exist is 400", async () => {
    const { status, body } = await server.json<ListBody>("/kv?db=nowhere");
    expect({ status, code: body.code }).toEqual({ status: 400, code: "DATABASE_NOT_FOUND" });
  });

  test("expired keys are not listed, and take no place on a page", async () => {
    const table = await tableWith(["a", "c"], "&ttl=5");
    for (const key of ["b", "d", "e"])
      await server.api(`/kv/${key}?db=t&table=${table}`, { method: "PUT", body: "v" });
    server.clock.advance(4999);
    expect(await listed(table)).toEqual(["a", "b", "c", "d", "e"]);
    server.clock.advance(1);
    expect((await list(table, "&limit=2")).body).toMatchObject({
      keys: ["b", "d"],
      count: 2,
      has_more: true,
    });
    expect(await listed(table, "&offset=1")).toEqual(["d", "e"]);
    expect(await listed(table, "&after=a")).toEqual(["b", "d", "e"]);
    expect(await listed(table, "&prefix=a")).toEqual([]);
  });
});

describe("prefix of GET /kv", () => {
  const keys = [
    "%",
    "%a",
    "*",
    "*a",
    "[a]",
    "_",
    "_a",
    "a",
    "a%b",
    "a*b",
    "a?",
    "a_b",
    "ab",
    "axb",
    "A",
    "\\",
    "'",
    '"',
    "é",
    "éa",
    "e\u0301",
    "\ud7ff",
    "\ud7ffa",
    "\ue000",
    "\uffff",
    "\uffffa",
    "𝄞",
    "𝄞a",
    "\u{1d11f}",
    "\u{10ffff}",
    "\u{10ffff}a",
    "a\u{10ffff}",
    "a\u{10ffff}z",
  ];

  test.each([
    "",
    "%",
    "*",
    "_",
    "[",
    "a",
    "a%",
    "a_",
    "a*",
    "a?",
    "A",
    "\\",
    "'",
    '"',
    "é",
    "e",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "𝄞",
    "\u{10ffff}",
    "a\u{10ffff}",
    "\u{10ffff}\u{10ffff}",
    "nothing",
    " ",
  ])("%p means itself", async (prefix) => {
    const table = await tableWith(keys);
    const { body } = await list(table, `&prefix=${encodeURIComponent(prefix)}`);
    expect(body.keys).toEqual(byBytes(keys.filter((key) => key.startsWith(prefix))));
    expect(body.prefix).toBe(prefix);
  });

  test("is exact in case, and form-encoded: + is a space", async () => {
    const table = await tableWith(["User:1", "user:1", "user 1", "user+1"]);
    expect(await listed(table, "&prefix=user:")).toEqual(["user:1"]);
    expect(await listed(table, "&prefix=user+")).toEqual(["user 1"]);
    expect(await listed(table, "&prefix=user%2B")).toEqual(["user+1"]);
  });

  test("counts offset and limit within the prefix", async () => {
    const table = await tableWith(["a", "b1", "b2", "b3", "c"]);
    const { body } = await list(table, "&prefix=b&offset=1&limit=1");
    expect(body).toMatchObject({ keys: ["b2"], has_more: true, next_after: "b2" });
    expect((await list(table, "&prefix=b&offset=2&limit=1")).body.has_more).toBeFalse();
    expect(await listed(table, "&prefix=b&after=a")).toEqual(["b1", "b2", "b3"]);
    expect(await listed(table, "&prefix=b&after=b1")).toEqual(["b2", "b3"]);
    expect(await listed(table, "&prefix=b&after=c")).toEqual([]);
  });
});

describe("limit and offset of GET /kv", () => {
  test("100 keys when nothing is said; 1,000 at the most; has_more tells of the next", async () => {
    const keys = numbered(1001);
    const table = await tableWith(keys);
    for (const [limit, taken] of [
      ["", 100],
      ["1", 1],
      ["999", 999],
      ["1000", 1000],
      ["1001", 1000],
      ["9007199254740991", 1000],
    ] as const) {
      const { body } = await list(table, `&limit=${limit}`);
      expect(body.keys).toEqual(keys.slice(0, taken));
      expect(body).toMatchObject({
        count: taken,
        limit: taken,
        has_more: true,
        next_after: keys[taken - 1],
      });
    }
    const last = await list(table, "&limit=1000&offset=1");
    expect(last.body).toMatchObject({ count: 1000, offset: 1, has_more: false, next_after: null });
  });

  test("limit=0 is an empty page", async () => {
    const table = await tableWith(["a"]);
    const { status, body } = await list(table, "&limit=0");
    expect(status).toBe(200);
    expect(body).toMatchObject({ items: [], keys: [], count: 0, limit: 0, next_after: null });
  });

  test.each(["-1", "1.5", "abc", "1e2", "0x10", "NaN", "1%202", "%20", "99999999999999999999"])(
    "limit=%s and offset=%s are 400 that names it",
    async (text) => {
      for (const parameter of ["limit", "offset"]) {
        const { status, body } = await list("any", `&${parameter}=${text}`);
        expect({ status, code: body.code, parameter: body.parameter }).toEqual({
          status: 400,
          code: "INVALID_PARAMETERS",
          parameter,
        });
      }
    },
  );

  test("a parameter given twice is 400", async () => {
    expect((await list("any", "&limit=1&limit=2")).status).toBe(400);
  });

  test.each(["", "&prefix=k"])(
    "offsets of 2,000 and beyond give the same keys as walking there%s",
    async (prefix) => {
      const keys = numbered(2011);
      const table = await tableWith([...keys, "zzz"]);
      for (const offset of [1999, 2000, 2001, 2010]) {
        const { status, body } = await list(table, `&limit=5&offset=${offset}${prefix}`);
        const all = prefix === "" ? [...keys, "zzz"] : keys;
        expect(status).toBe(200);
        expect(body.keys).toEqual(all.slice(offset, offset + 5));
        expect(body.has_more).toBe(all.length > offset + 5);
        expect(body.items[0]).toEqual(
          (await list(table, `&after=${keys[offset - 1]}&limit=1`)).body.items[0] as never,
        );
      }
      expect(await listed(table, `&offset=3000${prefix}`)).toEqual([]);
      expect(await listed("nowhere", `&offset=3000${prefix}`)).toEqual([]);
    },
    20_000,
  );

  test("an expired key is not listed beyond 2,000 either", async () => {
    const table = await tableWith(numbered(2003));
    await server.api(`/kv/k02002?db=t&table=${table}&ttl=1`, { method: "PUT", body: "v" });
    expect(await listed(table, "&offset=2001")).toEqual(["k02001", "k02002"]);
    server.clock.advance(1000);
    expect(await listed(table, "&offset=2001")).toEqual(["k02001"]);
  }, 20_000);
});

describe("after of GET /kv", () => {
  test.each([1, 7, 100, 1000])("pages of %d walk over all keys exactly once", async (limit) => {
    const keys = [...numbered(limit === 1 ? 20 : 250), "a b", "a+b", "ü/ä", "𝄞", "%", "k&x=1"];
    const table = await tableWith(keys);
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const cursor: string = after === null ? "" : `&after=${encodeURIComponent(after)}`;
      const { body } = await list(table, `&limit=${limit}${cursor}`);
      expect(body.next_after === null).toBe(!body.has_more);
      seen.push(...body.keys);
      after = body.next_after;
    } while (after !== null);
    expect(seen).toEqual(byBytes(keys));
  });

  test("is exclusive, and need not be a key", async () => {
    const table = await tableWith(["a", "b", "c"]);
    expect(await listed(table, "&after=a")).toEqual(["b", "c"]);
    expect(await listed(table, "&after=aa")).toEqual(["b", "c"]);
    expect(await listed(table, "&after=c")).toEqual([]);
    expect(await listed(table, "&after=")).toEqual(["a", "b", "c"]);
  });

  test("with an offset above 0 is 400; with offset=0 it is not", async () => {
    const { status, body } = await list("any", "&after=a&offset=1");
    expect({ status, parameter: body.parameter }).toEqual({ status: 400, parameter: "after" });
    expect((await list("any", "&after=a&offset=0")).status).toBe(200);
  });
});

describe("table", () => {
  const request = (table: string, method: string, verb = "") =>
    server.api(`/kv/k${verb}?db=t&table=${encodeURIComponent(table)}`, {
      method,
      ...(method === "PUT" ? { body: "v" } : {}),
    });

  test.each([
    "settings",
    "_x",
    "a1",
    "CamelCase",
    "select",
    "x".repeat(64),
    "history",
    "kv_store_",
    "key",
  ])("%s is a table of its own", async (table) => {
    expect((await request(table, "PUT")).status).toBe(200);
    expect(await (await request(table, "GET")).text()).toBe("v");
    expect(await listed(table)).toEqual(["k"]);
    expect((await server.api("/kv/k?db=t")).status).toBe(404);
  });

  test("kv_store is what is meant when none is named; names ignore case", async () => {
    await server.api("/kv/shared?db=t", { method: "PUT", body: "v" });
    expect(await listed("kv_store")).toEqual(["shared"]);
    expect(await listed("KV_Store")).toEqual(["shared"]);
  });

  test.each([
    "",
    "1a",
    "a-b",
    "a.b",
    "a b",
    'a"b',
    "a;drop table x",
    "ä",
    "x".repeat(65),
    "sqlite_x",
    "SQLITE_x",
    "sqlite_schema",
    "chronolite_relations",
    "chronolite_x",
    "kv_store_history",
    "x_history",
    "X_HISTORY",
    "a\0b",
    "main.x",
  ])("%p is 400 that names table, for every method", async (table) => {
    for (const [method, verb] of [["GET"], ["PUT"], ["DELETE"], ["POST", "/incr"]] as const) {
      const response = await request(table, method, verb);
      expect(response.status).toBe(400);
      expect((await response.json()) as object).toMatchObject({
        code: "INVALID_PARAMETERS",
        parameter: "table",
      });
    }
    expect((await request(table, "HEAD")).status).toBe(400);
    expect((await list(encodeURIComponent(table))).status).toBe(400);
  });

  test.each(["", "_history_op"])(
    "a name that one of our indexes has is refused, not an error of the server: x%s",
    async (suffix) => {
      await tableWith(["k"]);
      const index = suffix === "" ? `list_${tables}_expire` : `list_${tables}${suffix}`;
      const response = await request(index, "PUT");
      expect([400, 409]).toContain(response.status);
      expect(await listed(`list_${tables}`)).toEqual(["k"]);
    },
  );
});
