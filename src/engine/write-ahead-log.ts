/**
 * The write-ahead log of an open database: opened by the first write (a file that was made elsewhere
 * and is only read stays as it is), and synced before a write is answered.
 */
import type { Database as Connection } from "bun:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { ApiError, toApiError } from "../errors.ts";
import { BUSY_RETRY_MS, HOUSEKEEPING_BUSY_MS, HOUSEKEEPING_TIMEOUT_MS } from "../limits.ts";
import type { RunnerPool } from "../runner/pool.ts";
import type { EngineCounters } from "./counters.ts";
import type { PrepareJob } from "./jobs.ts";
import { WalSync } from "./wal-sync.ts";

export interface WriteAheadLogOptions {
  /** Of the database. */
  readonly path: string;
  readonly connection: Connection;
  readonly housekeepers: RunnerPool;
  readonly counters: EngineCounters;
}

export class WriteAheadLog {
  readonly #options: WriteAheadLogOptions;
  #file: WalSync | undefined;
  #opening: Promise<void> | undefined;
  #isLost = false;

  constructor(options: WriteAheadLogOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /** Whether nobody knows any more what of it is on disk. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** 0 before it is open. */
  sizeBytes(): number {
    return this.#file?.sizeBytes() ?? 0;
  }

  /**
   * Puts the file into WAL mode and opens its log, once.
   * @param deadlineMs monotonic
   * @throws ApiError DATABASE_BUSY when another program holds the file until the deadline
   */
  open(deadlineMs: number): Promise<void> {
    this.#opening ??= this.#open(deadlineMs).catch((error) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /**
   * Resolves when what was committed before the call is on disk.
   * @throws ApiError DATABASE_ERROR, DISK_FULL
   */
  async sync(): Promise<void> {
    try {
      await this.#file?.sync();
    } catch (error) {
      // After a failed sync nobody knows what is on disk: start anew from the file.
      this.#isLost = true;
      const known = toApiError(error);
      throw known.kind === "DISK_FULL"
        ? known
        : new ApiError("DATABASE_ERROR", "The write could not be put on disk", { cause: error });
    }
    if (this.#file?.isRemoved() !== true) return;
    this.#isLost = true;
    throw new ApiError("DATABASE_ERROR", "The write-ahead log was removed, and the write with it");
  }

  close(): void {
    this.#file?.close();
  }

  async #open(deadlineMs: number): Promise<void> {
    const { path, connection, counters } = this.#options;
    while ((await this.#askForWalMode()) !== "wal") {
      if (performance.now() >= deadlineMs)
        throw new ApiError(
          "DATABASE_BUSY",
          "The database could not be put into WAL mode: it is in use",
        );
      await pause(BUSY_RETRY_MS);
    }
    // The first read creates the -wal file, if it is not there.
    using first = connection.prepare("select count(*) from sqlite_schema");
    first.get();
    this.#file = await WalSync.open(path, counters).catch((error) => {
      if (toApiError(error).kind !== "FORBIDDEN") throw error;
      throw new ApiError("DATABASE_READONLY", "The database file cannot be written to", {
        cause: error,
      });
    });
  }

  /** @returns the journal mode that the file is in */
  async #askForWalMode(): Promise<string> {
    const { path, housekeepers } = this.#options;
    const payload: PrepareJob = { path, wal: true, busyTimeoutMs: HOUSEKEEPING_BUSY_MS };
    try {
      const { journalMode } = await housekeepers.run<{ journalMode: string }>({
        kind: "engine.prepare",
        payload,
        timeoutMs: HOUSEKEEPING_TIMEOUT_MS,
      });
      return journalMode;
    } catch (error) {
      if (toApiError(error).kind !== "DATABASE_BUSY") throw error;
      return "busy";
    }
  }
}
