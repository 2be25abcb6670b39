/**
 * Work on database files that may take long, done in a runner process: opening after a crash,
 * creating, checkpoints, closing, long reads. Runs on node:sqlite (a process uses one SQLite library
 * per file, and callers' SQL needs its authorizer).
 */
import { linkSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ApiError, toApiError } from "../errors.ts";
import type { JobHandlers } from "../runner/child.ts";
import { truncateLog } from "./checkpoint.ts";
import { type ListedDatabase, listDatabases } from "./list.ts";
import { openFile } from "./open-file.ts";
import type { Rows } from "./plan.ts";
import { type PlanResult, type PlanStep, prepareStep, rowsOfStep, runSteps } from "./plan-job.ts";
import { removeDatabase } from "./remove.ts";
import type { DataRoot } from "./resolve.ts";

export interface CreateJob {
  path: string;
}
export interface PrepareJob {
  path: string;
  /** Put the file into WAL mode, as the first write to it needs. */
  wal: boolean;
  busyTimeoutMs: number;
}
export interface PathJob {
  path: string;
  busyTimeoutMs: number;
}
export interface PlanJob {
  path: string;
  busyTimeoutMs: number;
  steps: PlanStep[];
}
export interface RemoveJob {
  /** Real path. */
  path: string;
  /** The path by which it was named, which may be a link. */
  namedPath: string;
  busyTimeoutMs: number;
}
export interface ListJob {
  /** Absolute, without symlinks, within bounds. */
  folder: string;
  root: DataRoot;
}

export const engineJobs = {
  /** Makes a new database in WAL mode, complete before it has its name. */
  async "engine.create"({ path }: CreateJob): Promise<void> {
    const unfinished = `${path}.${process.pid}.creating`;
    try {
      const database = new DatabaseSync(unfinished);
      database.exec("pragma journal_mode = wal");
      database.close();
      linkSync(unfinished, path);
    } catch (error) {
      throw creationError(error, path);
    } finally {
      for (const suffix of ["", "-wal", "-shm", "-journal"])
        rmSync(unfinished + suffix, { force: true });
    }
    for (const target of process.platform === "win32" ? [path] : [path, dirname(path)]) {
      const handle = await open(target, "r");
      await handle.sync();
      await handle.close();
    }
  },

  /** Does what a first open may have to do: recovery after a crash, and the change to WAL. */
  "engine.prepare"({ path, wal, busyTimeoutMs }: PrepareJob): { journalMode: string } {
    using database = openFile(path, { timeout: busyTimeoutMs });
    const row = database.prepare(wal ? "pragma journal_mode = wal" : "pragma journal_mode").get();
    database.prepare("select count(*) from sqlite_schema").get();
    return { journalMode: String(row?.["journal_mode"]) };
  },

  /**
   * Copies the write-ahead log into the file. The bulk goes without disturbing writers; for the rest
   * it takes its turn.
   */
  async "engine.checkpoint"(
    { path, busyTimeoutMs }: PathJob,
    turn: () => Promise<void>,
  ): Promise<void> {
    using database = openFile(path, { timeout: busyTimeoutMs });
    database.exec("pragma synchronous = normal; pragma wal_autocheckpoint = 0");
    database.prepare("pragma wal_checkpoint(passive)").get();
    await turn();
    truncateLog(database);
  },

  /**
   * Closes a database for good: the server's own connection closes during the turn, this one after
   * it, so the checkpoint that the last connection does happens here.
   */
  async "engine.release"(
    { path, busyTimeoutMs }: PathJob,
    turn: () => Promise<void>,
  ): Promise<void> {
    using database = openFile(path, { timeout: busyTimeoutMs });
    database.prepare("select count(*) from sqlite_schema").get();
    await turn();
  },

  /** @returns the paths that were removed */
  "engine.remove"({ path, namedPath, busyTimeoutMs }: RemoveJob): string[] {
    return removeDatabase(path, namedPath, busyTimeoutMs);
  },

  "engine.list"({ folder, root }: ListJob): ListedDatabase[] {
    return listDatabases(folder, root);
  },

  /** A plan that only reads and may take long. */
  "engine.read"({ path, steps, busyTimeoutMs }: PlanJob): Rows[] {
    using database = openFile(path, { timeout: busyTimeoutMs, readOnly: true });
    database.exec("begin");
    return steps.map((step) => runStep(database, step));
  },

  /** A plan that writes and may take long. The commit itself syncs. */
  async "engine.write"(
    { path, steps, busyTimeoutMs }: PlanJob,
    turn: () => Promise<void>,
  ): Promise<PlanResult> {
    using database = openFile(path, { timeout: busyTimeoutMs });
    database.exec(
      "pragma synchronous = full; pragma wal_autocheckpoint = 0; pragma temp_store = memory",
    );
    await turn();
    database.exec("begin immediate");
    const result = runSteps(steps, (step) => runStep(database, step));
    database.exec(result.undoneBy === null ? "commit" : "rollback");
    return result;
  },
} satisfies JobHandlers;

function runStep(database: DatabaseSync, { sql, params }: PlanStep): Rows {
  return rowsOfStep(prepareStep(database, sql), params);
}

function creationError(error: unknown, path: string): ApiError {
  const code = (error as { code?: string }).code;
  if (code === "EEXIST") return new ApiError("DATABASE_EXISTS", "The database exists already");
  const known = toApiError(error);
  if (known.kind === "DISK_FULL") return known;
  let folder: { isDirectory(): boolean } | undefined;
  try {
    folder = statSync(dirname(path));
  } catch {
    // Told below.
  }
  if (folder?.isDirectory() !== true)
    return new ApiError("INVALID_DB_PATH", "The folder of the database does not exist", {
      hint: "Create the folder first.",
    });
  return new ApiError("DATABASE_READONLY", "The folder of the database cannot be written to", {
    cause: error,
  });
}
