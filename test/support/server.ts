/** Servers for tests: in this process with a clock of its own, or as a process of their own. */
import { resolve } from "node:path";
import type { Clock } from "../../src/clock.ts";
import { silentLog } from "../../src/log.ts";
import { startServer } from "../../src/server/serve.ts";
import { checkAnswers } from "./check-answers.ts";
import { TestFolder, testConfig } from "./config.ts";

export const API = "/api/v1/sqlite";

/** A clock that stands still until it is moved. */
export class TestClock implements Clock {
  #nowMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

  nowMs(): number {
    return this.#nowMs;
  }

  /** Moves by so many milliseconds; backwards too. */
  advance(ms: number): void {
    this.#nowMs += ms;
  }
}

export { TestFolder, testConfig };

/** A server under test. `using`/`await using` stops it and removes its files. */
export interface TestServer extends AsyncDisposable {
  readonly folder: TestFolder;
  readonly clock: TestClock;
  /** Such as `http://127.0.0.1:41234`. */
  readonly origin: string;
  /** Fetches a path below the API prefix, such as `/kv/a?db=t`. */
  api(path: string, init?: RequestInit): Promise<Response>;
  /** The same, and its JSON. */
  json<Body = Record<string, unknown>>(
    path: string,
    init?: RequestInit,
  ): Promise<{ status: number; body: Body }>;
}

/**
 * Starts a server in this process. A database `t` exists unless `empty` is set.
 * @param options.args further command line arguments
 */
export async function startTestServer(
  options: { args?: readonly string[]; empty?: boolean; folder?: TestFolder } = {},
): Promise<TestServer> {
  const folder = options.folder ?? new TestFolder();
  const clock = new TestClock();
  const server = await startServer(testConfig(folder, options.args), clock, silentLog);
  const origin = server.url.replace(/\/$/, "");
  checkAnswers(origin);
  const api = (path: string, init?: RequestInit) => fetch(`${origin}${API}${path}`, init);
  const testServer: TestServer = {
    folder,
    clock,
    origin,
    api,
    async json<Body>(path: string, init?: RequestInit) {
      const response = await api(path, init);
      return { status: response.status, body: (await response.json()) as Body };
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      if (options.folder === undefined) folder[Symbol.dispose]();
    },
  };
  if (options.empty !== true) {
    const created = await api("/db/create?path=t", { method: "POST" });
    if (created.status !== 201) throw new Error(`no test database: ${await created.text()}`);
  }
  return testServer;
}

/** A server in a process of its own. */
export interface SpawnedServer extends AsyncDisposable {
  readonly origin: string;
  readonly process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  api(path: string, init?: RequestInit): Promise<Response>;
}

/** The compiled executable, when the tests are told of one. */
export const BINARY = process.env["CHRONOLITE_BINARY"];

/** The command that starts chronolite: the executable, or Bun with the sources. */
export function command(executable: string | undefined = BINARY): string[] {
  return executable === undefined
    ? [process.execPath, "--no-env-file", resolve(import.meta.dir, "../../src/main.ts")]
    : [resolve(executable)];
}

/** Runs the command line to its end. */
export async function run(
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string; executable?: string | undefined } = {},
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const child = Bun.spawn([...command(options.executable), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}

/** Starts the command line on a free port and waits until it listens. */
export async function spawnServer(
  folder: TestFolder,
  options: {
    args?: readonly string[];
    env?: Record<string, string>;
    cwd?: string;
    executable?: string | undefined;
    /** A command that starts the server, such as `strace -o FILE`. */
    within?: readonly string[];
  } = {},
): Promise<SpawnedServer> {
  const child = Bun.spawn(
    [
      ...(options.within ?? []),
      ...command(options.executable),
      "--port",
      "0",
      "--data-dir",
      folder.path,
      ...(options.args ?? []),
    ],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"] ?? "", ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    },
  );
  const origin = await listeningOrigin(child);
  checkAnswers(origin);
  return {
    origin,
    process: child,
    api: (path, init) => fetch(`${origin}${API}${path}`, init),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function listeningOrigin(child: Bun.Subprocess<"ignore", "pipe", "pipe">): Promise<string> {
  let printed = "";
  for await (const chunk of child.stdout) {
    printed += new TextDecoder().decode(chunk);
    const origin = /^listening on (http:\/\/\S+)\/$/m.exec(printed)?.[1];
    if (origin !== undefined) return origin;
  }
  throw new Error(`the server did not start: ${printed}${await new Response(child.stderr).text()}`);
}
