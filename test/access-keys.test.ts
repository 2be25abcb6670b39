/** Tokens that are limited to tables and key prefixes: what they reach of keys, and what not. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { asRoot, makeToken, ROOT_TOKEN, withToken } from "./support/access.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
let reader: string;
let writer: string;

beforeAll(async () => {
  server = await startTestServer({ args: ["--token", ROOT_TOKEN], empty: true });
  for (const db of ["t", "shop-1", "shop-2"])
    await server.api(`/db/create?path=${db}`, asRoot({ method: "POST" }));
  for (const key of ["a/1", "a/2", "b/1", "c/1", "z"])
    await server.api(`/kv/${key}?db=t`, asRoot({ method: "PUT", body: `"${key}"` }));
  await server.api("/kv/a/1?db=t&table=logs", asRoot({ method: "PUT", body: "1" }));
  const limits = { databases: ["t"], tables: ["kv_store"], prefixes: ["a/", "b/"] };
  reader = (await makeToken(server, { ...limits, name: "reader", level: "read" })).token;
  writer = (await makeToken(server, { ...limits, name: "writer", level: "write" })).token;
});
afterAll(() => server[Symbol.asyncDispose]());

const get = (path: string, token: string) => server.api(path, withToken(token));
const send = (method: string, path: string, token: string, body?: unknown) =>
  server.api(
    path,
    withToken(token, {
      method,
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    }),
  );

describe("a reader of prefixes", () => {
  test("reads the keys under them, and no others", async () => {
    expect(await (await get("/kv/a/1?db=t", reader)).json()).toBe("a/1");
    expect(await (await get("/kv/b%2F1?db=t", reader)).json()).toBe("b/1");
    expect((await get("/kv/a/1/entry?db=t", reader)).status).toBe(200);
    expect((await send("HEAD", "/kv/a/1?db=t", reader)).status).toBe(200);
    for (const key of ["c/1", "z", "a", "A/1", "%61", "a%252F1", "nothing"])
      expect({ key, status: (await get(`/kv/${key}?db=t`, reader)).status }).toEqual({
        key,
        status: 403,
      });
    expect((await send("HEAD", "/kv/c/1?db=t", reader)).status).toBe(403);
    expect((await get("/kv/c/1/entry?db=t", reader)).status).toBe(403);
  });

  test("reads no other table", async () => {
    expect((await get("/kv/a/1?db=t&table=logs", reader)).status).toBe(403);
    expect((await get("/kv/a/1?db=t&table=LOGS", reader)).status).toBe(403);
    expect((await get("/kv/a/1?db=t&table=KV_Store", reader)).status).toBe(200);
  });

  test("lists under them only", async () => {
    const keys = async (query: string) => {
      const { status, body } = await server.json<{ keys: string[]; prefix: string }>(
        `/kv?db=t${query}`,
        withToken(reader),
      );
      return status === 200 ? body.keys : status;
    };
    expect(await keys("&prefix=a/")).toEqual(["a/1", "a/2"]);
    expect(await keys("&prefix=a/2")).toEqual(["a/2"]);
    expect(await keys("&prefix=b/&reverse=true&values=true")).toEqual(["b/1"]);
    expect(await keys("&prefix=a/&suffix=2")).toEqual(["a/2"]);
    expect(await keys("&prefix=a/&start=b&end=z")).toEqual([]);
    for (const wide of ["", "&prefix=", "&prefix=a", "&prefix=c/", "&start=a/&end=a0", "&after=a/"])
      expect({ wide, got: await keys(wide) }).toEqual({ wide, got: 403 });
  });

  test("with one prefix, a list without a prefix is one of that, and says so", async () => {
    const { token } = await makeToken(server, { databases: "t", prefixes: ["a/"], level: "read" });
    const { body } = await server.json<{ keys: string[]; prefix: string }>(
      "/kv?db=t",
      withToken(token),
    );
    expect([body.keys, body.prefix]).toEqual([["a/1", "a/2"], "a/"]);
    expect((await get("/kv?db=t&prefix=b/", token)).status).toBe(403);
    expect((await get("/kv?db=t&offset=5000&prefix=", token)).status).toBe(200);
  });

  test("reads batches that stay within", async () => {
    const batch = (keys: string[]) => send("POST", "/kv/batch/get?db=t", reader, { keys });
    expect((await batch(["a/1", "b/1"])).status).toBe(200);
    expect((await batch(["a/1", "c/1"])).status).toBe(403);
  });

  test("writes nothing", async () => {
    for (const [method, path, body] of [
      ["PUT", "/kv/a/1?db=t", "x"],
      ["DELETE", "/kv/a/1?db=t"],
      ["POST", "/kv/a/n/incr?db=t"],
      ["POST", "/kv/batch/set?db=t", { items: [{ key: "a/1", value: "x" }] }],
      ["POST", "/kv/batch/delete?db=t", { keys: ["a/1"] }],
      ["POST", "/kv/atomic?db=t", { mutations: [{ op: "delete", key: "a/1" }] }],
      ["DELETE", "/kv?db=t&prefix=a/&confirm=yes"],
    ] as const)
      expect((await send(method, path, reader, body)).status).toBe(403);
    expect(await (await get("/kv/a/1?db=t", reader)).json()).toBe("a/1");
  });
});

describe("a writer of prefixes", () => {
  test("writes the keys under them, and no others", async () => {
    expect((await send("PUT", "/kv/a/w?db=t", writer, "1")).status).toBe(200);
    expect((await send("POST", "/kv/a/w/incr?db=t", writer)).status).toBe(200);
    expect((await send("DELETE", "/kv/a/w?db=t", writer)).status).toBe(200);
    for (const [method, path, body] of [
      ["PUT", "/kv/z?db=t", "x"],
      ["PUT", "/kv/z?db=t&path=a", "1"],
      ["DELETE", "/kv/z?db=t"],
      ["POST", "/kv/z/incr?db=t"],
      ["POST", "/kv/z/push?db=t", "1"],
      ["POST", "/kv/z/expire?db=t&ttl=1"],
      ["POST", "/kv/z/persist?db=t"],
    ] as const)
      expect({ path, status: (await send(method, path, writer, body)).status }).toEqual({
        path,
        status: 403,
      });
    expect(await (await server.api("/kv/z?db=t", asRoot())).json()).toBe("z");
  });

  test("a batch with one key beyond writes none", async () => {
    const set = {
      items: [
        { key: "a/x", value: "1" },
        { key: "z", value: "1" },
      ],
    };
    expect((await send("POST", "/kv/batch/set?db=t", writer, set)).status).toBe(403);
    const atomic = {
      checks: [{ key: "z", exists: true }],
      mutations: [{ op: "set", key: "a/x", value: 1 }],
    };
    expect((await send("POST", "/kv/atomic?db=t", writer, atomic)).status).toBe(403);
    const keys = { keys: ["a/1", "z"] };
    expect((await send("POST", "/kv/batch/delete?db=t", writer, keys)).status).toBe(403);
    expect((await server.api("/kv/a/x?db=t", asRoot())).status).toBe(404);
    expect((await server.api("/kv/a/1?db=t", asRoot())).status).toBe(200);
  });

  test("deletes by prefix under them only", async () => {
    for (const prefix of ["", "a", "c/"])
      for (const confirm of ["", "&confirm=yes"])
        expect((await send("DELETE", `/kv?db=t&prefix=${prefix}${confirm}`, writer)).status).toBe(
          403,
        );
    await send("PUT", "/kv/b/gone?db=t", writer, "1");
    const gone = await send("DELETE", "/kv?db=t&prefix=b/gone&confirm=yes", writer);
    expect(await gone.json()).toMatchObject({ deleted: 1 });
  });

  test("acts under its name; what it says of itself comes after a colon", async () => {
    const say = (token: string, actor: string) =>
      server.api(
        "/kv/a/actor?db=t",
        withToken(token, { method: "PUT", body: "1", headers: { "x-actor": actor } }),
      );
    await say(writer, "root");
    await send("PUT", "/kv/a/actor?db=t", writer, "2");
    await say(ROOT_TOKEN, "ada");
    const sql = encodeURIComponent(
      "select actor from kv_store_history where key = 'a/actor' order by seq",
    );
    const { body } = await server.json<{ resultSet: { actor: string }[] }>(
      `/query?db=t&sql=${sql}`,
      asRoot(),
    );
    expect(body.resultSet.map(({ actor }) => actor)).toEqual(["writer:root", "writer", "ada"]);
  });
});

describe("databases", () => {
  const status = async (path: string, databases: string[], level = "read") => {
    const { token } = await makeToken(server, { databases, level });
    return (await get(path, token)).status;
  };

  test.each<[string, string[], string, number]>([
    ["its name", ["t"], "t", 200],
    ["its file", ["t"], "t.db", 200],
    ["with ./", ["t"], "./t", 200],
    ["its file in the grant", ["t.db"], "t", 200],
    ["another name", ["t"], "shop-1", 403],
    ["the beginning of a name", ["shop"], "shop-1", 403],
    ["a glob", ["shop-*"], "shop-1", 200],
    ["a glob that does not fit", ["shop-*"], "t", 403],
    ["all in the folder", ["*"], "t", 200],
    ["everything", ["**"], "t", 200],
    ["a missing database within", ["*"], "nope", 400],
    ["a missing database beyond: nobody learns that it is missing", ["t"], "nope", 403],
    ["a name that is none", ["t"], "..%2Ft", 400],
  ])("%s", async (_, databases, db, expected) => {
    expect(await status(`/kv?db=${db}`, databases)).toBe(expected);
  });

  test("by absolute path, in sub-folders, through links", async () => {
    const folder = server.folder.path;
    mkdirSync(server.folder.file("sub"), { recursive: true });
    await server.api(`/db/create?path=${folder}/sub/x.db`, asRoot({ method: "POST" }));
    await server.api(`/db/create?path=${folder}/t`, asRoot({ method: "POST" }));
    symlinkSync(server.folder.file("t.db"), server.folder.file("shop-9.db"));
    for (const [databases, db, expected] of [
      [["t"], `${folder}/t.db`, 200],
      // A file without an extension is not the one that the bare name means.
      [["t"], `${folder}/t`, 403],
      [["*"], `${folder}/sub/x.db`, 403],
      [["sub/*"], `${folder}/sub/x.db`, 200],
      [["sub/x"], `${folder}/sub/x.db`, 200],
      [[`${folder}/sub/*`], `${folder}/sub/x.db`, 200],
      [["**"], `${folder}/sub/x.db`, 200],
      // The link leads to a database that the grant does not name.
      [["shop-*"], "shop-9", 403],
      [["shop-*", "t"], "shop-9", 200],
    ] as const)
      expect({ databases, db, status: await status(`/kv?db=${db}`, [...databases]) }).toEqual({
        databases: [...databases],
        db,
        status: expected,
      });
  });

  test("a writer may make what its databases name, with a write that asks for it", async () => {
    const { token } = await makeToken(server, { databases: ["new-*"], level: "write" });
    const put = (db: string) => send("PUT", `/kv/a?db=${db}&create_db_if_missing=true`, token, "1");
    expect((await put("old-1")).status).toBe(403);
    expect((await put("new-1")).status).toBe(200);
    expect((await send("POST", "/db/create?path=new-2", token)).status).toBe(403);
  });
});

describe("folders", () => {
  test("need a grant that names them with a slash, and that is not limited further", async () => {
    const folder = server.folder.file("photos");
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/a.txt`, "hello");
    const status = async (grant: {
      databases: string[];
      prefixes?: string[];
      tables?: string[];
    }) => {
      const { token } = await makeToken(server, { ...grant, level: "read" });
      return (await get(`/kv/a.txt?db=${folder}`, token)).status;
    };
    expect(await status({ databases: ["photos/"] })).toBe(200);
    expect(await status({ databases: ["**"] })).toBe(200);
    for (const databases of [["*"], ["photos"], ["photos.db"], ["t"]])
      expect({ databases, status: await status({ databases }) }).toEqual({
        databases,
        status: 403,
      });
    expect(await status({ databases: ["photos/"], prefixes: ["a"] })).toBe(403);
    expect(await status({ databases: ["photos/"], tables: ["kv_store"] })).toBe(403);
  });

  test("the data folder itself holds every database: only ** reaches it", async () => {
    const { token } = await makeToken(server, { databases: ["*", "*/"], level: "read" });
    expect((await get(`/kv/t.db?db=${server.folder.path}`, token)).status).toBe(403);
    expect((await get(`/kv/t.db?db=${server.folder.path}/`, token)).status).toBe(403);
  });

  test("a reader changes nothing in them", async () => {
    const { token } = await makeToken(server, { databases: ["photos/"], level: "read" });
    const path = `/kv/a.txt?db=${server.folder.file("photos")}`;
    expect((await send("PUT", path, token, "x")).status).toBe(403);
    expect((await send("DELETE", path, token)).status).toBe(403);
  });
});

describe("the past of keys", () => {
  test("a reader of prefixes sees that of its own keys", async () => {
    for (const path of ["/kv/a/1/history?db=t", "/kv/a/1/snapshot?db=t&op_number=1"]) {
      expect((await get(path, reader)).status).toBe(200);
      expect((await get(path.replace("a/1", "z"), reader)).status).toBe(403);
    }
    const now = Math.floor(server.clock.nowMs() / 1000);
    expect((await get(`/kv/a/1?db=t&at_timestamp=${now}`, reader)).status).toBe(200);
    expect((await get(`/kv/z?db=t&at_timestamp=${now}`, reader)).status).toBe(403);
    expect((await get(`/kv?db=t&prefix=a/&at_timestamp=${now}`, reader)).status).toBe(200);
    expect((await get(`/kv?db=t&at_timestamp=${now}`, reader)).status).toBe(403);
    expect((await get(`/kv/snapshot?db=t&timestamp=${now}&prefix=a/`, reader)).status).toBe(200);
    expect((await get(`/kv/snapshot?db=t&timestamp=${now}`, reader)).status).toBe(403);
    expect(
      (await get(`/kv/snapshot?db=t&timestamp=${now}&prefix=a/&table=logs`, reader)).status,
    ).toBe(403);
    const diff = `/kv/diff?db=t&from=${now - 10}&to=${now}`;
    expect((await get(`${diff}&keys=a/1,b/1`, reader)).status).toBe(200);
    expect((await get(`${diff}&keys=a/1,z`, reader)).status).toBe(403);
    expect((await get(diff, reader)).status).toBe(403);
    // Times of other keys, too, are not for it.
    for (const more of ["", "&buckets=9", "&buckets=99"])
      expect((await get(`/kv/moments?db=t${more}`, reader)).status).toBe(403);
  });

  test("a writer of prefixes takes back its own keys, and no others", async () => {
    const now = Math.floor(server.clock.nowMs() / 1000);
    expect((await send("POST", "/kv/z/rollback?db=t", writer)).status).toBe(403);
    await send("PUT", "/kv/a/back?db=t", writer, "1");
    expect((await send("POST", "/kv/a/back/rollback?db=t", writer)).status).toBe(200);
    const table = (body: object, confirm = "") =>
      send("POST", `/kv/rollback?db=t&to_timestamp=${now - 10}${confirm}`, writer, body);
    for (const confirm of ["", "&confirm=yes"]) {
      expect((await table({}, confirm)).status).toBe(403);
      expect((await table({ keys: ["a/2", "z"] }, confirm)).status).toBe(403);
      expect((await table({ exclude_keys: ["z"] }, confirm)).status).toBe(403);
    }
    expect((await table({ keys: ["b/1"] }, "&confirm=yes")).status).toBe(200);
    expect((await server.api("/kv/b/1?db=t", asRoot())).status).toBe(404);
    expect(await (await server.api("/kv/z?db=t", asRoot())).json()).toBe("z");
  });
});

describe("Idempotency-Key", () => {
  test("works for limited tokens, and answers one only what it did itself", async () => {
    const put = (token: string, path: string, body: string) =>
      server.api(
        path,
        withToken(token, { method: "PUT", body, headers: { "idempotency-key": "once" } }),
      );
    const first = await put(writer, "/kv/a/once?db=t", "1");
    expect(first.status).toBe(200);
    const again = await put(writer, "/kv/a/once?db=t", "1");
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await again.json()).toEqual(await first.json());
    expect((await put(writer, "/kv/z?db=t", "1")).status).toBe(403);
    expect((await put(reader, "/kv/a/once?db=t", "1")).status).toBe(403);
    // The same request of somebody else is another one.
    expect((await put(ROOT_TOKEN, "/kv/a/once?db=t", "1")).status).toBe(422);
    const { body } = await server.json<{ operations: { actor: string }[] }>(
      "/kv/a/once/history?db=t",
      asRoot(),
    );
    expect(body.operations.map(({ actor }) => actor)).toEqual(["writer"]);
  });
});

describe("changes", () => {
  test("a reader of prefixes follows its own keys", async () => {
    expect((await get("/changes?db=t&prefix=a/", reader)).status).toBe(200);
    for (const beyond of [
      "/changes?db=t",
      "/changes?db=t&prefix=z",
      "/changes?db=t&prefix=a/&table=logs",
    ]) {
      expect((await get(beyond, reader)).status).toBe(403);
      expect((await get(beyond.replace("changes", "changes/stream"), reader)).status).toBe(403);
    }
  });

  test("a stream ends with the token", async () => {
    const { token, id } = await makeToken(server, { databases: "t", level: "read" });
    const stream = await get("/changes/stream?db=t", token);
    expect(stream.status).toBe(200);
    const text = (async () => {
      let all = "";
      for await (const chunk of stream.body ?? []) all += new TextDecoder().decode(chunk);
      return all;
    })();
    await server.api("/kv/a/seen?db=t", asRoot({ method: "PUT", body: "1" }));
    await server.api(`/tokens/${id}`, asRoot({ method: "DELETE" }));
    await server.api("/kv/a/unseen?db=t", asRoot({ method: "PUT", body: "1" }));
    const all = await text;
    expect(all).not.toContain("a/unseen");
    expect(all).toContain("event: end");
    expect(all).toContain("UNAUTHORIZED");
  });
});

describe("the log of SQL", () => {
  test("shows a limited token its own statements, an administrator all", async () => {
    const { token } = await makeToken(server, { databases: ["t"], level: "read", name: "logged" });
    const { token: namesake } = await makeToken(server, {
      databases: ["t"],
      level: "read",
      name: "logged",
    });
    const { token: admin } = await makeToken(server, { databases: ["t"], level: "admin" });
    const query = (sql: string, as: string) =>
      server.json(`/query?db=t&sql=${encodeURIComponent(sql)}`, withToken(as));
    await query("select 'of the token' as a", token);
    await query("select 'of root' as a", ROOT_TOKEN);
    const log = async (of: string) => {
      const { body } = await server.json<{
        entries: { sql: string; actor: string }[];
        total: number;
      }>("/history?db=t&limit=1000", withToken(of));
      return body;
    };
    expect(await log(token)).toMatchObject({
      total: 1,
      entries: [{ sql: "select 'of the token' as a", actor: "logged" }],
    });
    expect((await log(namesake)).entries).toEqual([]);
    for (const all of [admin, ROOT_TOKEN])
      expect((await log(all)).entries.slice(0, 2).map(({ sql }) => sql)).toEqual([
        "select 'of root' as a",
        "select 'of the token' as a",
      ]);
    const stats = await server.json("/history/stats?db=t", withToken(token));
    expect(stats.body).toMatchObject({ total_queries: 1 });
  });
});
