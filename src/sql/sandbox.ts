/**
 * What callers' SQL may do, decided by SQLite's authorizer while it compiles: no string matching. A
 * read-only connection alone is no sandbox (ATTACH still reads other files, VACUUM INTO still writes
 * them), so both are used together.
 */
import { randomUUID } from "node:crypto";
import { constants, type DatabaseSync, type StatementSync } from "node:sqlite";
import { forbidden, type Grant, includesLevel, requireLevel } from "../access/grant.ts";
import { FORBIDDEN_FUNCTIONS, ProtectedObjects } from "../engine/protected.ts";
import { ApiError } from "../errors.ts";
import { openWriter, returnReader, takeReader } from "./connections.ts";
import { quoteName } from "./identifier.ts";
import {
  HIDING_ACTIONS,
  READABLE_PRAGMAS,
  READING_ACTIONS,
  SETTABLE_PRAGMAS,
  TABLE_ARGUMENT,
  TELLING_PRAGMAS,
  WRITING_ACTIONS,
} from "./permissions.ts";
import { type RefuseByRights, rightsOn } from "./rights.ts";

export type Access = "read" | "write";

/** What SQLite said of a statement while it compiled it. */
export interface Compiled {
  readonly statement: StatementSync;
  /** The statement's own text, and what follows it. */
  readonly text: string;
  readonly rest: string;
  /** It, and everything it sets off, only reads. */
  readonly readsOnly: boolean;
  /** Set when it is a PRAGMA statement (its table-valued twin in a SELECT is none). */
  readonly pragma: { readonly name: string; readonly argument: string | null } | null;
  /** Tables and views of the file whose rows it may change, triggers and foreign keys included. */
  readonly writes: ReadonlySet<string>;
}

/**
 * How the names of our own temporary triggers begin, which write to histories. Nobody can know it, so
 * no trigger of a file or a caller passes for one.
 */
export const NOTING_TRIGGER = `chronolite_notes_${randomUUID()}`;

/** Whose statement SQLite is asking about. */
type Phase =
  | "own"
  | "compiling"
  /** Asking to see the plan of a statement that will not run, whatever it does. */
  | "explaining"
  /** SQLite's own modules prepare statements of theirs, and pragma functions ask, while one runs. */
  | "running";

/** A connection during one job, with the rules for it. */
export class SandboxedConnection implements Disposable {
  readonly access: Access;
  readonly #path: string;
  readonly #database: DatabaseSync;
  #protected: ProtectedObjects | undefined;
  /** What the caller's token may do. */
  readonly #grant: Grant | null;
  readonly #refuseByRights: RefuseByRights | undefined;
  readonly #told = new Map<string, StatementSync>();
  #endedWell = false;
  /** The virtual tables that were there have been used once. */
  #connected = false;
  /** Whether a pragma was given a value, which may outlast the statement. */
  #setsPragmas = false;
  #phase: Phase = "own";
  #refusal: string | undefined;
  /** Why the last statement was refused to this caller, though others may run it. */
  #lackingRight: string | undefined;
  #asked = 0;
  #readsOnly = true;
  #pragma: Compiled["pragma"] = null;
  #writes = new Set<string>();

  constructor(
    path: string,
    access: Access,
    options: { busyTimeoutMs: number; grant: Grant | null },
  ) {
    if (options.grant !== null) requireLevel(options.grant, access);
    this.#grant = options.grant;
    this.access = access;
    this.#path = path;
    this.#database =
      access === "read"
        ? takeReader(path, options.busyTimeoutMs)
        : openWriter(path, options.busyTimeoutMs);
    this.#refuseByRights = rightsOn(this.#database, options.grant);
    this.#database.setAuthorizer((action, first, second, database, trigger) =>
      trigger?.startsWith(NOTING_TRIGGER) === true
        ? constants.SQLITE_OK
        : this.#authorize(action, first, second, database),
    );
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
    this.#own(() => this.#database.exec(sql));
  }

  /**
   * Begins a transaction, and learns of the schema as it is from now on: a statement that is compiled
   * before SQLite has read anything in the transaction may still describe an older one.
   * @param mode `immediate` takes the write lock
   */
  begin(mode: "deferred" | "immediate"): void {
    this.control(`begin ${mode}`);
    this.ask("select 1 from sqlite_schema limit 1");
  }

  /** Rows of a query of ours. */
  ask(sql: string, ...values: (string | number)[]): Record<string, unknown>[] {
    return this.#own(() => this.#database.prepare(sql).all(...values));
  }

  /** Names of the file's key-value tables, in lower case. */
  keyValueTables(): readonly string[] {
    this.#protected ??= this.#own(() => new ProtectedObjects(this.#database));
    return this.#protected.keyValueTables;
  }

  /** A number that SQLite tells about the connection, such as changes(). */
  tell(expression: "changes()" | "total_changes()"): number {
    return this.#own(() => {
      let statement = this.#told.get(expression);
      if (statement === undefined) {
        statement = this.#database.prepare(`select ${expression} as value`);
        this.#told.set(expression, statement);
      }
      return Number(statement.get()?.["value"]);
    });
  }

  /**
   * Compiles the first statement of the caller's text.
   * @throws what SQLite says, or ApiError SQL_ERROR for what is not allowed
   */
  compile(sql: string): Compiled {
    const compiled = this.#compile(sql, "compiling");
    // SQLite asks nothing about VACUUM, and then runs it as statements of its own.
    if (this.#asked === 0 && this.#vacuums(compiled.text) !== "nothing") {
      this.#refusal = "VACUUM cannot run inside a transaction";
      throw new ApiError("SQL_ERROR", this.#refusal, {
        hint: "Send VACUUM as the only item of a request. For a copy, GET /api/v1/sqlite/db/export?db=….",
      });
    }
    return compiled;
  }

  /** Compiles the first statement of the caller's text for its rows of EXPLAIN QUERY PLAN. */
  compilePlan(sql: string): Compiled {
    return this.#compile(`explain query plan ${sql}`, "explaining");
  }

  /** Whether the text is a single VACUUM of the file itself. */
  isVacuum(sql: string): boolean {
    try {
      const { text, rest } = this.#compile(sql, "compiling");
      return rest.trim() === "" && this.#asked === 0 && this.#vacuums(text) === "the file";
    } catch {
      return false;
    }
  }

  /** The reason for a refusal, where SQLite only says "not authorized". */
  refused(error: unknown): unknown {
    if (this.#lackingRight !== undefined && !(error instanceof ApiError))
      return forbidden(
        this.#lackingRight,
        "What views, triggers and foreign keys touch counts too. Use a token with more rights.",
      );
    return this.#refusal === undefined || error instanceof ApiError
      ? error
      : new ApiError("SQL_ERROR", this.#refusal, {
          hint: "SQL runs inside one transaction on one database, and cannot reach past it.",
        });
  }

  /** The job has ended well: a connection that only reads may serve the next one. */
  endsWell(): void {
    if (this.inTransaction) this.control("commit");
    this.#endedWell = true;
  }

  [Symbol.dispose](): void {
    this.#phase = "own";
    const clean = this.#endedWell && !this.#setsPragmas && !this.#database.isTransaction;
    if (this.access === "read" && clean) {
      returnReader(this.#path, this.#database);
      return;
    }
    // A connection closed inside a transaction can leave the write lock held.
    if (this.#database.isTransaction) this.#database.exec("rollback");
    this.#database.close();
  }

  #compile(sql: string, phase: "compiling" | "explaining"): Compiled {
    // Readers need it only for plans of statements that write.
    if (this.access === "write" || phase === "explaining")
      this.#protected ??= this.#own(() => new ProtectedObjects(this.#database));
    if (this.access === "write" && !this.#connected) this.#connectVirtualTables();
    try {
      return this.#compileOnce(sql, phase);
    } catch (error) {
      const refused = this.#refusal !== undefined || this.#lackingRight !== undefined;
      if (!refused || this.#connected || !this.#connectVirtualTables()) throw error;
      return this.#compileOnce(sql, phase);
    }
  }

  /**
   * An R-Tree prepares the statements that would write to it when it is first used, which would look
   * as if the caller's statement wrote.
   * @returns whether there are virtual tables
   */
  #connectVirtualTables(): boolean {
    this.#connected = true;
    const tables = this.ask(
      "select name from sqlite_schema where type = 'table' and sql like 'create virtual table%'",
    );
    this.#own(() => {
      for (const { name } of tables)
        try {
          this.#database.prepare(`select 1 from main.${quoteName(String(name))}`);
        } catch {
          // Its module is not here, or it is broken: whoever asks for it is told.
        }
    });
    return tables.length > 0;
  }

  #compileOnce(sql: string, phase: "compiling" | "explaining"): Compiled {
    this.#phase = phase;
    this.#refusal = undefined;
    this.#lackingRight = undefined;
    this.#asked = 0;
    this.#readsOnly = true;
    this.#pragma = null;
    this.#writes = new Set();
    try {
      const statement = this.#database.prepare(sql);
      const text = statement.sourceSQL;
      statement.setReturnArrays(true);
      statement.setReadBigInts(true);
      // Names come with their prefix: :a, @a and $a are three parameters.
      statement.setAllowBareNamedParameters(false);
      return {
        statement,
        text,
        rest: sql.slice(text.length),
        readsOnly: this.#readsOnly,
        pragma: this.#pragma,
        writes: this.#writes,
      };
    } catch (error) {
      throw this.refused(error);
    } finally {
      this.#phase = "running";
    }
  }

  #own<Result>(work: () => Result): Result {
    this.#phase = "own";
    try {
      return work();
    } finally {
      this.#phase = "running";
    }
  }

  /** What a statement empties of free space, as SQLite's own program for it says. */
  #vacuums(text: string): "nothing" | "the file" | "into another" {
    try {
      const program = this.ask(`explain ${text}`);
      const vacuum = program.find(({ opcode }) => opcode === "Vacuum");
      if (vacuum === undefined) return "nothing";
      return vacuum["p2"] === 0 ? "the file" : "into another";
    } catch {
      return "nothing";
    }
  }

  #authorize(
    action: number,
    first: string | null,
    second: string | null,
    database: string | null,
  ): number {
    if (this.#phase === "own") return constants.SQLITE_OK;
    if (this.#phase !== "running") this.#asked += 1;
    const lacking = this.#refuseByRights?.(action, first, second, database);
    if (lacking !== undefined) {
      this.#lackingRight ??= lacking;
      return constants.SQLITE_DENY;
    }
    const refusal = this.#refuse(action, first, second, database);
    if (refusal === undefined) return constants.SQLITE_OK;
    this.#refusal ??= refusal;
    return constants.SQLITE_DENY;
  }

  #refuse(
    action: number,
    first: string | null,
    second: string | null,
    database: string | null,
  ): string | undefined {
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
        return FORBIDDEN_FUNCTIONS.has(second?.toLowerCase() ?? "")
          ? `${second} is not allowed`
          : undefined;
    }
    if (READING_ACTIONS.has(action)) return undefined;
    this.#readsOnly = false;
    if (WRITING_ACTIONS.has(action) && database === "main" && first !== null)
      this.#writes.add(first);
    if (this.access === "read" && this.#phase !== "explaining") {
      if (this.#grant !== null && !includesLevel(this.#grant, "write"))
        this.#lackingRight ??= "This token may only read";
      return "This statement writes";
    }
    const position = TABLE_ARGUMENT.get(action);
    const table = (position === 2 ? second : first)?.toLowerCase();
    // A temporary table would take the place of ours in the triggers that note writes.
    if (HIDING_ACTIONS.has(action) && this.#protected?.isOursOrKeyValue(first ?? "") === true)
      return `${first} is the name of a table of the server's`;
    // Temporary tables of any other name are the caller's, or a dry run's; their triggers may be on ours.
    const temporary = database === "temp" && action !== constants.SQLITE_CREATE_TEMP_TRIGGER;
    if (
      position !== undefined &&
      table !== undefined &&
      !temporary &&
      this.#protected?.isOurs(table) === true
    )
      return `Table ${table} is written by the server only`;
    if (action === constants.SQLITE_DROP_INDEX && this.#protected?.isOurIndex(first ?? "") === true)
      return `Index ${first} belongs to a key-value table`;
    return undefined;
  }

  #refusePragma(name: string, argument: string | null): string | undefined {
    this.#setsPragmas ||= argument !== null && !TELLING_PRAGMAS.has(name);
    // Some take effect while they are compiled.
    if (this.#phase === "explaining") return "PRAGMA has no plan";
    if (this.#phase === "compiling") this.#pragma = { name, argument };
    if (TELLING_PRAGMAS.has(name)) return undefined;
    if (argument === null && READABLE_PRAGMAS.has(name)) return undefined;
    // It lasts as long as the request, and changes nothing in the file.
    if (name === "foreign_keys") return undefined;
    if (this.#phase === "compiling") this.#readsOnly = false;
    // Every database written here is in WAL mode already, so this asks for what is.
    if (name === "journal_mode" && argument?.toLowerCase() === "wal") return undefined;
    if (this.access === "write" && SETTABLE_PRAGMAS.has(name)) return undefined;
    return `PRAGMA ${name}${argument === null ? "" : " with a value"} is not allowed here`;
  }
}
