/** POST /maintenance: upkeep and copies of one database (contracts/hoody.md 1.30). */
import { existsSync } from "node:fs";
import { Elysia } from "elysia";
import { parseDurationMs } from "../duration.ts";
import type { Database } from "../engine/database.ts";
import { databasePath } from "../engine/resolve.ts";
import { newWorkFile, removeWorkFile } from "../engine/work-file.ts";
import { ApiError, invalidParameter, toApiError } from "../errors.ts";
import { kvRelation } from "../kv/relation.ts";
import { pruneDatabase } from "../kv/retention.ts";
import { MAINTENANCE_BUSY_MS } from "../limits.ts";
import type { CopyJob, MaintenanceJob } from "../sql/file-jobs.ts";
import { MAINTENANCE, type MaintenanceOp } from "../sql/maintenance.ts";
import { withRequestIndex } from "../sql/sql-error.ts";
import { MaintenanceAnswer, MaintenanceBody } from "./db.model.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented } from "./documentation.ts";
import { missingIs404, runOnFile } from "./file-work.ts";
import { readJsonObject } from "./json-body.ts";
import { API_PREFIX } from "./kv-path.ts";
import { db, timeout } from "./parameters.ts";
import { Query } from "./query.ts";

interface Call {
  readonly deps: ServerDeps;
  readonly database: Database;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

type Answer = Record<string, unknown>;

/** The routes of one server. */
export function maintenanceRoutes(deps: ServerDeps) {
  const deadline = timeout(deps.config.timeoutMs);

  return new Elysia({ name: "maintenance" }).post(
    `${API_PREFIX}/maintenance`,
    async ({ request }) => {
      try {
        const query = Query.of(request.url);
        const timeoutMs = deadline.read(query);
        const body = await readJsonObject(request, deps.config.maxBodyBytes);
        const work = workOf(deps, body);
        const { signal } = request;
        const answer = await Promise.resolve(
          withDatabase(deps, query, (database) => work({ deps, database, timeoutMs, signal })),
        ).catch(missingIs404);
        return { success: true, op: body["op"], ...answer };
      } catch (error) {
        throw withRequestIndex(toApiError(error), -1);
      }
    },
    {
      parse: "none",
      detail: documented({
        summary: "Maintain a database",
        description:
          "`wal_checkpoint_truncate`, `quick_check`, `integrity_check`, `optimize`, `vacuum`, `stats`; `prune_history` drops history that is older than `retention`, or more than `max_ops` operations of a key; `vacuum_into` writes a consistent copy to `dest_path`, which is named as `db` is, while others read and write.",
        tag: "SQL",
        parameters: [db, deadline],
        body: { description: "What to do.", schema: MaintenanceBody },
        answers: {
          200: { description: "Done", schema: MaintenanceAnswer },
        },
        conflictPasses: true,
        errors: [
          ["DATABASE_NOT_FOUND", 404],
          "DATABASE_READONLY",
          "PAYLOAD_TOO_LARGE",
          "REQUEST_TIMEOUT",
          "DISK_FULL",
        ],
      }),
    },
  );
}

/**
 * What a body asks for; nothing is done yet.
 * @throws ApiError INVALID_PARAMETERS, INVALID_DB_PATH, CONFLICT
 */
function workOf(deps: ServerDeps, body: Answer): (call: Call) => Promise<Answer> {
  const { op, dest_path: destination } = body;
  if (typeof op !== "string") throw invalidParameter("op", "must be a string");
  if (op === "vacuum_into") {
    if (typeof destination !== "string") throw invalidParameter("dest_path", "must be a string");
    const target = databasePath(destination, deps.registry.root, "dest_path");
    if (existsSync(target))
      throw new ApiError("CONFLICT", "There is a file of that name already", {
        fields: { parameter: "dest_path" },
        hint: "Choose another dest_path, or delete that database first.",
      });
    return (call) => copyTo(call, target, destination);
  }
  if (op === "prune_history") return pruneOf(deps, body);
  if (!Object.hasOwn(MAINTENANCE, op))
    throw invalidParameter(
      "op",
      "is unknown",
      `Use one of ${[...Object.keys(MAINTENANCE), "vacuum_into", "prune_history"].join(", ")}.`,
    );
  if (destination !== undefined) throw invalidParameter("dest_path", "is for vacuum_into only");
  return (call) => maintain(call, op as MaintenanceOp);
}

/** Dropping old history, by what the body says or the server was told. */
function pruneOf(deps: ServerDeps, body: Answer): (call: Call) => Promise<Answer> {
  const { retention: age, max_ops: maxOps, table } = body;
  const ageMs = typeof age === "string" ? parseDurationMs(age) : Number.NaN;
  if (age !== undefined && !(ageMs >= 0))
    throw invalidParameter("retention", "must be a duration such as 12h or 30d");
  if (maxOps !== undefined && !(Number.isSafeInteger(maxOps) && (maxOps as number) > 0))
    throw invalidParameter("max_ops", "must be a whole number, more than 0");
  if (table !== undefined && typeof table !== "string")
    throw invalidParameter("table", "must be a string");
  kvRelation(table);
  const told = age === undefined && maxOps === undefined;
  const retention = told
    ? deps.config.retention
    : { ageMs: age === undefined ? null : ageMs, maxOps: (maxOps as number | undefined) ?? null };
  if (retention.ageMs === null && retention.maxOps === null)
    throw invalidParameter(
      "retention",
      "is missing: nothing says what to drop",
      'Give retention, such as "30d", or max_ops; or start the server with --history-retention.',
    );
  return async ({ database }) => ({
    result: "ok",
    dropped: await pruneDatabase(database, retention, deps.clock.nowMs(), table),
  });
}

function maintain(call: Call, op: MaintenanceOp): Promise<Answer> {
  const { deps, database, timeoutMs, signal } = call;
  const payload: MaintenanceJob = {
    path: database.path,
    op,
    busyTimeoutMs: Math.min(timeoutMs, MAINTENANCE_BUSY_MS),
    durability: deps.config.durability,
  };
  return runOnFile<Answer>(deps, database, { kind: "sql.maintain", payload, timeoutMs, signal });
}

async function copyTo(call: Call, target: string, destination: string): Promise<Answer> {
  const { deps, database, timeoutMs, signal } = call;
  const { root } = deps.registry;
  const workFile = newWorkFile(root.dataDir);
  const payload: CopyJob = {
    path: database.path,
    busyTimeoutMs: timeoutMs,
    workFile,
    target,
    root,
  };
  try {
    const { path, sizeBytes } = await runOnFile<{ path: string; sizeBytes: number }>(
      deps,
      database,
      { kind: "sql.copy", payload, timeoutMs, signal },
    );
    return { result: "ok", dest_path: destination, path, size: sizeBytes };
  } finally {
    await removeWorkFile(workFile);
  }
}
