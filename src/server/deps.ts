/** What routes work with. Process-wide things are arguments; nothing is looked up. */
import {
  type Grant,
  requireDatabase,
  requireLevel,
  requireWholeDatabases,
} from "../access/grant.ts";
import type { TokenSigner } from "../access/tokens.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { EngineCounters } from "../engine/counters.ts";
import type { Database } from "../engine/database.ts";
import type { Registry } from "../engine/registry.ts";
import { existingFolder, namesOfDatabase, namesOfPath } from "../engine/resolve.ts";
import { ApiError } from "../errors.ts";
import { LimitedDatabase } from "../kv/limited-database.ts";
import type { Log } from "../log.ts";
import type { RunnerPool } from "../runner/pool.ts";
import type { QueryLog } from "../state/query-log.ts";
import type { SavedQueryList } from "../state/saved-query-list.ts";
import type { ShareList } from "../state/share-list.ts";
import type { StateDatabase } from "../state/state-database.ts";
import type { TokenList } from "../state/token-list.ts";
import { db } from "./parameters.ts";
import type { Query } from "./query.ts";

/** What an application is made of. */
export interface AppDeps {
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

/** The same, and what the application makes for its routes. */
export interface ServerDeps extends AppDeps {
  /** Signed tokens, and what they are signed with. */
  readonly tokens: TokenList;
  readonly signer: TokenSigner;
  readonly shares: ShareList;
  readonly savedQueries: SavedQueryList;
  /** Where a request comes from, as far as that is known. */
  readonly clientAddress: (request: Request) => string | null;
  /** The address of this server as the caller knows it, such as `https://db.example.com`. */
  readonly publicOrigin: (request: Request) => string;
}

/**
 * Calls `use` with the database that `?db=` names: at once where it is open, as it mostly is. The
 * caller's rights come with it: a limited token gets a database that refuses what it may not do.
 * @param inFolder what to do where `?db=` is the absolute path of a folder, given its real path
 * @throws ApiError PATH_IS_DIRECTORY for a folder without `inFolder`, FORBIDDEN, and what
 *   `Registry.open` does
 */
export function withDatabase<Result>(
  deps: ServerDeps,
  query: Query,
  use: (database: Database) => Result | Promise<Result>,
  create = false,
  inFolder?: (folder: string) => Promise<Result>,
): Result | Promise<Result> {
  const name = db.read(query);
  const { token } = query.caller;
  if (token !== null) return withLimited(deps, query, token.grant, { name, use, create, inFolder });
  const open = deps.registry.peek(name);
  if (open !== undefined) return use(open);
  const folder = existingFolder(name, deps.registry.root);
  if (folder === undefined) return deps.registry.open(name, { create }).then(use);
  if (inFolder === undefined) throw isFolder();
  return inFolder(folder);
}

async function withLimited<Result>(
  deps: ServerDeps,
  query: Query,
  grant: Grant,
  request: {
    name: string;
    use: (database: Database) => Result | Promise<Result>;
    create: boolean;
    inFolder: ((folder: string) => Promise<Result>) | undefined;
  },
): Promise<Result> {
  const { root } = deps.registry;
  const { name, use, create, inFolder } = request;
  // Before anything is looked at: whether a database exists is not for everyone to know.
  requireDatabase(grant, namesOfDatabase(name, root));
  const folder = existingFolder(name, root);
  if (folder !== undefined) {
    if (inFolder === undefined) throw isFolder();
    requireDatabase(grant, namesOfPath(`${folder}/`, root));
    requireWholeDatabases(grant);
    return inFolder(folder);
  }
  if (create) requireLevel(grant, "write");
  const open = await deps.registry.open(name, { create });
  requireDatabase(grant, namesOfPath(open.path, root));
  const { whole, check } = query.caller;
  return use(whole ? open : new LimitedDatabase(open, grant, check));
}

function isFolder(): ApiError {
  return new ApiError("PATH_IS_DIRECTORY", "The database path is a folder");
}
