/** What is between clients and server: origins, proxies, TLS, logs. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { asRoot, makeToken, ROOT_TOKEN, withToken } from "./support/access.ts";
import {
  API,
  run,
  spawnServer,
  startTestServer,
  TestFolder,
  type TestServer,
} from "./support/server.ts";

const PAGE = "https://app.example.com";

/** A request whose Host and Origin are ours to choose. */
function raw(server: TestServer, path: string, method: string, headers: Record<string, string>) {
  const { hostname, port } = new URL(server.origin);
  return new Promise<{ status: number; headers: Record<string, unknown> }>((resolve, reject) => {
    httpRequest({ hostname, port, path: API + path, method, headers, agent: false }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
    })
      .on("error", reject)
      .end();
  });
}

const corsHeaders = (headers: Headers | Record<string, unknown>) =>
  [...(headers instanceof Headers ? headers.keys() : Object.keys(headers))].filter((name) =>
    name.startsWith("access-control"),
  );

describe("--cors-origin", () => {
  const preflight = { origin: PAGE, "access-control-request-method": "PUT" };

  test("answers preflights of that origin, and lets its pages read every answer", async () => {
    await using server = await startTestServer({
      args: [
        "--token",
        ROOT_TOKEN,
        "--cors-origin",
        PAGE,
        "--cors-origin",
        "http://localhost:5173",
      ],
      empty: true,
    });
    for (const origin of [PAGE, "http://localhost:5173"]) {
      const response = await server.api("/kv/a?db=t", {
        method: "OPTIONS",
        headers: { ...preflight, origin, "access-control-request-private-network": "true" },
      });
      expect(response.status).toBe(204);
      expect(response.headers.get("access-control-allow-origin")).toBe(origin);
      for (const method of ["GET", "HEAD", "PUT", "POST", "DELETE"])
        expect(response.headers.get("access-control-allow-methods")).toContain(method);
      for (const name of [
        "authorization",
        "content-type",
        "if-match",
        "if-none-match",
        "x-actor",
        "chronolite-source",
      ])
        expect(response.headers.get("access-control-allow-headers")).toContain(name);
      expect(response.headers.get("access-control-allow-private-network")).toBe("true");
      expect(response.headers.get("vary")).toContain("Origin");
    }
    await server.api("/db/create?path=t", asRoot({ method: "POST" }));
    const { token } = await makeToken(server, { databases: "t", level: "write" });
    const wrongToken = withToken("wrong");
    for (const [path, init, status] of [
      ["/kv/a?db=t", withToken(token, { method: "PUT", body: "1" }), 200],
      ["/kv/a?db=t", asRoot(), 200],
      ["/kv/a?db=t", asRoot({ method: "HEAD" }), 200],
      ["/kv/b?db=t", asRoot(), 404],
      ["/query?db=t&sql=select+1&format=csv", asRoot(), 200],
      ["/query?db=t&sql=selec", asRoot(), 400],
      ["/nowhere", asRoot(), 404],
      ["/health", {}, 200],
      ["/kv/a?db=t", {}, 401],
      ["/kv/a?db=t", wrongToken, 401],
      ["/kv/a?db=other", withToken(token), 403],
    ] as const) {
      const headers = new Headers(init.headers);
      headers.set("origin", PAGE);
      const response = await server.api(path, { ...init, headers });
      expect({ path, status: response.status }).toEqual({ path, status });
      expect(response.headers.get("access-control-allow-origin")).toBe(PAGE);
      expect(response.headers.get("access-control-expose-headers")).toContain("etag");
      expect(response.headers.get("vary")).toContain("Origin");
      expect(response.headers.get("access-control-allow-credentials")).toBeNull();
    }
  });

  test("lets no other origin read", async () => {
    await using server = await startTestServer({
      args: ["--token", ROOT_TOKEN, "--cors-origin", PAGE],
      empty: true,
    });
    for (const origin of [
      "https://example.com",
      `${PAGE}:444`,
      "http://app.example.com",
      "null",
      `${PAGE}.evil.com`,
    ]) {
      const headers = { origin };
      const response = await server.api("/health", { headers });
      expect({ origin, cors: corsHeaders(response.headers) }).toEqual({ origin, cors: [] });
      const options = await server.api("/kv/a?db=t", {
        method: "OPTIONS",
        headers: { ...preflight, origin },
      });
      expect(options.status).toBe(401);
      expect(corsHeaders(options.headers)).toEqual([]);
    }
  });

  test("without a token: that origin may call, others may not, nor any Host but this machine", async () => {
    await using server = await startTestServer({ args: ["--cors-origin", PAGE] });
    const host = new URL(server.origin).host;
    const put = (headers: Record<string, string>) =>
      raw(server, "/kv/a?db=t", "PUT", { host, ...headers });
    expect((await put({ origin: PAGE, "sec-fetch-site": "cross-site" })).status).toBe(200);
    expect((await put({ origin: "https://example.com" })).status).toBe(403);
    expect((await put({ origin: PAGE, host: "app.example.com" })).status).toBe(403);
    expect(
      (await put({ origin: "http://rebound.example.com", host: "rebound.example.com" })).status,
    ).toBe(403);
    const options = await raw(server, "/kv/a?db=t", "OPTIONS", { host, ...preflight });
    expect(options.status).toBe(204);
  });

  test("* is for servers with a token, and names every origin", async () => {
    await using server = await startTestServer({
      args: ["--token", ROOT_TOKEN, "--cors-origin", "*"],
      empty: true,
    });
    const response = await server.api("/health", { headers: { origin: "https://any.example" } });
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    using folder = new TestFolder();
    const refused = await run(["--cors-origin", "*", "--data-dir", folder.path]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("--cors-origin");
  });
});

describe("pages of others, without a token", () => {
  test("may link here; frames, images and scripts of theirs are refused", async () => {
    await using server = await startTestServer();
    const get = async (headers: Record<string, string>) =>
      (await server.api("/kv?db=t", { headers: { "sec-fetch-site": "cross-site", ...headers } }))
        .status;
    expect(await get({ "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" })).toBe(200);
    for (const dest of [
      "iframe",
      "frame",
      "embed",
      "object",
      "image",
      "script",
      "style",
      "video",
      "empty",
    ])
      expect({ dest, status: await get({ "sec-fetch-dest": dest }) }).toEqual({
        dest,
        status: 403,
      });
  });
});

describe("addresses of clients", () => {
  const recorded = async (args: string[], headers: Record<string, string>) => {
    await using server = await startTestServer({ args: ["--record-client-address", ...args] });
    await server.api("/kv/a?db=t", { method: "PUT", body: "1", headers });
    const sql = encodeURIComponent("select client_address from kv_store_history");
    const { body } = await server.json<{ resultSet: { client_address: string }[] }>(
      `/query?db=t&sql=${sql}`,
    );
    return body.resultSet[0]?.client_address;
  };

  test("are not recorded unless asked for", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t", { method: "PUT", body: "1" });
    const { body } = await server.json<{ operations: { client_address?: string }[] }>(
      "/kv/a/history?db=t",
    );
    expect(JSON.stringify(body)).not.toContain("127.0.0.1");
  });

  const forwarded = "x-forwarded-for";
  const proxy = ["--trust-proxy", "127.0.0.1"];
  test.each<[string, string[], Record<string, string>, string]>([
    ["the connection's", [], {}, "127.0.0.1"],
    ["without trust a header counts for nothing", [], { [forwarded]: "192.0.2.1" }, "127.0.0.1"],
    ["what a trusted proxy says", proxy, { [forwarded]: "192.0.2.1" }, "192.0.2.1"],
    [
      "what it says, not what its client says",
      proxy,
      { [forwarded]: "10.0.0.1, 192.0.2.1" },
      "192.0.2.1",
    ],
    [
      "through a chain of trusted ones",
      [...proxy, "--trust-proxy", "10.0.0.0/8"],
      { [forwarded]: "198.51.100.7, 192.0.2.1, 10.1.2.3" },
      "192.0.2.1",
    ],
    [
      "a number of hops",
      ["--trust-proxy", "2"],
      { [forwarded]: "198.51.100.7, 192.0.2.1, 10.1.2.3" },
      "192.0.2.1",
    ],
    ["one hop", ["--trust-proxy", "1"], { [forwarded]: "198.51.100.7, 192.0.2.1" }, "192.0.2.1"],
    [
      "another proxy is not trusted",
      ["--trust-proxy", "10.0.0.0/8"],
      { [forwarded]: "192.0.2.1" },
      "127.0.0.1",
    ],
    [
      "rubbish from a proxy ends the chain",
      proxy,
      { [forwarded]: "192.0.2.1, unknown" },
      "127.0.0.1",
    ],
    ["IPv6 with a port", proxy, { [forwarded]: "[2001:DB8::1]:4711" }, "2001:db8::1"],
    ["IPv4 in IPv6", proxy, { [forwarded]: "::ffff:192.0.2.9" }, "192.0.2.9"],
    ["the other header does not count", proxy, { forwarded: "for=192.0.2.1" }, "127.0.0.1"],
    [
      "Forwarded, when told",
      [...proxy, "--forwarded-header", "forwarded"],
      { forwarded: 'for=198.51.100.7, For="[2001:db8::2]:80";proto=https' },
      "2001:db8::2",
    ],
    [
      "and then not the other",
      [...proxy, "--forwarded-header", "forwarded"],
      { [forwarded]: "192.0.2.1" },
      "127.0.0.1",
    ],
  ])("%s", async (_, args, headers, expected) => {
    expect(await recorded(args, headers)).toBe(expected);
  });

  test("a share link has the address that clients know", async () => {
    const url = async (args: string[]) => {
      await using server = await startTestServer({ args });
      const { body } = await server.json<{ url: string }>("/share?db=t", {
        method: "POST",
        body: '{"sql":"select 1"}',
        headers: { "x-forwarded-proto": "https", "x-forwarded-host": "db.example.com" },
      });
      return new URL(body.url).origin;
    };
    expect(await url(["--trust-proxy", "127.0.0.1"])).toBe("https://db.example.com");
    expect(await url([])).toStartWith("http://127.0.0.1:");
  });
});

describe("settings of the network", () => {
  test.each<[string[], string]>([
    [["--cors-origin", "example.com"], "--cors-origin"],
    [["--cors-origin", "https://example.com/"], "--cors-origin"],
    [["--cors-origin", "https://example.com/page"], "--cors-origin"],
    [["--trust-proxy", "10.0.0.0/33"], "--trust-proxy"],
    [["--trust-proxy", "everyone"], "--trust-proxy"],
    [["--trust-proxy", "0"], "--trust-proxy"],
    [["--trust-proxy", "1", "--trust-proxy", "10.0.0.1"], "--trust-proxy"],
    [["--tls-cert", "cert.pem"], "--tls-key"],
    [["--tls-key", "key.pem"], "--tls-cert"],
    [["--token-secret", "x".repeat(31)], "--token-secret"],
  ])("%p: exit 2 and one line that names it", async (args, named) => {
    using folder = new TestFolder();
    const { exitCode, stderr } = await run([...args, "--data-dir", folder.path]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(named);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("--tls-cert and --tls-key", () => {
  const withOpenssl = test.skipIf(Bun.which("openssl") === null);
  withOpenssl("serve HTTPS", async () => {
    using folder = new TestFolder();
    const [cert, key] = [folder.file("cert.pem"), folder.file("key.pem")];
    const made = Bun.spawnSync(
      [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
      ].concat(["-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"]),
    );
    expect(made.exitCode).toBe(0);
    await using server = await startTestServer({
      args: ["--tls-cert", cert, "--tls-key", key],
      empty: true,
    });
    expect(server.origin).toStartWith("https://");
    const tls = { ca: await Bun.file(cert).text(), checkServerIdentity: () => undefined };
    const get = (headers: Record<string, string>) =>
      fetch(`${server.origin}${API}/health`, { headers, tls } as RequestInit);
    expect((await get({})).status).toBe(200);
    expect((await get({ origin: server.origin })).status).toBe(200);
    expect((await get({ origin: server.origin.replace("https", "http") })).status).toBe(403);
    await expect(fetch(server.origin.replace("https", "http"))).rejects.toThrow();
  });

  test("that cannot be read are an error that names them", async () => {
    using folder = new TestFolder();
    const nowhere = folder.file("none.pem");
    const { exitCode, stderr } = await run([
      "--tls-cert",
      nowhere,
      "--tls-key",
      nowhere,
      "--data-dir",
      folder.path,
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`--tls-cert ${nowhere}`);
  });
});

/** A database whose schema is whole and whose rows are not. */
function damage(path: string): void {
  {
    using database = new Database(path, { create: true });
    database.run("create table a (b)");
    database.run(
      "with n(i) as (select 1 union all select i + 1 from n where i < 100) insert into a select randomblob(1000) from n",
    );
  }
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill("x", 4096));
}

describe("the log", () => {
  test("holds no token, value, parameter, key or SQL of any request", async () => {
    using folder = new TestFolder();
    damage(folder.file("damaged.db"));
    const SECRET = "Secret0f-the-Request";
    const secrets = [ROOT_TOKEN, SECRET];
    let printed = "";
    {
      await using server = await spawnServer(folder, { args: ["--token", ROOT_TOKEN] });
      await server.api("/db/create?path=t", asRoot({ method: "POST" }));
      const made = await server.api(
        "/tokens",
        asRoot({ method: "POST", body: '{"name":"n","databases":"**","level":"write"}' }),
      );
      const { token } = (await made.json()) as { token: string };
      secrets.push(token);
      const shared = await server.api(
        "/share?db=t",
        asRoot({ method: "POST", body: JSON.stringify({ sql: `select '${SECRET}'` }) }),
      );
      const { url } = (await shared.json()) as { url: string };
      secrets.push(url.slice(url.lastIndexOf("/") + 1));
      const body = JSON.stringify({
        transaction: [{ query: `select '${SECRET}', ?, nope(`, values: [SECRET] }],
      });
      const requests: [string, RequestInit][] = [
        ["/kv/a?db=t", withToken(SECRET)],
        [`/kv/a?db=t&token=${ROOT_TOKEN}`, {}],
        [`/kv/${SECRET}?db=t`, asRoot({ method: "PUT", body: SECRET })],
        [`/kv/${SECRET}/push?db=t`, withToken(token, { method: "POST", body: SECRET })],
        [`/kv/${SECRET}?db=damaged`, asRoot()],
        [`/kv/${SECRET}?db=damaged`, withToken(token, { method: "PUT", body: SECRET })],
        [`/query?db=damaged&sql=select+'${SECRET}',+b+from+a`, asRoot()],
        ["/db?db=t", asRoot({ method: "POST", body })],
        ["/db?db=damaged", asRoot({ method: "POST", body })],
        [`/query?db=t&sql=select+?+from+nope&values=["${SECRET}"]`, withToken(token)],
        [`/shared/${SECRET}`, {}],
        [`/${SECRET}`, asRoot({ headers: { "x-actor": SECRET, cookie: SECRET } })],
      ];
      for (const [path, init] of requests) await (await server.api(path, init)).text();
      expect((await fetch(url.replace(/:\d+/, `:${new URL(server.origin).port}`))).status).toBe(
        200,
      );
      server.process.kill("SIGTERM");
      printed = await new Response(server.process.stderr).text();
    }
    // Something was logged, so that there was something to leak.
    expect(printed).toContain('"event":"request_failed"');
    for (const secret of secrets) expect(printed).not.toContain(secret);
  });
});
