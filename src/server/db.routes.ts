/** Databases as files: the list of a folder, what one consists of, and its deletion. */
import { Elysia } from "elysia";
import { allowsDatabase } from "../access/grant.ts";
import type { ListedDatabase } from "../engine/list.ts";
import { databaseFolder, namesOfPath } from "../engine/resolve.ts";
import { invalidParameter } from "../errors.ts";
import type { SchemaJob, SchemaResult } from "../sql/file-jobs.ts";
import { SCHEMA_ROWS } from "../sql/schema-rows.ts";
import { DatabaseListAnswer, DeleteDatabaseAnswer, SchemaAnswer } from "./db.model.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented } from "./documentation.ts";
import { missingIs404, runOnFile } from "./file-work.ts";
import { API_PREFIX } from "./kv-path.ts";
import { csvOf, LIST_TYPES, listFormat, readListFormat } from "./list-format.ts";
import { CONTENT_TYPE } from "./negotiate.ts";
import { choice, db, flag, optionalText, timeout } from "./parameters.ts";
import { Query } from "./query.ts";
import { KNOWN_ETAG } from "./request-headers.ts";

const dir = optionalText(
  "dir",
  "Absolute path of a folder within the data folder; the data folder itself if not given.",
);

const object = optionalText("object", "Only the table or view of this name; 404 if there is none.");

const sizes = flag(
  "sizes",
  "Also find out how many bytes of the file each table takes with its indexes. It reads the whole file, and gives up after a second.",
);

const schemaRows = choice(
  "rows",
  "What a row of the CSV is about: a column of a table or view, a table or view, a column of a foreign key, or a column of an index. JSON has everything.",
  SCHEMA_ROWS,
  "columns",
);

const confirm = optionalText("confirm", "`yes` to delete.");

/** The routes of one server. */
export function dbRoutes(deps: ServerDeps) {
  const deadline = timeout(deps.config.timeoutMs);

  return new Elysia({ name: "db" })
    .get(
      `${API_PREFIX}/db/list`,
      async ({ request, set }) => {
        const query = Query.of(request);
        const format = readListFormat(query, request, set.headers);
        const folder = databaseFolder(dir.read(query) || undefined, deps.registry.root);
        const { token } = query.caller;
        const files = (await deps.registry.list(folder)).filter(
          ({ path }) =>
            token === null || allowsDatabase(token.grant, namesOfPath(path, deps.registry.root)),
        );
        const databases = files.map(databaseEntry);
        if (format === "json")
          return {
            success: true,
            dir: folder,
            any_absolute_path: deps.config.allowAnyAbsoluteDbPath,
            count: databases.length,
            databases,
          };
        set.headers["content-type"] = CONTENT_TYPE.csv;
        return csvOf(DATABASE_COLUMNS, databases);
      },
      {
        detail: documented({
          summary: "List the databases of a folder",
          description:
            "Files whose names end in .db, .sqlite or .sqlite3, newest first. A limited token sees its own.",
          tag: "Server",
          parameters: [dir, listFormat],
          answers: {
            200: {
              description: "The databases",
              schema: DatabaseListAnswer,
              otherTypes: LIST_TYPES,
            },
          },
          errors: ["SERVICE_UNAVAILABLE"],
        }),
      },
    )
    .get(
      `${API_PREFIX}/db/schema`,
      async ({ request, set }) => {
        const query = Query.of(request);
        const timeoutMs = deadline.read(query);
        const format = readListFormat(query, request, set.headers);
        const part = {
          object: object.read(query) || null,
          sizes: sizes.read(query),
          rows: schemaRows.read(query),
          format,
        };
        const { etag, body } = await withDatabase(deps, query, (database) => {
          const payload: SchemaJob = {
            ...database.target,
            ...part,
            db: db.read(query),
            busyTimeoutMs: timeoutMs,
            knownEtags: etagsOf(request.headers.get("if-none-match")),
          };
          const { signal } = request;
          return runOnFile<SchemaResult>(deps, database, {
            kind: "sql.schema",
            payload,
            timeoutMs,
            signal,
          });
        });
        set.headers["etag"] = etag;
        if (body === null) {
          set.status = 304;
          return "";
        }
        set.headers["content-type"] = CONTENT_TYPE[format];
        return body;
      },
      {
        detail: documented({
          summary: "Describe a database",
          description:
            "Tables, views, virtual tables, their columns, keys, indexes and triggers. The ETag changes with the schema, not with the rows: row counts may be older than it. In CSV names in one field are separated by semicolons.",
          tag: "SQL",
          parameters: [db, object, sizes, listFormat, schemaRows, deadline],
          answers: {
            200: {
              description: "The schema",
              schema: SchemaAnswer,
              otherTypes: LIST_TYPES,
              headers: { ETag: "Changes with the schema." },
            },
            304: { description: "If-None-Match has its ETag", headers: { ETag: "That tag." } },
          },
          headers: [KNOWN_ETAG],
          errors: ["NOT_FOUND", "REQUEST_TIMEOUT", "RESPONSE_TOO_LARGE"],
        }),
      },
    )
    .delete(
      `${API_PREFIX}/db`,
      async ({ request }) => {
        const query = Query.of(request);
        const name = db.read(query);
        const timeoutMs = deadline.read(query);
        if (confirm.read(query)?.toLowerCase() !== "yes")
          throw invalidParameter(
            "confirm",
            "must be yes",
            "The database is deleted for good: add confirm=yes if that is meant.",
          );
        const { path, removed } = await deps.registry.remove(name, timeoutMs).catch(missingIs404);
        return { success: true, message: "Database deleted", path, files_removed: removed };
      },
      {
        parse: "none",
        detail: documented({
          summary: "Delete a database",
          description:
            "The file and what belongs to it (-wal, -shm, -journal), after what is under way on it is answered. There is no way back.",
          tag: "Server",
          parameters: [db, confirm, deadline],
          answers: {
            200: { description: "Deleted", schema: DeleteDatabaseAnswer },
          },
          errors: [["DATABASE_NOT_FOUND", 404], "DELETE_INCOMPLETE", "REQUEST_TIMEOUT"],
        }),
      },
    );
}

const DATABASE_COLUMNS = [
  "name",
  "path",
  "size",
  "size_str",
  "modified",
  "mod_unix",
  "is_valid",
] as const;

function databaseEntry({ name, path, sizeBytes, modifiedMs, isValid }: ListedDatabase) {
  return {
    name,
    path,
    size: sizeBytes,
    size_str: sizeText(sizeBytes),
    modified: new Date(modifiedMs).toISOString(),
    mod_unix: Math.floor(modifiedMs / 1000),
    is_valid: isValid,
  };
}

/** The tags of an If-None-Match header. */
function etagsOf(header: string | null): string[] {
  return header === null ? [] : header.split(",").map((tag) => tag.trim());
}

function sizeText(bytes: number): string {
  const UNITS = ["KiB", "MiB", "GiB", "TiB"];
  if (bytes < 1024) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length);
  return `${(bytes / 1024 ** power).toFixed(1)} ${UNITS[power - 1]}`;
}
