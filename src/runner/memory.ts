/** Memory of runner processes as a whole: Bun's SQLite has no bound for its share. */
import { readFile } from "node:fs/promises";
import { RUNNER_KEPT_BYTES, RUNNER_MEMORY_BYTES } from "../limits.ts";

export interface MemoryBounds {
  /** Beyond this a process is killed while it works, where the system tells (Linux). */
  readonly maxBytes: number;
  /** Beyond this a process is replaced once its job is done. */
  readonly keptBytes: number;
}

export const RUNNER_MEMORY: MemoryBounds = {
  maxBytes: RUNNER_MEMORY_BYTES,
  keptBytes: RUNNER_KEPT_BYTES,
};

/** Resident memory of a process; 0 where it cannot be told, such as after its end. */
export async function residentBytes(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "latin1");
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
