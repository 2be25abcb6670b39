/**
 * Every error that can reach a caller: its kind, its HTTP status, its one envelope.
 *
 * Layers below HTTP throw `ApiError`; `toApiError` is the only translation of anything else.
 */

import { MAX_JSON_LEVELS } from "./limits.ts";

/** Kinds and their statuses (contracts/hoody.md section 3, plus the few of our own at the end). */
export const ERROR_STATUS = {
  INVALID_PARAMETERS: 400,
  INVALID_DB_PATH: 400,
  INVALID_SQLITE_HEADER: 400,
  PATH_IS_DIRECTORY: 400,
  DATABASE_NOT_FOUND: 400,
  SQL_ERROR: 400,
  SQL_BIND_ERROR: 400,
  VALUES_CONFLICT: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  KEY_NOT_FOUND: 404,
  KEY_EXPIRED: 404,
  HISTORY_ENTRY_NOT_FOUND: 404,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  CONFLICT: 409,
  DATABASE_EXISTS: 409,
  SQL_CONSTRAINT: 409,
  DATABASE_READONLY: 409,
  TIME_TRAVEL_CHAIN_GAP: 409,
  HISTORY_PRUNED: 410,
  CHANGE_CURSOR_EXPIRED: 410,
  CHANGE_CURSOR_INVALID: 410,
  PRECONDITION_FAILED: 412,
  PAYLOAD_TOO_LARGE: 413,
  RESPONSE_TOO_LARGE: 413,
  IDEMPOTENT_RESPONSE_TOO_LARGE: 413,
  IDEMPOTENCY_KEY_MISMATCH: 422,
  INTERNAL_ERROR: 500,
  DATABASE_ERROR: 500,
  DELETE_INCOMPLETE: 500,
  FILE_SYSTEM_ERROR: 500,
  SERVICE_UNAVAILABLE: 503,
  REQUEST_TIMEOUT: 503,
  DATABASE_BUSY: 503,
  DISK_FULL: 507,
} as const satisfies Record<string, number>;

export type ErrorKind = keyof typeof ERROR_STATUS;

/** What to do about an error, where the thrower has nothing more exact to say. */
const DEFAULT_HINT: Partial<Record<ErrorKind, string>> = {
  CONFLICT: "Read the current state, then try again.",
  DATABASE_BUSY: "Another program holds the write lock of this file. Try again in a moment.",
  DATABASE_ERROR: "The server's log says more.",
  DATABASE_NOT_FOUND:
    "Create it with POST /api/v1/sqlite/db/create?path=…, or add create_db_if_missing=true to a write.",
  DATABASE_READONLY: "Check the permissions of the file and its folder.",
  DISK_FULL: "Free some space; reads go on meanwhile.",
  FILE_SYSTEM_ERROR: "The server's log says more.",
  CHANGE_CURSOR_EXPIRED:
    "Read the present state, then follow the changes from its change_cursor on.",
  CHANGE_CURSOR_INVALID: "Cursors come from this table's own answers. Begin again without since.",
  HISTORY_ENTRY_NOT_FOUND: "GET …/kv/KEY/history lists the operations that are recorded.",
  HISTORY_PRUNED:
    "The server was told to forget what is older: --history-retention, --history-max-ops.",
  INTERNAL_ERROR: "This is a fault of the server. Its log says more; please report it.",
  INVALID_DB_PATH:
    "Use a bare name such as ?db=notes, which is the file notes.db of the data folder.",
  INVALID_SQLITE_HEADER: "The file exists but is not a SQLite database.",
  KEY_EXPIRED: "The key had a time to live, and it has passed.",
  KEY_NOT_FOUND: "List the keys with GET /api/v1/sqlite/kv?db=….",
  PATH_IS_DIRECTORY:
    "This call needs a database file. A folder, by its absolute path, has single keys to read, write, delete and list.",
  PRECONDITION_FAILED: "The value has changed since you read it. Read it again, then decide.",
  REQUEST_TIMEOUT: "Raise the limit with timeout=SECONDS (1 to 300), or make the work smaller.",
  SERVICE_UNAVAILABLE: "The server is busy or stopping. Try again in a moment.",
  SQL_BIND_ERROR: "Give one value per parameter; values are strings, numbers, booleans or null.",
  TIME_TRAVEL_CHAIN_GAP:
    "A write with history=false, or somebody's own SQL, changed the key without a record. GET …/kv/KEY/history shows when.",
  UNAUTHORIZED: "Send the header Authorization: Bearer TOKEN.",
};

export interface ErrorDetails {
  /** What the caller can do about it, one sentence. */
  hint?: string;
  /** Another status than the kind's own (DATABASE_NOT_FOUND is 404 on some routes). */
  status?: number;
  /** Further members of the envelope, such as `reqIdx`, `path`, `current_etag`. */
  fields?: Record<string, unknown>;
  /** Further response headers, such as `Allow`. */
  headers?: Record<string, string>;
  /** What goes along to the server, also out of another process, and never to a caller. */
  aside?: unknown;
  cause?: unknown;
}

/** An error a caller is meant to see. The field is `kind`: SQLiteError and Elysia own `code`. */
export class ApiError extends Error {
  readonly kind: ErrorKind;
  readonly details: ErrorDetails;

  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "ApiError";
    this.kind = kind;
    this.details = details;
  }

  get status(): number {
    return this.details.status ?? ERROR_STATUS[this.kind];
  }

  /** The one error body (contracts/hoody.md section 3). */
  toEnvelope(): Record<string, unknown> {
    const hint = this.details.hint ?? DEFAULT_HINT[this.kind];
    return {
      success: false,
      status: "error",
      statusCode: this.status,
      code: this.kind,
      error: this.message,
      message: this.message,
      ...(hint === undefined ? {} : { hint }),
      ...this.details.fields,
    };
  }

  /** Headers that belong to every answer with this error. */
  toHeaders(): Record<string, string> {
    const headers: Record<string, string> = {
      "x-content-type-options": "nosniff",
      "x-error-code": this.kind,
      "x-hoody-error-code": this.kind,
      ...this.details.headers,
    };
    if (this.status === 503) headers["retry-after"] = "1";
    if (this.status === 401) headers["www-authenticate"] = 'Bearer realm="chronolite"';
    return headers;
  }
}

/** A 400 that names the parameter. */
export function invalidParameter(name: string, problem: string, hint?: string): ApiError {
  return new ApiError("INVALID_PARAMETERS", `${name} ${problem}`, {
    ...(hint === undefined ? {} : { hint }),
    fields: { parameter: name },
  });
}

/** For JSON beyond what SQLite takes. */
export function nestsTooDeep(name: string): ApiError {
  return invalidParameter(
    name,
    `would nest deeper than ${MAX_JSON_LEVELS} levels of objects and arrays`,
  );
}

/**
 * Any thrown value as an `ApiError`. What the engine says stays in the log: only routes that run the
 * caller's own SQL pass SQLite's words on, and they do so before they get here.
 */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const code = sqliteCode(thrown);
  if (code !== undefined) return fromSqliteCode(code, thrown);
  const fromFile = fromFileSystem(thrown);
  if (fromFile !== undefined) return fromFile;
  return new ApiError("INTERNAL_ERROR", "Something went wrong in the server", { cause: thrown });
}

/** Primary result codes that mean something to a caller, https://www.sqlite.org/rescode.html. */
const NAME_OF_RESULT: Readonly<Record<number, string>> = {
  5: "SQLITE_BUSY",
  6: "SQLITE_LOCKED",
  8: "SQLITE_READONLY",
  10: "SQLITE_IOERR",
  11: "SQLITE_CORRUPT",
  13: "SQLITE_FULL",
  14: "SQLITE_CANTOPEN",
  18: "SQLITE_TOOBIG",
  19: "SQLITE_CONSTRAINT",
  26: "SQLITE_NOTADB",
};

/** Extended result codes that mean more than their primary one. */
const NAME_OF_EXTENDED_RESULT: Readonly<Record<number, string>> = {
  778: "SQLITE_IOERR_WRITE",
  4874: "SQLITE_IOERR_SHMSIZE",
};

/**
 * The `SQLITE_…` name of an engine error, or undefined for anything else. bun:sqlite gives the name
 * as `code`, node:sqlite the number as `errcode`.
 */
export function sqliteCode(thrown: unknown): string | undefined {
  const { code, errcode } = (thrown ?? {}) as { code?: unknown; errcode?: unknown };
  if (typeof code === "string" && code.startsWith("SQLITE_")) return code;
  return typeof errcode === "number"
    ? (NAME_OF_EXTENDED_RESULT[errcode] ?? NAME_OF_RESULT[errcode & 0xff] ?? "SQLITE_ERROR")
    : undefined;
}

/** SQLite's own result codes, see https://www.sqlite.org/rescode.html. */
function fromSqliteCode(code: string, cause: unknown): ApiError {
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED"))
    return new ApiError("DATABASE_BUSY", "The database is locked by another program", { cause });
  if (code.startsWith("SQLITE_READONLY"))
    return new ApiError("DATABASE_READONLY", "The database file cannot be written to", { cause });
  // A limit on the size of files, and a quota, look like a failed write.
  if (["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"].includes(code))
    return new ApiError("DISK_FULL", "The disk is full", { cause });
  if (code === "SQLITE_NOTADB")
    return new ApiError("INVALID_SQLITE_HEADER", "The file is not a SQLite database", { cause });
  if (code.startsWith("SQLITE_CORRUPT"))
    return new ApiError("DATABASE_ERROR", "The database file is damaged", {
      cause,
      hint: "Check it with PRAGMA integrity_check, and restore a backup.",
    });
  if (cause instanceof Error && cause.message === "JSON nested too deep")
    return nestsTooDeep("the value");
  if (code.startsWith("SQLITE_IOERR"))
    return new ApiError("FILE_SYSTEM_ERROR", "The database file could not be read or written", {
      cause,
    });
  if (code.startsWith("SQLITE_CANTOPEN"))
    return new ApiError("FILE_SYSTEM_ERROR", "The database file could not be opened", { cause });
  if (code === "SQLITE_TOOBIG")
    return new ApiError("PAYLOAD_TOO_LARGE", "The value is too large for SQLite", { cause });
  if (code.startsWith("SQLITE_CONSTRAINT"))
    return new ApiError("SQL_CONSTRAINT", "A constraint of the table does not allow this", {
      cause,
      hint: "Somebody added it, such as a unique index; the database's schema shows it.",
    });
  return new ApiError("DATABASE_ERROR", "The database could not do this", { cause });
}

/** What the file system said, where that means something to a caller. */
function fromFileSystem(cause: unknown): ApiError | undefined {
  switch ((cause as { code?: unknown } | null)?.code) {
    case "EACCES":
    case "EPERM":
      return new ApiError("FORBIDDEN", "The server has no permission for this file or folder", {
        cause,
      });
    case "EROFS":
      return new ApiError("DATABASE_READONLY", "The file system cannot be written to", { cause });
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return new ApiError("DISK_FULL", "The disk is full", { cause });
    case "EMFILE":
    case "ENFILE":
      return new ApiError("SERVICE_UNAVAILABLE", "Too many files are open", { cause });
    default:
      return undefined;
  }
}
