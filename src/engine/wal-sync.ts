/**
 * Makes commits durable without the thread waiting: SQLite writes the frames of a commit to the
 * `-wal` file without syncing (`synchronous=NORMAL`), and this syncs that file in Bun's thread pool.
 * Commits that happen while a sync is under way share the next one. (A `-wal` file takes no POSIX
 * locks, so a descriptor of our own on it is safe.)
 */
import { close, fdatasync, fstatSync, open } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { EngineCounters } from "./counters.ts";

interface Waiter {
  resolve: () => void;
  reject: (error: Error) => void;
}

export class WalSync {
  readonly #fd: number;
  #syncing = false;
  #closed = false;
  #waiting: Waiter[] = [];
  readonly #counters: EngineCounters;

  private constructor(fd: number, counters: EngineCounters) {
    this.#fd = fd;
    this.#counters = counters;
  }

  /** Opens the `-wal` file, which must exist, and syncs its folder so that its name is on disk too. */
  static async open(databasePath: string, counters: EngineCounters): Promise<WalSync> {
    const fd = await new Promise<number>((resolve, reject) =>
      open(`${databasePath}-wal`, "r+", (error, opened) =>
        error ? reject(error) : resolve(opened),
      ),
    );
    const wal = new WalSync(fd, counters);
    try {
      await syncFolder(dirname(databasePath));
    } catch (error) {
      wal.close();
      throw error;
    }
    return wal;
  }

  /** Resolves when everything written to the file before the call is on disk. */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (!this.#syncing) this.#start();
    });
  }

  /** Size of the file in bytes. */
  sizeBytes(): number {
    return fstatSync(this.#fd).size;
  }

  /** Whether somebody removed the file: what is written to it now is lost with the last who has it open. */
  isRemoved(): boolean {
    return fstatSync(this.#fd).nlink === 0;
  }

  close(): void {
    this.#closed = true;
    if (!this.#syncing) this.#release();
  }

  #start(): void {
    const covered = this.#waiting;
    this.#waiting = [];
    this.#syncing = true;
    fdatasync(this.#fd, (error) => {
      this.#syncing = false;
      this.#counters.syncs += 1;
      for (const waiter of covered) {
        if (error) waiter.reject(error);
        else waiter.resolve();
      }
      if (this.#waiting.length > 0) this.#start();
      else if (this.#closed) this.#release();
    });
  }

  #release(): void {
    close(this.#fd, () => {});
  }
}

/** Puts a folder's entries on disk. Windows has no such call, and keeps them by itself. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await openFile(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
