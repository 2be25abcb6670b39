import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { MAX_QUEUED_JOBS, MAX_SQL_VALUE_BYTES } from "../src/limits.ts";
import { API, startTestServer, type TestServer } from "./support/server.ts";
import { until } from "./support/until.ts";

/** SQL that never ends. */
const RUNAWAY =
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n";
/** The same as a write: it holds the file's write lock and never commits. */
const RUNAWAY_WRITE = {
  transaction: [
    { statement: "CREATE TABLE IF NOT EXISTS runaway(i)" },
    { statement: "INSERT INTO runaway VALUES(1)" },
    { statement: `INSERT INTO runaway ${RUNAWAY}` },
  ],
};

interface Envelope {
  code: string;
  reqIdx?: number;
}

const query = (server: TestServer, sql: string, more = "", init?: RequestInit) =>
  server.api(`/query?db=t&sql=${encodeURIComponent(sql)}${more}`, init);

const transaction = (server: TestServer, body: object, more = "", init?: RequestInit) =>
  server.api(`/db?db=t${more}`, { method: "POST", body: JSON.stringify(body), ...init });

async function count(server: TestServer, table: string): Promise<unknown> {
  const response = await query(server, `SELECT count(*) AS n FROM ${table}`);
  const { resultSet } = (await response.json()) as { resultSet: { n: number }[] };
  return resultSet[0]?.n;
}

/** Jobs that have ended, and processes that were killed for it. */
async function counters(
  server: TestServer,
): Promise<Record<"sql_active" | "sql_jobs" | "sql_kills", number>> {
  const response = await server.api("/health");
  const { counters: all } = (await response.json()) as {
    counters: Record<"sql_active" | "sql_jobs" | "sql_kills", number>;
  };
  return all;
}

/** Runner processes of this one that use the processor: state R. */
async function busyChildren(): Promise<number> {
  return (await busyPids()).length;
}

/** Runners of this process that take processor time now, and not only took some to start. */
async function busyPids(): Promise<number[]> {
  const before = runnerTicks();
  await Bun.sleep(100);
  const after = runnerTicks();
  return [...after]
    .filter(([pid, ticks]) => ticks - (before.get(pid) ?? ticks) >= 3)
    .map(([pid]) => pid);
}

/** Processor time of the runners of this process, in ticks of 10 ms. */
function runnerTicks(): Map<number, number> {
  const ticksOf = new Map<number, number>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [state = "", parent, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(parent) !== process.pid || "ZX".includes(state)) continue;
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("__runner"))
        ticksOf.set(Number(pid), Number(fields[9]) + Number(fields[10]));
    } catch {
      // It has just ended.
    }
  return ticksOf;
}

describe("a statement that does not end", () => {
  test("is 503 REQUEST_TIMEOUT with Retry-After after timeout=1; keys are served meanwhile", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t", { method: "PUT", body: "0" });
    const startedMs = performance.now();
    let answered = false;
    const pending = query(server, RUNAWAY, "&timeout=1").then((response) => {
      answered = true;
      return response;
    });
    let served = 0;
    let slowestMs = 0;
    while (!answered) {
      const beforeMs = performance.now();
      const put = await server.api("/kv/a?db=t", { method: "PUT", body: String(served) });
      expect(put.status).toBe(200);
      expect(await (await server.api("/kv/a?db=t")).text()).toBe(String(served));
      slowestMs = Math.max(slowestMs, performance.now() - beforeMs);
      served += 1;
    }
    const response = await pending;
    const tookMs = performance.now() - startedMs;
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(((await response.json()) as Envelope).code).toBe("REQUEST_TIMEOUT");
    expect(tookMs).toBeGreaterThan(900);
    expect(tookMs).toBeLessThan(3000);
    expect(served).toBeGreaterThan(20);
    expect(slowestMs).toBeLessThan(900);
    expect((await query(server, "SELECT 1")).status).toBe(200);
  });

  test("in a transaction: its effects are absent, and the write turn is free again", async () => {
    await using server = await startTestServer();
    const response = await transaction(server, RUNAWAY_WRITE, "&timeout=1");
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(((await response.json()) as Envelope).code).toBe("REQUEST_TIMEOUT");
    expect((await server.api("/kv/a?db=t&timeout=1", { method: "PUT", body: "x" })).status).toBe(
      200,
    );
    const next = await transaction(server, {
      transaction: [
        { query: "SELECT name FROM sqlite_schema WHERE name = 'runaway'" },
        { statement: "CREATE TABLE next(a)" },
      ],
    });
    expect(next.status).toBe(200);
    const { results } = (await next.json()) as { results: { resultSet?: object[] }[] };
    expect(results[0]?.resultSet).toEqual([]);
  });

  test("while it writes: reads answer, and a write waits for its end and then succeeds", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t", { method: "PUT", body: "before" });
    const pending = transaction(server, RUNAWAY_WRITE, "&timeout=3");
    await until(
      async () => process.platform !== "linux" || (await busyChildren()) > 0,
      "the runaway runs",
    );
    let written = false;
    const put = server.api("/kv/a?db=t", { method: "PUT", body: "after" }).then((response) => {
      written = true;
      return response.status;
    });
    expect(await (await server.api("/kv/a?db=t")).text()).toBe("before");
    expect((await query(server, "SELECT value FROM kv_store")).status).toBe(200);
    expect(written).toBe(false);
    expect((await pending).status).toBe(503);
    expect(await put).toBe(200);
    expect(await (await server.api("/kv/a?db=t")).text()).toBe("after");
  });

  test("on one file does not hold up writes to another", async () => {
    await using server = await startTestServer();
    await server.api("/db/create?path=other", { method: "POST" });
    const pending = transaction(server, RUNAWAY_WRITE, "&timeout=1");
    const beforeMs = performance.now();
    expect((await server.api("/kv/a?db=other", { method: "PUT", body: "x" })).status).toBe(200);
    expect(performance.now() - beforeMs).toBeLessThan(900);
    expect((await pending).status).toBe(503);
  });

  test.each(["0", "-5", "1"])("timeout=%s is one second", async (timeout) => {
    await using server = await startTestServer();
    const startedMs = performance.now();
    expect((await query(server, RUNAWAY, `&timeout=${timeout}`)).status).toBe(503);
    expect(performance.now() - startedMs).toBeWithin(900, 3000);
  });

  test("a timeout that is no whole number is ignored: the setting counts", async () => {
    await using server = await startTestServer({ args: ["--timeout", "1"] });
    const startedMs = performance.now();
    expect((await query(server, RUNAWAY, "&timeout=soon")).status).toBe(503);
    expect(performance.now() - startedMs).toBeWithin(900, 3000);
  });
});

describe("a caller who hangs up", () => {
  test.each<[string, (server: TestServer, init: RequestInit) => Promise<Response>]>([
    ["GET /query", (server, init) => query(server, RUNAWAY, "&timeout=300", init)],
    ["POST /db", (server, init) => transaction(server, RUNAWAY_WRITE, "&timeout=300", init)],
  ])("frees every runner and the write turn: %s", async (_, start) => {
    await using server = await startTestServer({ args: ["--runners", "2"] });
    const caller = new AbortController();
    const pending = [1, 2].map(() =>
      start(server, { signal: caller.signal }).catch((error: Error) => error.name),
    );
    await until(async () => (await counters(server)).sql_active === 2, "both jobs were taken");
    caller.abort();
    expect(await Promise.all(pending)).toEqual(["AbortError", "AbortError"]);
    expect((await query(server, "SELECT 1", "&timeout=5")).status).toBe(200);
    const write = { transaction: [{ statement: "CREATE TABLE free(a)" }] };
    expect((await transaction(server, write, "&timeout=5")).status).toBe(200);
    expect((await server.api("/kv/a?db=t", { method: "PUT", body: "x" })).status).toBe(200);
    await until(async () => (await counters(server)).sql_jobs >= 4, "both jobs have ended");
    if (process.platform === "linux")
      await until(async () => (await busyChildren()) === 0, "no runaway is left");
  });

  test("while waiting in the queue leaves the queue", async () => {
    await using server = await startTestServer({ args: ["--runners", "1"] });
    const running = new AbortController();
    const waiting = new AbortController();
    const outcome = (promise: Promise<Response>) =>
      promise.then(
        () => "answer",
        () => "aborted",
      );
    const first = outcome(query(server, RUNAWAY, "&timeout=300", { signal: running.signal }));
    await until(async () => (await counters(server)).sql_active === 1, "the first job was taken");
    const second = outcome(query(server, RUNAWAY, "&timeout=300", { signal: waiting.signal }));
    await until(async () => (await counters(server)).sql_active === 2, "the second one too");
    waiting.abort();
    expect(await second).toBe("aborted");
    running.abort();
    expect(await first).toBe("aborted");
    expect((await query(server, "SELECT 1", "&timeout=5")).status).toBe(200);
  });
});

describe("more statements than can wait", () => {
  test("are 503 SERVICE_UNAVAILABLE with Retry-After at once, and the waiting ones get their turn", async () => {
    await using server = await startTestServer({ args: ["--runners", "1"] });
    const caller = new AbortController();
    const first = query(server, RUNAWAY, "&timeout=300", { signal: caller.signal }).catch(
      () => null,
    );
    await until(
      async () => process.platform !== "linux" || (await busyChildren()) > 0,
      "the runaway runs",
    );
    const extra = 20;
    let refused = 0;
    const waiting = Array.from({ length: MAX_QUEUED_JOBS + extra }, async () => {
      // Not fetch: it keeps to 256 connections at once.
      const answer = await rawGet(server, `${API}/query?db=t&sql=SELECT+1&timeout=60`);
      if (answer.status === 503) refused += 1;
      return answer;
    });
    await until(() => refused >= extra, "the surplus is refused");
    caller.abort();
    const answers = await Promise.all(waiting);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(MAX_QUEUED_JOBS);
    const surplus = answers.filter(({ status }) => status === 503);
    expect(surplus).toHaveLength(extra);
    for (const { text } of surplus) {
      expect(text.toLowerCase()).toContain("retry-after: 1");
      expect(text).toContain('"code":"SERVICE_UNAVAILABLE"');
    }
    expect(await first).toBe(null);
  }, 20_000);
});

describe("runner processes", () => {
  test("make no value beyond a bound: 413, and the next statement runs", async () => {
    await using server = await startTestServer({ args: ["--runners", "1"] });
    const greedy = `SELECT length(randomblob(${MAX_SQL_VALUE_BYTES + 1}))`;
    for (const response of [
      await query(server, greedy),
      await transaction(server, { transaction: [{ query: greedy }] }),
    ]) {
      expect(response.status).toBe(413);
      expect(((await response.json()) as Envelope).code).toBe("PAYLOAD_TOO_LARGE");
    }
    expect((await query(server, "SELECT 1")).status).toBe(200);
  });

  test("that die are replaced; the caller whose statement it was is told", async () => {
    await using server = await startTestServer({ args: ["--runners", "1"] });
    if (process.platform !== "linux") return;
    const pending = query(server, RUNAWAY, "&timeout=20");
    const answer = pending.then(() => true);
    await until(async () => {
      // On a busy machine one that still starts takes as much time; then the runaway's is next.
      for (const pid of await busyPids()) process.kill(pid, "SIGKILL");
      return Promise.race([answer, Bun.sleep(50).then(() => false)]);
    }, "the runaway's process has been killed");
    const response = await pending;
    expect(response.status).toBe(500);
    expect(((await response.json()) as Envelope).code).toBe("INTERNAL_ERROR");
    expect((await query(server, "SELECT 1")).status).toBe(200);
  });

  test("see neither the token nor any other setting of the server's environment", async () => {
    if (process.platform !== "linux") return;
    process.env["CHRONOLITE_TEST_SECRET"] = "swordfish";
    try {
      await using server = await startTestServer();
      expect((await query(server, "SELECT 1")).status).toBe(200);
      const children = readdirSync("/proc").filter((pid) => {
        try {
          return (
            /^\d+$/.test(pid) &&
            readFileSync(`/proc/${pid}/status`, "utf8").includes(`PPid:\t${process.pid}\n`)
          );
        } catch {
          return false;
        }
      });
      expect(children.length).toBeGreaterThan(0);
      for (const pid of children)
        expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain("swordfish");
    } finally {
      delete process.env["CHRONOLITE_TEST_SECRET"];
    }
  });

  test("many short statements side by side all answer", async () => {
    await using server = await startTestServer({ args: ["--runners", "2"] });
    await transaction(server, { transaction: [{ statement: "CREATE TABLE many(a)" }] });
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        index % 2 === 0
          ? transaction(server, { transaction: [{ statement: "INSERT INTO many VALUES(1)" }] })
          : query(server, "SELECT count(*) FROM many"),
      ),
    );
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(await count(server, "many")).toBe(50);
  });
});

/** A GET on a connection of its own. */
async function rawGet(server: TestServer, path: string): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(server.origin);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: (socket) => {
        socket.write(
          `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n\r\n`,
        );
      },
      data: (socket, chunk) => {
        text += chunk.toString();
        const [head = "", body] = text.split("\r\n\r\n");
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
        if (body !== undefined && Buffer.byteLength(body) >= length) socket.end();
      },
      close: () => resolve(text),
      error: (_, error) => reject(error),
    },
  });
  const answer = await promise;
  return { status: Number(answer.split(" ")[1]), text: answer };
}
