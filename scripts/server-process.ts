/** A chronolite server in a process of its own, for the scripts that need one. */
import { resolve } from "node:path";

export interface ServerProcess extends AsyncDisposable {
  /** Such as `http://127.0.0.1:41234`. */
  readonly origin: string;
  readonly pid: number;
}

/** Starts the server from source on a free port. `await using` stops it. */
export function startChronolite(args: readonly string[]): Promise<ServerProcess> {
  return startProcess([resolve(import.meta.dir, "../src/main.ts"), "--port", "0", ...args]);
}

/**
 * Starts a Bun script that prints `listening on http://…` once it does.
 * @throws Error when it ends without saying so
 */
export async function startProcess(args: readonly string[]): Promise<ServerProcess> {
  const child = Bun.spawn([process.execPath, "--no-env-file", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const origin = await listeningOrigin(child.stdout);
  return {
    origin,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

async function listeningOrigin(stdout: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let printed = "";
  // The stream must stay open: a server that writes to a closed pipe would end.
  const reader = stdout.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the server did not start: ${printed}`);
    printed += decoder.decode(value, { stream: true });
    const origin = /^listening on (http:\/\/[^/\s]+)/m.exec(printed)?.[1];
    if (origin !== undefined) return origin;
  }
}
