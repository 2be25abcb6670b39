import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";

interface Item {
  key: string;
  value?: unknown;
  value_base64?: string;
  content_type: string;
  size: number;
  expire_at?: number;
}
interface ListBody {
  items: Item[];
  keys: string[];
  count: number;
  limit: number;
  has_more: boolean;
  next_after: string | null;
  code?: string;
  parameter?: string;
}
interface Filters {
  prefix?: string;
  suffix?: string;
  contains?: string;
  start?: string;
  end?: string;
  after?: string;
  reverse?: boolean;
  values?: boolean;
  limit?: number;
  offset?: number;
}

const MAX = "9223372036854775807";
const SEED = 20_260_102;

let server: TestServer;
let tables = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A table of its own, holding these keys. */
async function tableWith(keys: readonly string[]): Promise<string> {
  const table = `filter_${++tables}`;
  for (let from = 0; from < keys.length; from += 100) {
    const items = keys.slice(from, from + 100).map((key) => ({ key, value: `value of ${key}` }));
    const response = await server.api(`/kv/batch/set?db=t&table=${table}&history=false`, {
      method: "POST",
      body: JSON.stringify({ items }),
    });
    expect(response.status).toBe(200);
  }
  return table;
}

const put = (
  table: string,
  key: string,
  body: string | Uint8Array<ArrayBuffer>,
  extra = "",
  headers = {},
) => server.api(`/kv/${key}?db=t&table=${table}${extra}`, { method: "PUT", body, headers });

function query(filters: Filters): string {
  return Object.entries(filters)
    .map(([name, value]) => `&${name}=${encodeURIComponent(String(value))}`)
    .join("");
}
const list = (table: string, filters: Filters = {}) =>
  server.json<ListBody>(`/kv?db=t&table=${table}${query(filters)}`);
async function listed(table: string, filters: Filters = {}): Promise<string[]> {
  const { status, body } = await list(table, filters);
  expect(status).toBe(200);
  return body.keys;
}

const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const byBytes = (keys: readonly string[]) => [...keys].sort(compare);

/** What a list must answer, worked out the plain way. */
function reference(keys: readonly string[], filters: Filters) {
  const { prefix = "", suffix = "", contains = "", start, end, after } = filters;
  const { reverse = false, limit = 100, offset = 0 } = filters;
  const order = (a: string, b: string) => (reverse ? compare(b, a) : compare(a, b));
  const matching = [...keys]
    .filter((key) => key.startsWith(prefix) && key.endsWith(suffix) && key.includes(contains))
    .filter((key) => start === undefined || compare(key, start) >= 0)
    .filter((key) => end === undefined || compare(key, end) < 0)
    .filter((key) => after === undefined || order(key, after) > 0)
    .sort(order)
    .slice(offset);
  const page = matching.slice(0, limit);
  const more = limit > 0 && matching.length > limit;
  return {
    keys: page,
    count: page.length,
    has_more: more,
    next_after: more ? (page.at(-1) ?? null) : null,
  };
}

/** Numbers from 0 to below 1, the same in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
const random = randomNumbers(SEED);
const below = (bound: number) => Math.floor(random() * bound);
const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item;

// Few letters, so that beginnings, ends and middles meet; each of them special to somebody.
const LETTERS = [
  "a",
  "A",
  "b",
  "0",
  "9",
  "%",
  "_",
  "*",
  "?",
  "[",
  "]",
  "/",
  ":",
  " ",
  "'",
  '"',
  "\\",
  "é",
  "e\u0301",
  "ß",
  "日",
  "\ud7ff",
  "\ue000",
  "\uffff",
  "𝄞",
  "\u{10ffff}",
];
const randomText = (length: number) => Array.from({ length }, () => pick(LETTERS)).join("");

function randomKeys(count: number): string[] {
  const keys = new Set<string>();
  while (keys.size < count) {
    const key = randomText(1 + below(6));
    if (key.trim() !== "") keys.add(key);
  }
  return [...keys];
}
const KEYS = randomKeys(300);

describe.each<[string, (key: string, text: string) => boolean]>([
  ["suffix", (key, text) => key.endsWith(text)],
  ["contains", (key, text) => key.includes(text)],
])("%s of GET /kv", (name, matches) => {
  const keys = [
    "%",
    "a%",
    "%a",
    "*",
    "a*",
    "a*b",
    "?",
    "a?",
    "[a]",
    "_",
    "a_",
    "a_b",
    "ab",
    "axb",
    "A",
    "a",
    "aA",
    "\\",
    "a\\",
    "'",
    "a'",
    '"',
    "é",
    "aé",
    "e\u0301",
    "ae\u0301",
    "𝄞",
    "a𝄞",
    "\u{1d11f}",
    "a\u{10ffff}",
    "b/a",
    "b/a/",
    "x a",
    "xa",
    "x+a",
    "aaa",
    "日本",
    "本日",
  ];
  let table: string;
  beforeAll(async () => {
    table = await tableWith(keys);
  });

  test.each([
    "%",
    "_",
    "*",
    "?",
    "[",
    "]",
    "\\",
    "'",
    '"',
    "a",
    "A",
    "é",
    "e\u0301",
    "\u0301",
    "𝄞",
    "\u{10ffff}",
    "/",
    "/a",
    "a/",
    " a",
    "+a",
    "aa",
    "aaa",
    "aaaa",
    "a%",
    "日",
    "本",
    "日本",
    "nothing",
    "b/a/ and longer than any key",
  ])("%p means itself", async (text) => {
    const expected = byBytes(keys.filter((key) => matches(key, text)));
    expect(await listed(table, { [name]: text })).toEqual(expected);
    expect(await listed(table, { [name]: text, reverse: true })).toEqual(expected.toReversed());
  });

  test("empty is none", async () => {
    expect(await listed(table, { [name]: "" })).toEqual(byBytes(keys));
  });

  test("is form-encoded: + is a space; a malformed escape is 400", async () => {
    const { body } = await server.json<ListBody>(`/kv?db=t&table=${table}&${name}=+a`);
    expect(body.keys).toEqual(["x a"]);
    const { status, body: refused } = await server.json<ListBody>(
      `/kv?db=t&table=${table}&${name}=%zz`,
    );
    expect({ status, code: refused.code, parameter: refused.parameter }).toEqual({
      status: 400,
      code: "INVALID_PARAMETERS",
      parameter: name,
    });
  });

  test("counts limit and offset within what matches", async () => {
    const all = byBytes(keys.filter((key) => matches(key, "a")));
    const { body } = await list(table, { [name]: "a", limit: 2, offset: 1 });
    expect(body).toMatchObject({ keys: all.slice(1, 3), count: 2, has_more: true });
    const rest = await list(table, { [name]: "a", offset: 3 });
    expect(rest.body).toMatchObject({ keys: all.slice(3), has_more: false, next_after: null });
  });

  test("does not list expired keys", async () => {
    const own = await tableWith(["a/a"]);
    await put(own, "b%2Fa", "v", "&ttl=5");
    server.clock.advance(4999);
    expect(await listed(own, { [name]: "/a" })).toEqual(["a/a", "b/a"]);
    server.clock.advance(1);
    expect(await listed(own, { [name]: "/a" })).toEqual(["a/a"]);
  });

  test("of a table that does not exist is empty", async () => {
    expect(await listed("nowhere", { [name]: "a" })).toEqual([]);
  });
});

describe("start and end of GET /kv", () => {
  const keys = [
    "A",
    "Z",
    "a",
    "a/1",
    "a/2",
    "aa",
    "b",
    "b\u{10ffff}",
    "é",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "𝄞",
    "\u{10ffff}",
    "\u{10ffff}z",
  ];
  let table: string;
  beforeAll(async () => {
    table = await tableWith(keys);
  });

  test("start is the first key listed, end is the first one not listed any more", async () => {
    expect(await listed(table, { start: "a/1", end: "b" })).toEqual(["a/1", "a/2", "aa"]);
    expect(await listed(table, { start: "a/1" })).toEqual(byBytes(keys).slice(3));
    expect(await listed(table, { end: "a/1" })).toEqual(["A", "Z", "a"]);
  });

  test("need not be keys", async () => {
    expect(await listed(table, { start: "a!", end: "a~" })).toEqual(["a/1", "a/2", "aa"]);
  });

  test.each<[string, string]>([
    ["b", "b"],
    ["b", "a"],
    ["b", "A"],
    ["𝄞", "\uffff"],
  ])("from %p to %p there is nothing", async (start, end) => {
    expect((await list(table, { start, end })).body).toMatchObject({
      items: [],
      keys: [],
      count: 0,
      has_more: false,
      next_after: null,
    });
  });

  test("are in the order of UTF-8 bytes, not of UTF-16: U+FFFF is before U+1D11E", async () => {
    expect(await listed(table, { start: "\ue000", end: "\u{10ffff}" })).toEqual([
      "\ue000",
      "\uffff",
      "𝄞",
    ]);
    expect(await listed(table, { start: "𝄞" })).toEqual(["𝄞", "\u{10ffff}", "\u{10ffff}z"]);
  });

  test("are compared with prefix and after in the order of bytes, too", async () => {
    const own = await tableWith(["\uffffa", "\uffffc", "𝄞a", "𝄞c"]);
    expect(await listed(own, { prefix: "\uffff", end: "\uffffb" })).toEqual(["\uffffa"]);
    expect(await listed(own, { prefix: "𝄞", start: "\uffff" })).toEqual(["𝄞a", "𝄞c"]);
    expect(await listed(own, { reverse: true, end: "𝄞b", after: "\uffffc" })).toEqual(["\uffffa"]);
  });

  test("are exact in case", async () => {
    expect(await listed(table, { start: "A", end: "a" })).toEqual(["A", "Z"]);
  });

  test("narrow a prefix, and the prefix narrows them", async () => {
    expect(await listed(table, { prefix: "a", start: "a/2" })).toEqual(["a/2", "aa"]);
    expect(await listed(table, { prefix: "a", end: "a/2" })).toEqual(["a", "a/1"]);
    expect(await listed(table, { prefix: "a/", start: "A", end: "z" })).toEqual(["a/1", "a/2"]);
    expect(await listed(table, { prefix: "a", start: "b" })).toEqual([]);
  });

  test("an after before start, and one behind end, leave them as they are", async () => {
    expect(await listed(table, { start: "a/2", end: "b", after: "A" })).toEqual(["a/2", "aa"]);
    expect(await listed(table, { start: "a/2", end: "b", after: "a/2" })).toEqual(["aa"]);
    expect(await listed(table, { start: "a/2", end: "b", after: "é" })).toEqual([]);
  });
});

describe("reverse of GET /kv", () => {
  const keys = ["a", "a/1", "a/2", "a/3", "b", "é", "𝄞"];
  let table: string;
  beforeAll(async () => {
    table = await tableWith(keys);
  });

  test.each(["true", "1", "yes"])("%s gives the last key first", async (flag) => {
    const { body } = await server.json<ListBody>(`/kv?db=t&table=${table}&reverse=${flag}`);
    expect(body.keys).toEqual(byBytes(keys).toReversed());
    expect(body.items.map(({ key }) => key)).toEqual(body.keys);
  });

  test.each(["false", "0", "no", ""])("%p gives the first key first", async (flag) => {
    const { body } = await server.json<ListBody>(`/kv?db=t&table=${table}&reverse=${flag}`);
    expect(body.keys).toEqual(byBytes(keys));
  });

  test.each(["reverse", "values"])("%s that is neither is 400 that names it", async (name) => {
    const { status, body } = await server.json<ListBody>(`/kv?db=t&table=${table}&${name}=maybe`);
    expect({ status, parameter: body.parameter }).toEqual({ status: 400, parameter: name });
  });

  test("after goes on downwards, and is exclusive", async () => {
    expect(await listed(table, { reverse: true, after: "b" })).toEqual(["a/3", "a/2", "a/1", "a"]);
    expect(await listed(table, { reverse: true, after: "a/22" })).toEqual(["a/2", "a/1", "a"]);
    expect(await listed(table, { reverse: true, after: "a" })).toEqual([]);
    expect(await listed(table, { reverse: true, after: "\u{10ffff}" })).toEqual(
      byBytes(keys).toReversed(),
    );
  });

  test("an empty after is no cursor in either direction", async () => {
    expect(await listed(table, { after: "" })).toEqual(byBytes(keys));
    expect(await listed(table, { reverse: true, after: "" })).toEqual(byBytes(keys).toReversed());
  });

  test("with a prefix, start and end stays within them", async () => {
    expect(await listed(table, { reverse: true, prefix: "a/" })).toEqual(["a/3", "a/2", "a/1"]);
    expect(await listed(table, { reverse: true, prefix: "a/", after: "a/3" })).toEqual([
      "a/2",
      "a/1",
    ]);
    expect(await listed(table, { reverse: true, prefix: "a/", after: "z" })).toEqual([
      "a/3",
      "a/2",
      "a/1",
    ]);
    expect(await listed(table, { reverse: true, start: "a/1", end: "a/3" })).toEqual([
      "a/2",
      "a/1",
    ]);
    expect(await listed(table, { reverse: true, start: "a/1", end: "b", after: "a/3" })).toEqual([
      "a/2",
      "a/1",
    ]);
  });

  test("limit, offset, has_more and next_after count from the end", async () => {
    expect((await list(table, { reverse: true, limit: 2, offset: 1 })).body).toMatchObject({
      keys: ["é", "b"],
      count: 2,
      limit: 2,
      has_more: true,
      next_after: "b",
    });
    expect((await list(table, { reverse: true, limit: 7 })).body).toMatchObject({
      has_more: false,
      next_after: null,
    });
  });

  test("after with an offset is 400 in this direction, too", async () => {
    expect(await list(table, { reverse: true, after: "b", offset: 1 })).toMatchObject({
      status: 400,
      body: { code: "INVALID_PARAMETERS", parameter: "after" },
    });
  });

  test("offsets of 2,000 and beyond count from the end", async () => {
    const many = Array.from({ length: 2100 }, (_, n) => `k${String(n).padStart(4, "0")}`);
    const own = await tableWith(many);
    for (const offset of [1999, 2000, 2001, 2099, 2100])
      expect(await listed(own, { reverse: true, offset, limit: 3 })).toEqual(
        many.toReversed().slice(offset, offset + 3),
      );
  });
});

describe("values of GET /kv", () => {
  let table: string;
  const bytes = new Uint8Array([0xfb, 0xef, 0x00, 0xfe]);
  beforeAll(async () => {
    table = await tableWith([]);
    await put(table, "bytes", bytes);
    await put(table, "empty", "");
    await put(table, "json", '{"a":[1]}', "&ttl=60");
    await put(table, "markup", "[1]", "", { "content-type": "text/html" });
    await put(table, "text", 'plain "é𝄞"');
  });

  test.each(["", "&reverse=true", "&suffix=t&contains=t", "&offset=2001"])(
    "are given as entry gives them, whichever way they are read%s",
    async (extra) => {
      const { status, body } = await server.json<ListBody>(
        `/kv?db=t&table=${table}&values=true${extra}`,
      );
      expect(status).toBe(200);
      for (const item of body.items) {
        const response = await server.api(`/kv/${item.key}/entry?db=t&table=${table}`);
        const entry = (await response.json()) as Item & { expire_at: number | null };
        const { expire_at, ...rest } = entry;
        const { size, ...listedItem } = item;
        expect(listedItem).toEqual(expire_at === null ? rest : { ...rest, expire_at });
        const length = (await server.api(`/kv/${item.key}?db=t&table=${table}`)).bytes();
        expect(size).toBe((await length).length);
      }
    },
  );

  test("JSON is JSON whatever its type says, text is a string and base64, bytes are base64", async () => {
    const { body } = await list(table, { values: true });
    const given = body.items.map(({ key, value, value_base64 }) => ({ key, value, value_base64 }));
    const base64 = (value: string | Uint8Array) => Buffer.from(value as string).toString("base64");
    expect(given as unknown).toEqual([
      { key: "bytes", value: undefined, value_base64: base64(bytes) },
      { key: "empty", value: "", value_base64: "" },
      { key: "json", value: { a: [1] }, value_base64: undefined },
      { key: "markup", value: [1], value_base64: undefined },
      { key: "text", value: 'plain "é𝄞"', value_base64: base64('plain "é𝄞"') },
    ]);
  });

  test.each(["", "&values=false", "&values=0", "&values="])(
    "are not there with %p",
    async (extra) => {
      const { body } = await server.json<ListBody>(`/kv?db=t&table=${table}${extra}`);
      expect(body.items).toHaveLength(5);
      for (const item of body.items) {
        expect(item).not.toHaveProperty("value");
        expect(item).not.toHaveProperty("value_base64");
      }
    },
  );

  test("keep every digit and the spelling of JSON", async () => {
    const own = await tableWith([]);
    const json = [
      MAX,
      "123456789012345678901234567890",
      "1.0",
      "-0",
      "1e400",
      ` {"n" : ${MAX}} `,
      '"\\u00e9\\/"',
      "null",
    ];
    for (const [n, text] of json.entries()) await put(own, `k${n}`, text);
    const raw = await (await server.api(`/kv?db=t&table=${own}&values=true`)).text();
    for (const text of json) expect(raw).toContain(`"value":${text}}`);
  });

  test("come with paging: each page has the values of its keys", async () => {
    const { body } = await list(table, { values: true, reverse: true, limit: 2, after: "text" });
    expect(body.items.map(({ key, value }) => [key, value])).toEqual([
      ["markup", [1]],
      ["json", { a: [1] }],
    ]);
    expect(body).toMatchObject({ has_more: true, next_after: "json" });
  });
});

describe(`filters of GET /kv over ${KEYS.length} random keys (seed ${SEED})`, () => {
  let table: string;
  beforeAll(async () => {
    table = await tableWith(KEYS);
  });

  /** Part of a key that is there, or something else. */
  function piece(part: (characters: string[]) => string[]): string {
    return below(4) === 0 ? randomText(1 + below(2)) : part(Array.from(pick(KEYS))).join("");
  }
  function randomFilters(): Filters {
    const filters: Filters = {};
    if (below(3) === 0) filters.prefix = piece((all) => all.slice(0, 1 + below(2)));
    if (below(3) === 0) filters.suffix = piece((all) => all.slice(-1 - below(2)));
    if (below(3) === 0) filters.contains = piece((all) => all.slice(below(all.length)).slice(0, 1));
    if (below(4) === 0) filters.start = piece((all) => all.slice(0, 1 + below(all.length)));
    if (below(4) === 0) filters.end = piece((all) => all.slice(0, 1 + below(all.length)));
    if (below(2) === 0) filters.reverse = below(4) > 0;
    const cursor = below(9);
    if (cursor < 3) filters.after = piece((all) => all);
    else if (cursor < 5) filters.offset = below(5);
    if (below(2) === 0) filters.limit = pick([0, 1, 2, 5, 50, 299, 300, 301, 1000]);
    if (below(4) === 0) filters.values = true;
    return filters;
  }

  test("600 combinations answer what the plain way answers", async () => {
    let found = 0;
    for (let round = 0; round < 600; round += 1) {
      const filters = randomFilters();
      const { status, body } = await list(table, filters);
      const { keys, count, has_more, next_after } = body;
      expect({ filters, status, keys, count, has_more, next_after }).toEqual({
        filters,
        status: 200,
        ...reference(KEYS, filters),
      });
      expect(body.items.map(({ key }) => key)).toEqual(keys);
      if (filters.values === true)
        expect(body.items.map(({ value }) => value)).toEqual(keys.map((key) => `value of ${key}`));
      if (count > 0) found += 1;
    }
    // Or nothing was tested.
    expect(found).toBeGreaterThan(200);
  });

  const walks: Filters[] = [
    {},
    { prefix: "a" },
    { prefix: "\u{10ffff}" },
    { suffix: "%" },
    { contains: "_" },
    { start: "A", end: "é" },
    { contains: "a", suffix: "*" },
    { prefix: "a", start: "a0", end: "a\u{10ffff}", values: true },
  ];
  test.each(
    walks.flatMap((filters) => [1, 7, 100].map((limit): [Filters, number] => [filters, limit])),
  )(
    "pages with %j of %d keys visit each key exactly once, in both directions",
    async (filters, limit) => {
      const all = reference(KEYS, { ...filters, limit: 1000 }).keys;
      expect(all).not.toBeEmpty();
      for (const reverse of [false, true]) {
        const visited: string[] = [];
        let after: string | null = null;
        do {
          const page: Filters = {
            ...filters,
            reverse,
            limit,
            ...(after === null ? {} : { after }),
          };
          const { body } = await list(table, page);
          expect(body.has_more).toBe(body.next_after !== null);
          if (body.has_more) expect(body.count).toBe(limit);
          visited.push(...body.keys);
          after = body.next_after;
        } while (after !== null && visited.length <= all.length);
        expect(visited).toEqual(reverse ? all.toReversed() : all);
      }
    },
  );

  test("walking while keys come and go visits each key that stays exactly once", async () => {
    const stay = Array.from({ length: 60 }, (_, n) => `s${String(n).padStart(2, "0")}`);
    for (const reverse of [false, true]) {
      const own = await tableWith(stay);
      const visited: string[] = [];
      let after: string | undefined;
      for (let page = 0; page < 100; page += 1) {
        const { body } = await list(own, {
          reverse,
          limit: 7,
          ...(after === undefined ? {} : { after }),
        });
        visited.push(...body.keys);
        if (body.next_after === null) break;
        after = body.next_after;
        // One before the cursor and one behind it come, and the cursor's own key goes.
        await put(own, `a${page}`, "v");
        await put(own, `z${page}`, "v");
        await server.api(`/kv/${after}?db=t&table=${own}`, { method: "DELETE" });
      }
      const seen = visited.filter((key) => key.startsWith("s"));
      expect(seen).toEqual(reverse ? stay.toReversed() : stay);
      expect(new Set(visited).size).toBe(visited.length);
    }
  });
});
