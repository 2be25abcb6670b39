/** The connection on which one job runs a caller's SQL, under the rules of authorizer.ts. */
import type { StatementSync } from "node:sqlite";
import { type Grant, requireLevel } from "../access/grant.ts";
import type { OpenFile } from "../engine/open-file.ts";
import { ProtectedObjects } from "../engine/protected.ts";
import { type Access, Authorizer, type Pragma, type Read } from "./authorizer.ts";
import { openWriter, returnReader, takeReader } from "./connections.ts";
import { quoteName } from "./identifier.ts";
import { rightsOn } from "./rights.ts";

/** What SQLite said of a statement while it compiled it. */
export interface Compiled {
  readonly statement: StatementSync;
  /** The statement's own text, and what follows it. */
  readonly text: string;
  readonly rest: string;
  /** It, and everything it sets off, only reads. */
  readonly readsOnly: boolean;
  /** Set when it is a PRAGMA statement. */
  readonly pragma: Pragma | null;
  /** Tables and views of the file whose rows it may change, triggers and foreign keys included. */
  readonly writes: ReadonlySet<string>;
  readonly reads: readonly Read[];
}

/** Values of a statement of ours; node:sqlite binds every number as REAL, so integers are bigint. */
type NamedValues = Readonly<Record<string, string | bigint | null | Uint8Array>>;

/** A connection during one job, with the rules for it. */
export class SandboxedConnection implements Disposable {
  readonly access: Access;
  readonly #path: string;
  readonly #database: OpenFile;
  #protected: ProtectedObjects | undefined;
  readonly #authorizer: Authorizer;
  readonly #told = new Map<string, StatementSync>();
  #endedWell = false;
  /** The virtual tables that were there have been used once. */
  #connected = false;
  #hasTemporary = false;

  constructor(
    path: string,
    access: Access,
    options: { busyTimeoutMs: number; grant: Grant | null },
  ) {
    if (options.grant !== null) requireLevel(options.grant, access);
    this.access = access;
    this.#path = path;
    this.#database =
      access === "read"
        ? takeReader(path, options.busyTimeoutMs)
        : openWriter(path, options.busyTimeoutMs);
    this.#authorizer = new Authorizer({
      access,
      grant: options.grant,
      refuseByRights: rightsOn(this.#database, options.grant),
    });
    this.#database.setAuthorizer(this.#authorizer.answer);
  }

  /** Why the last statement was refused, if it was. */
  get refusal(): string | undefined {
    return this.#authorizer.refusal;
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** Runs a statement of ours. */
  control(sql: string): void {
    this.#authorizer.own(() => this.#database.exec(sql));
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

  /** Runs a statement of ours about temporary objects; then nobody else gets the connection. */
  temporarily(sql: string, named: NamedValues = {}): void {
    this.#hasTemporary = true;
    this.#authorizer.own(() => this.#database.prepare(sql).run(named));
  }

  /** Rows of a query of ours. */
  ask(sql: string, ...values: (string | number)[]): Record<string, unknown>[] {
    return this.#authorizer.own(() => this.#database.prepare(sql).all(...values));
  }

  /** Names of the file's key-value tables, in lower case. */
  keyValueTables(): readonly string[] {
    this.#protected ??= this.#authorizer.own(() => new ProtectedObjects(this.#database));
    return this.#protected.keyValueTables;
  }

  /** A number that SQLite tells about the connection, such as changes(). */
  tell(expression: "changes()" | "total_changes()"): number {
    return this.#authorizer.own(() => {
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
    if (this.#authorizer.wasSilent && this.#vacuums(compiled.text) !== "nothing")
      throw this.#authorizer.refuse(
        "VACUUM cannot run inside a transaction",
        "Send VACUUM as the only item of a request. For a copy, GET /api/v1/sqlite/db/export?db=….",
      );
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
      return rest.trim() === "" && this.#authorizer.wasSilent && this.#vacuums(text) === "the file";
    } catch {
      return false;
    }
  }

  /** The reason for a refusal, where SQLite only says "not authorized". */
  refused(error: unknown): unknown {
    return this.#authorizer.refused(error);
  }

  /** The job has ended well: a connection that only reads may serve the next one. */
  endsWell(): void {
    if (this.inTransaction) this.control("commit");
    this.#endedWell = true;
  }

  [Symbol.dispose](): void {
    const isAsBefore = !this.#hasTemporary && !this.#authorizer.setsPragmas;
    const clean = this.#endedWell && isAsBefore && !this.#database.isTransaction;
    if (this.access === "read" && clean) {
      returnReader(this.#path, this.#database);
      return;
    }
    this.#authorizer.own(() => this.#database[Symbol.dispose]());
  }

  #compile(sql: string, phase: "compiling" | "explaining"): Compiled {
    // Readers need it only for plans of statements that write.
    if (this.access === "write" || phase === "explaining")
      this.#protected ??= this.#authorizer.own(() => new ProtectedObjects(this.#database));
    if (this.access === "write" && !this.#connected) this.#connectVirtualTables();
    try {
      return this.#compileOnce(sql, phase);
    } catch (error) {
      if (!this.#authorizer.refuses || this.#connected || !this.#connectVirtualTables())
        throw error;
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
    this.#authorizer.own(() => {
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
    const authorizer = this.#authorizer;
    try {
      const statement = authorizer.judge(phase, this.#protected, () => this.#database.prepare(sql));
      const text = statement.sourceSQL;
      statement.setReturnArrays(true);
      statement.setReadBigInts(true);
      // Names come with their prefix: :a, @a and $a are three parameters.
      statement.setAllowBareNamedParameters(false);
      return {
        statement,
        text,
        rest: sql.slice(text.length),
        readsOnly: authorizer.readsOnly,
        pragma: authorizer.pragma,
        writes: authorizer.writes,
        reads: authorizer.reads,
      };
    } catch (error) {
      throw this.refused(error);
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
}
