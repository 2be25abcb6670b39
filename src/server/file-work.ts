/** Jobs on one database: kept open while they run, and given their turn to write if they ask. */
import type { Database } from "../engine/database.ts";
import { JobTurn } from "../engine/turn.ts";
import { ApiError } from "../errors.ts";
import type { ServerDeps } from "./deps.ts";

export interface FileWork {
  kind: string;
  payload: unknown;
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Runs a job of callers' making on a database.
 * @throws ApiError as `RunnerPool.run`, and DATABASE_BUSY when a first write cannot be prepared
 */
export async function runOnFile<Result>(
  deps: ServerDeps,
  database: Database,
  work: FileWork,
): Promise<Result> {
  const unpin = database.pin();
  using turn = turnOf(deps, database, work.timeoutMs);
  try {
    return await deps.runners.run<Result>({ ...work, takeTurn: turn.take });
  } finally {
    unpin();
  }
}

/** A job's turn on a file that is put into WAL mode first, if need be. */
export function turnOf(deps: ServerDeps, database: Database, timeoutMs: number): JobTurn {
  return new JobTurn(async () => {
    await database.prepareWrites(deps.clock.nowMs() + timeoutMs);
    return database.takeTurn();
  });
}

/** On routes about the file itself a missing one is 404 (contracts/hoody.md 1.30, 1.32). */
export function missingIs404(error: unknown): never {
  if (!(error instanceof ApiError) || error.kind !== "DATABASE_NOT_FOUND") throw error;
  throw new ApiError(error.kind, error.message, { ...error.details, status: 404 });
}
