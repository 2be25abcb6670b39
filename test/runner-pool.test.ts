import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { STREAM_WINDOW_BYTES } from "../src/limits.ts";
import { silentLog } from "../src/log.ts";
import type { StreamJob } from "../src/runner/job.ts";
import type { MemoryBounds } from "../src/runner/memory.ts";
import { RunnerPool } from "../src/runner/pool.ts";

const CHUNK_BYTES = 64 * 1024;

/** A pool of processes that serve the jobs of support/runner.ts. */
class TestPool extends RunnerPool implements AsyncDisposable {
  constructor(size = 1, memory?: MemoryBounds) {
    const command = [process.execPath, join(import.meta.dir, "support/runner.ts")];
    super({ size, log: silentLog, command, ...(memory === undefined ? {} : { memory }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

const job = (kind: string, payload: object, more: Partial<StreamJob> = {}): StreamJob => ({
  kind,
  payload,
  idleTimeoutMs: 5000,
  ...more,
});

/** Chunks made on demand; tells how many were asked for. */
function source(chunks: number): { input: AsyncIterable<Uint8Array>; asked: () => number } {
  let asked = 0;
  async function* make() {
    while (asked < chunks) {
      asked += 1;
      yield new Uint8Array(CHUNK_BYTES).fill(asked);
    }
  }
  return { input: make(), asked: () => asked };
}

describe("a stream out of a job", () => {
  test("gives the head first, then every byte in order, and ends", async () => {
    await using pool = new TestPool();
    let ended = 0;
    const { head, body } = await pool.stream<{ pid: number }>(
      job("produce", { chunks: 100, bytes: CHUNK_BYTES }, { ended: () => (ended += 1) }),
    );
    expect(head?.pid).toBeInteger();
    const bytes = new Uint8Array(await new Response(body).arrayBuffer());
    expect(bytes.byteLength).toBe(100 * CHUNK_BYTES);
    for (let chunk = 0; chunk < 100; chunk += 1)
      expect([bytes[chunk * CHUNK_BYTES], bytes[(chunk + 1) * CHUNK_BYTES - 1]]).toEqual([
        chunk,
        chunk,
      ]);
    expect(ended).toBe(1);
    expect(pool.active).toBe(0);
  });

  test("stops the job when nobody reads, and goes on with the reader", async () => {
    await using pool = new TestPool();
    const chunks = (8 * STREAM_WINDOW_BYTES) / CHUNK_BYTES;
    const { body } = await pool.stream(job("produce", { chunks, bytes: CHUNK_BYTES }));
    // An unread job that could run ahead would be done long before this one has finished.
    const other = new TestPool();
    await new Response(
      (await other.stream(job("produce", { chunks: 2 * chunks, bytes: CHUNK_BYTES }))).body,
    ).arrayBuffer();
    await other.stop();
    expect(pool.counters.jobs).toBe(0);
    expect((await new Response(body).arrayBuffer()).byteLength).toBe(chunks * CHUNK_BYTES);
    expect(pool.counters.jobs).toBe(1);
  });

  test("fails before it opened: an ordinary error; after: what came before, then the error", async () => {
    await using pool = new TestPool();
    const produce = (failAfter: number) =>
      pool.stream(job("produce", { chunks: 9, bytes: CHUNK_BYTES, failAfter }));
    await expect(produce(0)).rejects.toThrow("failed at once");
    const reader = (await produce(3)).body.getReader();
    for (let chunk = 0; chunk < 3; chunk += 1) expect((await reader.read()).value?.[0]).toBe(chunk);
    await expect(reader.read()).rejects.toThrow("failed in the middle");
  });

  test("that nobody reads is ended after the time without progress; one that is read slowly lasts", async () => {
    await using pool = new TestPool(2);
    const produce = (idleTimeoutMs: number) =>
      pool.stream(job("produce", { chunks: 64, bytes: CHUNK_BYTES }, { idleTimeoutMs }));
    const unread = await produce(200);
    const slow = await produce(400);
    let bytes = 0;
    const startedMs = performance.now();
    for await (const chunk of slow.body) {
      bytes += chunk.byteLength;
      if (performance.now() - startedMs < 700) await Bun.sleep(20);
    }
    expect(bytes).toBe(64 * CHUNK_BYTES);
    expect(performance.now() - startedMs).toBeGreaterThan(600);
    await expect(new Response(unread.body).arrayBuffer()).rejects.toThrow(
      "No progress within 0.2 s",
    );
    expect(pool.counters.kills).toBe(1);
  });

  test("cancelled by its reader: the process is killed, and the next job gets another", async () => {
    await using pool = new TestPool();
    const ended = Promise.withResolvers<void>();
    const first = await pool.stream<{ pid: number }>(
      job("produce", { chunks: 1e6, bytes: CHUNK_BYTES }, { ended: () => ended.resolve() }),
    );
    await first.body.cancel();
    await ended.promise;
    expect(() => process.kill(first.head?.pid ?? 0, 0)).toThrow();
    const second = await pool.stream<{ pid: number }>(job("produce", { chunks: 1, bytes: 1 }));
    expect(second.head?.pid).not.toBe(first.head?.pid);
    expect((await new Response(second.body).arrayBuffer()).byteLength).toBe(1);
  });

  test("of a job that ended while its last chunks were unread does not disturb the next job", async () => {
    await using pool = new TestPool();
    const half = STREAM_WINDOW_BYTES / CHUNK_BYTES / 2;
    const first = await pool.stream(job("produce", { chunks: half, bytes: CHUNK_BYTES }));
    const chunks = (4 * STREAM_WINDOW_BYTES) / CHUNK_BYTES;
    const second = await pool.stream(job("produce", { chunks, bytes: CHUNK_BYTES }));
    expect((await new Response(first.body).arrayBuffer()).byteLength).toBe(half * CHUNK_BYTES);
    expect((await new Response(second.body).arrayBuffer()).byteLength).toBe(chunks * CHUNK_BYTES);
  });
});

describe("a stream into a job", () => {
  test("arrives whole and in order, through both windows", async () => {
    await using pool = new TestPool();
    const { input } = source(100);
    const { body } = await pool.stream(job("echo", {}, { input }));
    const bytes = new Uint8Array(await new Response(body).arrayBuffer());
    expect(bytes.byteLength).toBe(100 * CHUNK_BYTES);
    expect(bytes[0]).toBe(1);
    expect(bytes.at(-1)).toBe(100);
  });

  test("is read no faster than the job takes it", async () => {
    await using pool = new TestPool();
    const { input, asked } = source(1000);
    const { body } = await pool.stream(job("echo", {}, { input }));
    const other = new TestPool();
    await new Response(
      (await other.stream(job("produce", { chunks: 1000, bytes: CHUNK_BYTES }))).body,
    ).arrayBuffer();
    await other.stop();
    // One window into the job, one out of it, and a few chunks in hands.
    expect(asked()).toBeLessThan((3 * STREAM_WINDOW_BYTES) / CHUNK_BYTES);
    await body.cancel();
  });

  test("is let go when the job ends early", async () => {
    await using pool = new TestPool();
    const { input, asked } = source(1e6);
    const { body } = await pool.stream(job("ignore", { chunks: 3 }, { input }));
    expect((await new Response(body).arrayBuffer()).byteLength).toBe(0);
    expect(asked()).toBeLessThan(100);
    expect(pool.active).toBe(0);
  });

  test("that breaks ends the job with its error", async () => {
    await using pool = new TestPool();
    async function* broken() {
      yield new Uint8Array(1);
      throw new Error("the upload broke");
    }
    await expect(pool.stream(job("echo", {}, { input: broken() }))).rejects.toThrow(
      "the upload broke",
    );
  });
});

describe("the memory of a runner", () => {
  const MIB = 1024 * 1024;
  const hoard = (mib: number) => ({ kind: "hoard", payload: { mib }, timeoutMs: 20_000 });

  test("that has grown is given back with the process, once the job is done", async () => {
    await using pool = new TestPool(1, { maxBytes: 4096 * MIB, keptBytes: 200 * MIB });
    const [first, second, third] = [
      await pool.run<number>(hoard(0)),
      await pool.run<number>(hoard(250)),
      await pool.run<number>(hoard(0)),
    ];
    expect(second).toBe(first);
    expect(third).not.toBe(second);
  });

  test("beyond the bound ends the job, and the next one runs", async () => {
    if (process.platform !== "linux") return;
    await using pool = new TestPool(1, { maxBytes: 300 * MIB, keptBytes: 200 * MIB });
    await expect(pool.run(hoard(100_000))).rejects.toThrow("more memory than it may use");
    expect(await pool.run<number>(hoard(0))).toBeInteger();
    expect(pool.counters.kills).toBe(1);
  });
});
