/** Runs the items of POST /db in one transaction, and writes the answer as JSON text. */
import type { StatementSync } from "node:sqlite";
import { ApiError } from "../errors.ts";
import { MAX_RESPONSE_BYTES, MAX_SQL_ROWS } from "../limits.ts";
import { type Binding, type BindValues, ValueDealer } from "./bind.ts";
import { blobAsBase64, type Cell, RowWriter } from "./encode.ts";
import { parametersOf, skipTrivia } from "./lexer.ts";
import type { SandboxedConnection } from "./sandbox.ts";
import { toSqlError, withRequestIndex } from "./sql-error.ts";
import type { TransactionItem, TransactionRequest } from "./transaction-request.ts";

/**
 * Whether every item compiles on a read-only connection and only reads. Then it needs no turn, and
 * runs beside writers and other readers.
 */
export function onlyReads(connection: SandboxedConnection, request: TransactionRequest): boolean {
  try {
    for (const item of request.items) {
      if (item.batch !== null) return false;
      for (let rest = skipTrivia(item.sql); rest !== ""; )
        rest = skipTrivia(connection.compile(rest).rest);
      if (!connection.readsOnly) return false;
    }
    return true;
  } catch {
    // Refers to what an earlier item makes, or is wrong: the real run will tell.
    return false;
  }
}

/**
 * The whole transaction, from begin to commit.
 * @returns the body of the answer
 * @throws ApiError with `reqIdx`; nothing was changed
 */
export function runTransaction(
  connection: SandboxedConnection,
  request: TransactionRequest,
  access: "read" | "write",
): string {
  try {
    connection.control(access === "read" ? "begin" : "begin immediate");
  } catch (error) {
    throw withRequestIndex(toSqlError(error), -1);
  }
  const results: string[] = [];
  let lengthChars = 0;
  for (const [reqIdx, item] of request.items.entries()) {
    let result: string;
    try {
      result = item.noFail
        ? runForgivingly(connection, item, request.asLists)
        : runItem(connection, item, request.asLists);
    } catch (error) {
      throw withRequestIndex(toSqlError(error), reqIdx);
    }
    lengthChars += result.length;
    if (lengthChars > MAX_RESPONSE_BYTES)
      throw withRequestIndex(
        new ApiError("RESPONSE_TOO_LARGE", "The results are too large for one answer"),
        reqIdx,
      );
    results.push(result);
  }
  try {
    connection.control("commit");
  } catch (error) {
    // Deferred foreign keys are checked here.
    throw withRequestIndex(toSqlError(error), -1);
  }
  return `{"success":true,"results":[${results.join(",")}]}`;
}

/** An item whose failure undoes only itself. */
function runForgivingly(
  connection: SandboxedConnection,
  item: TransactionItem,
  asLists: boolean,
): string {
  connection.control("savepoint item");
  try {
    const result = runItem(connection, item, asLists);
    connection.control("release item");
    return result;
  } catch (thrown) {
    // INSERT OR ROLLBACK and RAISE(ROLLBACK) end the whole request (contract 1.1).
    if (!connection.inTransaction) throw thrown;
    connection.control("rollback to item; release item");
    const error = toSqlError(thrown);
    return JSON.stringify({ success: false, error: error.message, code: error.kind });
  }
}

function runItem(connection: SandboxedConnection, item: TransactionItem, asLists: boolean): string {
  if (item.sql.includes("\0")) throw new ApiError("SQL_ERROR", "The SQL contains a NUL character");
  return item.batch === null
    ? runStatements(connection, item, asLists)
    : runBatch(connection, item, item.batch);
}

/** Every statement of the item's text; the item answers for the last one. */
function runStatements(
  connection: SandboxedConnection,
  item: TransactionItem,
  asLists: boolean,
): string {
  if (item.values instanceof ApiError) throw item.values;
  const dealer = new ValueDealer(item.values);
  let answer: string | undefined;
  let rest = skipTrivia(item.sql);
  if (rest === "") throw new ApiError("SQL_ERROR", "The SQL is empty");
  while (rest !== "") {
    const compiled = connection.compile(rest);
    rest = skipTrivia(compiled.rest);
    const binding = dealer.deal(parametersOf(compiled.text));
    if (rest === "") dealer.finish();
    answer = runOne(connection, compiled.statement, binding, item.kind, asLists);
  }
  return answer ?? "";
}

function runOne(
  connection: SandboxedConnection,
  statement: StatementSync,
  binding: Binding,
  kind: TransactionItem["kind"],
  asLists: boolean,
): string {
  const before = connection.tell("total_changes()");
  const columns = statement.columns().map((column) => String(column.name));
  const parts = ['"success":true'];
  if (columns.length === 0) {
    step(connection, () => statement.run(binding.named, ...binding.plain));
    if (kind === "query")
      parts.push('"resultHeaders":[]', asLists ? '"resultSetList":[]' : '"resultSet":[]');
  } else {
    const rows = new RowWriter(columns, blobAsBase64, asLists);
    const truncated = step(connection, () =>
      collectRows(statement.iterate(binding.named, ...binding.plain) as Iterable<unknown>, rows),
    );
    parts.push(
      `"resultHeaders":${JSON.stringify(rows.headers)}`,
      `"${asLists ? "resultSetList" : "resultSet"}":${rows.toJson()}`,
    );
    if (truncated) parts.push('"truncated":true');
  }
  if (kind === "statement") parts.push(`"rowsUpdated":${rowsChanged(connection, before)}`);
  return `{${parts.join(",")}}`;
}

/**
 * Takes rows up to the cap.
 * @returns whether there were more
 * @throws ApiError RESPONSE_TOO_LARGE
 */
export function collectRows(rows: Iterable<unknown>, writer: RowWriter): boolean {
  for (const row of rows) {
    if (writer.count === MAX_SQL_ROWS) return true;
    writer.add(row as Cell[]);
    if (writer.lengthChars > MAX_RESPONSE_BYTES)
      throw new ApiError("RESPONSE_TOO_LARGE", "The result is too large for one answer", {
        hint: "Select fewer or shorter columns, or add a LIMIT.",
      });
  }
  return false;
}

/** One prepared statement, once per value set. */
function runBatch(
  connection: SandboxedConnection,
  item: TransactionItem,
  batch: readonly (BindValues | ApiError)[],
): string {
  const { statement, text, rest } = connection.compile(skipTrivia(item.sql));
  if (skipTrivia(rest) !== "")
    throw new ApiError("SQL_ERROR", "valuesBatch needs a single statement");
  const parameters = parametersOf(text);
  const changes: number[] = [];
  const rowErrors: string[] = [];
  for (const values of batch) {
    if (values instanceof ApiError) {
      if (!item.noFail) throw values;
      rowErrors.push(values.message);
      continue;
    }
    const dealer = new ValueDealer(values);
    const binding = dealer.deal(parameters);
    dealer.finish();
    changes.push(
      Number(step(connection, () => statement.run(binding.named, ...binding.plain)).changes),
    );
  }
  const errors = rowErrors.length === 0 ? "" : `,"rowErrors":${JSON.stringify(rowErrors)}`;
  return `{"success":true,"rowsUpdatedBatch":${JSON.stringify(changes)}${errors}}`;
}

/** Runs a statement; what the sandbox refuses only while running is named too. */
function step<Result>(connection: SandboxedConnection, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw connection.refused(error);
  }
}

/** changes() keeps its old value after statements that change no rows, such as CREATE TABLE. */
function rowsChanged(connection: SandboxedConnection, totalBefore: number): number {
  return connection.tell("total_changes()") === totalBefore ? 0 : connection.tell("changes()");
}
