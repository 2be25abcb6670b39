/** Signed tokens: made, listed, expired, taken back; and what becomes of wrong ones. */
import { describe, expect, test } from "bun:test";
import { SignJWT } from "jose";
import { asRoot, makeToken, ROOT_TOKEN, sharedServer, withToken } from "./support/access.ts";
import {
  run,
  spawnServer,
  startTestServer,
  TestFolder,
  type TestServer,
} from "./support/server.ts";

const SECRET = "a secret of thirty-two characters or more";
const start = (...args: string[]) =>
  startTestServer({ args: ["--token", ROOT_TOKEN, ...args], empty: true });
const create = (server: TestServer, db: string) =>
  server.api(`/db/create?path=${db}`, asRoot({ method: "POST" }));

describe("POST /tokens", () => {
  const running = sharedServer();

  test("answers the token once, with what it may do", async () => {
    await using server = await start();
    const response = await server.api(
      "/tokens",
      asRoot({
        method: "POST",
        body: JSON.stringify({
          name: "ada@example.com",
          databases: "notes",
          tables: ["KV_Store"],
          prefixes: ["users/"],
          level: "write",
          expires_in: "12h",
        }),
      }),
    );
    expect(response.status).toBe(201);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const { token, id, ...rest } = (await response.json()) as Record<string, unknown>;
    const now = Math.floor(server.clock.nowMs() / 1000);
    expect(rest).toEqual({
      success: true,
      name: "ada@example.com",
      databases: ["notes"],
      tables: ["kv_store"],
      prefixes: ["users/"],
      level: "write",
      created_at: now,
      created_by: null,
      expires_at: now + 12 * 3600,
      revoked_at: null,
    });
    const { body } = await server.json<{ tokens: unknown[] }>("/tokens", asRoot());
    expect(body.tokens).toEqual(
      [{ id, ...rest, success: undefined }].map(({ success: _, ...t }) => t),
    );
    expect(JSON.stringify(body)).not.toContain(token as string);
  });

  test.each<[string, unknown, string]>([
    ["no body", "", "body"],
    ["no name", { databases: "t", level: "read" }, "name"],
    ["a name with a colon", { name: "a:b", databases: "t", level: "read" }, "name"],
    ["a name of 65 characters", { name: "a".repeat(65), databases: "t", level: "read" }, "name"],
    ["a reserved name", { name: "share", databases: "t", level: "read" }, "name"],
    ["no databases", { name: "a", level: "read" }, "databases"],
    ["an empty database", { name: "a", databases: [""], level: "read" }, "databases"],
    ["all but one database", { name: "a", databases: ["!t"], level: "read" }, "databases"],
    ["a number for a database", { name: "a", databases: [1], level: "read" }, "databases"],
    ["101 databases", { name: "a", databases: Array(101).fill("t"), level: "read" }, "databases"],
    [
      "a table of 513 characters",
      { name: "a", databases: "t", tables: "t".repeat(513), level: "read" },
      "tables",
    ],
    ["an empty prefix", { name: "a", databases: "t", prefixes: [""], level: "read" }, "prefixes"],
    ["no level", { name: "a", databases: "t" }, "level"],
    ["an unknown level", { name: "a", databases: "t", level: "root" }, "level"],
    [
      "an administrator of tables",
      { name: "a", databases: "t", tables: "x", level: "admin" },
      "level",
    ],
    ["no time", { name: "a", databases: "t", level: "read", expires_in: 0 }, "expires_in"],
    ["a negative time", { name: "a", databases: "t", level: "read", expires_in: -1 }, "expires_in"],
    [
      "eleven years",
      { name: "a", databases: "t", level: "read", expires_in: "4015d" },
      "expires_in",
    ],
    [
      "words for a time",
      { name: "a", databases: "t", level: "read", expires_in: "soon" },
      "expires_in",
    ],
    [
      "more than a header holds",
      { name: "a", databases: Array(20).fill("d".repeat(500)), level: "read" },
      "databases",
    ],
  ])("%s: 400 that names it, and nothing is listed", async (_, request, parameter) => {
    const server = running();
    const { status, body } = await server.json(
      "/tokens",
      asRoot({ method: "POST", body: request === "" ? "" : JSON.stringify(request) }),
    );
    expect({ status, parameter: body["parameter"] }).toEqual({ status: 400, parameter });
    expect((await server.json("/tokens", asRoot())).body["count"]).toBe(0);
  });

  test("an administrator gives away what it has, and no more", async () => {
    await using server = await start();
    const admin = await makeToken(server, {
      name: "boss",
      databases: ["a", "b-*"],
      level: "admin",
    });
    const make = (databases: string[], level = "admin") =>
      server.json(
        "/tokens",
        withToken(admin.token, {
          method: "POST",
          body: JSON.stringify({ name: "n", databases, level }),
        }),
      );
    expect((await make(["a"])).body).toMatchObject({ created_by: "boss", databases: ["a"] });
    expect((await make(["b-1", "b-*"], "read")).status).toBe(201);
    for (const beyond of [["**"], ["*"], ["c"], ["a", "c"], ["b-?"], ["a*"], ["/a"]])
      expect({ beyond, status: (await make(beyond, "read")).status }).toEqual({
        beyond,
        status: 403,
      });
    const foreign = await makeToken(server, { databases: ["c"], level: "read" });
    const { body } = await server.json<{ tokens: { databases: string[] }[] }>(
      "/tokens",
      withToken(admin.token),
    );
    expect(body.tokens.flatMap(({ databases }) => databases)).not.toContain("c");
    const revoke = await server.api(
      `/tokens/${foreign.id}`,
      withToken(admin.token, { method: "DELETE" }),
    );
    expect(revoke.status).toBe(404);
  });
});

describe("a signed token", () => {
  test("ends to the millisecond", async () => {
    await using server = await start();
    await create(server, "t");
    const { token } = await makeToken(server, { databases: "t", level: "read", expires_in: 60 });
    // Its end is a whole second.
    const lifeMs = 60_000 - (server.clock.nowMs() % 1000);
    server.clock.advance(lifeMs - 1);
    expect((await server.api("/kv?db=t", withToken(token))).status).toBe(200);
    server.clock.advance(1);
    const response = await server.api("/kv?db=t", withToken(token));
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe(
      'Bearer realm="chronolite", error="invalid_token"',
    );
    expect(await response.text()).toContain("expired");
  });

  test("taken back, it is refused with the next request", async () => {
    await using server = await start();
    await create(server, "t");
    const { id, token } = await makeToken(server, { databases: "t", level: "read" });
    expect((await server.api("/kv?db=t", withToken(token))).status).toBe(200);
    const revoked = await server.json(`/tokens/${id}`, asRoot({ method: "DELETE" }));
    expect(revoked.body).toMatchObject({ id, revoked_at: Math.floor(server.clock.nowMs() / 1000) });
    const response = await server.api("/kv?db=t", withToken(token));
    expect({ status: response.status, text: await response.text() }).toMatchObject({
      status: 401,
      text: expect.stringContaining("revoked"),
    });
    expect((await server.api("/tokens/nope", asRoot({ method: "DELETE" }))).status).toBe(404);
  });

  test("outlives the server, with the secret that is kept, and with one that is given", async () => {
    using folder = new TestFolder();
    for (const args of [[], ["--token-secret", SECRET]]) {
      const options = { args: ["--token", ROOT_TOKEN, ...args], empty: true, folder };
      let token: string;
      {
        await using server = await startTestServer(options);
        await create(server, "t");
        token = (await makeToken(server, { databases: "t", level: "read" })).token;
      }
      await using server = await startTestServer(options);
      expect((await server.api("/kv?db=t", withToken(token))).status).toBe(200);
      await using other = await startTestServer({ args: ["--token", ROOT_TOKEN], empty: true });
      expect((await other.api("/kv?db=t", withToken(token))).status).toBe(401);
    }
  });

  test("changed in any byte, it is wrong", async () => {
    await using server = await start();
    await create(server, "t");
    const { token } = await makeToken(server, { databases: "t", level: "read" });
    const positions = [...token].flatMap((_, at) => (at % 7 === 0 ? [at] : []));
    for (const at of [...positions, token.length - 1]) {
      const letter = token[at] === "A" ? "B" : "A";
      server.clock.advance(60_000);
      const changed = token.slice(0, at) + letter + token.slice(at + 1);
      expect({ at, status: (await server.api("/kv?db=t", withToken(changed))).status }).toEqual({
        at,
        status: 401,
      });
    }
  });

  test("of others, without a signature, or for something else, it is wrong", async () => {
    await using server = await start("--token-secret", SECRET);
    await create(server, "t");
    const grant = { databases: ["**"], tables: [], prefixes: [], level: "admin" };
    const key = (secret: string) => new TextEncoder().encode(secret);
    const exp = Math.floor(server.clock.nowMs() / 1000) + 1000;
    const sign = (change: (jwt: SignJWT) => SignJWT, secret = SECRET, alg = "HS256") =>
      change(
        new SignJWT({ grant, sub: "eve" })
          .setJti("1")
          .setExpirationTime(exp)
          .setProtectedHeader({ alg }),
      ).sign(key(secret));
    const ours = (jwt: SignJWT) => jwt.setIssuer("chronolite").setAudience("api");
    const good = await sign(ours);
    const part = (json: object) => Buffer.from(JSON.stringify(json)).toString("base64url");
    const [, payload, signature] = good.split(".");
    const status = async (token: string) => {
      server.clock.advance(60_000);
      return (await server.api("/tokens", withToken(token))).status;
    };
    expect(await status(good)).toBe(200);
    for (const bad of [
      await sign(ours, `${SECRET}!`),
      await sign((jwt) => jwt.setIssuer("chronolite").setAudience("share")),
      await sign((jwt) => jwt.setIssuer("somebody").setAudience("api")),
      await sign(ours, SECRET, "HS512"),
      `${part({ alg: "none" })}.${payload}.`,
      `${part({ alg: "none" })}.${payload}.${signature}`,
      `${part({ alg: "HS256" })}.${part({ grant })}.${signature}`,
      `${good}.x`,
      good.slice(0, -1),
      "a.b.c",
      "x".repeat(10_000),
    ])
      expect({ bad, status: await status(bad) }).toEqual({ bad, status: 401 });
  });

  test("limits its bearer also where none is needed; one of others is not looked at", async () => {
    await using server = await startTestServer();
    const { body } = await server.json<{ token: string }>("/tokens", {
      method: "POST",
      body: JSON.stringify({ name: "n", databases: "t", level: "read", expires_in: 60 }),
    });
    const put = (token: string | null) =>
      server.api("/kv/a?db=t", withToken(token, { method: "PUT", body: "1" }));
    expect((await put(null)).status).toBe(200);
    expect((await put("somebody-elses")).status).toBe(200);
    expect((await put(body.token)).status).toBe(403);
    server.clock.advance(60_000);
    expect((await put(body.token)).status).toBe(401);
  });

  test("of a server without a root token is the only way in", async () => {
    await using server = await startTestServer({ args: ["--token-secret", SECRET], empty: true });
    expect((await server.api("/kv?db=t")).status).toBe(401);
    expect((await server.api("/health")).status).toBe(200);
  });
});

describe("wrong tokens", () => {
  const status = async (server: TestServer, token: string | null) => {
    const response = await server.api("/kv?db=none", withToken(token));
    return response.status;
  };

  test("ten a minute are answered, then 429 with Retry-After; the right one goes on", async () => {
    await using server = await start();
    const { token: known } = await makeToken(server, { databases: "none", level: "read" });
    const { token: unknown } = await makeToken(server, { databases: "none", level: "read" });
    expect(await status(server, known)).toBe(400);
    for (let tried = 0; tried < 10; tried += 1) {
      expect(await status(server, `wrong-${tried}`)).toBe(401);
      server.clock.advance(100);
    }
    const refused = await server.api("/kv?db=none", withToken("wrong"));
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("59");
    expect(await refused.json()).toMatchObject({ code: "TOO_MANY_REQUESTS" });
    // Known to be right from this address; and one that nobody has sent before, which waits.
    expect(await status(server, ROOT_TOKEN)).toBe(400);
    expect(await status(server, known)).toBe(400);
    expect(await status(server, unknown)).toBe(429);
    expect(await status(server, null)).toBe(401);
    server.clock.advance(59_000);
    expect(await status(server, unknown)).toBe(400);
    expect(await status(server, "wrong")).toBe(401);
    expect(await status(server, "wrong")).toBe(429);
  });

  test("count per address; a whole /64 is one", async () => {
    await using server = await start("--trust-proxy", "127.0.0.1");
    const from = async (address: string, token: string) => {
      const init = withToken(token, { headers: { "x-forwarded-for": address } });
      return (await server.api("/kv?db=none", init)).status;
    };
    for (let tried = 0; tried < 10; tried += 1) await from("2001:db8::1", "wrong");
    expect(await from("2001:db8::2", ROOT_TOKEN)).toBe(429);
    expect(await from("2001:db8:0:0:ffff::1", "wrong")).toBe(429);
    expect(await from("2001:db8:0:1::1", ROOT_TOKEN)).toBe(400);
    expect(await from("192.0.2.1", "wrong")).toBe(401);
    expect(await from("192.0.2.1", ROOT_TOKEN)).toBe(400);
  });
});

describe("chronolite token", () => {
  test("makes, lists and revokes tokens of a running server", async () => {
    using folder = new TestFolder();
    await using server = await spawnServer(folder, { args: ["--token", ROOT_TOKEN] });
    await server.api("/db/create?path=notes", asRoot({ method: "POST" }));
    const cli = (...args: string[]) => run(["token", ...args, "--data-dir", folder.path]);
    const made = await cli("create", "--name", "ada", "--db", "notes", "--read", "--expires", "1h");
    expect(made.exitCode).toBe(0);
    const token = made.stdout.trim();
    expect(made.stdout).toBe(`${token}\n`);
    const [id = ""] = made.stderr.split(" ");
    expect((await server.api("/kv?db=notes", withToken(token))).status).toBe(200);
    expect((await server.api("/kv/a?db=notes", withToken(token, { method: "PUT" }))).status).toBe(
      403,
    );
    const listed = await cli("list");
    expect(listed.stdout).toStartWith(`${id}  ada  read  databases notes  expires `);
    expect(JSON.parse((await cli("list", "--json")).stdout)).toMatchObject({ id, name: "ada" });
    expect((await cli("revoke", id)).stdout).toContain("revoked");
    expect((await server.api("/kv?db=notes", withToken(token))).status).toBe(401);
    for (const { stdout, stderr } of [listed, await cli("list")])
      expect(stdout + stderr).not.toContain(token);
  }, 20_000);

  test.each<[string, string[], string]>([
    ["no action", [], "token"],
    ["an unknown action", ["make"], "make"],
    ["no name", ["create", "--db", "t", "--read"], "--name"],
    ["no database", ["create", "--name", "a", "--read"], "--db"],
    ["no level", ["create", "--name", "a", "--db", "t"], "--read"],
    ["two levels", ["create", "--name", "a", "--db", "t", "--read", "--write"], "--read"],
    [
      "a bad time",
      ["create", "--name", "a", "--db", "t", "--read", "--expires", "soon"],
      "--expires",
    ],
    ["an unknown flag", ["create", "--nmae", "a"], "--nmae"],
    ["no ID", ["revoke"], "ID"],
  ])("%s: exit 2 and one line that names it", async (_, args, named) => {
    using folder = new TestFolder();
    const { exitCode, stdout, stderr } = await run(["token", ...args, "--data-dir", folder.path]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain(named);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  test("revoking what is not there, listing where nothing is: no database is made for it", async () => {
    using folder = new TestFolder();
    const cli = (...args: string[]) =>
      run(["token", ...args, "--state-db", folder.file("s.db"), "--data-dir", folder.path]);
    expect(await cli("revoke", "nope")).toMatchObject({ exitCode: 1 });
    expect(await cli("list")).toMatchObject({ exitCode: 0, stdout: "" });
    expect(await Bun.file(folder.file("s.db")).exists()).toBe(false);
    expect((await cli("--help")).stdout).toContain("chronolite token create");
  });
});
