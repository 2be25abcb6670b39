/** A program that serves jobs made for the tests of the pool. */
import { type JobHandlers, serveJobs } from "../../src/runner/child.ts";

const jobs = {
  /** Gives `chunks` chunks of `bytes` bytes, and says on stderr how many it has written. */
  async produce(
    job: { chunks: number; bytes: number; failAfter?: number; pid?: boolean },
    _,
    channel,
  ) {
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
  /** Takes nothing, and ends when it is told to by nobody. */
  async ignore(job: { chunks: number }, _turn, channel) {
    let seen = 0;
    for await (const _ of channel.input) {
      seen += 1;
      if (seen === job.chunks) break;
    }
    return seen;
  },
  hang: () => new Promise(() => {}),
  spin() {
    for (;;);
  },
} satisfies JobHandlers;

await serveJobs(jobs, process.ppid);
process.exit(0);
