/** GET /query: one statement that only reads, as a link (contracts/hoody.md 1.2). */
import { isUtf8 } from "node:buffer";
import { ApiError } from "../errors.ts";
import { type BindValues, ValueDealer } from "./bind.ts";
import { blobAsTextOrBase64, RowWriter } from "./encode.ts";
import { parametersOf, skipTrivia } from "./lexer.ts";
import type { SandboxedConnection } from "./sandbox.ts";
import { toSqlError } from "./sql-error.ts";
import { collectRows } from "./transaction.ts";

const READ_ONLY_MESSAGE =
  "GET /query only accepts read-only SELECT/WITH queries; use POST /db for mutating SQL";

/**
 * The SQL of a link: base64 in any flavour, or as it is. `btoa()` output is often pasted unescaped, so
 * its `+` arrives as a space.
 */
export function decodeSql(parameter: string): string {
  const base64 = parameter
    .replaceAll(" ", "+")
    .replaceAll("-", "+")
    .replaceAll("_", "/")
    .replace(/=+$/, "");
  if (/^[A-Za-z0-9+/]+$/.test(base64)) {
    const bytes = Buffer.from(base64, "base64");
    const text = bytes.toString("utf8");
    if (isUtf8(bytes) && /^(select|with|values|explain)\b/i.test(skipTrivia(text))) return text;
  }
  return parameter;
}

/**
 * Runs the query.
 * @returns the body of the answer
 * @throws ApiError
 */
export function runQuery(connection: SandboxedConnection, sql: string, values: BindValues): string {
  if (sql.includes("\0")) throw new ApiError("SQL_ERROR", "The SQL contains a NUL character");
  const text = skipTrivia(sql);
  if (text === "")
    throw new ApiError("INVALID_PARAMETERS", "sql is empty", { fields: { parameter: "sql" } });
  try {
    const { statement, text: first, rest } = compileReading(connection, text);
    if (skipTrivia(rest) !== "") throw notReadOnly("one statement only");
    const dealer = new ValueDealer(values);
    const binding = dealer.deal(parametersOf(first));
    dealer.finish();
    const rows = new RowWriter(
      statement.columns().map((column) => String(column.name)),
      blobAsTextOrBase64,
    );
    const truncated = collectRows(
      statement.iterate(binding.named, ...binding.plain) as Iterable<unknown>,
      rows,
    );
    return [
      `{"success":true,"query":${JSON.stringify(sql)}`,
      `"columns":${JSON.stringify(rows.headers)}`,
      `"resultSet":${rows.toJson()}`,
      `"rowCount":${rows.count}`,
      `"truncated":${truncated}}`,
    ].join(",");
  } catch (error) {
    if (connection.refusal !== undefined) throw notReadOnly(connection.refusal);
    throw toSqlError(error);
  }
}

function compileReading(
  connection: SandboxedConnection,
  text: string,
): ReturnType<SandboxedConnection["compile"]> {
  const compiled = connection.compile(text);
  const returnsRows = compiled.statement.columns().length > 0;
  if (!connection.readsOnly || connection.hasPragma || !returnsRows)
    throw notReadOnly("it does more than read, or answers nothing");
  return compiled;
}

function notReadOnly(reason: string): ApiError {
  return new ApiError("INVALID_PARAMETERS", READ_ONLY_MESSAGE, {
    hint: `Refused: ${reason}.`,
    fields: { parameter: "sql" },
  });
}
