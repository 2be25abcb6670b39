import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { request as httpRequest } from "node:http";
import {
  API,
  run,
  spawnServer,
  startTestServer,
  TestFolder,
  type TestServer,
} from "./support/server.ts";

/** A server for the tests of a block; keys that are never written keep apart what they do. */
function shared(args: readonly string[] = [], empty = false): () => TestServer {
  let server: TestServer | undefined;
  beforeAll(async () => {
    server = await startTestServer({ args, empty });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  return () => {
    if (server === undefined) throw new Error("not started yet");
    return server;
  };
}

interface Health {
  memory: { rss: number; heap: number | null };
  counters: Record<string, number>;
  features: string[];
  fds: number | null;
}

interface Raw {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** A request whose Host, method and body framing are ours to choose; fetch decides them itself. */
function raw(
  server: TestServer,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: readonly string[] } = {},
): Promise<Raw> {
  const { hostname, port } = new URL(server.origin);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        hostname,
        port,
        path,
        method: options.method ?? "GET",
        headers: options.headers ?? {},
        agent: false,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
        response.on("error", reject);
      },
    );
    request.on("error", reject);
    for (const chunk of options.body ?? []) request.write(chunk);
    request.end();
  });
}

/** Bytes on a connection of their own, and everything that comes back until it is closed. */
async function bytes(server: TestServer, text: string, withinMs = 2000): Promise<string> {
  const { hostname, port } = new URL(server.origin);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let received = "";
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data: (_, chunk) => {
        received += chunk.toString();
      },
      close: () => resolve(received),
      error: (_, error) => reject(error),
    },
  });
  socket.write(text);
  const timer = setTimeout(() => reject(new Error(`hangs after: ${received}`)), withinMs);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.end();
  }
}

const MEMBERS = ["success", "status", "statusCode", "code", "error", "message"];

/** The one shape of every error: contracts/hoody.md section 3. */
function expectEnvelope(status: number, headers: Headers, body: Record<string, unknown>): void {
  expect(Object.keys(body).slice(0, MEMBERS.length)).toEqual(MEMBERS);
  expect(body["success"]).toBe(false);
  expect(body["status"]).toBe("error");
  expect(body["statusCode"]).toBe(status);
  expect(body["code"]).toMatch(/^[A-Z_]+$/);
  expect(body["error"]).toBeString();
  expect(body["error"]).not.toBe("");
  expect(body["message"]).toBe(body["error"] as string);
  expect(headers.get("content-type")).toBe("application/json");
  expect(headers.get("x-error-code")).toBe(body["code"] as string);
  expect(headers.get("x-hoody-error-code")).toBe(body["code"] as string);
}

describe("errors", () => {
  const running = shared();
  const post = (body: string): RequestInit => ({ method: "POST", body });

  test.each<[string, number, string, string, RequestInit]>([
    ["an unknown address", 404, "NOT_FOUND", "/nowhere", {}],
    ["the prefix itself", 404, "NOT_FOUND", "", {}],
    ["an unknown method", 405, "METHOD_NOT_ALLOWED", "/db?db=t", { method: "PATCH" }],
    ["no database", 400, "INVALID_PARAMETERS", "/kv/a", {}],
    ["a missing database", 400, "DATABASE_NOT_FOUND", "/kv/a?db=missing", {}],
    ["a bad database name", 400, "INVALID_DB_PATH", "/kv/a?db=a%2Fb", {}],
    ["a bad table name", 400, "INVALID_PARAMETERS", "/kv/a?db=t&table=a-b", {}],
    [
      "a bad flag",
      400,
      "INVALID_PARAMETERS",
      "/kv/a?db=t&history=maybe",
      { method: "PUT", body: "x" },
    ],
    ["a bad number", 400, "INVALID_PARAMETERS", "/kv?db=t&limit=many", {}],
    ["a malformed escape in the query", 400, "INVALID_PARAMETERS", "/kv/a?db=%zz", {}],
    ["a malformed escape in the name", 400, "INVALID_PARAMETERS", "/kv/a?db=t&%zz=1", {}],
    ["bytes that are no UTF-8 in the query", 400, "INVALID_PARAMETERS", "/kv/a?db=%ff", {}],
    ["a malformed escape in the key", 400, "INVALID_PARAMETERS", "/kv/%zz?db=t", {}],
    ["bytes that are no UTF-8 in the key", 400, "INVALID_PARAMETERS", "/kv/%ff?db=t", {}],
    ["an empty key", 400, "INVALID_PARAMETERS", "/kv/%20?db=t", { method: "PUT", body: "x" }],
    ["a bad ttl", 400, "INVALID_PARAMETERS", "/kv/a?db=t&ttl=soon", { method: "PUT", body: "x" }],
    ["a bad path", 400, "INVALID_PARAMETERS", "/kv/a?db=t&path=%5B", { method: "PUT", body: "1" }],
    ["a missing key to delete", 404, "KEY_NOT_FOUND", "/kv/none?db=t", { method: "DELETE" }],
    [
      "a wrong if_match",
      412,
      "PRECONDITION_FAILED",
      "/kv/a?db=t&if_match=no",
      { method: "PUT", body: "x" },
    ],
    ["no JSON for SQL", 400, "INVALID_PARAMETERS", "/db?db=t", post("{")],
    ["no body for SQL", 400, "INVALID_PARAMETERS", "/db?db=t", { method: "POST" }],
    ["wrong SQL", 400, "SQL_ERROR", "/db?db=t", post('{"transaction":[{"query":"SELEC"}]}')],
    ["no sql", 400, "INVALID_PARAMETERS", "/query?db=t", {}],
    ["a database that exists", 409, "DATABASE_EXISTS", "/db/create?path=t", { method: "POST" }],
  ])("%s: %d %s in the one envelope", async (_, status, code, url, init) => {
    const server = running();
    const response = await server.api(url, init);
    expect(response.status).toBe(status);
    const body = (await response.json()) as Record<string, unknown>;
    expect(body["code"]).toBe(code);
    expectEnvelope(status, response.headers, body);
  });

  test("a missing key is null with the error in headers; HEAD has no body", async () => {
    const server = running();
    const got = await server.api("/kv/none?db=t");
    expect([got.status, await got.text()]).toEqual([404, "null"]);
    expect(got.headers.get("content-type")).toBe("application/json");
    expect(got.headers.get("x-error-code")).toBe("KEY_NOT_FOUND");
    expect(got.headers.get("x-error-message")).toBe("Key not found");
    const head = await server.api("/kv/none?db=t", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([404, ""]);
    expect(head.headers.get("x-error-code")).toBe("KEY_NOT_FOUND");
  });

  test.each<[string, string, string[]]>([
    ["PATCH", "/db?db=t", ["DELETE", "POST"]],
    ["GET", "/db?db=t", ["DELETE", "POST"]],
    ["DELETE", "/query?db=t", ["GET", "HEAD"]],
    ["POST", "/query?db=t&sql=SELECT+1", ["GET", "HEAD"]],
    ["GET", "/db/create?path=x", ["POST"]],
    ["POST", "/health", ["GET", "HEAD"]],
    ["PUT", "/kv?db=t", ["DELETE", "GET", "HEAD"]],
    ["PATCH", "/kv/a?db=t", ["DELETE", "GET", "HEAD", "POST", "PUT"]],
    ["TRACE", "/health", ["GET", "HEAD"]],
  ])("%s %s is 405 with Allow", async (method, url, allow) => {
    const server = running();
    const response = await raw(server, `${API}${url}`, { method });
    expect(response.status).toBe(405);
    expect(String(response.headers["allow"]).split(", ").sort()).toEqual(allow);
    expect(JSON.parse(response.text)).toMatchObject({
      code: "METHOD_NOT_ALLOWED",
      statusCode: 405,
    });
  });

  test.each<[string, string]>([
    ["a method that HTTP does not know", `FOO ${API}/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`],
    ["no HTTP at all", "\x16\x03\x01 hello\r\n\r\n"],
    ["a request line without version", "GET /\r\n\r\n"],
    ["a header without colon", `GET ${API}/health HTTP/1.1\r\nHost: 127.0.0.1\r\nbroken\r\n\r\n`],
    [
      "two lengths",
      `PUT ${API}/kv/a?db=t HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx`,
    ],
    [
      "a negative length",
      `PUT ${API}/kv/a?db=t HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\nx`,
    ],
    [
      "a length and chunks",
      `PUT ${API}/kv/a?db=t HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      "a header of 300 kB",
      `GET ${API}/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${"x".repeat(300_000)}\r\n\r\n`,
    ],
  ])("%s: the connection ends at once, and the server goes on", async (_, text) => {
    const server = running();
    const answer = await bytes(server, text);
    expect(answer).not.toContain(" 200 ");
    expect(answer).not.toContain(" 500 ");
    expect((await server.api("/health")).status).toBe(200);
  });

  test("never show a stack, a path of the server or the words of the engine", async () => {
    const server = running();
    for (const url of ["/kv/a?db=missing", "/kv/a?db=a%2Fb", "/nowhere", "/query?db=t&sql=SELEC"]) {
      const text = await (await server.api(url)).text();
      expect(text).not.toContain(server.folder.path);
      expect(text).not.toMatch(/\bat .*\.ts|node_modules|SQLITE_|bun:/);
    }
  });
});

describe("request bodies", () => {
  const limit = 4096;
  const running = shared(["--max-body-bytes", String(limit)]);
  const routes = [["PUT", "/kv/a?db=t"] as const, ["POST", "/db?db=t"] as const];

  test.each(routes)("%s %s: at the limit accepted, one byte more is 413", async (method, url) => {
    const server = running();
    const filled = (length: number) => {
      const text = '{"transaction":[{"query":"SELECT 1"}],"x":""}';
      return text.replace('"x":""', `"x":"${"x".repeat(length - text.length)}"`);
    };
    for (const [length, status] of [
      [limit, 200],
      [limit + 1, 413],
    ] as const) {
      const body = filled(length);
      expect(body.length).toBe(length);
      const declared = await raw(server, API + url, {
        method,
        headers: { "content-length": String(length) },
        body: [body],
      });
      expect(declared.status).toBe(status);
      // Without a length, in chunks.
      const chunked = await raw(server, API + url, {
        method,
        headers: { "transfer-encoding": "chunked" },
        body: [body.slice(0, 1000), body.slice(1000, 4000), body.slice(4000)],
      });
      expect(chunked.status).toBe(status);
      if (status === 413)
        for (const { text } of [declared, chunked])
          expect(JSON.parse(text)).toMatchObject({ code: "PAYLOAD_TOO_LARGE", statusCode: 413 });
    }
  });

  test.each([1024 * 1024 + 3 * limit, 8 * 1024 * 1024])(
    "of %d bytes, far beyond the limit, are 413 in the envelope too",
    async (length) => {
      const server = running();
      const response = await raw(server, `${API}/kv/huge?db=t`, {
        method: "PUT",
        headers: { "content-length": String(length) },
        body: ["x".repeat(length)],
      });
      expect(response.status).toBe(413);
      expect(JSON.parse(response.text)).toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
      expect((await server.api("/kv/huge?db=t")).status).toBe(404);
    },
  );

  test("may be empty", async () => {
    const server = running();
    expect((await server.api("/kv/empty?db=t", { method: "PUT" })).status).toBe(200);
    expect(await (await server.api("/kv/empty?db=t")).text()).toBe("");
  });
});

describe("with a token", () => {
  const token = "s3cret-Tøken".normalize().replace("ø", "o");
  const running = shared(["--token", token], true);
  const bearer = (text: string) => ({ headers: { authorization: text } });

  test.each<[string, RequestInit, number]>([
    ["none", {}, 401],
    ["the right one", bearer(`Bearer ${token}`), 200],
    ["the right one, scheme in other letters", bearer(`bearer ${token}`), 200],
    ["a wrong one", bearer("Bearer wrong"), 401],
    ["the beginning of it", bearer(`Bearer ${token.slice(0, -1)}`), 401],
    ["more than it", bearer(`Bearer ${token}x`), 401],
    ["it in other letters", bearer(`Bearer ${token.toUpperCase()}`), 401],
    ["an empty one", bearer("Bearer "), 401],
    ["no scheme", bearer(token), 401],
    ["another scheme", bearer(`Basic ${btoa(`user:${token}`)}`), 401],
  ])("%s: %p", async (_, init, status) => {
    const server = running();
    const response = await server.api("/kv?db=none", init);
    // With access the answer is that there is no such database.
    expect(response.status).toBe(status === 200 ? 400 : 401);
    const text = await response.text();
    if (status === 401) {
      expect(response.headers.get("www-authenticate")).toContain("Bearer");
      expectEnvelope(401, response.headers, JSON.parse(text) as Record<string, unknown>);
    }
    expect(text).not.toContain(token);
  });

  test("in the query string it counts for nothing", async () => {
    const server = running();
    expect((await server.api(`/kv?db=t&token=${token}&access_token=${token}`)).status).toBe(401);
  });

  test("the page, /health and the description of the API are open, and nothing else", async () => {
    const server = running();
    expect((await fetch(`${server.origin}/`)).status).toBe(200);
    for (const open of ["/health", "/openapi.json", "/openapi.yaml"])
      expect((await server.api(open)).status).toBe(200);
    const closed = [
      "/health/cache",
      "/history?db=t",
      "/query?db=t&sql=x",
      "/kv/a?db=t",
      "/nowhere",
      "/health/",
      "/health/../kv",
    ];
    for (const url of closed)
      expect({ url, status: (await server.api(url)).status }).toEqual({ url, status: 401 });
    for (const method of ["PUT", "DELETE", "HEAD", "PATCH"])
      expect((await server.api("/kv/a?db=t", { method })).status).toBe(401);
    expect((await server.api("/kv/a/incr?db=t", { method: "POST" })).status).toBe(401);
    expect((await server.api("/db/create?path=t", { method: "POST" })).status).toBe(401);
    expect((await server.api("/db?db=t", { method: "POST", body: "{}" })).status).toBe(401);
  });

  test("any Host and Origin will do: a short name too", async () => {
    const server = running();
    for (const host of ["db", "db:3000", "example.com", "10.0.0.1:80"]) {
      const response = await raw(server, `${API}/kv/some/key?db=none`, {
        headers: { host, origin: "https://example.com", authorization: `Bearer ${token}` },
      });
      expect({ host, status: response.status, body: JSON.parse(response.text).code }).toEqual({
        host,
        status: 400,
        body: "DATABASE_NOT_FOUND",
      });
    }
  });
});

describe("without a token", () => {
  const running = shared();
  test.each([
    "localhost",
    "localhost:1234",
    "127.0.0.1",
    "127.0.0.1:3000",
    "127.9.8.7",
    "[::1]",
    "[::1]:3000",
    "LOCALHOST:80",
  ])("Host %s is this machine", async (host) => {
    const server = running();
    expect((await raw(server, `${API}/kv?db=t`, { headers: { host } })).status).toBe(200);
  });

  test.each([
    "example.com",
    "example.com:3000",
    "localhost.example.com",
    "127.0.0.1.example.com",
    "notlocalhost",
    "db",
    "192.168.0.1",
    "0.0.0.0",
    "127.0.0.1:80:80",
    "localhost:80@example.com",
  ])("Host %p is refused with 403 on every route", async (host) => {
    const server = running();
    for (const path of ["/", `${API}/health`, `${API}/kv?db=t`, `${API}/nowhere`]) {
      const response = await raw(server, path, { headers: { host } });
      expect({ path, status: response.status }).toEqual({ path, status: 403 });
      expect(JSON.parse(response.text)).toMatchObject({ code: "FORBIDDEN" });
    }
    const put = await raw(server, `${API}/kv/a?db=t`, {
      method: "PUT",
      headers: { host },
      body: ["x"],
    });
    expect(put.status).toBe(403);
    expect((await server.api("/kv/a?db=t")).status).toBe(404);
  });

  test.each<[string, string]>([
    ["an empty Host", `GET ${API}/kv?db=t HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n`],
    ["no Host", `GET ${API}/kv?db=t HTTP/1.1\r\nConnection: close\r\n\r\n`],
    [
      "an absolute request line",
      `GET http://example.com${API}/kv?db=t HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n`,
    ],
    [
      "two Hosts, the second one foreign",
      `GET ${API}/kv?db=t HTTP/1.1\r\nHost: localhost\r\nHost: example.com\r\nConnection: close\r\n\r\n`,
    ],
  ])("%s is refused", async (_, text) => {
    expect(await bytes(running(), text)).not.toContain(" 200 ");
  });

  test.each([
    "https://example.com",
    "http://localhost:1",
    "http://127.0.0.1",
    "null",
    "file://",
    "",
  ])("Origin %p is foreign: 403, nothing written, and no CORS header", async (origin) => {
    const server = running();
    for (const [method, url] of [
      ["PUT", "/kv/a?db=t"],
      ["POST", "/kv/a/incr?db=t"],
      ["GET", "/kv?db=t"],
      ["HEAD", "/kv/a?db=t"],
      ["OPTIONS", "/kv/a?db=t"],
    ] as const) {
      const response = await raw(server, API + url, { method, headers: { origin } });
      expect({ method, status: response.status }).toEqual({ method, status: 403 });
      expect(
        Object.keys(response.headers).filter((name) => name.startsWith("access-control")),
      ).toEqual([]);
    }
    expect((await server.api("/kv/a?db=t")).status).toBe(404);
  });

  test("the page's own Origin may write", async () => {
    const server = running();
    const put = await server.api("/kv/own?db=t", {
      method: "PUT",
      body: "x",
      headers: { origin: server.origin, "sec-fetch-site": "same-origin" },
    });
    expect(put.status).toBe(200);
  });

  test("Sec-Fetch-Site: cross-site may not write, but may be linked and framed", async () => {
    const server = running();
    const headers = { "sec-fetch-site": "cross-site" };
    for (const method of ["PUT", "DELETE", "POST"])
      expect((await server.api("/kv/a?db=t", { method, headers })).status).toBe(403);
    expect((await server.api("/kv?db=t", { headers })).status).toBe(200);
    for (const site of ["none", "same-origin", "same-site"])
      expect(
        (
          await server.api("/kv/site?db=t", {
            method: "PUT",
            body: "x",
            headers: { "sec-fetch-site": site },
          })
        ).status,
      ).toBe(200);
  });
});

describe("GET /health", () => {
  const running = shared();
  test("has the fields of the contract", async () => {
    const server = running();
    const { status, body } = await server.json("/health", { headers: { "user-agent": "tests/1" } });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: "ok",
      service: "chronolite",
      built: null,
      started: "2026-01-02T03:04:05.678Z",
      pid: process.pid,
      ip: "127.0.0.1",
      userAgent: "tests/1",
      cache: { size: 1, max_size: 100, directory_mode: { size: 0, max_size: 0, held: 0 } },
    });
    const { memory, counters, features, fds } = body as unknown as Health;
    expect(memory.rss).toBeGreaterThan(1_000_000);
    expect(memory.heap === null || memory.heap > 0).toBe(true);
    if (process.platform === "linux") expect(fds).toBeGreaterThan(3);
    expect(Object.values(counters).every((value) => typeof value === "number")).toBe(true);
    expect(features).toContain("retry_after");
    expect((await server.json("/health/cache")).body).toEqual(
      body["cache"] as Record<string, unknown>,
    );
  });

  test("counts commits", async () => {
    const server = running();
    const commits = async () =>
      (await server.json<{ counters: { plans: number } }>("/health")).body.counters.plans;
    const before = await commits();
    await server.api("/kv/a?db=t", { method: "PUT", body: "x" });
    expect(await commits()).toBe(before + 1);
  });
});

describe("GET /readme", () => {
  test("is the README, as text, with or without a token", async () => {
    await using server = await startTestServer({ args: ["--token", "secret"], empty: true });
    const response = await fetch(`${server.origin}/readme`);
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(await response.text()).toContain("## A minute with curl");
  });
});

describe("GET /openapi.json", () => {
  const running = shared();
  test("is OpenAPI 3 and lists every route", async () => {
    const server = running();
    const { status, body } = await server.json<{
      openapi: string;
      paths: Record<string, Record<string, { parameters?: { name: string }[]; responses: object }>>;
    }>("/openapi.json");
    expect(status).toBe(200);
    expect(body.openapi).toStartWith("3.");
    const listed = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(
        (method) =>
          `${method.toUpperCase()} ${path.replace(API, "").replace(/\{[^}]*\}|\*/, "KEY")}`,
      ),
    );
    for (const route of [
      "POST /db",
      "GET /query",
      "POST /db/create",
      "GET /kv",
      "GET /kv/KEY",
      "PUT /kv/KEY",
      "DELETE /kv/KEY",
      "GET /health",
      "GET /health/cache",
    ])
      expect(listed).toContain(route);
    expect(listed.some((route) => route.startsWith("POST /kv/KEY"))).toBe(true);
    for (const [path, methods] of Object.entries(body.paths))
      for (const [method, { responses }] of Object.entries(methods))
        expect({ path, method, responses: Object.keys(responses ?? {}).length > 0 }).toEqual({
          path,
          method,
          responses: true,
        });
  });
});

describe("GET /", () => {
  const running = shared();
  test("is a page in HTML, with a policy that lets it load nothing foreign", async () => {
    const server = running();
    const response = await fetch(`${server.origin}/`, { headers: { accept: "text/html,*/*" } });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    const text = await response.text();
    expect(text).toStartWith("<!doctype html>");
    expect(text).toContain("chronolite");
    expect(text).not.toMatch(/(src|href)="https?:\/\//);
    const nonce = /style-src 'self' 'nonce-([^']{22,})'/.exec(policy)?.[1];
    expect(text).toContain(`nonce="${nonce}"`);
    const again = await fetch(`${server.origin}/`, { headers: { accept: "text/html" } });
    expect(again.headers.get("content-security-policy")).not.toBe(policy);
  });

  test("names files that never change, and nothing else is served beside them", async () => {
    await using server = await startTestServer({ args: ["--token", "x"], empty: true });
    const page = await (
      await fetch(`${server.origin}/`, { headers: { accept: "text/html" } })
    ).text();
    const files = [...page.matchAll(/(?:src|href)="(\/ui\/[^"]+)"/g)].map(([, path]) => path);
    expect(files.length).toBeGreaterThanOrEqual(4);
    for (const path of files) {
      const response = await fetch(server.origin + path);
      expect(response.status).toBe(200);
      expect(path).toMatch(/-[a-z0-9]{8}\.(js|css|svg)$/);
      expect(response.headers.get("cache-control")).toContain("immutable");
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    }
    for (const path of ["index.html", "main.tsx", "..%2fserver%2fapp.ts", "constructor", ""])
      expect((await fetch(`${server.origin}/ui/${path}`)).status).toBe(404);
  }, 20_000);

  test("is a few words for programs that do not ask for HTML", async () => {
    const server = running();
    for (const accept of ["*/*", "application/json"]) {
      const response = await fetch(`${server.origin}/`, { headers: { accept } });
      expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(response.headers.get("vary")).toBe("accept");
      expect(await response.text()).toContain(`curl '${server.origin}${API}/kv/hello?db=notes'`);
    }
  });

  test("a Host made of markup cannot write into it", async () => {
    await using server = await startTestServer({ args: ["--token", "x"], empty: true });
    const { text } = await raw(server, "/", { headers: { host: 'a"><script>alert(1)</script>' } });
    expect(text).not.toContain("<script>alert(1)");
  });
});

describe("security headers", () => {
  const running = shared();
  test("a value that says it is HTML cannot act as a page of this origin", async () => {
    const server = running();
    await server.api("/kv/page?db=t", {
      method: "PUT",
      headers: { "content-type": "text/html" },
      body: "<script>fetch('/api/v1/sqlite/kv/a?db=t',{method:'DELETE'})</script>",
    });
    const response = await server.api("/kv/page?db=t");
    const type = response.headers.get("content-type") ?? "";
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(!/html/.test(type) || /sandbox/.test(policy)).toBe(true);
  });

  test.each(["/kv/a?db=t", "/query?db=t&sql=SELECT+1", "/nowhere", "/health"])(
    "X-Content-Type-Options: nosniff on %s",
    async (url) => {
      const server = running();
      await server.api("/kv/a?db=t", { method: "PUT", body: "<script>1</script>" });
      expect((await server.api(url)).headers.get("x-content-type-options")).toBe("nosniff");
    },
  );
});

describe("a second server", () => {
  test("on the same port does not start: exit 1 and one line that says so", async () => {
    using folder = new TestFolder();
    await using first = await spawnServer(folder);
    const { port } = new URL(first.origin);
    const second = await run(["--port", port, "--data-dir", folder.path]);
    expect(second.exitCode).toBe(1);
    expect(second.stdout).toBe("");
    expect(second.stderr).toMatch(/^chronolite: .*port.*in use.*--port\n$/);
    expect((await first.api("/health")).status).toBe(200);
  }, 15_000);
});
