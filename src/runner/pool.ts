/** The server's side: a bounded set of runner processes, each with one job and its deadline. */
import type { Subprocess } from "bun";
import { ApiError } from "../errors.ts";
import { MAX_QUEUED_JOBS, RUNNER_WATCH_MS } from "../limits.ts";
import type { Log } from "../log.ts";
import { Incoming, Outgoing } from "./flow.ts";
import {
  hungUp,
  type Job,
  type JobStream,
  type StreamJob,
  stopping,
  timeoutError,
  tooMuchMemory,
} from "./job.ts";
import { type MemoryBounds, RUNNER_MEMORY, residentBytes } from "./memory.ts";
import { runnerCommand, spawnRunner } from "./process.ts";
import { type FromRunner, fromFailure, type ToRunner } from "./protocol.ts";

interface ActiveJob extends Job {
  deadline: NodeJS.Timeout;
  stream: Stream | undefined;
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
  settled: boolean;
  /** Its process is being killed; it is settled when that is gone. */
  ending: boolean;
  runner: Runner | undefined;
}

interface Stream {
  readonly input: AsyncIterable<Uint8Array> | undefined;
  readonly intoJob: Outgoing;
  readonly outOfJob: Incoming;
  readonly opened: (head: unknown) => void;
}

interface Runner {
  /** Keeps the server alive while it has a job, or is being killed; not while it waits for work. */
  process: Subprocess;
  job: ActiveJob | undefined;
  /** Whoever waits until it has let go of its files. */
  releasing: (() => void)[];
}

export class RunnerPool {
  readonly #size: number;
  readonly #log: Log;
  readonly #command: readonly string[];
  readonly #runners = new Set<Runner>();
  readonly #queue: ActiveJob[] = [];
  readonly #memory: MemoryBounds;
  #watch: NodeJS.Timeout | undefined;
  #stopped = false;
  /** Processes that were killed and are not gone yet. */
  readonly #ending = new Set<Promise<number>>();
  /**
   * Since the start: jobs ended, jobs that had to wait for a process, and processes killed at a
   * deadline, a hang-up or a bound on memory.
   */
  readonly counters = { jobs: 0, waits: 0, kills: 0 };

  /** @param options.command another program that serves jobs, for tests */
  constructor(options: {
    size: number;
    log: Log;
    command?: readonly string[];
    memory?: MemoryBounds;
  }) {
    this.#size = options.size;
    this.#log = options.log;
    this.#command = options.command ?? runnerCommand();
    this.#memory = options.memory ?? RUNNER_MEMORY;
  }

  /** Jobs that wait for a process. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Jobs that wait or run. */
  get active(): number {
    return this.#queue.length + [...this.#runners].filter(({ job }) => job !== undefined).length;
  }

  /** Starts one process ahead of the first job (measured: about 10 ms a start, 50 ms when busy). */
  warm(): void {
    if (this.#runners.size === 0) this.#spawn().process.unref();
  }

  /**
   * Runs a job in a runner process.
   * @throws ApiError REQUEST_TIMEOUT past the deadline, SERVICE_UNAVAILABLE when too many jobs wait,
   *   INTERNAL_ERROR when the process dies, or whatever the job itself threw.
   */
  run<Result>(job: Job): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#submit(job, undefined, resolve as (result: unknown) => void, reject);
    });
  }

  /**
   * Runs a job that takes bytes in, gives bytes out, or both, with back pressure in both directions:
   * a job whose output nobody reads stops at `channel.write`, and input is read no faster than the
   * job takes it.
   *
   *     // the job, in the runner
   *     async "csv.upper"({ path }: Payload, turn, channel) {
   *       await turn();                                  // only to write to a database
   *       channel.open({ columns: 3 });                  // errors until here are ordinary answers
   *       for await (const bytes of channel.input) await channel.write(upper(bytes));
   *     }
   *
   *     // the route, on the server
   *     const unpin = database.pin();
   *     const { head, body } = await deps.streams.stream<{ columns: number }>({
   *       kind: "csv.upper", payload, idleTimeoutMs, signal: request.signal,
   *       input: request.body ?? undefined, takeTurn, ended: () => { release?.(); unpin(); },
   *     });
   *     return new Response(body);                       // an error from here on cuts the connection
   *
   * @returns once the job opened its stream, sent its first chunk, or ended
   * @throws what the job threw before that, and ApiError as `run` does
   */
  async stream<Head = unknown>(job: StreamJob): Promise<JobStream<Head>> {
    const { idleTimeoutMs, input, ended, ...rest } = job;
    const opened = Promise.withResolvers<Head | undefined>();
    const progress = (message: ToRunner) => {
      active.deadline.refresh();
      if (active.runner?.job === active) send(active.runner, message);
    };
    const stream: Stream = {
      input,
      intoJob: new Outgoing((bytes) => progress({ type: "chunk", bytes })),
      outOfJob: new Incoming((bytes) => progress({ type: "taken", bytes })),
      opened: (head) => opened.resolve(head as Head | undefined),
    };
    const finish = (outcome: { result?: unknown; error?: Error }) => {
      const { error } = outcome;
      stream.intoJob.close();
      stream.outOfJob.end(error);
      if (error === undefined) opened.resolve(undefined);
      else opened.reject(error);
      ended?.(outcome);
    };
    const active = this.#submit(
      { ...rest, timeoutMs: idleTimeoutMs },
      stream,
      (result) => finish({ result }),
      (error) => finish({ error }),
    );
    const head = await opened.promise;
    return {
      head,
      body: new ReadableStream({
        async pull(controller) {
          const chunk = await stream.outOfJob.next();
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
        cancel: () => this.#end(active, hungUp()),
      }),
    };
  }

  /** Ends every process, and waits until it is gone. Jobs under way answer SERVICE_UNAVAILABLE. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#watch);
    for (const job of this.#queue.splice(0)) job.reject(stopping());
    for (const runner of [...this.#runners]) {
      const { job } = runner;
      this.#kill(runner);
      job?.reject(stopping());
    }
    await Promise.all(this.#ending);
  }

  /**
   * Resolves when no process keeps a file open that it has no job for. (They keep the last one for a
   * moment, in case the next job is about it.)
   */
  async letGo(): Promise<void> {
    const idle = [...this.#runners].filter(({ job }) => job === undefined);
    await Promise.all(
      idle.map((runner) => {
        const released = new Promise<void>((resolve) => runner.releasing.push(resolve));
        send(runner, { type: "release" });
        return Promise.race([released, runner.process.exited]);
      }),
    );
  }

  #submit(
    job: Job,
    stream: Stream | undefined,
    resolve: (result: unknown) => void,
    reject: (error: Error) => void,
  ): ActiveJob {
    const hangUp = () => this.#end(active, hungUp());
    const settle = (answer: () => void) => {
      if (active.settled) return;
      active.settled = true;
      clearTimeout(active.deadline);
      job.signal?.removeEventListener("abort", hangUp);
      this.counters.jobs += 1;
      answer();
    };
    const active: ActiveJob = {
      ...job,
      stream,
      settled: false,
      ending: false,
      runner: undefined,
      resolve: (result) => settle(() => resolve(result)),
      reject: (error) => settle(() => reject(error)),
      deadline: setTimeout(
        () => this.#end(active, timeoutError(job.timeoutMs, stream !== undefined)),
        job.timeoutMs,
      ),
    };
    if (this.#stopped) active.reject(stopping());
    else if (this.#queue.length >= MAX_QUEUED_JOBS)
      active.reject(new ApiError("SERVICE_UNAVAILABLE", "Too many statements are waiting"));
    else if (job.signal?.aborted) hangUp();
    else {
      job.signal?.addEventListener("abort", hangUp);
      this.#queue.push(active);
      this.#dispatch();
      if (active.runner === undefined) this.counters.waits += 1;
    }
    return active;
  }

  #dispatch(): void {
    while (this.#queue.length > 0 && !this.#stopped) {
      const idle = [...this.#runners].find((runner) => runner.job === undefined);
      if (idle === undefined && this.#runners.size >= this.#size) return;
      const job = this.#queue.shift();
      if (job === undefined || job.settled) continue;
      const runner = idle ?? this.#spawn();
      runner.job = job;
      job.runner = runner;
      runner.process.ref();
      this.#watch ??= setInterval(() => void this.#checkMemory(), RUNNER_WATCH_MS).unref();
      send(runner, { type: "run", kind: job.kind, payload: job.payload });
      if (job.stream !== undefined) void this.#feed(job, runner, job.stream);
    }
  }

  async #checkMemory(): Promise<void> {
    const working = [...this.#runners].filter(({ job }) => job !== undefined);
    if (working.length === 0) {
      clearInterval(this.#watch);
      this.#watch = undefined;
    }
    for (const { process, job } of working) {
      const bytes = await residentBytes(process.pid);
      if (bytes <= this.#memory.maxBytes || job?.runner?.process !== process) continue;
      this.#log.error("runner_memory", new Error("a job used too much memory"), { bytes });
      this.#end(job, tooMuchMemory());
    }
  }

  /** Sends a stream's input into its job, as fast as the job takes it. */
  async #feed(job: ActiveJob, runner: Runner, { input, intoJob }: Stream): Promise<void> {
    try {
      for await (const chunk of input ?? []) {
        if (job.settled) return;
        await intoJob.write(chunk);
      }
      if (runner.job === job) send(runner, { type: "end" });
    } catch (error) {
      this.#end(job, error as Error);
    }
  }

  #spawn(): Runner {
    const runner: Runner = {
      job: undefined,
      releasing: [],
      process: spawnRunner(
        this.#command,
        (message) => this.#receive(runner, message),
        (exitCode, signal) => this.#exited(runner, exitCode, signal),
      ),
    };
    this.#runners.add(runner);
    return runner;
  }

  #receive(runner: Runner, message: FromRunner): void {
    if (message.type === "released") {
      for (const resolve of runner.releasing.splice(0)) resolve();
      return;
    }
    const job = runner.job;
    if (job === undefined) return;
    if (job.stream !== undefined) job.deadline.refresh();
    switch (message.type) {
      case "ready":
        this.#giveTurn(runner, job);
        return;
      case "open":
        job.stream?.opened(message.head);
        return;
      case "chunk":
        job.stream?.outOfJob.push(message.bytes);
        job.stream?.opened(undefined);
        return;
      case "taken":
        job.stream?.intoJob.taken(message.bytes);
        return;
      case "done":
      case "failed":
        runner.job = undefined;
        runner.process.unref();
        // A heap that has grown stays large; a new process costs less.
        if (message.memoryBytes > this.#memory.keptBytes) this.#kill(runner);
        if (message.type === "done") job.resolve(message.result);
        else job.reject(fromFailure(message.failure));
        this.#dispatch();
    }
  }

  #giveTurn(runner: Runner, job: ActiveJob): void {
    const go = () => {
      if (runner.job === job) send(runner, { type: "go" });
    };
    (job.takeTurn?.() ?? Promise.resolve()).then(go, (error: Error) => this.#end(job, error));
  }

  /** Ends a job before its time; a process that works on it is killed and replaced when needed. */
  #end(job: ActiveJob, error: Error): void {
    if (job.settled || job.ending) return;
    job.ending = true;
    const { runner } = job;
    if (runner !== undefined) {
      this.counters.kills += 1;
      this.#kill(runner);
      // Its locks are gone only when the process is: whoever waits for the turn must wait for that.
      void runner.process.exited.then(() => job.reject(error));
    } else {
      const index = this.#queue.indexOf(job);
      if (index !== -1) this.#queue.splice(index, 1);
      job.reject(error);
    }
    this.#dispatch();
  }

  #kill(runner: Runner): void {
    const { exited } = runner.process;
    runner.job = undefined;
    this.#runners.delete(runner);
    this.#ending.add(exited);
    void exited.then(() => this.#ending.delete(exited));
    runner.process.ref();
    runner.process.kill("SIGKILL");
  }

  #exited(runner: Runner, exitCode: number | null, signal: number | string | null): void {
    if (!this.#runners.delete(runner) || this.#stopped) return;
    this.#log.error("runner_died", new Error("a runner process ended by itself"), {
      exitCode,
      signal,
    });
    const { job } = runner;
    runner.job = undefined;
    job?.reject(new ApiError("INTERNAL_ERROR", "The process that ran this statement died"));
    this.#dispatch();
  }
}

function send(runner: Runner, message: ToRunner): void {
  runner.process.send(message);
}
