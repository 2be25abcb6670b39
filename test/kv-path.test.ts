import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { API, startTestServer, type TestServer } from "./support/server.ts";

interface Answer {
  key?: string;
  code?: string;
  parameter?: string;
}

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const put = (path: string, body = "v") =>
  server.json<Answer>(`${path}?db=t`, { method: "PUT", body });
const get = (path: string) => server.api(`${path}?db=t`);

/** The keys of a database. */
async function keys(db = "t"): Promise<string[]> {
  const { body } = await server.json<{ keys: string[] }>(`/kv?db=${db}&limit=1000`);
  return body.keys;
}

describe("/kv/{key}: which key a path means", () => {
  test.each<[string, string]>([
    ["/kv/users%2Falice", "users/alice"],
    ["/kv/users/alice", "users/alice"],
    ["/kv/k%2Fhistory", "k/history"],
    ["/kv/batch%2Fget", "batch/get"],
    ["/kv/a%20b%2F%C3%BC%3F%23%252F%2B%26", "a b/ü?#%2F+&"],
    ["/kv/a%2F..%2Fb", "a/../b"],
    ["/kv/a+b", "a+b"],
    ["/kv/a:b;c,d=e@f!$'()*", "a:b;c,d=e@f!$'()*"],
    ["/kv/%2e%2Ex", "..x"],
    ["/kv/%252F", "%2F"],
    ["/kv/%25zz", "%zz"],
    ["/kv/a//b", "a//b"],
    ["/kv//a", "/a"],
    ["/kv/a/", "a/"],
    ["/kv/a%2F", "a/"],
    ["/kv/%2F", "/"],
    ["/kv/%20a%20", " a "],
    ["/kv/%0A%09x", "\n\tx"],
    ["/kv/%F0%9D%84%9E", "𝄞"],
    ["/kv/%EF%BB%BFa", "\ufeffa"],
    ["/kv/e%CC%81", "e\u0301"],
    ["/kv/kv/x", "kv/x"],
    ["/kv/api/v1/sqlite/kv/x", "api/v1/sqlite/kv/x"],
  ])("%s is the key %p for every method", async (path, key) => {
    expect(await put(path, `of ${key}`)).toMatchObject({ status: 200, body: { key } });
    const got = await get(path);
    expect({ status: got.status, text: await got.text() }).toEqual({
      status: 200,
      text: `of ${key}`,
    });
    const encoded = await get(`/kv/${encodeURIComponent(key)}`);
    expect(await encoded.text()).toBe(`of ${key}`);
    expect((await server.api(`${path}?db=t`, { method: "HEAD" })).status).toBe(200);
    expect(await keys()).toContain(key);
    const deleted = await server.json<Answer>(`${path}?db=t`, { method: "DELETE" });
    expect(deleted).toMatchObject({ status: 200, body: { key } });
    expect(await keys()).not.toContain(key);
  });

  test("two spellings that differ once decoded are two keys", async () => {
    await put("/kv/n%C3%A9", "composed");
    await put("/kv/ne%CC%81", "decomposed");
    expect(await (await get("/kv/né")).text()).toBe("composed");
    expect(await (await get("/kv/ne%CC%81")).text()).toBe("decomposed");
  });

  test.each(["/kv/.", "/kv/", "/kv/%2e"])(
    "%s names no key: 400 for GET, HEAD, PUT, DELETE",
    async (path) => {
      for (const method of ["GET", "HEAD", "PUT", "DELETE"])
        expect((await server.api(`${path}?db=t`, { method })).status).toBe(400);
    },
  );

  test("/kv/.. leaves the key-value routes: 404", async () => {
    expect((await get("/kv/..")).status).toBe(404);
    expect((await put("/kv/..")).status).toBe(404);
  });

  test("a slash at the end of the list's path is no list", async () => {
    expect((await get("/kv/")).status).toBe(400);
    expect((await get("/kv")).status).toBe(200);
  });
});

describe("/kv/{key}: verbs and keys", () => {
  const verbs = [
    "history",
    "snapshot",
    "entry",
    "incr",
    "decr",
    "push",
    "pop",
    "remove",
    "rollback",
  ];

  test.each(verbs)("PUT, HEAD and DELETE of k/%s are the key", async (verb) => {
    const path = `/kv/k/${verb}`;
    expect(await put(path, "own")).toMatchObject({ status: 200, body: { key: `k/${verb}` } });
    expect((await server.api(`${path}?db=t`, { method: "HEAD" })).status).toBe(200);
    expect(await (await get(`/kv/k%2F${verb}`)).text()).toBe("own");
    expect(await server.json<Answer>(`${path}?db=t`, { method: "DELETE" })).toMatchObject({
      body: { key: `k/${verb}` },
    });
  });

  test.each(["history", "snapshot", "entry"])(
    "GET k/%s is not the key; GET k%%2F%s is",
    async (verb) => {
      await put(`/kv/k/${verb}`, "the key's value");
      expect(await (await get(`/kv/k/${verb}`)).text()).not.toBe("the key's value");
      expect(await (await get(`/kv/k%2F${verb}`)).text()).toBe("the key's value");
    },
  );

  test.each(["incr", "decr", "push", "pop", "remove", "rollback", "diff"])(
    "GET k/%s is the key: it is no verb of GET",
    async (verb) => {
      await put(`/kv/k/${verb}`, "the key's value");
      expect(await (await get(`/kv/k/${verb}`)).text()).toBe("the key's value");
    },
  );

  test.each(["diff", "moments", "snapshot", "rollback", "batch", "batch/get", "history", "incr"])(
    "PUT and DELETE of %s alone are the key",
    async (key) => {
      expect(await put(`/kv/${key}`, "own")).toMatchObject({ status: 200, body: { key } });
      expect(await keys()).toContain(key);
      expect((await server.api(`/kv/${key}?db=t`, { method: "DELETE" })).status).toBe(200);
    },
  );

  test.each(["diff", "moments", "snapshot"])(
    "GET %s is the table's route, never the key",
    async (key) => {
      await put(`/kv/${key}`, "own");
      expect(await (await get(`/kv/${key}`)).text()).not.toBe("own");
      const encoded = `%${key.charCodeAt(0).toString(16)}${key.slice(1)}`;
      expect(await (await get(`/kv/${encoded}`)).text()).toBe("own");
    },
  );

  test("GET history alone is a key: a verb needs a key before it", async () => {
    await put("/kv/history", "own");
    expect(await (await get("/kv/history")).text()).toBe("own");
    expect((await get("/kv/%68istory")).status).toBe(200);
  });

  test("an encoded letter makes a verb a part of the key", async () => {
    await put("/kv/k/%68istory", "own");
    expect(await (await get("/kv/k/%68istory")).text()).toBe("own");
  });

  test.each([
    ["/kv/cnt/incr", "cnt"],
    ["/kv/a%2Fb/incr", "a/b"],
    ["/kv/a/b/incr", "a/b"],
    ["/kv/c//incr", "c/"],
    ["/kv/batch/incr", "batch"],
    ["/kv/incr/incr", "incr"],
    ["/kv/z%2Fincr/incr", "z/incr"],
  ])("POST %s counts at the key %p", async (path, key) => {
    const sum = await server.json<Answer>(`${path}?db=t`, { method: "POST" });
    expect(sum).toMatchObject({ status: 200, body: { key, value: 1 } as Answer });
    await server.api(`/kv/${encodeURIComponent(key)}?db=t`, { method: "DELETE" });
  });

  test.each(["/kv/k", "/kv/incr", "/kv//incr", "/kv/k%2Fincr", "/kv/k/INCR", "/kv/k/incr/"])(
    "POST %s has no verb: 405 with Allow, and nothing is written",
    async (path) => {
      const before = await keys();
      const response = await server.api(`${path}?db=t`, { method: "POST", body: "{}" });
      expect(response.status).toBe(405);
      expect(response.headers.get("allow")).toContain("PUT");
      expect(response.headers.get("allow")).not.toContain("POST");
      expect(await keys()).toEqual(before);
    },
  );

  test("POST batch%2Fget is no batch, and no verb", async () => {
    expect((await server.api("/kv/batch%2Fget?db=t", { method: "POST" })).status).toBe(405);
  });

  test("PATCH is 405", async () => {
    expect((await server.api("/kv/k?db=t", { method: "PATCH", body: "1" })).status).toBe(405);
  });
});

describe("/kv/{key}: keys that cannot be", () => {
  test.each([
    ["%zz", "malformed"],
    ["%", "malformed"],
    ["a%2", "malformed"],
    ["ok/%E0%A4", "cut-off UTF-8"],
    ["%FF", "not UTF-8"],
    ["%C0%80", "an overlong NUL"],
    ["%ED%A0%80", "a surrogate"],
    ["%00", "NUL"],
    ["a%00b", "NUL within"],
    ["%20", "blank"],
    ["%09%0A%20", "blank of several kinds"],
    ["%C2%A0%E3%80%80", "blank beyond ASCII"],
  ])("%s (%s) is 400 that names key, for every method, and writes nothing", async (segment) => {
    const before = await keys();
    for (const method of ["GET", "PUT", "DELETE"])
      expect(
        await server.json<Answer>(`/kv/${segment}?db=t`, { method }).catch(String),
      ).toMatchObject({
        status: 400,
        body: { code: "INVALID_PARAMETERS", parameter: "key" },
      });
    expect((await server.api(`/kv/${segment}?db=t`, { method: "HEAD" })).status).toBe(400);
    expect((await server.api(`/kv/${segment}/incr?db=t`, { method: "POST" })).status).toBe(400);
    expect(await keys()).toEqual(before);
  });

  test.each([
    ["ASCII", "k".repeat(2048)],
    ["two bytes each", "é".repeat(1024)],
    ["four bytes each", "𝄞".repeat(512)],
    ["slashes", "/".repeat(2048)],
  ])("2,048 bytes are a key, 2,049 are not: %s", async (_, key) => {
    const path = (text: string) => `/kv/${encodeURIComponent(text)}`;
    expect(await put(path(key))).toMatchObject({ status: 200, body: { key } });
    expect(await (await get(path(key))).text()).toBe("v");
    expect(await put(path(`${key}k`))).toMatchObject({
      status: 400,
      body: { code: "INVALID_PARAMETERS", parameter: "key" },
    });
    expect((await get(path(`${key}k`))).status).toBe(400);
    await server.api(`${path(key)}?db=t`, { method: "DELETE" });
  });
});

describe("HEAD", () => {
  test("of a list whose prefix looks like this API's paths is still the list", async () => {
    const url = `${server.origin}${API}/kv?db=t&prefix=${API}/kv/x`;
    const got = await fetch(url);
    const head = await fetch(url, { method: "HEAD" });
    expect(head.status).toBe(got.status);
    expect(head.headers.get("content-type")).toBe(got.headers.get("content-type"));
  });

  test("of any other path with the API's in its query is 404", async () => {
    await put("/kv/x");
    const url = `${server.origin}/elsewhere?db=t&from=${API}/kv/x`;
    expect((await fetch(url, { method: "HEAD" })).status).toBe(404);
  });
});
