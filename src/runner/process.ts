/** Starts runner processes. */
import { setPriority } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { type FromRunner, RUNNER_ARGUMENT } from "./protocol.ts";

/**
 * Below the server's own priority: user SQL must not take the processor from the thread that
 * answers everyone else.
 */
const RUNNER_NICENESS = 10;

/** What a runner may see of the environment: no tokens, no settings. */
const PASSED_ENV = ["PATH", "TMPDIR", "TMP", "TEMP", "SQLITE_TMPDIR", "SystemRoot", "LANG"];

/**
 * @param command what to start; it serves jobs until its channel closes
 * @param exited called when the process is gone
 */
export function spawnRunner(
  command: readonly string[],
  receive: (message: FromRunner) => void,
  exited: (exitCode: number | null, signal: number | string | null) => void,
): Subprocess {
  const child = Bun.spawn([...command], {
    ipc: receive,
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit"],
    env: Object.fromEntries(
      PASSED_ENV.flatMap((name) => {
        const value = process.env[name];
        return value === undefined ? [] : [[name, value]];
      }),
    ),
    onExit: (_, exitCode, signal) => exited(exitCode, signal),
  });
  try {
    setPriority(child.pid, RUNNER_NICENESS);
  } catch {
    // Not allowed here: the runner works all the same.
  }
  return child;
}

/** This program again: the executable itself, or Bun with the sources. */
export function runnerCommand(): string[] {
  const argument = [RUNNER_ARGUMENT, String(process.pid)];
  const main = join(import.meta.dir, "..", "main.ts");
  const compiled =
    import.meta.path.startsWith("/$bunfs/") || /^[A-Z]:[\\/]~BUN[\\/]/.test(import.meta.path);
  return compiled
    ? [process.execPath, ...argument]
    : [process.execPath, "--no-env-file", main, ...argument];
}
