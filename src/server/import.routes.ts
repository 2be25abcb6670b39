/** POST /db/import: rows or a whole database from an upload of any size. */
import { existsSync } from "node:fs";
import { Elysia } from "elysia";
import { requireLevel } from "../access/grant.ts";
import type { Database } from "../engine/database.ts";
import { databasePath, newFile } from "../engine/resolve.ts";
import { newWorkFile, removeWorkFile } from "../engine/work-file.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import { MAX_IMPORT_NAME_CHARS, MAX_TIMEOUT_S } from "../limits.ts";
import type { ImportFileJob } from "../sql/import/database-file.ts";
import type { ImportRowsJob } from "../sql/import/rows.ts";
import { ImportLine } from "./db.model.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented } from "./documentation.ts";
import { turnOf } from "./file-work.ts";
import { API_PREFIX } from "./kv-path.ts";
import { choice, createIfMissing, db, flag, optionalText, timeout } from "./parameters.ts";
import { Query } from "./query.ts";

const format = choice(
  "format",
  "What the body is: rows for a table, or a whole database file.",
  ["csv", "ndjson", "sqlite"],
  "csv",
);
const table = optionalText("table", "The table to fill. It is made if it is missing.");
const mode = choice(
  "mode",
  "`append` adds rows to the table, `replace` puts them in the place of those it has, `create` wants a new table.",
  ["append", "create", "replace"],
  "append",
);
const types = choice(
  "types",
  "For a new table: `detect` finds each column's type in the first rows, `text` makes all of them TEXT.",
  ["detect", "text"],
  "detect",
);
const header = flag("header", "Whether the first row of CSV names the columns.", true);
const delimiter = optionalText(
  "delimiter",
  "What separates the fields of CSV: one letter, or `tab`; found by itself if not given.",
);
const empty = choice(
  "empty",
  "What a field of CSV with nothing in it is; with quotes around nothing it is always a text.",
  ["null", "text"],
  "null",
);
const ROW_PARAMETERS = [table, mode, types, header, delimiter, empty] as const;

/** The routes of one server. */
export function importRoutes(deps: ServerDeps) {
  // Putting a large transaction on disk tells of no progress.
  const patience = timeout(MAX_TIMEOUT_S * 1000);

  return new Elysia({ name: "import" }).post(
    `${API_PREFIX}/db/import`,
    async ({ request }) => {
      const query = Query.of(request);
      const call: Call = {
        deps,
        query,
        body: boundedBody(request, deps.config.maxImportBytes),
        signal: request.signal,
        idleTimeoutMs: patience.read(query),
      };
      if (format.read(query) !== "sqlite") return importRows(call);
      const { token } = query.caller;
      if (token !== null) requireLevel(token.grant, "admin");
      return importFile(call);
    },
    {
      parse: "none",
      detail: documented({
        summary: "Import rows, or a whole database",
        description:
          "One transaction: all rows or none. The answer has one JSON object a line: `progress` while rows go in, `done` or `error` at the end. An error before the first line is an ordinary answer with its status.",
        tag: "SQL",
        parameters: [db, format, ...ROW_PARAMETERS, ...createIfMissing.documented, patience],
        body: { description: "The file as it is. It may be larger than --max-body-bytes." },
        answers: {
          200: {
            description: "Progress, then the outcome",
            schema: ImportLine,
            mediaType: "application/x-ndjson",
            headers: { "Cache-Control": "`no-store`." },
          },
        },
        errors: [
          "DATABASE_EXISTS",
          "SQL_ERROR",
          "SQL_CONSTRAINT",
          "DATABASE_READONLY",
          "PAYLOAD_TOO_LARGE",
          "REQUEST_TIMEOUT",
          "DISK_FULL",
        ],
      }),
    },
  );
}

interface Call {
  readonly deps: ServerDeps;
  readonly query: Query;
  readonly body: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  readonly idleTimeoutMs: number;
}

async function importRows(call: Call): Promise<Response> {
  const { deps, query } = call;
  const options = rowOptions(query);
  const create = createIfMissing.read(query, deps.config.createMissing);
  return withDatabase(
    deps,
    query,
    async (database: Database) => {
      const payload: ImportRowsJob = {
        ...database.target,
        busyTimeoutMs: call.idleTimeoutMs,
        durability: deps.config.durability,
        ...options,
      };
      const unpin = database.pin();
      const turn = turnOf(deps, database, call.idleTimeoutMs);
      const ended = () => {
        turn[Symbol.dispose]();
        unpin();
      };
      return stream(call, { kind: "sql.import-rows", payload, takeTurn: turn.take, ended });
    },
    create,
  );
}

async function importFile(call: Call): Promise<Response> {
  const { deps, query } = call;
  const { root } = deps.registry;
  for (const parameter of ROW_PARAMETERS)
    if (query.get(parameter.name) !== undefined)
      throw invalidParameter(parameter.name, "is for rows, not for format=sqlite");
  const name = db.read(query);
  const target = newFile(databasePath(name, root), root);
  if (existsSync(target))
    throw new ApiError("DATABASE_EXISTS", "The database exists already", {
      hint: "Choose another name, or delete that database first.",
    });
  const workFile = newWorkFile(root.dataDir);
  const payload: ImportFileJob = { workFile, target, root, db: name };
  const ended = () => {
    removeWorkFile(workFile).catch((error) => deps.log.error("work_file_stays", error));
  };
  return stream(call, { kind: "sql.import-file", payload, ended });
}

async function stream(
  { deps, body, signal, idleTimeoutMs }: Call,
  job: { kind: string; payload: unknown; takeTurn?: () => Promise<void>; ended: () => void },
): Promise<Response> {
  const streaming = await deps.streams.stream({ ...job, idleTimeoutMs, signal, input: body });
  return new Response(streaming.body, {
    headers: {
      "content-type": "application/x-ndjson",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}

function rowOptions(
  query: Query,
): Omit<ImportRowsJob, "path" | "grant" | "busyTimeoutMs" | "durability"> {
  const name = table.read(query);
  if (name === undefined || name.trim() === "") throw invalidParameter("table", "is missing");
  if (name.length > MAX_IMPORT_NAME_CHARS || name.includes("\0"))
    throw invalidParameter(
      "table",
      `must have at most ${MAX_IMPORT_NAME_CHARS} letters, none of them NUL`,
    );
  const isCsv = format.read(query) === "csv";
  for (const parameter of [header, delimiter, empty])
    if (!isCsv && query.get(parameter.name) !== undefined)
      throw invalidParameter(parameter.name, "is for CSV only");
  return {
    format: isCsv ? "csv" : "ndjson",
    table: name,
    mode: mode.read(query),
    types: types.read(query),
    header: header.read(query),
    delimiter: readDelimiter(query),
    empty: empty.read(query),
  };
}

const DELIMITER_NAMES: ReadonlyMap<string, string> = new Map([
  ["comma", ","],
  ["semicolon", ";"],
  ["tab", "\t"],
  ["\\t", "\t"],
  ["pipe", "|"],
]);

function readDelimiter(query: Query): string | null {
  const text = delimiter.read(query);
  if (text === undefined || text === "") return null;
  const letter = DELIMITER_NAMES.get(text.toLowerCase()) ?? text;
  if ([...letter].length !== 1 || /["\r\n\0]/.test(letter))
    throw invalidParameter("delimiter", "must be one letter other than a quote or a line break");
  return letter;
}

/**
 * The body in the pieces in which it comes.
 * @throws ApiError PAYLOAD_TOO_LARGE
 */
function boundedBody(request: Request, maxBytes: number): AsyncIterable<Uint8Array> {
  const tooLarge = () =>
    new ApiError("PAYLOAD_TOO_LARGE", `The body is larger than ${maxBytes} bytes`, {
      hint: "Send less at once, or raise --max-import-bytes.",
    });
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  return (async function* () {
    let bytes = 0;
    for await (const chunk of request.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw tooLarge();
      yield chunk;
    }
  })();
}
