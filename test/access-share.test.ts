/** Share links: anyone may open them, and they do one thing only. */
import { describe, expect, test } from "bun:test";
import { request as httpRequest } from "node:http";
import { asRoot, makeToken, ROOT_TOKEN, sharedServer, withToken } from "./support/access.ts";
import { API, startTestServer, type TestServer } from "./support/server.ts";

const start = (...args: string[]) =>
  startTestServer({ args: ["--token", ROOT_TOKEN, ...args], empty: true });

interface Shared {
  id: string;
  url: string;
  expires_at: number;
}

async function prepare(server: TestServer): Promise<void> {
  await server.api("/db/create?path=t", asRoot({ method: "POST" }));
  const transaction = [
    { statement: "create table a (n, s)" },
    { statement: "insert into a values (1, 'one'), (2, 'two')" },
    { statement: "create table b (n)" },
  ];
  await server.api("/db?db=t", asRoot({ method: "POST", body: JSON.stringify({ transaction }) }));
}

async function share(server: TestServer, body: object, token: string | null = ROOT_TOKEN) {
  return server.json<Shared & { parameter?: string; code?: string }>(
    "/share?db=t",
    withToken(token, { method: "POST", body: JSON.stringify(body) }),
  );
}

describe("POST /share", () => {
  const running = sharedServer(prepare);

  test("makes a link that anyone may open, from wherever, in a frame", async () => {
    await using server = await start();
    await prepare(server);
    const made = await share(server, {
      sql: "select * from a where n = :n",
      values: { n: 2 },
      expires_in: 60,
    });
    expect(made.status).toBe(201);
    const { id, url, expires_at } = made.body;
    expect(id).toBeString();
    expect(url).toStartWith(`${server.origin}${API}/shared/`);
    expect(expires_at).toBe(Math.floor(server.clock.nowMs() / 1000) + 60);
    for (const headers of [
      {},
      { origin: "https://example.com", "sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe" },
    ]) {
      const response = await fetch(made.body.url, { headers });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ resultSet: [{ n: 2, s: "two" }] });
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
      expect(response.headers.get("x-frame-options")).toBeNull();
      expect(response.headers.get("content-security-policy") ?? "").not.toContain(
        "frame-ancestors",
      );
    }
  });

  test("without a token configured too, whatever the Host and the Origin", async () => {
    await using server = await startTestServer();
    const made = await share(server, { sql: "select 1 as one" }, null);
    const { pathname, port } = new URL(made.body.url);
    const status = await new Promise((resolve, reject) => {
      httpRequest(
        {
          host: "127.0.0.1",
          port,
          path: pathname,
          headers: {
            host: "db.example.com",
            origin: "https://example.com",
            "sec-fetch-site": "cross-site",
          },
        },
        (response) => resolve(response.statusCode),
      )
        .on("error", reject)
        .end();
    });
    expect(status).toBe(200);
  });

  test("values keep their digits, and are bound: they are no SQL", async () => {
    await using server = await start();
    await prepare(server);
    const response = await server.api(
      "/share?db=t",
      asRoot({
        method: "POST",
        body: '{"sql":"select ? as n, ? as s","values":[9007199254740993,"\'; drop table a"]}',
      }),
    );
    const { url } = (await response.json()) as Shared;
    expect(await (await fetch(url)).text()).toContain(
      `[{"n":9007199254740993,"s":"'; drop table a"}]`,
    );
    expect(await (await server.api("/share?db=t", asRoot())).text()).toContain(
      "[9007199254740993,",
    );
  });

  test.each<[string, object, string | undefined, number]>([
    ["no SQL", {}, "sql", 400],
    ["SQL that does not compile", { sql: "selec 1" }, undefined, 400],
    ["SQL that writes", { sql: "delete from a" }, "sql", 400],
    [
      "SQL that writes in a WITH",
      { sql: "with x as (select 1) insert into b select * from x" },
      "sql",
      400,
    ],
    ["two statements", { sql: "select 1; select 2" }, "sql", 400],
    ["a missing value", { sql: "select ?" }, undefined, 400],
    ["a value too many", { sql: "select 1", values: [1] }, undefined, 400],
    ["values that are none", { sql: "select ?", values: "x" }, undefined, 400],
    ["an unknown format", { sql: "select 1", format: "pdf" }, "format", 400],
    ["no time", { sql: "select 1", expires_in: 0 }, "expires_in", 400],
    ["too much SQL", { sql: `select '${"x".repeat(100_000)}'` }, "sql", 400],
  ])("%s: 400, and no link", async (_, body, parameter, status) => {
    const server = running();
    const answer = await share(server, body);
    expect(answer.status).toBe(status);
    if (parameter !== undefined) expect(answer.body.parameter).toBe(parameter);
    expect((await server.json("/share?db=t", asRoot())).body["count"]).toBe(0);
  });
});

describe("a link", () => {
  test("with one byte changed is 403", async () => {
    await using server = await start();
    await prepare(server);
    const { url } = (await share(server, { sql: "select 1 as one" })).body;
    const begin = url.lastIndexOf("/") + 1;
    for (let at = begin; at < url.length; at += 1) {
      const letter = url[at] === "A" ? "B" : "A";
      const changed = url.slice(0, at) + letter + url.slice(at + 1);
      const status = (await fetch(changed)).status;
      expect({ at: at - begin, status }).toEqual({ at: at - begin, status: 403 });
    }
    for (const changed of [`${url}A`, url.slice(0, -1), `${url}=`, url.replaceAll(".", "%2E")])
      expect((await fetch(changed)).status).toBe(403);
    const { token } = await makeToken(server, { databases: "t", level: "read" });
    expect((await server.api(`/shared/${token}`)).status).toBe(403);
    expect((await server.api("/kv?db=t", withToken(url.slice(begin)))).status).toBe(401);
    // Parameters of the address change nothing.
    const more = await fetch(`${url}?sql=select+2&db=other&values=[1]`);
    expect(await more.json()).toMatchObject({ resultSet: [{ one: 1 }] });
  });

  test("that has expired is 410, and says so", async () => {
    await using server = await start();
    await prepare(server);
    const { url } = (await share(server, { sql: "select 1 as one", expires_in: 10 })).body;
    server.clock.advance(9000);
    expect((await fetch(url)).status).toBe(200);
    server.clock.advance(1000);
    const response = await fetch(url);
    expect(response.status).toBe(410);
    expect(await response.json()).toMatchObject({
      code: "SHARE_ENDED",
      error: "This link has expired",
    });
  });

  test("is listed, and 410 when it was taken back", async () => {
    await using server = await start();
    await prepare(server);
    const { id, url, expires_at } = (await share(server, { sql: "select 1 as one", values: [] }))
      .body;
    const { body } = await server.json<{ shares: unknown[] }>("/share?db=t.db", asRoot());
    expect(body.shares).toEqual([
      {
        id,
        db: "t",
        sql: "select 1 as one",
        values: [],
        format: "json",
        created_at: Math.floor(server.clock.nowMs() / 1000),
        expires_at,
        revoked: false,
        url,
        actor: null,
      },
    ]);
    expect((await server.api(`/share/${id}`, asRoot({ method: "DELETE" }))).status).toBe(200);
    const response = await fetch(url);
    expect({ status: response.status, text: await response.text() }).toMatchObject({
      status: 410,
      text: expect.stringContaining("taken back"),
    });
    const after = await server.json<{ shares: object[] }>("/share?db=t", asRoot());
    expect(after.body.shares).toMatchObject([{ id, revoked: true, url: null }]);
    expect((await server.api("/share/nope", asRoot({ method: "DELETE" }))).status).toBe(404);
  });

  test("can do no more than the token that made it, and ends with it", async () => {
    await using server = await start();
    await prepare(server);
    const made = await makeToken(server, {
      name: "maker",
      databases: "t",
      tables: ["a", "v"],
      level: "read",
      expires_in: 100,
    });
    expect((await share(server, { sql: "select n from b" }, made.token)).status).toBe(403);
    const first = (await share(server, { sql: "select n from a" }, made.token)).body;
    // No longer than the token itself.
    expect(first.expires_at).toBe(Math.floor(server.clock.nowMs() / 1000) + 100);
    expect((await fetch(first.url)).status).toBe(200);
    // The table has become a view of what the token may not read.
    const transaction = [
      { statement: "drop table a" },
      { statement: "create view a as select n from b" },
    ];
    await server.api("/db?db=t", asRoot({ method: "POST", body: JSON.stringify({ transaction }) }));
    expect((await fetch(first.url)).status).toBe(403);
    const second = (await share(server, { sql: "select 1 as one" }, made.token)).body;
    expect((await fetch(second.url)).status).toBe(200);
    await server.api(`/tokens/${made.id}`, asRoot({ method: "DELETE" }));
    expect((await fetch(second.url)).status).toBe(410);
  });

  test("of others can be neither seen nor taken back, but by an administrator", async () => {
    await using server = await start();
    await prepare(server);
    const [mine, other, admin] = await Promise.all(
      ["read", "read", "admin"].map((level) => makeToken(server, { databases: "t", level })),
    );
    const stranger = await makeToken(server, { databases: "u", level: "admin" });
    const { id } = (await share(server, { sql: "select 1 as one" }, mine?.token ?? null)).body;
    const count = async (token = "") =>
      (await server.json("/share?db=t", withToken(token))).body["count"];
    expect([
      await count(mine?.token),
      await count(other?.token),
      await count(admin?.token),
    ]).toEqual([1, 0, 1]);
    const revoke = async (token = "") =>
      (await server.api(`/share/${id}`, withToken(token, { method: "DELETE" }))).status;
    expect([await revoke(other?.token), await revoke(stranger.token)]).toEqual([404, 404]);
    expect(await revoke(admin?.token)).toBe(200);
  });
});
