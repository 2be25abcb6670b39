/** What routes work with. Process-wide things are arguments; nothing is looked up. */
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { EngineCounters } from "../engine/counters.ts";
import type { Database } from "../engine/database.ts";
import type { Registry } from "../engine/registry.ts";
import { existingFolder } from "../engine/resolve.ts";
import { ApiError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { RunnerPool } from "../runner/pool.ts";
import type { QueryLog } from "../state/query-log.ts";
import type { StateDatabase } from "../state/state-database.ts";
import { db } from "./parameters.ts";
import type { Query } from "./query.ts";

export interface ServerDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  /** Processes for callers' SQL. */
  readonly runners: RunnerPool;
  /** Others for jobs that stream: they last as long as their reader takes, and hold nobody up. */
  readonly streams: RunnerPool;
  /** What the server keeps for itself. */
  readonly state: StateDatabase;
  readonly queryLog: QueryLog;
  readonly counters: EngineCounters;
  readonly startedAtMs: number;
  /** Says that the server is about to stop, to answers that would not end by themselves. */
  readonly stopping: AbortSignal;
}

/**
 * Calls `use` with the database that `?db=` names: at once where it is open, as it mostly is.
 * @param inFolder what to do where `?db=` is the absolute path of a folder, given its real path
 * @throws ApiError PATH_IS_DIRECTORY for a folder without `inFolder`, and what `Registry.open` does
 */
export function withDatabase<Result>(
  deps: ServerDeps,
  query: Query,
  use: (database: Database) => Result | Promise<Result>,
  create = false,
  inFolder?: (folder: string) => Promise<Result>,
): Result | Promise<Result> {
  const name = db.read(query);
  const open = deps.registry.peek(name);
  if (open !== undefined) return use(open);
  const folder = existingFolder(name, deps.registry.root);
  if (folder === undefined) return deps.registry.open(name, { create }).then(use);
  if (inFolder === undefined)
    throw new ApiError("PATH_IS_DIRECTORY", "The database path is a folder");
  return inFolder(folder);
}
