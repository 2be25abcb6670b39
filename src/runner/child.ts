/** The runner's side: this executable, started with an internal argument, doing jobs one by one. */
import { dlopen } from "bun:ffi";
import { Incoming, Outgoing } from "./flow.ts";
import { type FromRunner, type ToRunner, toFailure } from "./protocol.ts";

/** The job's side of `RunnerPool.stream`. */
export interface JobChannel {
  /** Bytes that the server sends into the job. */
  readonly input: AsyncIterable<Uint8Array>;
  /** Ends the time in which an error is still an ordinary answer. Optional: the first chunk does too. */
  open(head: unknown): void;
  /** Sends bytes; resolves when more may follow. Best in chunks of about `STREAM_CHUNK_BYTES`. */
  write(bytes: Uint8Array): Promise<void>;
}

/**
 * Does one kind of job. `turn` asks the server for the job's turn on its file and resolves when it
 * has come; a job that only reads never calls it. `channel` is for jobs that stream.
 */
export type JobHandler = (
  payload: never,
  turn: () => Promise<void>,
  channel: JobChannel,
) => unknown;

export type JobHandlers = Readonly<Record<string, JobHandler>>;

/**
 * Serves jobs until the server is gone.
 * @param serverPid the process that started this one
 * @param letGo closes what is kept open between jobs, except for a job with this payload
 */
export function serveJobs(
  handlers: JobHandlers,
  serverPid: number,
  letGo: (nextPayload?: unknown) => void = () => {},
): Promise<void> {
  dieWithParent();
  // It may have died before that was asked for.
  if (process.platform === "linux" && process.ppid !== serverPid) return Promise.resolve();
  // Ctrl-C reaches the whole process group; when a runner ends is the server's to say.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
  const send = (message: FromRunner) => process.send?.(message);
  let go: (() => void) | undefined;
  let input = new Incoming(() => {});
  let output = new Outgoing(() => {});
  const turn = () =>
    new Promise<void>((resolve) => {
      go = resolve;
      send({ type: "ready" });
    });
  process.on("message", (message: ToRunner) => {
    switch (message.type) {
      case "go":
        return go?.();
      case "chunk":
        return input.push(message.bytes);
      case "end":
        return input.end();
      case "taken":
        return output.taken(message.bytes);
      case "release":
        letGo();
        return send({ type: "released" });
    }
    letGo(message.payload);
    const handler = handlers[message.kind];
    if (handler === undefined) throw new Error(`no handler for job ${message.kind}`);
    input = new Incoming((bytes) => send({ type: "taken", bytes }));
    output = new Outgoing((bytes) => send({ type: "chunk", bytes }));
    const channel: JobChannel = {
      input,
      open: (head) => send({ type: "open", head }),
      write: (bytes) => output.write(bytes),
    };
    Promise.try(() => handler(message.payload as never, turn, channel)).then(
      (result) => send({ type: "done", result, memoryBytes: process.memoryUsage.rss() }),
      (thrown) =>
        send({
          type: "failed",
          failure: toFailure(thrown),
          memoryBytes: process.memoryUsage.rss(),
        }),
    );
  });
  return new Promise((resolve) => process.on("disconnect", resolve));
}

/**
 * A runner inside a long statement does not notice that its server was killed. On Linux the kernel
 * ends it then (prctl PR_SET_PDEATHSIG); elsewhere it ends when its statement does.
 */
function dieWithParent(): void {
  if (process.platform !== "linux") return;
  const PR_SET_PDEATHSIG = 1;
  const SIGKILL = 9n;
  for (const libc of [
    "libc.so.6",
    `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
  ]) {
    try {
      const { symbols } = dlopen(libc, {
        prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
      });
      symbols.prctl(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n);
      return;
    } catch {
      // The other C library, then.
    }
  }
}
