/** Bodies and connections as no good client sends them: each has its end, and nobody else waits. */
import { describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { API, type SpawnedServer, spawnServer, TestFolder } from "../support/server.ts";

interface Wire {
  socket: Socket;
  /** What came until now. */
  received(): string;
  /** Resolves when the server closes the connection. */
  closed: Promise<void>;
}

function wire(server: SpawnedServer): Wire {
  const { hostname, port } = new URL(server.origin);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  return { socket, received: () => text, closed };
}

async function answered(connection: Wire): Promise<number> {
  const untilMs = performance.now() + 5000;
  for (;;) {
    const status = /^HTTP\/1\.1 (\d{3})/.exec(connection.received())?.[1];
    if (status !== undefined) return Number(status);
    if (performance.now() > untilMs) throw new Error("no answer");
    await Bun.sleep(2);
  }
}

async function withServer(args: string[], use: (server: SpawnedServer) => Promise<void>) {
  using folder = new TestFolder();
  await using server = await spawnServer(folder, { args });
  await server.api("/db/create?path=t", { method: "POST" });
  await server.api("/kv/a?db=t", { method: "PUT", body: "1" });
  await use(server);
}

const head = (path: string, ...lines: string[]) =>
  [`PUT ${API}${path} HTTP/1.1`, "Host: localhost", ...lines, "", ""].join("\r\n");

describe("bodies", () => {
  test("beyond the limit are 413, however long they say they are", async () => {
    await withServer(["--max-body-bytes", "4096"], async (server) => {
      // It says so: nothing of it is read.
      const announced = wire(server);
      announced.socket.write(head("/kv/big?db=t", "Content-Length: 1000000000000"));
      expect(await answered(announced)).toBe(413);

      // It does not say: read until there is too much of it.
      const chunked = wire(server);
      chunked.socket.write(head("/kv/big?db=t", "Transfer-Encoding: chunked"));
      for (let index = 0; index < 5; index += 1)
        chunked.socket.write(`400\r\n${"x".repeat(1024)}\r\n`);
      expect(await answered(chunked)).toBe(413);

      // It says less than it sends: the rest is no part of it, and no request.
      const less = wire(server);
      less.socket.write(`${head("/kv/less?db=t", "Content-Length: 3")}abcdef`);
      expect(await answered(less)).toBe(200);
      expect(await (await server.api("/kv/less?db=t")).text()).toBe("abc");

      // It says more than it sends, and hangs up: nothing was written.
      const more = wire(server);
      more.socket.write(`${head("/kv/more?db=t", "Content-Length: 9")}abc`);
      await Bun.sleep(50);
      more.socket.destroy();
      await more.closed;
      expect((await server.api("/kv/more?db=t")).status).toBe(404);
      expect((await server.api("/kv/big?db=t")).status).toBe(404);
      for (const { socket } of [announced, chunked, less]) socket.destroy();
    });
  });
});

test("a batch beyond 16 MiB is 413 and is not parsed; a PUT of that size is welcome", async () => {
  await withServer([], async (server) => {
    const large = "x".repeat(16 * 1024 * 1024);
    const batch = await server.api("/kv/batch/set?db=t", {
      method: "POST",
      body: `{"items":[{"key":"a","value":"${large}"}]}`,
    });
    expect([batch.status, batch.headers.get("x-error-code")]).toEqual([413, "PAYLOAD_TOO_LARGE"]);
    expect((await server.api("/kv/b?db=t", { method: "PUT", body: large })).status).toBe(200);
    expect(await (await server.api("/kv/a?db=t")).text()).toBe("1");
  });
}, 20_000);

describe("--idle-timeout", () => {
  test("drops who sends by drops; a deadline that is longer is kept", async () => {
    await withServer(["--idle-timeout", "1", "--timeout", "1"], async (server) => {
      const startedMs = performance.now();
      const took = async (connection: Wire) => {
        await connection.closed;
        return performance.now() - startedMs;
      };
      const byDrops = [
        head("/kv/slow?db=t", "Content-Length: 100000"),
        head("/kv/slow?db=t", "Transfer-Encoding: chunked"),
      ].map((text) => {
        const connection = wire(server);
        connection.socket.write(text);
        const timer = setInterval(() => connection.socket.write("1\r\na\r\n"), 300);
        void connection.closed.then(() => clearInterval(timer));
        return connection;
      });
      // A statement that takes longer than a connection may be silent.
      const endless =
        "with recursive n(i) as (select 1 union all select i from n) select sum(i) from n";
      const statement = server.api("/db?db=t&timeout=6", {
        method: "POST",
        body: JSON.stringify({ transaction: [{ query: endless }] }),
      });
      // Bun looks every 4 seconds.
      for (const connection of byDrops) expect(await took(connection)).toBeLessThan(10_000);
      expect((await statement).status).toBe(503);
      expect(performance.now() - startedMs).toBeGreaterThan(5500);
      expect((await server.api("/kv/slow?db=t")).status).toBe(404);
      expect((await server.api("/kv/a?db=t")).status).toBe(200);
    });
  }, 30_000);
});

describe("1,000 connections", () => {
  test("cost little, and others are served meanwhile", async () => {
    await withServer([], async (server) => {
      const health = async () =>
        (await (await server.api("/health")).json()) as { memory: { rss: number }; fds: number };
      // What warms up is not what connections cost.
      await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          server.api(`/kv/w${index}?db=t`, { method: "PUT", body: "x".repeat(1000) }),
        ),
      );
      const before = await health();
      const connections = Array.from({ length: 1000 }, () => wire(server));
      // Each has sent a part of a request: half of them lines, half of them a body.
      for (const [index, { socket }] of connections.entries())
        socket.write(
          index % 2 === 0
            ? `GET ${API}/kv/a?db=t HTTP/1.1\r\nHost: localhost\r\nX-More: ${"y".repeat(1000)}`
            : `${head(`/kv/c${index}?db=t`, "Content-Length: 20000")}${"x".repeat(10_000)}`,
        );
      const untilMs = performance.now() + 10_000;
      while ((await health()).fds < before.fds + 990) {
        if (performance.now() > untilMs) throw new Error("not all are connected");
        await Bun.sleep(10);
      }
      const latenciesMs: number[] = [];
      for (let index = 0; index < 50; index += 1) {
        const startedMs = performance.now();
        expect((await server.api(`/kv/p?db=t`, { method: "PUT", body: "1" })).status).toBe(200);
        latenciesMs.push(performance.now() - startedMs);
      }
      const during = await health();
      expect(during.memory.rss - before.memory.rss).toBeLessThan(150 * 1024 * 1024);
      expect(latenciesMs.sort((a, b) => a - b)[25]).toBeLessThan(200);
      // The bodies come to their end: all are written.
      for (const [index, { socket }] of connections.entries())
        if (index % 2 === 1) socket.write("x".repeat(10_000));
      const statuses = await Promise.all(
        connections.filter((_, index) => index % 2 === 1).map(answered),
      );
      expect(new Set(statuses)).toEqual(new Set([200]));
      for (const { socket } of connections) socket.destroy();
      await Promise.all(connections.map(({ closed }) => closed));
      const after = async () => (await health()).fds;
      const goneMs = performance.now() + 5000;
      while ((await after()) > before.fds + 20 && performance.now() < goneMs) await Bun.sleep(10);
      expect(await after()).toBeLessThan(before.fds + 20);
    });
  }, 40_000);
});
