/** The server's side: a bounded set of runner processes, each with one job and its deadline. */
import { setPriority } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { ApiError } from "../errors.ts";
import { MAX_QUEUED_JOBS } from "../limits.ts";
import type { Log } from "../log.ts";
import { type FromRunner, fromFailure, RUNNER_ARGUMENT, type ToRunner } from "./protocol.ts";

export interface Job {
  kind: string;
  payload: unknown;
  /** Time from now until the process is killed and the caller told 503. */
  timeoutMs: number;
  /** A caller who hangs up ends the job. */
  signal?: AbortSignal;
  /** Waits for the job's turn on its file; called at most once, if the job asks. */
  takeTurn?: () => Promise<void>;
}

interface ActiveJob extends Job {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
  settled: boolean;
  runner: Runner | undefined;
}

interface Runner {
  /** Keeps the server alive while it has a job, or is being killed; not while it waits for work. */
  process: Subprocess;
  job: ActiveJob | undefined;
}

/**
 * Below the server's own priority: user SQL must not take the processor from the thread that
 * answers everyone else.
 */
const RUNNER_NICENESS = 10;

/** What a runner may see of the environment: no tokens, no settings. */
const PASSED_ENV = ["PATH", "TMPDIR", "TMP", "TEMP", "SQLITE_TMPDIR", "SystemRoot", "LANG"];

export class RunnerPool {
  readonly #size: number;
  readonly #log: Log;
  readonly #runners = new Set<Runner>();
  readonly #queue: ActiveJob[] = [];
  #stopped = false;
  /** Processes that were killed and are not gone yet. */
  readonly #ending = new Set<Promise<number>>();
  /** Jobs ended, and processes killed at a deadline or a hang-up, since the start. */
  readonly counters = { jobs: 0, kills: 0 };

  constructor(options: { size: number; log: Log }) {
    this.#size = options.size;
    this.#log = options.log;
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
    if (this.#stopped)
      return Promise.reject(new ApiError("SERVICE_UNAVAILABLE", "The server is stopping"));
    if (this.#queue.length >= MAX_QUEUED_JOBS)
      return Promise.reject(new ApiError("SERVICE_UNAVAILABLE", "Too many statements are waiting"));
    return new Promise<Result>((resolve, reject) => {
      const active: ActiveJob = {
        ...job,
        settled: false,
        runner: undefined,
        resolve: (result) => settle(() => resolve(result as Result)),
        reject: (error) => settle(() => reject(error)),
      };
      const deadline = setTimeout(
        () => this.#end(active, timeoutError(job.timeoutMs)),
        job.timeoutMs,
      );
      const hangUp = () => this.#end(active, new ApiError("REQUEST_TIMEOUT", "The caller hung up"));
      const settle = (answer: () => void) => {
        if (active.settled) return;
        active.settled = true;
        clearTimeout(deadline);
        job.signal?.removeEventListener("abort", hangUp);
        this.counters.jobs += 1;
        answer();
      };
      if (job.signal?.aborted) {
        hangUp();
        return;
      }
      job.signal?.addEventListener("abort", hangUp);
      this.#queue.push(active);
      this.#dispatch();
    });
  }

  /** Ends every process, and waits until it is gone. Jobs under way answer SERVICE_UNAVAILABLE. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const stopping = () => new ApiError("SERVICE_UNAVAILABLE", "The server is stopping");
    for (const job of this.#queue.splice(0)) job.reject(stopping());
    for (const runner of [...this.#runners]) {
      runner.job?.reject(stopping());
      this.#kill(runner);
    }
    await Promise.all(this.#ending);
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
      send(runner, { type: "run", kind: job.kind, payload: job.payload });
    }
  }

  #spawn(): Runner {
    const runner: Runner = {
      job: undefined,
      process: Bun.spawn(runnerCommand(), {
        ipc: (message: FromRunner) => this.#receive(runner, message),
        serialization: "advanced",
        stdio: ["ignore", "ignore", "inherit"],
        env: Object.fromEntries(
          PASSED_ENV.flatMap((name) => {
            const value = process.env[name];
            return value === undefined ? [] : [[name, value]];
          }),
        ),
        onExit: (_, exitCode, signal) => this.#exited(runner, exitCode, signal),
      }),
    };
    try {
      setPriority(runner.process.pid, RUNNER_NICENESS);
    } catch {
      // Not allowed here: the runner works all the same.
    }
    this.#runners.add(runner);
    return runner;
  }

  #receive(runner: Runner, message: FromRunner): void {
    const job = runner.job;
    if (job === undefined) return;
    if (message.type === "ready") {
      const go = () => {
        if (!job.settled && this.#runners.has(runner)) send(runner, { type: "go" });
      };
      (job.takeTurn?.() ?? Promise.resolve()).then(go, (error: Error) => this.#end(job, error));
      return;
    }
    runner.job = undefined;
    runner.process.unref();
    if (message.type === "done") job.resolve(message.result);
    else job.reject(fromFailure(message.failure));
    this.#dispatch();
  }

  /** Ends a job before its time; a process that works on it is killed and replaced when needed. */
  #end(job: ActiveJob, error: Error): void {
    if (job.settled) return;
    if (job.runner?.job === job) {
      this.counters.kills += 1;
      job.runner.job = undefined;
      this.#kill(job.runner);
      // Its locks are gone only when the process is: whoever waits for the turn must wait for that.
      void job.runner.process.exited.then(() => job.reject(error));
    } else {
      const index = this.#queue.indexOf(job);
      if (index !== -1) this.#queue.splice(index, 1);
      job.reject(error);
    }
    this.#dispatch();
  }

  #kill(runner: Runner): void {
    const { exited } = runner.process;
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
    runner.job?.reject(new ApiError("INTERNAL_ERROR", "The process that ran this statement died"));
    this.#dispatch();
  }
}

function send(runner: Runner, message: ToRunner): void {
  runner.process.send(message);
}

function timeoutError(timeoutMs: number): ApiError {
  return new ApiError("REQUEST_TIMEOUT", `Not done within ${timeoutMs / 1000} s`);
}

/** This program again: the executable itself, or Bun with the sources. */
function runnerCommand(): string[] {
  const argument = [RUNNER_ARGUMENT, String(process.pid)];
  const main = join(import.meta.dir, "..", "main.ts");
  const compiled =
    import.meta.path.startsWith("/$bunfs/") || /^[A-Z]:[\\/]~BUN[\\/]/.test(import.meta.path);
  return compiled
    ? [process.execPath, ...argument]
    : [process.execPath, "--no-env-file", main, ...argument];
}
