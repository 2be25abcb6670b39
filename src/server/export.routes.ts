/** GET /db/export: a database as a file to keep. */
import { basename } from "node:path";
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import type { Database } from "../engine/database.ts";
import { newWorkFile, removeWorkFile } from "../engine/work-file.ts";
import { invalidParameter } from "../errors.ts";
import { MAX_TIMEOUT_S } from "../limits.ts";
import type { DumpJob, ExportFileJob } from "../sql/file-jobs.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented } from "./documentation.ts";
import { API_PREFIX } from "./kv-path.ts";
import { choice, db, optionalText, timeout } from "./parameters.ts";
import { Query } from "./query.ts";

const FORMATS = ["sqlite", "sql"] as const;
const format = choice(
  "format",
  "The database file, or SQL text that makes it anew.",
  FORMATS,
  "sqlite",
);
const tables = optionalText(
  "tables",
  "Only these tables and views, with `format=sql`: names with commas between them, or a JSON array.",
);

/** The routes of one server. */
export function exportRoutes(deps: ServerDeps) {
  // A copy tells of no progress until it is finished.
  const patience = timeout(MAX_TIMEOUT_S * 1000);

  return new Elysia({ name: "export" }).get(
    `${API_PREFIX}/db/export`,
    async ({ request }) => {
      const query = Query.of(request.url);
      const chosen = format.read(query);
      const names = readTables(query);
      const idleTimeoutMs = patience.read(query);
      if (names !== null && chosen !== "sql")
        throw invalidParameter("tables", "needs format=sql", "A database file is exported whole.");
      const caller = { signal: request.signal, idleTimeoutMs };
      return withDatabase(deps, query, (database) =>
        chosen === "sqlite"
          ? exportFile(deps, database, caller)
          : exportSql(deps, database, names, caller),
      );
    },
    {
      detail: documented({
        summary: "Export a database",
        description:
          "A consistent copy as of one moment, while others read and write. An SQL dump ends in `COMMIT;`: one that was cut off loads nothing.",
        tag: "SQL",
        parameters: [db, format, tables, patience],
        answers: {
          200: {
            description: "The file",
            schema: Type.Unknown(),
            mediaType: "*/*",
            headers: {
              "Content-Disposition": "The file's name.",
              "Cache-Control": "`no-store`.",
            },
          },
        },
        errors: ["DISK_FULL", "REQUEST_TIMEOUT"],
      }),
    },
  );
}

interface Caller {
  signal: AbortSignal;
  idleTimeoutMs: number;
}

async function exportFile(deps: ServerDeps, database: Database, caller: Caller): Promise<Response> {
  const workFile = newWorkFile(deps.registry.root.dataDir);
  const unpin = database.pin();
  const payload: ExportFileJob = {
    path: database.path,
    busyTimeoutMs: caller.idleTimeoutMs,
    workFile,
  };
  const { body } = await deps.streams.stream({
    kind: "sql.export-file",
    payload,
    ...caller,
    ended: () => {
      unpin();
      removeWorkFile(workFile).catch((error) => deps.log.error("work_file_stays", error));
    },
  });
  return download(body, "application/vnd.sqlite3", basename(database.path));
}

async function exportSql(
  deps: ServerDeps,
  database: Database,
  names: string[] | null,
  caller: Caller,
): Promise<Response> {
  const unpin = database.pin();
  const payload: DumpJob = {
    path: database.path,
    busyTimeoutMs: caller.idleTimeoutMs,
    tables: names,
  };
  const { body } = await deps.streams.stream({
    kind: "sql.dump",
    payload,
    ...caller,
    ended: unpin,
  });
  const name = basename(database.path).replace(/\.(db|sqlite|sqlite3)$/i, "");
  return download(body, "application/sql; charset=utf-8", `${name}.sql`);
}

function download(body: ReadableStream<Uint8Array>, type: string, name: string): Response {
  const plain = name.replace(/[^\w.() -]/g, "_");
  return new Response(body, {
    headers: {
      "content-type": type,
      "content-disposition": `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name).replace(/['()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`)}`,
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    },
  });
}

/** @throws ApiError INVALID_PARAMETERS */
function readTables(query: Query): string[] | null {
  const text = tables.read(query);
  if (text === undefined) return null;
  let names: unknown = text.split(",").map((name) => name.trim());
  if (text.trimStart().startsWith("["))
    try {
      names = JSON.parse(text);
    } catch {
      throw invalidParameter("tables", "is not JSON");
    }
  if (!Array.isArray(names) || names.some((name) => typeof name !== "string" || name === ""))
    throw invalidParameter("tables", "must be names of tables");
  return names as string[];
}
