/** Every route with every kind of token. What each asks for is said here once more, by hand. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ROUTE_RULES, ruleName } from "../src/server/route-access.ts";
import { asRoot, makeToken, ROOT_TOKEN, withToken } from "./support/access.ts";
import { appOf } from "./support/app.ts";
import { API, startTestServer, TestFolder, type TestServer, testConfig } from "./support/server.ts";

/** The least token that a request needs. */
type Needs = "nothing" | "any" | "read" | "write" | "admin" | "server";

interface Sample {
  needs: Needs;
  /** Below the API, or absolute with a leading "//". */
  path: string;
  body?: string;
  /** Whether a token that is limited to other tables, or to other keys, is refused. */
  table?: true;
  keys?: true;
  /** Answers until its reader leaves. */
  endless?: true;
}

const SELECT = encodeURIComponent("select * from kv_store");
const transaction = (statement: string) => JSON.stringify({ transaction: [{ statement }] });
const items = JSON.stringify({ items: [{ key: "k", value: "v" }] });

/** One request per route, and what it needs. */
const SAMPLES: Record<string, Sample> = {
  "GET /": { needs: "nothing", path: "//" },
  "GET /ui/:file": { needs: "nothing", path: "//ui/none" },
  "GET /readme": { needs: "nothing", path: "//readme" },
  "GET api/health": { needs: "nothing", path: "/health" },
  "GET api/health/cache": { needs: "any", path: "/health/cache" },
  "GET api/openapi.json": { needs: "nothing", path: "/openapi.json" },
  "GET api/openapi.yaml": { needs: "nothing", path: "/openapi.yaml" },
  "GET /docs": { needs: "nothing", path: "//docs" },
  "GET /docs/start.js": { needs: "nothing", path: "//docs/start.js" },
  "GET /docs/swagger-ui.js": { needs: "nothing", path: "//docs/swagger-ui.js" },
  "GET /docs/swagger-ui.css": { needs: "nothing", path: "//docs/swagger-ui.css" },
  "GET /metrics": { needs: "server", path: "//metrics" },

  "GET api/kv": { needs: "read", path: "/kv?db=t&prefix=k", table: true, keys: true },
  "DELETE api/kv": { needs: "write", path: "/kv?db=t&prefix=k", table: true, keys: true },
  "GET api/kv/*": { needs: "read", path: "/kv/k?db=t", table: true, keys: true },
  "PUT api/kv/*": { needs: "write", path: "/kv/k?db=t", body: "v", table: true, keys: true },
  "DELETE api/kv/*": { needs: "write", path: "/kv/k?db=t", table: true, keys: true },
  "POST api/kv/*": { needs: "write", path: "/kv/n/incr?db=t", table: true, keys: true },
  "POST api/kv/batch/get": {
    needs: "read",
    path: "/kv/batch/get?db=t",
    body: JSON.stringify({ keys: ["k"] }),
    table: true,
    keys: true,
  },
  "POST api/kv/batch/set": {
    needs: "write",
    path: "/kv/batch/set?db=t",
    body: items,
    table: true,
    keys: true,
  },
  "POST api/kv/batch/delete": {
    needs: "write",
    path: "/kv/batch/delete?db=t",
    body: JSON.stringify({ keys: ["k"] }),
    table: true,
    keys: true,
  },
  "POST api/kv/atomic": {
    needs: "write",
    path: "/kv/atomic?db=t",
    body: JSON.stringify({ mutations: [{ op: "set", key: "k", value: 1 }] }),
    table: true,
    keys: true,
  },

  "POST api/db": {
    needs: "write",
    path: "/db?db=t",
    body: transaction("update kv_store set value = value"),
    table: true,
    keys: true,
  },
  "GET api/query": { needs: "read", path: `/query?db=t&sql=${SELECT}`, table: true, keys: true },
  "POST api/db/create": { needs: "admin", path: "/db/create?path=t" },
  "GET api/history": { needs: "read", path: "/history?db=t" },
  "GET api/history/stats": { needs: "read", path: "/history/stats?db=t" },
  "GET api/history/statements": { needs: "read", path: "/history/statements?db=t" },
  "DELETE api/history": { needs: "admin", path: "/history?db=t" },
  "DELETE api/history/:id": { needs: "admin", path: "/history/1?db=t" },
  "GET api/queries": { needs: "read", path: "/queries?db=t" },
  "PUT api/queries/:name": {
    needs: "write",
    path: "/queries/n?db=t",
    body: JSON.stringify({ sql: "select 1" }),
  },
  "DELETE api/queries/:name": { needs: "write", path: "/queries/n?db=t" },
  "GET api/kv/snapshot": {
    needs: "read",
    path: "/kv/snapshot?db=t&timestamp=1&prefix=k",
    table: true,
    keys: true,
  },
  "GET api/kv/diff": {
    needs: "read",
    path: "/kv/diff?db=t&from=1&to=2&keys=k",
    table: true,
    keys: true,
  },
  "GET api/kv/moments": { needs: "read", path: "/kv/moments?db=t", table: true, keys: true },
  "POST api/kv/rollback": {
    needs: "write",
    path: "/kv/rollback?db=t&to_timestamp=1",
    body: JSON.stringify({ keys: ["k"] }),
    table: true,
    keys: true,
  },
  "GET api/db/list": { needs: "any", path: "/db/list" },
  "GET api/db/schema": { needs: "read", path: "/db/schema?db=t" },
  "DELETE api/db": { needs: "admin", path: "/db?db=t&confirm=yes" },
  "GET api/db/export": {
    needs: "read",
    path: "/db/export?db=t&format=sql",
    table: true,
    keys: true,
  },
  "POST api/db/import": {
    needs: "write",
    path: "/db/import?db=t&table=imported",
    body: "a\n1\n",
    table: true,
    keys: true,
  },
  "GET api/changes": { needs: "read", path: "/changes?db=t&prefix=k", table: true, keys: true },
  "GET api/changes/stream": {
    needs: "read",
    path: "/changes/stream?db=t&prefix=k",
    table: true,
    keys: true,
    endless: true,
  },
  "POST api/maintenance": {
    needs: "admin",
    path: "/maintenance?db=t",
    body: JSON.stringify({ op: "quick_check" }),
  },

  "POST api/tokens": {
    needs: "admin",
    path: "/tokens",
    body: JSON.stringify({ name: "n", databases: ["t"], level: "read" }),
  },
  "GET api/tokens": { needs: "admin", path: "/tokens" },
  "DELETE api/tokens/:id": { needs: "admin", path: "/tokens/none" },
  "POST api/share": {
    needs: "read",
    path: "/share?db=t",
    body: JSON.stringify({ sql: "select * from kv_store" }),
    table: true,
    keys: true,
  },
  "GET api/share": { needs: "read", path: "/share?db=t" },
  "DELETE api/share/:id": { needs: "any", path: "/share/none" },
  "GET api/shared/:token": { needs: "nothing", path: "/shared/none" },
};

/** What each kind of token can do, as far as the list above goes. */
const ENOUGH: Record<string, readonly Needs[]> = {
  read: ["nothing", "any", "read"],
  write: ["nothing", "any", "read", "write"],
  admin: ["nothing", "any", "read", "write", "admin"],
  "admin of all": ["nothing", "any", "read", "write", "admin", "server"],
};

function servedRoutes(): string[] {
  using folder = new TestFolder();
  return appOf(testConfig(folder)).routes.map(ruleName);
}

describe("every route", () => {
  test("has a rule, and every rule a route", () => {
    expect(Object.keys(ROUTE_RULES).toSorted()).toEqual(servedRoutes().toSorted());
  });

  test("is tried below", () => {
    expect(Object.keys(SAMPLES).toSorted()).toEqual(servedRoutes().toSorted());
  });
});

let server: TestServer;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  server = await startTestServer({ args: ["--token", ROOT_TOKEN], empty: true });
  const made = async (name: string, request: Omit<Parameters<typeof makeToken>[1], "name">) => {
    tokens[name] = (await makeToken(server, request)).token;
  };
  for (const level of ["read", "write", "admin"]) await made(level, { databases: ["t"], level });
  await made("admin of all", { databases: ["**"], level: "admin" });
  await made("another database", { databases: ["other", "t?"], level: "admin" });
  await made("another table", { databases: ["**"], tables: ["other"], level: "write" });
  await made("other keys", { databases: ["**"], prefixes: ["other/"], level: "write" });
  const revoked = await makeToken(server, { databases: "**", level: "admin" });
  tokens["revoked"] = revoked.token;
  await server.api(`/tokens/${revoked.id}`, asRoot({ method: "DELETE" }));
});
afterAll(() => server[Symbol.asyncDispose]());

async function statusOf(route: string, token: string | null, method?: string): Promise<number> {
  const { path, body, endless } = SAMPLES[route] as Sample;
  await server.api("/db/create?path=t&init_kv=true", asRoot({ method: "POST" }));
  const url = path.startsWith("//") ? server.origin + path.slice(1) : server.origin + API + path;
  const response = await fetch(
    url,
    withToken(token, {
      method: method ?? (route.split(" ")[0] as string),
      ...(body === undefined ? {} : { body }),
    }),
  );
  if (endless === true && response.ok) {
    await response.body?.cancel();
    return response.status;
  }
  const text = await response.text();
  if (response.status === 401) expect(response.headers.get("www-authenticate")).toContain("Bearer");
  if (response.status === 403) {
    const { code, hint, error } = JSON.parse(text) as Record<string, string>;
    expect({ code, hint: typeof hint }).toEqual({ code: "FORBIDDEN", hint: "string" });
    // Hoody's SDK would take these for something else (contract section 3).
    expect(error).not.toMatch(/requires a realm-scoped URL|not valid for realm/);
  }
  return response.status;
}

const allowed = (status: number) => status !== 401 && status !== 403;

describe.each(Object.entries(SAMPLES))("%s", (route, { needs, table, keys }) => {
  // What a link answers that is none is its own affair.
  const isLink = route === "GET api/shared/:token";

  test("without a token, and with a bad one", async () => {
    const status = await statusOf(route, null);
    if (isLink) expect(status).toBe(403);
    else if (needs === "nothing") expect(status).toSatisfy(allowed);
    else expect(status).toBe(401);
    // Wrong tokens are counted, and forgotten after a minute.
    server.clock.advance(60_000);
    expect(await statusOf(route, "wrong")).toBe(401);
    expect(await statusOf(route, tokens["revoked"] as string)).toBe(401);
    expect(await statusOf(route, `${tokens["admin of all"]}x`)).toBe(401);
  });

  test.skipIf(isLink)("with the root token", async () => {
    expect(await statusOf(route, ROOT_TOKEN)).toSatisfy(allowed);
  });

  test.skipIf(isLink).each(Object.entries(ENOUGH))("with %s", async (kind, enough) => {
    const status = await statusOf(route, tokens[kind] as string);
    if (enough.includes(needs)) expect(status).toSatisfy(allowed);
    else expect(status).toBe(403);
  });

  test.skipIf(isLink)("with a token for another database", async () => {
    const status = await statusOf(route, tokens["another database"] as string);
    // Its own tokens an administrator may list, and take back.
    const own = ["GET api/tokens", "DELETE api/tokens/:id"].includes(route);
    if (needs === "nothing" || needs === "any" || own) expect(status).toSatisfy(allowed);
    else expect(status).toBe(403);
  });

  test.skipIf(isLink).each([
    ["another table", table],
    ["other keys", keys],
  ] as const)("with a token for %s", async (kind, limited) => {
    const status = await statusOf(route, tokens[kind] as string);
    const beyond = needs === "admin" || needs === "server" || limited === true;
    if (beyond) expect(status).toBe(403);
    else expect(status).toSatisfy(allowed);
  });

  if (route.startsWith("GET ") && !isLink)
    test("HEAD asks for the same", async () => {
      const head = await statusOf(route, tokens["another database"] as string, "HEAD").catch(
        // An answer without a body has no code.
        () => 403,
      );
      if (needs === "nothing" || needs === "any" || route === "GET api/tokens")
        expect(head).toSatisfy(allowed);
      else expect(head).toBe(403);
      if (needs !== "nothing") expect(await statusOf(route, null, "HEAD")).toBe(401);
    });
});

test("an address without a route is 401 without a token, 403 with a limited one, 404 with the root token", async () => {
  for (const path of ["/nowhere", "/db/", "/tokens/a/b"]) {
    expect((await server.api(path)).status).toBe(401);
    expect((await server.api(path, withToken(tokens["admin of all"] as string))).status).toBe(403);
    expect((await server.api(path, asRoot())).status).toBe(404);
  }
});
