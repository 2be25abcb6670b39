/** What SQLite says of a caller's own SQL, passed on with its code (contracts/hoody.md section 3). */
import { ApiError, type ErrorDetails, type ErrorKind, toApiError } from "../errors.ts";

/** Primary result codes, https://www.sqlite.org/rescode.html; anything else is SQL_ERROR. */
const KIND_OF_RESULT: Readonly<Record<number, ErrorKind>> = {
  5: "DATABASE_BUSY",
  6: "DATABASE_BUSY",
  8: "DATABASE_READONLY",
  11: "DATABASE_ERROR",
  13: "DISK_FULL",
  18: "PAYLOAD_TOO_LARGE",
  19: "SQL_CONSTRAINT",
  26: "INVALID_SQLITE_HEADER",
};

const SQLITE_IOERR = 10;
const SQLITE_CANTOPEN = 14;

/** node:sqlite's errors carry SQLite's extended result code as `errcode`. */
export function toSqlError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const { errcode, code } = thrown as { errcode?: number; code?: string };
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  // What the file system could not do is told in the same words everywhere.
  if (errcode !== undefined && [SQLITE_IOERR, SQLITE_CANTOPEN].includes(errcode & 0xff))
    return toApiError(thrown);
  if (typeof errcode === "number")
    return new ApiError(KIND_OF_RESULT[errcode & 0xff] ?? "SQL_ERROR", message);
  if (code === "ERR_INVALID_ARG_TYPE" || code === "ERR_INVALID_ARG_VALUE")
    return new ApiError("SQL_BIND_ERROR", message);
  return new ApiError("SQL_ERROR", message);
}

/** The same error, told which item of the request it belongs to; -1 is the request itself. */
export function withRequestIndex(error: ApiError, reqIdx: number): ApiError {
  const details: ErrorDetails = { ...error.details, fields: { reqIdx, ...error.details.fields } };
  return new ApiError(error.kind, error.message, details);
}
