/** A program that serves jobs made for the tests of the pool. */
import { type JobHandlers, serveJobs } from "../../src/runner/child.ts";

const hoard: Uint8Array[] = [];

const jobs = {
  /** Uses so many MiB more, and keeps them. */
  async hoard(job: { mib: number }) {
    for (let mib = 0; mib < job.mib; mib += 10) {
      hoard.push(new Uint8Array(10 * 1024 * 1024).fill(1));
      await Bun.sleep(1);
    }
    return process.pid;
  },
  /** Gives `chunks` chunks of `bytes` bytes. */
  async produce(job: { chunks: number; bytes: number; failAfter?: number }, _, channel) {
    if (job.failAfter === 0) throw new Error("failed at once");
    channel.open({ pid: process.pid });
    for (let written = 0; written < job.chunks; written += 1) {
      if (written === job.failAfter) throw new Error("failed in the middle");
      await channel.write(new Uint8Array(job.bytes).fill(written));
    }
  },
  /** Gives back what goes in. */
  async echo(_job: unknown, _turn, channel) {
    for await (const bytes of channel.input) await channel.write(bytes);
  },
  /** Takes so many chunks and ends. */
  async ignore(job: { chunks: number }, _turn, channel) {
    let seen = 0;
    for await (const _ of channel.input) {
      seen += 1;
      if (seen === job.chunks) break;
    }
    return seen;
  },
} satisfies JobHandlers;

await serveJobs(jobs, process.ppid);
process.exit(0);
