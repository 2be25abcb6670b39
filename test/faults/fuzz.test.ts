/**
 * Every route of the OpenAPI description with made-up requests, and malformed bytes on bare sockets:
 * no 5xx but a documented 503, no crash, no growth.
 */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import {
  type Description,
  type MadeUpRequest,
  type Operation,
  operationsOf,
  requestsOf,
} from "../support/api-requests.ts";
import { FAULT_SEED, faultMs } from "../support/faults.ts";
import { API, type SpawnedServer, spawnServer, TestFolder } from "../support/server.ts";

let outer: TestFolder;
let folder: TestFolder;
let server: SpawnedServer;
let stderr: Promise<string>;
let operations: Operation[];

beforeAll(async () => {
  console.info(`fuzz: CHRONOLITE_FAULT_SEED=${FAULT_SEED}`);
  outer = new TestFolder();
  folder = new TestFolder();
  writeFileSync(folder.file("text.db"), "not a database");
  {
    using database = new Database(folder.file("foreign.db"), { create: true });
    database.run("create table kv_store (key text, value text)");
  }
  server = await spawnServer(folder, {
    args: ["--max-body-bytes", "20000", "--timeout", "5", "--max-open-databases", "10"],
  });
  stderr = new Response(server.process.stderr).text();
  for (const name of ["t", "u"]) await server.api(`/db/create?path=${name}`, { method: "POST" });
  await furnish();
  const description = (await (await server.api("/openapi.json")).json()) as Description;
  operations = operationsOf(description);
});

/** Something to work on; what fuzzing has taken away comes back. */
async function furnish(): Promise<void> {
  const put = (key: string, body: string, more = "") =>
    server.api(`/kv/${key}?db=t&create_db_if_missing=true${more}`, { method: "PUT", body });
  await put("a", '{"a":{"b":1}}');
  await put("doc", '{"a":[1,2,3]}');
  await put("list", "[1,2,3]");
  await put("n", "7");
  await put("a", "1", "&table=watched");
  await server.api("/db?db=t", {
    method: "POST",
    body: JSON.stringify({
      transaction: [
        { statement: "create table if not exists x (a)" },
        {
          statement:
            "create trigger if not exists watching after insert on watched begin insert into x values (new.key); end",
        },
      ],
    }),
  });
}

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
  outer[Symbol.dispose]();
});

interface Health {
  memory: { rss: number };
  fds: number;
}

async function health(): Promise<Health> {
  return (await (await server.api("/health")).json()) as Health;
}

/** @throws Error that names what was wrong with the answer */
async function check(request: MadeUpRequest): Promise<void> {
  const { method, target, headers, body, operation } = request;
  let response: Response;
  try {
    response = await fetch(server.origin + target, {
      method,
      headers,
      redirect: "manual",
      signal: AbortSignal.timeout(15_000),
      ...(body === undefined ? {} : { body }),
    });
  } catch (error) {
    if (server.process.exitCode !== null) throw new Error("the server is gone", { cause: error });
    throw error;
  }
  const type = response.headers.get("content-type") ?? "";
  // A stream of events ends when its reader leaves.
  if (type.startsWith("text/event-stream")) {
    await response.body?.cancel();
    return;
  }
  const text = await response.text();
  const said = `${method} ${target}: ${response.status} ${text.slice(0, 300)}`;
  if (response.status >= 500) {
    const documented = Object.hasOwn(operation.responses ?? {}, String(response.status));
    if (response.status !== 503 || !documented || method !== operation.method)
      throw new Error(said);
    if (response.headers.get("retry-after") === null) throw new Error(`no Retry-After: ${said}`);
  }
  if (response.status >= 400 && method !== "HEAD" && text !== "null") {
    let envelope: Record<string, unknown>;
    try {
      envelope = JSON.parse(text) as Record<string, unknown>;
    } catch {
      throw new Error(`not JSON: ${said}`);
    }
    if (envelope["success"] !== false || envelope["statusCode"] !== response.status)
      throw new Error(`not the envelope: ${said}`);
    if (typeof envelope["code"] !== "string" || typeof envelope["error"] !== "string")
      throw new Error(`an error without code or words: ${said}`);
    for (const secret of [folder.path, "node_modules", "    at "])
      if (text.includes(secret)) throw new Error(`tells of the inside: ${said}`);
  }
}

describe("every described route", () => {
  const limitMs = faultMs(6000, 0.25);

  test(
    "answers made-up requests with what it documents",
    async () => {
      expect(operations.length).toBeGreaterThan(10);
      // What warms up is no growth: every route once, well before memory is looked at.
      const tried = new Map<Operation, number>();
      const any = fc.constantFrom(...operations).chain((operation) => requestsOf(operation));
      let early: Health | undefined;
      let requests = 0;
      const startedMs = performance.now();
      await fc.assert(
        fc.asyncProperty(any, async (request) => {
          await check(request);
          tried.set(request.operation, (tried.get(request.operation) ?? 0) + 1);
          requests += 1;
          if (requests % 200 === 0) await furnish();
          if (early === undefined && performance.now() - startedMs > limitMs / 2)
            early = await health();
        }),
        {
          seed: FAULT_SEED,
          numRuns: 1_000_000_000,
          interruptAfterTimeLimit: limitMs,
          markInterruptAsFailure: false,
          endOnFailure: limitMs < 60_000,
        },
      );
      const late = await health();
      console.info(
        `fuzz: ${requests} requests, ${Math.min(...operations.map((operation) => tried.get(operation) ?? 0))} or more of each of ${operations.length} routes`,
      );
      for (const operation of operations)
        expect([operation.method, operation.path, (tried.get(operation) ?? 0) > 0]).toEqual([
          operation.method,
          operation.path,
          true,
        ]);
      if (early !== undefined) {
        expect(late.fds).toBeLessThan(120);
        expect(late.memory.rss - early.memory.rss).toBeLessThan(200 * 1024 * 1024);
      }
    },
    60_000 + 2 * limitMs,
  );

  test("afterwards the files are whole, and nothing is outside the folder", async () => {
    for (const name of ["t", "u"]) {
      if (!existsSync(folder.file(`${name}.db`))) continue;
      using database = new Database(folder.file(`${name}.db`));
      expect(database.query("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    }
    expect(existsSync("/etc/passwd-wal")).toBe(false);
    expect(readdirSync(outer.path)).toEqual([]);
    expect(
      (await server.api("/kv/after?db=u&create_db_if_missing=1", { method: "PUT", body: "1" }))
        .status,
    ).toBe(200);
  });
});

describe("malformed bytes", () => {
  const limitMs = faultMs(4000, 0.15);

  /** Sends bytes on a socket of their own; gives back what came, after the end or a while of silence. */
  async function exchange(bytes: Uint8Array): Promise<string> {
    const { hostname, port } = new URL(server.origin);
    let received = "";
    const { promise, resolve } = Promise.withResolvers<void>();
    const quiet = { timer: setTimeout(resolve, 40) };
    const socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        data(_, chunk) {
          received += chunk.toString("latin1");
          clearTimeout(quiet.timer);
          quiet.timer = setTimeout(resolve, 5);
        },
        close: () => resolve(),
        error: () => resolve(),
      },
    });
    socket.write(bytes);
    socket.flush();
    await promise;
    clearTimeout(quiet.timer);
    socket.terminate();
    return received;
  }

  const lines = fc.constantFrom(
    `GET ${API}/health HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET ${API}/kv/a?db=t HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `PUT ${API}/kv/a?db=t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc`,
    `PUT ${API}/kv/a?db=t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nabc`,
    `PUT ${API}/kv/a?db=t HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\nabc`,
    `PUT ${API}/kv/a?db=t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc`,
    `PUT ${API}/kv/a?db=t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    `PUT ${API}/kv/a?db=t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n`,
    `PUT ${API}/kv/a?db=t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    `POST ${API}/db?db=t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18\r\n\r\n{"transaction":[]}`,
    `GET ${API}/kv/%00?db=t HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET ${API}/kv/%ff%fe?db=%c3%28 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET ${API}/kv/a%zz?db=t HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET //${API}/kv/a?db=t HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET http://evil.example${API}/kv/a?db=t HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `HEAD ${API}/kv/a?db=t HTTP/1.1\r\nHost: localhost\r\n\r\nGET /`,
    `OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET ${API}/health HTTP/1.0\r\n\r\n`,
    `GET ${API}/health HTTP/9.9\r\nHost: localhost\r\n\r\n`,
    `GET ${API}/health HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
    `GET ${API}/health HTTP/1.1\r\nHost: localhost\r\nX: ${"y".repeat(20_000)}\r\n\r\n`,
    `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "\r\n\r\n\r\n",
    "GET",
  );
  const mutated = fc
    .record({
      text: lines,
      at: fc.nat({ max: 200 }),
      remove: fc.nat({ max: 6 }),
      insert: fc.uint8Array({ maxLength: 6 }),
      twice: fc.boolean(),
    })
    .map(({ text, at, remove, insert, twice }) => {
      const bytes = Buffer.from(text, "latin1");
      const changed = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
      return twice ? Buffer.concat([changed, changed]) : changed;
    });

  test(
    "get a 4xx or nothing, and the server goes on",
    async () => {
      const before = await health();
      let sent = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(mutated, { minLength: 8, maxLength: 8 }), async (all) => {
          const answers = await Promise.all(all.map((bytes) => exchange(bytes)));
          for (const [index, answer] of answers.entries())
            for (const [, status] of answer.matchAll(/^HTTP\/1\.[01] (\d{3})/gm))
              if (Number(status) >= 500 && status !== "505")
                throw new Error(`${JSON.stringify(all[index]?.toString("latin1"))}: ${answer}`);
          sent += all.length;
        }),
        {
          seed: FAULT_SEED,
          numRuns: 1_000_000_000,
          interruptAfterTimeLimit: limitMs,
          markInterruptAsFailure: false,
        },
      );
      console.info(`fuzz: ${sent} malformed messages`);
      expect(server.process.exitCode).toBeNull();
      expect((await server.api("/kv/a?db=u")).status).toBeLessThan(500);
      const after = await health();
      expect(after.memory.rss - before.memory.rss).toBeLessThan(100 * 1024 * 1024);
      expect(after.fds - before.fds).toBeLessThan(50);
    },
    60_000 + 2 * limitMs,
  );
});

test("the log of all this tells of no failed request", async () => {
  server.process.kill("SIGTERM");
  await server.process.exited;
  expect((await stderr).split("\n").filter((line) => line.includes('"error"'))).toEqual([]);
}, 20_000);
