import { describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";

interface Answer {
  success: boolean;
  code?: string;
  parameter?: string;
  mutation?: number;
  failed?: { key: string; current_etag: string | null }[];
  results?: Record<string, unknown>[];
}

const atomic = (server: TestServer, body: unknown, more = "") =>
  server.json<Answer>(`/kv/atomic?db=t${more}`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

const put = async (server: TestServer, key: string, value: string): Promise<string> => {
  const response = await server.api(`/kv/${key}?db=t`, { method: "PUT", body: value });
  return ((await response.json()) as { etag: string }).etag;
};

const text = async (server: TestServer, key: string): Promise<string> =>
  (await server.api(`/kv/${key}?db=t`)).text();

describe("POST /kv/atomic: mutations", () => {
  test("of every kind happen in order, and each is answered", async () => {
    await using server = await startTestServer();
    await put(server, "gone", "x");
    const { status, body } = await atomic(server, {
      mutations: [
        { op: "set", key: "doc", value: { a: 1 }, ttl: 60 },
        { op: "set", key: "doc", path: "b.c", value: [1] },
        { op: "incr", key: "doc", path: "a", delta: 9 },
        { op: "decr", key: "count" },
        { op: "push", key: "list", value: { value: 1 } },
        { op: "push", key: "list", value: 2 },
        { op: "pop", key: "list" },
        { op: "remove", key: "list", value: { value: 1 } },
        { op: "delete", key: "gone" },
      ],
    });
    expect(status).toBe(200);
    expect(body.results).toMatchObject([
      { op: "set", key: "doc", created: true, size: 7 },
      { op: "set", key: "doc", path: "b.c", created: false },
      { op: "incr", path: "a", value: 10, previous: 1 },
      { op: "decr", key: "count", value: -1, previous: 0 },
      { op: "push", length: 1 },
      { op: "push", length: 2 },
      { op: "pop", value: 2, length: 1 },
      { op: "remove", removed: { value: 1 }, length: 0 },
      { op: "delete", key: "gone", deleted: true },
    ]);
    expect(await text(server, "doc")).toBe('{"a":10,"b":{"c":[1]}}');
    expect(await text(server, "list")).toBe("[]");
    expect((await server.api("/kv/gone?db=t")).status).toBe(404);
    server.clock.advance(60_000);
    expect((await server.api("/kv/doc?db=t")).status).toBe(404);
  });

  test("keep every digit of a number", async () => {
    await using server = await startTestServer();
    await atomic(
      server,
      '{"mutations":[{"op":"set","key":"n","value":{"n":9007199254740993}},{"op":"incr","key":"n","path":"n","delta":9007199254740993}]}',
    );
    expect(await text(server, "n")).toBe('{"n":18014398509481986}');
  });

  test.each<[string, object, number, string]>([
    ["an array that is none", { op: "pop", key: "a" }, 400, "INVALID_PARAMETERS"],
    ["a missing key", { op: "delete", key: "none" }, 404, "KEY_NOT_FOUND"],
    ["no such element", { op: "remove", key: "list", value: 9 }, 404, "NOT_FOUND"],
    ["no number", { op: "incr", key: "list" }, 400, "INVALID_PARAMETERS"],
    [
      "a path through a scalar",
      { op: "set", key: "a", path: "x.y", value: 1 },
      400,
      "INVALID_PARAMETERS",
    ],
  ])("that fail for %s undo the others, and are named", async (_, failing, status, code) => {
    await using server = await startTestServer();
    await put(server, "a", "1");
    await put(server, "list", "[1]");
    const answer = await atomic(server, {
      mutations: [{ op: "incr", key: "a" }, { op: "set", key: "new", value: 1 }, failing],
    });
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ success: false, code, mutation: 2 });
    expect(await text(server, "a")).toBe("1");
    expect((await server.api("/kv/new?db=t")).status).toBe(404);
    const { body } = await server.json<{ resultSet: { n: number }[] }>(
      "/query?db=t&sql=SELECT+count(*)+AS+n+FROM+kv_store_history",
    );
    expect(body.resultSet).toEqual([{ n: 2 }]);
  });

  test("1,000 of them at once, each a transfer, neither make nor lose anything", async () => {
    await using server = await startTestServer();
    await put(server, "from", "1000");
    const transfer = {
      mutations: [
        { op: "decr", key: "from" },
        { op: "incr", key: "to" },
      ],
    };
    const answers = await Promise.all(Array.from({ length: 1000 }, () => atomic(server, transfer)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(await text(server, "from")).toBe("0");
    expect(await text(server, "to")).toBe("1000");
  });
});

describe("POST /kv/atomic: checks", () => {
  const change = [{ op: "set", key: "new", value: 1 }];

  test("that hold let the mutations happen", async () => {
    await using server = await startTestServer();
    const etag = await put(server, "a", "1");
    const { status } = await atomic(server, {
      checks: [
        { key: "a", etag },
        { key: "a", exists: true },
        { key: "none", etag: null },
        { key: "none", exists: false },
      ],
      mutations: change,
    });
    expect(status).toBe(200);
    expect(await text(server, "new")).toBe("1");
  });

  test("that do not are 409, all of them named, and nothing happens", async () => {
    await using server = await startTestServer();
    const etag = await put(server, "a", "1");
    const { status, body } = await atomic(server, {
      checks: [
        { key: "a", etag: '"zzz"' },
        { key: "a", etag },
        { key: "none", exists: true },
        { key: "a", exists: false },
      ],
      mutations: change,
    });
    expect(status).toBe(409);
    expect(body).toMatchObject({ success: false, code: "CONFLICT" });
    expect(body.failed).toEqual([
      { key: "a", current_etag: etag },
      { key: "none", current_etag: null },
      { key: "a", current_etag: etag },
    ]);
    expect((await server.api("/kv/new?db=t")).status).toBe(404);
  });

  test("take an expired key for absent", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t&ttl=1", { method: "PUT", body: "1" });
    server.clock.advance(1000);
    const answer = await atomic(server, {
      checks: [{ key: "a", exists: false }],
      mutations: change,
    });
    expect(answer.status).toBe(200);
  });

  test("let one of 50 competing callers through", async () => {
    await using server = await startTestServer();
    const etag = await put(server, "a", "0");
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, value) =>
        atomic(server, {
          checks: [{ key: "a", etag }],
          mutations: [{ op: "set", key: "a", value }],
        }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(49);
  });
});

describe("POST /kv/atomic: bad bodies", () => {
  const set = { op: "set", key: "a", value: 1 };
  test.each<[string, unknown, string]>([
    ["not JSON", "{", "body"],
    ["an array", [], "body"],
    ["no mutations", {}, "mutations"],
    ["101 mutations", { mutations: Array.from({ length: 101 }, () => set) }, "mutations"],
    [
      "101 checks",
      { checks: Array.from({ length: 101 }, () => ({ key: "a", exists: true })), mutations: [set] },
      "checks",
    ],
    ["a check of nothing", { checks: [{ key: "a" }], mutations: [set] }, "checks[0]"],
    [
      "a check of both",
      { checks: [{ key: "a", etag: null, exists: true }], mutations: [set] },
      "checks[0]",
    ],
    ["an unquoted tag", { checks: [{ key: "a", etag: "x" }], mutations: [set] }, "checks[0].etag"],
    ["a blank key", { mutations: [{ ...set, key: " " }] }, "mutations[0].key"],
    ["an unknown op", { mutations: [set, { op: "move", key: "a" }] }, "mutations[1].op"],
    ["no value", { mutations: [{ op: "push", key: "a" }] }, "mutations[0].value"],
    ["delta 0", { mutations: [{ op: "incr", key: "a", delta: 0 }] }, "mutations[0].delta"],
    ["delta 1.5", { mutations: [{ op: "incr", key: "a", delta: 1.5 }] }, "mutations[0].delta"],
    ["a negative ttl", { mutations: [{ ...set, ttl: -1 }] }, "mutations[0].ttl"],
    ["a path that is none", { mutations: [{ ...set, path: "a..b" }] }, "path"],
  ])("%s is 400 and named", async (_, body, parameter) => {
    await using server = await startTestServer();
    const answer = await atomic(server, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: "INVALID_PARAMETERS", parameter });
    expect((await server.api("/kv/a?db=t")).status).toBe(404);
  });

  test("100 mutations are not too many", async () => {
    await using server = await startTestServer();
    const body = { mutations: Array.from({ length: 100 }, () => ({ op: "incr", key: "n" })) };
    expect((await atomic(server, body)).status).toBe(200);
    expect(await text(server, "n")).toBe("100");
  });
});
