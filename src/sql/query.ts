/** GET /query: one statement that only reads, as a link (contracts/hoody.md 1.2). */
import { isUtf8 } from "node:buffer";
import { ApiError } from "../errors.ts";
import { tooSmall } from "./answer.ts";
import { type BindValues, ValueDealer } from "./bind.ts";
import { blobAsTextOrBase64, type CellFormat, RowWriter } from "./encode.ts";
import { explainStatement } from "./explain.ts";
import type { ItemOutcome } from "./item-report.ts";
import { parametersOf, skipTrivia } from "./lexer.ts";
import { compileThen, type Past } from "./past-tables.ts";
import type { Compiled, SandboxedConnection } from "./sandbox.ts";
import { toSqlError } from "./sql-error.ts";

const READ_ONLY_MESSAGE =
  "GET /query only accepts read-only SELECT/WITH queries; use POST /db for mutating SQL";

export interface QueryOptions {
  integers: CellFormat["integers"];
  cells: CellFormat["cells"];
  /** Longest answer; rows that do not fit are left out and the answer says `truncated`. */
  maxChars: number;
  /** Answer the plan, do not run. */
  explain: boolean;
  /** Null for the present. */
  past: Past | null;
}

/** A query that is about to run. */
export interface OpenQuery {
  columns: string[];
  rows: Iterable<unknown>;
  /** Keys that are left out, because nobody knows of them at that moment; null in the present. */
  gapKeys: string[] | null;
}

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
 * @returns the body of the answer, and how many rows it has
 * @throws ApiError
 */
export function runQuery(
  connection: SandboxedConnection,
  sql: string,
  values: BindValues,
  options: QueryOptions,
): ItemOutcome & { text: string } {
  return named(connection, () => {
    const head = `{"success":true,"query":${JSON.stringify(sql)}`;
    const compiled = compileReading(connection, sql, options.past);
    if (options.explain) {
      const plan = JSON.stringify(explainStatement(connection, sql, values));
      return { text: within(`${head},"plan":${plan}}`, options.maxChars), rowCount: 0 };
    }
    const { columns, rows, gapKeys } = startQuery(compiled, values);
    const writer = new RowWriter(columns, {
      blob: blobAsTextOrBase64,
      integers: options.integers,
      cells: options.cells,
    });
    const { list } = writer;
    const before = `${head},"columns":${JSON.stringify(writer.headers)},"resultSet":[`;
    let truncated = writer.collect(rows, options.maxChars - before.length);
    const gaps =
      gapKeys === null
        ? ""
        : `,"has_gaps":${gapKeys.length > 0},"gap_keys":${JSON.stringify(gapKeys)}`;
    const after = () => `],"rowCount":${list.count},"truncated":${truncated}${gaps}}`;
    while (list.count > 0 && before.length + list.lengthChars + after().length > options.maxChars) {
      list.removeLast();
      truncated = true;
    }
    const text = within(before + list.text + after(), options.maxChars);
    return { text, rowCount: list.count };
  });
}

/**
 * Compiles the query and binds its values; its rows come as they are asked for.
 * @throws ApiError
 */
export function openQuery(
  connection: SandboxedConnection,
  sql: string,
  values: BindValues,
  past: Past | null,
): OpenQuery {
  return named(connection, () => startQuery(compileReading(connection, sql, past), values));
}

/** A query as it was compiled, and what is to be done before it runs. */
interface Ready {
  readonly compiled: Compiled;
  readonly fill?: () => string[];
}

function startQuery({ compiled, fill }: Ready, values: BindValues): OpenQuery {
  const { statement, text } = compiled;
  const dealer = new ValueDealer(values);
  const { named, plain } = dealer.deal(parametersOf(text));
  dealer.finish();
  return {
    columns: statement.columns().map((column) => String(column.name)),
    gapKeys: fill?.() ?? null,
    rows: statement.iterate(named, ...plain),
  };
}

function compileReading(connection: SandboxedConnection, sql: string, past: Past | null): Ready {
  if (sql.includes("\0")) throw new ApiError("SQL_ERROR", "The SQL contains a NUL character");
  connection.begin("deferred");
  const text = skipTrivia(sql);
  if (text === "")
    throw new ApiError("INVALID_PARAMETERS", "sql is empty", { fields: { parameter: "sql" } });
  const compile = () => compileOne(connection, text);
  return past === null ? { compiled: compile() } : compileThen(connection, compile, past);
}

function compileOne(connection: SandboxedConnection, text: string): Compiled {
  const compiled = connection.compile(text);
  if (skipTrivia(compiled.rest) !== "") throw notReadOnly("one statement only");
  const returnsRows = compiled.statement.columns().length > 0;
  if (!compiled.readsOnly || compiled.pragma !== null || !returnsRows)
    throw notReadOnly("it does more than read, or answers nothing");
  return compiled;
}

/** Errors of the caller's SQL, and refusals, in the words of this route. */
function named<Result>(connection: SandboxedConnection, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw queryError(connection, error);
  }
}

export function queryError(connection: SandboxedConnection, error: unknown): ApiError {
  return connection.refusal === undefined
    ? toSqlError(connection.refused(error))
    : notReadOnly(connection.refusal);
}

function within(answer: string, maxChars: number): string {
  if (answer.length > maxChars) throw tooSmall();
  return answer;
}

function notReadOnly(reason: string): ApiError {
  return new ApiError("INVALID_PARAMETERS", READ_ONLY_MESSAGE, {
    hint: `Refused: ${reason}.`,
    fields: { parameter: "sql" },
  });
}
