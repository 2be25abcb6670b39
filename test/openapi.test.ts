/** The API description: complete, valid, true; and the page that shows it. */
import { describe, expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { appOf } from "./support/app.ts";
import { closed, type Description, DescriptionCheck } from "./support/description.ts";
import { API, startTestServer, TestFolder, testConfig } from "./support/server.ts";

async function description(): Promise<Description> {
  await using server = await startTestServer({ empty: true });
  return (await server.json<Description>("/openapi.json")).body;
}

describe("the API description", () => {
  test("is valid OpenAPI 3.1", async () => {
    const found = await new Validator().validate(
      (await description()) as unknown as Record<string, unknown>,
    );
    expect(found.errors ?? []).toEqual([]);
    expect(found.valid).toBe(true);
  });

  test("is the same as YAML", async () => {
    await using server = await startTestServer({ empty: true });
    const answer = await server.api("/openapi.yaml");
    expect(answer.headers.get("content-type")).toBe("application/yaml");
    expect(parse(await answer.text())).toEqual((await server.json("/openapi.json")).body);
  });

  test("has every route, and no other", async () => {
    using folder = new TestFolder();
    const served = appOf(testConfig(folder))
      .routes.filter(({ hooks }) => hooks.detail?.hide !== true)
      .map(
        ({ method, path }) => `${method} ${path.replace("/*", "/{key}").replace(/:(\w+)/, "{$1}")}`,
      );
    const { paths } = await description();
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const ofKeys = described.filter(
      (route) => / .*\{key\}\//.test(route) || route.startsWith("HEAD "),
    );
    expect(described.filter((route) => !ofKeys.includes(route)).sort()).toEqual(
      [...served, `GET ${API}/openapi.json`].sort(),
    );
    for (const verb of ["incr", "decr", "push", "pop", "remove", "expire", "persist"])
      expect(ofKeys).toContain(`POST ${API}/kv/{key}/${verb}`);
  });

  test("has examples that are as their schemas say", async () => {
    const document = await description();
    const ajv = new Ajv2020({ strict: false, formats: { "date-time": true } });
    ajv.addSchema(closed(document) as object, "description");
    let examples = 0;
    const look = (json: unknown, pointer: string): void => {
      if (typeof json !== "object" || json === null) return;
      const { examples: given } = json as { examples?: unknown };
      if (Array.isArray(given))
        for (const example of given) {
          examples += 1;
          const valid = ajv.validate({ $ref: `description#${encodeURI(pointer)}` }, example);
          expect({ pointer, problem: valid ? "" : ajv.errorsText() }).toEqual({
            pointer,
            problem: "",
          });
        }
      for (const [name, value] of Object.entries(json))
        look(value, `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`);
    };
    look(document, "");
    expect(examples).toBeGreaterThan(20);
  });

  test("has an example of every JSON answer", async () => {
    const { paths } = await description();
    const without: string[] = [];
    for (const [path, operations] of Object.entries(paths))
      for (const [method, operation] of Object.entries(operations)) {
        const { responses } = operation as unknown as {
          responses: Record<string, { content?: Record<string, { schema?: object }> }>;
        };
        for (const [status, { content }] of Object.entries(responses)) {
          const schema = content?.["application/json"]?.schema;
          if (!status.startsWith("2") || schema === undefined || path.endsWith("openapi.json"))
            continue;
          if (!JSON.stringify(schema).includes('"examples":[')) without.push(`${method} ${path}`);
        }
      }
    expect(without).toEqual([]);
  });

  test("names each parameter of a route once, and describes all of them", async () => {
    const { paths } = await description();
    for (const [path, operations] of Object.entries(paths))
      for (const [method, operation] of Object.entries(operations)) {
        const { parameters = [] } = operation as unknown as {
          parameters?: { in: string; name: string; description?: string }[];
        };
        const names = parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
        expect({ path, method, names: [...new Set(names)] }).toEqual({ path, method, names });
        for (const parameter of parameters)
          expect({
            path,
            name: parameter.name,
            described: (parameter.description ?? "") !== "",
          }).toEqual({ path, name: parameter.name, described: true });
      }
  });

  test("needs no token, as it says the same of every server", async () => {
    await using server = await startTestServer({ args: ["--token", "secret"], empty: true });
    for (const path of [`${API}/openapi.json`, `${API}/openapi.yaml`, "/docs"])
      expect((await fetch(server.origin + path)).status).toBe(200);
  });
});

describe("the comparison of answers with the description", () => {
  const schema = {
    type: "object",
    required: ["a"],
    properties: { a: { type: "integer" }, b: { type: "object", properties: {} } },
  };
  const check = new DescriptionCheck({
    paths: {
      "/x/{id}": {
        get: {
          responses: {
            "200": { content: { "application/json": { schema } }, headers: { ETag: {} } },
            "304": {},
          },
        },
      },
    },
  });
  const problem = (body: string | null, init: ResponseInit, url = "http://localhost/x/1") =>
    check.problem({ method: "GET", url }, new Response(body, init));
  const json = { "content-type": "application/json; charset=utf-8" };

  test("lets pass what is described", async () => {
    expect(await problem('{"a":1,"b":{}}', { headers: { ...json, etag: '"1"' } })).toBeUndefined();
    expect(await problem(null, { status: 304 })).toBeUndefined();
  });

  test.each<[string, string | null, ResponseInit]>([
    ["the status is not described", "{}", { status: 500, headers: json }],
    ["additional properties", '{"a":1,"c":2}', { headers: json }],
    ["additional properties", '{"a":1,"b":{"c":2}}', { headers: json }],
    ["required property", "{}", { headers: json }],
    ["must be integer", '{"a":"1"}', { headers: json }],
    ["not JSON", "{", { headers: json }],
    ['the type "text/plain" is not described', "x", { headers: { "content-type": "text/plain" } }],
    ["the header x-more is not described", '{"a":1}', { headers: { ...json, "x-more": "1" } }],
    ["a body is not described", null, { status: 304, headers: { ...json, "content-length": "2" } }],
  ])("finds: %s", async (what, body, init) => {
    expect(await problem(body, init)).toContain(what);
  });

  test("is made of the answers that tests get", async () => {
    await using server = await startTestServer();
    // A server that is no longer as described: its answer is another one's.
    using other = Bun.serve({ port: 0, fetch: () => Response.json({ success: true, more: 1 }) });
    const { checkAnswers } = await import("./support/check-answers.ts");
    checkAnswers(other.url.origin);
    await expect(fetch(`${other.url.origin}${API}/kv?db=t`)).rejects.toThrow("not as described");
    expect((await server.api("/kv?db=t")).status).toBe(200);
  });
});

describe("GET /docs", () => {
  test("is a page whose parts all come from the server itself", async () => {
    await using server = await startTestServer({ empty: true });
    const page = await fetch(`${server.origin}/docs`);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    const html = await page.text();
    expect(html).not.toMatch(/https?:|\/\/\w/);
    const parts = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = ""]) => path);
    expect(parts).toHaveLength(3);
    for (const path of parts) {
      const part = await fetch(server.origin + path);
      expect({ path, status: part.status }).toEqual({ path, status: 200 });
      expect(part.headers.get("content-type")).toMatch(/^text\/(javascript|css); charset=utf-8$/);
      expect((await part.text()).length).toBeGreaterThan(100);
    }
  });
});
