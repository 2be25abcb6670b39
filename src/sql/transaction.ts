/** Runs the items of POST /db in one transaction, and writes the answer as JSON text. */
import { ApiError } from "../errors.ts";
import { MAX_RESPONSE_BYTES } from "../limits.ts";
import { type ItemAnswer, joinAnswers, shorten } from "./answer.ts";
import { BatchBinder, type Binding, type BindValues, ValueDealer } from "./bind.ts";
import { DryRun } from "./dry-run.ts";
import { blobAsBase64, blobAsObject, type CellFormat, RowWriter } from "./encode.ts";
import { explainStatement } from "./explain.ts";
import type { ItemReporter } from "./item-report.ts";
import { parametersOf, skipTrivia } from "./lexer.ts";
import type { RowWatch } from "./row-watch.ts";
import type { Compiled, SandboxedConnection } from "./sandbox.ts";
import { toSqlError, withRequestIndex } from "./sql-error.ts";
import type { TransactionItem, TransactionRequest } from "./transaction-request.ts";
import { UnrecordedWrites } from "./unrecorded-writes.ts";

export interface TransactionOptions {
  /** The server's time, Unix milliseconds, for what the transaction leaves in histories. */
  nowMs: number;
  /** Run, count the changed rows, undo. */
  dryRun: boolean;
  integers: CellFormat["integers"];
  blobs: "base64" | "object";
  cells: CellFormat["cells"];
  /** Longest answer; rows that do not fit are left out and the result says `truncated`. */
  maxChars: number;
}

/**
 * Whether every item compiles on a read-only connection and only reads. Then it needs no turn, and
 * runs beside writers and other readers.
 */
export function onlyReads(connection: SandboxedConnection, request: TransactionRequest): boolean {
  try {
    for (const item of request.items) {
      if (item.explain) continue;
      if (item.batch !== null) return false;
      for (let rest = skipTrivia(item.sql); rest !== ""; ) {
        const compiled = connection.compile(rest);
        if (!compiled.readsOnly) return false;
        rest = skipTrivia(compiled.rest);
      }
    }
    return true;
  } catch {
    // Refers to what an earlier item makes, or is wrong: the real run will tell.
    return false;
  }
}

/** Whether the request is nothing but VACUUM, which cannot run inside a transaction. */
export function isVacuum(connection: SandboxedConnection, request: TransactionRequest): boolean {
  const [item, ...others] = request.items;
  if (item === undefined || others.length > 0 || item.batch !== null || item.explain) return false;
  return connection.isVacuum(skipTrivia(item.sql));
}

/** @returns the body of the answer */
export function runVacuum(
  connection: SandboxedConnection,
  request: TransactionRequest,
  reporter: ItemReporter,
): string {
  const [item] = request.items;
  try {
    reporter.measure(0, () => {
      connection.control("vacuum");
      return { rowCount: 0 };
    });
  } catch (error) {
    throw withRequestIndex(toSqlError(error), 0);
  }
  const result =
    item?.kind === "query"
      ? `"resultHeaders":[],"${request.asLists ? "resultSetList" : "resultSet"}":[]`
      : '"rowsUpdated":0';
  return `{"success":true,"results":[{"success":true,${result}}]}`;
}

/**
 * The whole transaction, from begin to commit.
 * @param reporter hears of every item that was begun
 * @returns the body of the answer
 * @throws ApiError with `reqIdx`; nothing was changed
 */
export function runTransaction(
  connection: SandboxedConnection,
  request: TransactionRequest,
  options: TransactionOptions,
  reporter: ItemReporter,
): string {
  return new TransactionRun(connection, request.asLists, options).run(request.items, reporter);
}

class TransactionRun {
  readonly #connection: SandboxedConnection;
  readonly #asLists: boolean;
  readonly #options: TransactionOptions;
  readonly #answers: ItemAnswer[] = [];
  #dryRun: DryRun | undefined;
  #watch: RowWatch | undefined;
  /** About the length of the answers so far. */
  #heldChars = 0;
  /** Why the transaction could not begin: no item's fault, and no item forgives it. */
  #beginError: ApiError | undefined;

  constructor(connection: SandboxedConnection, asLists: boolean, options: TransactionOptions) {
    this.#connection = connection;
    this.#asLists = asLists;
    this.#options = options;
  }

  run(items: readonly TransactionItem[], reporter: ItemReporter): string {
    for (const [reqIdx, item] of items.entries()) {
      try {
        const answer = reporter.measure(reqIdx, () =>
          item.noFail ? this.#runForgivingly(item) : this.#runItem(item, () => {}),
        );
        this.#add(answer);
      } catch (error) {
        throw withRequestIndex(toSqlError(error), reqIdx);
      }
    }
    try {
      // Deferred foreign keys are checked here.
      const { dryRun, maxChars } = this.#options;
      const report = dryRun ? (this.#dryRun?.report() ?? { changes: {} }) : undefined;
      const tail = dryRun ? `,${JSON.stringify({ dry_run: true, ...report }).slice(1)}` : "}";
      const text = joinAnswers(this.#answers, '{"success":true,"results":[', `]${tail}`, maxChars);
      if (this.#connection.inTransaction) this.#connection.control(dryRun ? "rollback" : "commit");
      return text;
    } catch (error) {
      throw withRequestIndex(toSqlError(error), -1);
    }
  }

  /** @throws ApiError RESPONSE_TOO_LARGE */
  #add(answer: ItemAnswer): void {
    this.#answers.push(answer);
    this.#heldChars += answer.before.length + (answer.rows?.lengthChars ?? 0);
    const { maxChars } = this.#options;
    if (this.#heldChars > 2 * maxChars) {
      // What does not fit now will not fit beside further results either.
      shorten(this.#answers, maxChars);
      this.#heldChars = maxChars;
    }
    if (this.#heldChars > MAX_RESPONSE_BYTES)
      throw new ApiError("RESPONSE_TOO_LARGE", "The results are too large for one answer");
  }

  /** @returns whether the transaction has begun only now */
  #begin(): boolean {
    if (this.#connection.inTransaction) return false;
    const { access } = this.#connection;
    try {
      this.#connection.begin(access === "read" ? "deferred" : "immediate");
    } catch (error) {
      this.#beginError = withRequestIndex(toSqlError(error), -1);
      throw this.#beginError;
    }
    if (access === "read") return true;
    if (this.#options.dryRun) this.#dryRun = new DryRun(this.#connection);
    this.#watch = this.#dryRun ?? new UnrecordedWrites(this.#connection, this.#options.nowMs);
    return true;
  }

  /** An item whose failure undoes only itself. */
  #runForgivingly(item: TransactionItem): ItemAnswer {
    let guarded = false;
    const guard = () => {
      if (guarded) return;
      this.#connection.control("savepoint item");
      this.#watch?.itemBegins();
      guarded = true;
    };
    try {
      const answer = this.#runItem(item, guard);
      if (guarded) this.#connection.control("release item");
      return answer;
    } catch (thrown) {
      // INSERT OR ROLLBACK and RAISE(ROLLBACK) end the whole request (contract 1.1).
      if (guarded && !this.#connection.inTransaction) throw thrown;
      if (this.#beginError !== undefined) throw this.#beginError;
      if (guarded) {
        this.#connection.control("rollback to item; release item");
        this.#watch?.itemUndone();
      }
      const { message, kind } = toSqlError(thrown);
      return { ...fixed({ success: false, error: message, code: kind }), error: message };
    }
  }

  /** @param guard called before anything of the item runs inside the transaction */
  #runItem(item: TransactionItem, guard: () => void): ItemAnswer {
    if (item.sql.includes("\0"))
      throw new ApiError("SQL_ERROR", "The SQL contains a NUL character");
    if (item.explain) {
      if (item.batch !== null)
        throw new ApiError("INVALID_PARAMETERS", "explain and valuesBatch exclude each other");
      if (item.values instanceof ApiError) throw item.values;
      this.#begin();
      const plan = explainStatement(this.#connection, item.sql, item.values);
      return fixed({ success: true, plan });
    }
    return item.batch === null
      ? this.#runStatements(item, guard)
      : this.#runBatch(item, item.batch, guard);
  }

  /** Every statement of the item's text; the item answers for the last one. */
  #runStatements(item: TransactionItem, guard: () => void): ItemAnswer {
    if (item.values instanceof ApiError) throw item.values;
    const dealer = new ValueDealer(item.values);
    let answer: ItemAnswer | undefined;
    let rest = skipTrivia(item.sql);
    while (rest !== "") {
      const compiled = this.#prepare(rest, guard);
      rest = skipTrivia(compiled.rest);
      const binding = dealer.deal(parametersOf(compiled.text));
      if (rest === "") dealer.finish();
      answer = this.#runOne(compiled, binding, item.kind);
    }
    if (answer === undefined) throw new ApiError("SQL_ERROR", "The SQL is empty");
    checkRows(item, answer.rowCount);
    return answer;
  }

  /** Compiles a statement, and begins the transaction where the statement belongs into it. */
  #prepare(sql: string, guard: () => void): Compiled {
    const compiled = this.#connection.compile(sql);
    if (setsForeignKeys(compiled)) {
      this.#checkForeignKeysPragma(compiled);
      return compiled;
    }
    const begun = this.#begin();
    guard();
    const watched = this.#watch?.watch(compiled) ?? false;
    return begun || watched ? this.#connection.compile(sql) : compiled;
  }

  /** SQLite ignores this pragma inside a transaction, without a word. */
  #checkForeignKeysPragma({ pragma }: Compiled): void {
    if (!this.#connection.inTransaction) return;
    const [current] = this.#connection.ask("pragma foreign_keys");
    const wanted = /^(on|yes|true|[1-9]\d*)$/i.test(pragma?.argument ?? "") ? 1 : 0;
    if (current?.["foreign_keys"] === wanted) return;
    throw new ApiError("SQL_ERROR", "PRAGMA foreign_keys has no effect inside the transaction", {
      hint: "Put it before every other statement of the request.",
    });
  }

  #runOne(
    { statement }: Compiled,
    { named, plain }: Binding,
    kind: TransactionItem["kind"],
  ): ItemAnswer {
    const connection = this.#connection;
    const before = connection.tell("total_changes()");
    const columns = statement.columns().map((column) => String(column.name));
    const rowsUpdated = () =>
      // changes() keeps its old value after statements that change no rows, such as CREATE TABLE.
      connection.tell("total_changes()") === before ? 0 : connection.tell("changes()");
    if (columns.length === 0) {
      step(connection, () => statement.run(named, ...plain));
      if (kind === "statement") {
        const updated = rowsUpdated();
        return fixed({ success: true, rowsUpdated: updated }, updated);
      }
      const key = this.#asLists ? "resultSetList" : "resultSet";
      return fixed({ success: true, resultHeaders: [], [key]: [] });
    }
    const { integers, blobs, cells, maxChars } = this.#options;
    const blob = blobs === "object" ? blobAsObject : blobAsBase64;
    const writer = new RowWriter(columns, { blob, integers, cells }, this.#asLists);
    const truncated = step(connection, () =>
      writer.collect(statement.iterate(named, ...plain), maxChars),
    );
    const updated = kind === "statement" ? rowsUpdated() : null;
    return {
      before: `{"success":true,"resultHeaders":${JSON.stringify(writer.headers)},"${this.#asLists ? "resultSetList" : "resultSet"}":[`,
      rows: writer.list,
      after: updated === null ? "]}" : `],"rowsUpdated":${updated}}`,
      truncated,
      rowCount: updated ?? writer.list.count,
    };
  }

  /** One prepared statement, once per value set. */
  #runBatch(
    item: TransactionItem,
    batch: readonly (BindValues | ApiError)[],
    guard: () => void,
  ): ItemAnswer {
    const { statement, text, rest } = this.#prepare(skipTrivia(item.sql), guard);
    if (skipTrivia(rest) !== "")
      throw new ApiError("SQL_ERROR", "valuesBatch needs a single statement");
    const binder = new BatchBinder(parametersOf(text));
    const rowsUpdatedBatch: number[] = [];
    const rowErrors: string[] = [];
    for (const values of batch) {
      if (values instanceof ApiError) {
        if (!item.noFail) throw values;
        rowErrors.push(values.message);
        continue;
      }
      const { named, plain } = binder.bind(values);
      const { changes } = step(this.#connection, () => statement.run(named, ...plain));
      checkRows(item, Number(changes));
      rowsUpdatedBatch.push(Number(changes));
    }
    return fixed(
      { success: true, rowsUpdatedBatch, ...(rowErrors.length === 0 ? {} : { rowErrors }) },
      rowsUpdatedBatch.reduce((sum, rows) => sum + rows, 0),
    );
  }
}

/** @throws ApiError CONFLICT when a statement changed more or fewer rows than it was to change */
function checkRows({ expectRows }: TransactionItem, changed: number): void {
  if (expectRows === null || changed === expectRows) return;
  throw new ApiError("CONFLICT", `${rowsText(changed)} changed instead of ${expectRows}`, {
    hint: "Somebody else may have changed the data: read it again.",
    fields: { rows_updated: changed },
  });
}

function rowsText(count: number): string {
  return count === 1 ? "One row" : `${count} rows`;
}

function setsForeignKeys({ pragma }: Compiled): boolean {
  return pragma?.name === "foreign_keys" && pragma.argument !== null;
}

/** An answer without rows of its own. */
function fixed(members: Record<string, unknown>, rowCount = 0): ItemAnswer {
  return { before: JSON.stringify(members), rows: null, after: "", truncated: false, rowCount };
}

/** Runs a statement; what the sandbox refuses only while running is named too. */
function step<Result>(connection: SandboxedConnection, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw connection.refused(error);
  }
}
