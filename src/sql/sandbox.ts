/**
 * What callers' SQL may do, decided by SQLite's authorizer while it compiles: no string matching. A
 * read-only connection alone is no sandbox (ATTACH still reads other files, VACUUM INTO still writes
 * them), so both are used together.
 */
import { constants, DatabaseSync, type StatementSync } from "node:sqlite";
import { existingFileUrl } from "../engine/file-url.ts";
import { RELATIONS_TABLE } from "../engine/relations.ts";
import { ApiError } from "../errors.ts";
import { RUNNER_SQLITE_HEAP_BYTES } from "../limits.ts";

/** Pragmas that only tell something; with an argument they still only tell. */
const TELLING_PRAGMAS = new Set(
  `collation_list compile_options database_list foreign_key_check foreign_key_list function_list
  index_info index_list index_xinfo integrity_check module_list pragma_list quick_check table_info
  table_list table_xinfo`.split(/\s+/),
);
/** Pragmas that tell without an argument and change something with one. */
const READABLE_PRAGMAS = new Set(
  `analysis_limit application_id auto_vacuum busy_timeout cache_size data_version
  defer_foreign_keys encoding foreign_keys freelist_count journal_mode journal_size_limit max_page_count
  page_count page_size query_only recursive_triggers schema_version secure_delete synchronous
  user_version wal_autocheckpoint`.split(/\s+/),
);
/** Pragmas that may be set: they belong to the file's owner, or last as long as the request. */
const SETTABLE_PRAGMAS = new Set(
  `application_id case_sensitive_like defer_foreign_keys foreign_keys optimize recursive_triggers
  user_version`.split(/\s+/),
);

const READING_ACTIONS = new Set<number>([
  constants.SQLITE_SELECT,
  constants.SQLITE_READ,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_RECURSIVE,
]);

/** What is changed by an action on a table, a trigger or an index: the position of the table's name. */
const TABLE_ARGUMENT = new Map<number, 1 | 2>([
  [constants.SQLITE_INSERT, 1],
  [constants.SQLITE_UPDATE, 1],
  [constants.SQLITE_DELETE, 1],
  [constants.SQLITE_DROP_TABLE, 1],
  [constants.SQLITE_ALTER_TABLE, 2],
  [constants.SQLITE_CREATE_TRIGGER, 2],
  [constants.SQLITE_CREATE_TEMP_TRIGGER, 2],
  [constants.SQLITE_DROP_INDEX, 2],
]);

type Access = "read" | "write";

/** One connection for one job; nothing of it outlives the job. */
export class SandboxedConnection implements Disposable {
  readonly #database: DatabaseSync;
  readonly #access: Access;
  /** Tables whose rows only the server writes. */
  readonly #protected: ReadonlySet<string>;
  /** Our own statements, such as begin and commit, are not the caller's. */
  #trusted = true;
  /** Compiling, as opposed to running: pragma functions in a SELECT ask while it runs. */
  #compiling = false;
  #refusal: string | undefined;
  #readsOnly = true;
  #hasPragma = false;

  constructor(
    path: string,
    access: Access,
    options: { busyTimeoutMs: number; durability: "full" | "relaxed" },
  ) {
    this.#access = access;
    this.#database = new DatabaseSync(existingFileUrl(path, access), {
      readOnly: access === "read",
      timeout: options.busyTimeoutMs,
      // Ordinary SQLite, not node's choices: literals in double quotes, foreign keys as the pragma says.
      enableDoubleQuotedStringLiterals: true,
      enableForeignKeyConstraints: false,
    });
    this.#database.exec(
      `pragma hard_heap_limit = ${RUNNER_SQLITE_HEAP_BYTES}; pragma trusted_schema = off`,
    );
    if (access === "write")
      this.#database.exec(
        `pragma wal_autocheckpoint = 0; pragma synchronous = ${options.durability === "full" ? "full" : "normal"}`,
      );
    this.#database.enableDefensive?.(true);
    this.#protected = protectedTables(this.#database);
    this.#database.setAuthorizer((action, first, second) => this.#authorize(action, first, second));
  }

  /** Whether everything compiled so far only reads. */
  get readsOnly(): boolean {
    return this.#readsOnly;
  }

  /** Whether a PRAGMA statement was compiled (its table-valued twin in a SELECT does not count). */
  get hasPragma(): boolean {
    return this.#hasPragma;
  }

  /** Why the last statement was refused, if it was. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** Runs a statement of ours. */
  control(sql: string): void {
    this.#trusted = true;
    this.#database.exec(sql);
  }

  /** A number that SQLite tells about the connection, such as changes(). */
  tell(expression: string): number {
    this.#trusted = true;
    return Number(this.#database.prepare(`select ${expression} as value`).get()?.["value"]);
  }

  /**
   * Compiles the first statement of the caller's text.
   * @returns the statement and the text after it
   * @throws what SQLite says, or ApiError SQL_ERROR for what is not allowed
   */
  compile(sql: string): { statement: StatementSync; text: string; rest: string } {
    this.#trusted = false;
    this.#compiling = true;
    this.#refusal = undefined;
    try {
      const statement = this.#database.prepare(sql);
      const text = statement.sourceSQL;
      statement.setReturnArrays(true);
      statement.setReadBigInts(true);
      // Names come with their prefix: :a, @a and $a are three parameters.
      statement.setAllowBareNamedParameters(false);
      return { statement, text, rest: sql.slice(text.length) };
    } catch (error) {
      throw this.refused(error);
    } finally {
      this.#compiling = false;
    }
  }

  /** The reason for a refusal, where SQLite only says "not authorized". */
  refused(error: unknown): unknown {
    return this.#refusal === undefined || error instanceof ApiError
      ? error
      : new ApiError("SQL_ERROR", this.#refusal, {
          hint: "SQL runs inside one transaction on one database, and cannot reach past it.",
        });
  }

  [Symbol.dispose](): void {
    this.#trusted = true;
    // A connection closed inside a transaction can leave the write lock held.
    if (this.#database.isTransaction) this.#database.exec("rollback");
    this.#database.close();
  }

  #authorize(action: number, first: string | null, second: string | null): number {
    if (this.#trusted) return constants.SQLITE_OK;
    const refusal = this.#refuse(action, first, second);
    if (refusal === undefined) return constants.SQLITE_OK;
    this.#refusal ??= refusal;
    return constants.SQLITE_DENY;
  }

  #refuse(action: number, first: string | null, second: string | null): string | undefined {
    switch (action) {
      case constants.SQLITE_ATTACH:
      case constants.SQLITE_DETACH:
        return "ATTACH, DETACH and VACUUM are not allowed here";
      case constants.SQLITE_TRANSACTION:
      case constants.SQLITE_SAVEPOINT:
        return "BEGIN, COMMIT, ROLLBACK and SAVEPOINT are not allowed: the request is one transaction";
      case constants.SQLITE_PRAGMA:
        return this.#refusePragma((first ?? "").toLowerCase(), second);
      case constants.SQLITE_FUNCTION:
        return second?.toLowerCase() === "load_extension"
          ? "load_extension is not allowed"
          : undefined;
    }
    if (READING_ACTIONS.has(action)) return undefined;
    this.#readsOnly = false;
    if (this.#access === "read") return "This statement writes";
    const position = TABLE_ARGUMENT.get(action);
    const table = (position === 2 ? second : first)?.toLowerCase();
    if (position !== undefined && table !== undefined && this.#protected.has(table))
      return `Table ${table} is written by the server only`;
    return undefined;
  }

  #refusePragma(name: string, argument: string | null): string | undefined {
    this.#hasPragma ||= this.#compiling;
    if (TELLING_PRAGMAS.has(name)) return undefined;
    if (argument === null && READABLE_PRAGMAS.has(name)) return undefined;
    if (this.#compiling) this.#readsOnly = false;
    // Every database written here is in WAL mode already, so this asks for what is.
    if (name === "journal_mode" && argument?.toLowerCase() === "wal") return undefined;
    if (this.#access === "write" && SETTABLE_PRAGMAS.has(name)) return undefined;
    return `PRAGMA ${name}${argument === null ? "" : " with a value"} is not allowed here`;
  }
}

/** Our bookkeeping and the histories of the file's key-value tables. */
function protectedTables(database: DatabaseSync): ReadonlySet<string> {
  const names = new Set([RELATIONS_TABLE]);
  const found = database.prepare("select 1 from sqlite_schema where name = ?").get(RELATIONS_TABLE);
  if (found !== undefined)
    for (const row of database
      .prepare(`select name from ${RELATIONS_TABLE} where kind = 'kv'`)
      .all())
      names.add(`${String(row["name"])}_history`);
  return names;
}
