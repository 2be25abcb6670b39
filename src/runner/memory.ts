/** Memory of runner processes. SQLite's share has a bound of its own; this is about the whole. */
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

const PAGE_BYTES = 4096;

/** Resident memory of a process; 0 where it cannot be told, such as after its end. */
export async function residentBytes(pid: number): Promise<number> {
  try {
    const [, pages] = (await readFile(`/proc/${pid}/statm`, "latin1")).split(" ");
    return Number(pages) * PAGE_BYTES;
  } catch {
    return 0;
  }
}
