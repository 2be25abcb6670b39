/**
 * What callers' SQL may do, decided by SQLite's authorizer while it compiles: no string matching. A
 * read-only connection alone is no sandbox (ATTACH still reads other files, VACUUM INTO still writes
 * them), so both are used together.
 */
import { randomUUID } from "node:crypto";
import { constants } from "node:sqlite";
import { forbidden, type Grant, includesLevel } from "../access/grant.ts";
import { FORBIDDEN_FUNCTIONS, type ProtectedObjects } from "../engine/protected.ts";
import { ApiError } from "../errors.ts";
import {
  HIDING_ACTIONS,
  READABLE_PRAGMAS,
  READING_ACTIONS,
  SETTABLE_PRAGMAS,
  TABLE_ARGUMENT,
  TELLING_PRAGMAS,
  WRITING_ACTIONS,
} from "./permissions.ts";
import type { RefuseByRights } from "./rights.ts";

export type Access = "read" | "write";

/** A PRAGMA statement (its table-valued twin in a SELECT is none). */
export interface Pragma {
  readonly name: string;
  readonly argument: string | null;
}

/** A column that a statement reads. */
export interface Read {
  /** The table, view or table-valued function, as it is spelt in the schema. */
  readonly table: string;
  /** Empty where no column in particular is read, as by count(*). */
  readonly column: string;
  /** `main` or `temp`; null where no column is read of a name without one, which may be a CTE's. */
  readonly schema: string | null;
  /** The innermost view, or common table expression, that this is read for. */
  readonly within: string | null;
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

export interface AuthorizerOptions {
  readonly access: Access;
  /** What the caller's token may do. */
  readonly grant: Grant | null;
  readonly refuseByRights: RefuseByRights | undefined;
}

/** Answers SQLite's questions about the statements of one job, and remembers what they told. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  #phase: Phase = "own";
  #protected: ProtectedObjects | undefined;
  #refusal: string | undefined;
  /** Why the last statement was refused to this caller, though others may run it. */
  #lackingRight: string | undefined;
  #asked = 0;
  #readsOnly = true;
  #pragma: Pragma | null = null;
  #writes = new Set<string>();
  #reads: Read[] = [];
  #setsPragmas = false;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** Runs statements of ours, which may do anything. */
  own<Result>(work: () => Result): Result {
    this.#phase = "own";
    try {
      return work();
    } finally {
      this.#phase = "running";
    }
  }

  /**
   * Compiles a statement of the caller's; what is told below is about it from now on.
   * @param ours needed where it may write, or where a plan of what would write is wanted
   */
  judge<Result>(
    phase: "compiling" | "explaining",
    ours: ProtectedObjects | undefined,
    compile: () => Result,
  ): Result {
    this.#phase = phase;
    this.#protected = ours;
    this.#refusal = undefined;
    this.#lackingRight = undefined;
    this.#asked = 0;
    this.#readsOnly = true;
    this.#pragma = null;
    this.#writes = new Set();
    this.#reads = [];
    try {
      return compile();
    } finally {
      this.#phase = "running";
    }
  }

  /** Whether the statement was refused, to everybody or to this caller. */
  get refuses(): boolean {
    return this.#refusal !== undefined || this.#lackingRight !== undefined;
  }

  /** Why the statement was refused, if it was. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Whether SQLite asked nothing while it compiled the statement. */
  get wasSilent(): boolean {
    return this.#asked === 0;
  }

  /** Whether it, and everything it sets off, only reads. */
  get readsOnly(): boolean {
    return this.#readsOnly;
  }

  get pragma(): Pragma | null {
    return this.#pragma;
  }

  /** Tables and views of the file whose rows it may change, triggers and foreign keys included. */
  get writes(): ReadonlySet<string> {
    return this.#writes;
  }

  /** What it reads, views and what is in them included. */
  get reads(): readonly Read[] {
    return this.#reads;
  }

  /** Whether any statement gave a pragma a value, which may outlast the statement. */
  get setsPragmas(): boolean {
    return this.#setsPragmas;
  }

  /** The reason for a refusal, where SQLite only says "not authorized". */
  refused(error: unknown): unknown {
    if (this.#lackingRight !== undefined && !(error instanceof ApiError))
      return forbidden(
        this.#lackingRight,
        "What views, triggers and foreign keys touch counts too. Use a token with more rights.",
      );
    if (this.#refusal === undefined || error instanceof ApiError) return error;
    return this.refuse(
      this.#refusal,
      "SQL runs inside one transaction on one database, and cannot reach past it.",
    );
  }

  /** Refuses the statement for a reason that SQLite did not ask about. */
  refuse(reason: string, hint: string): ApiError {
    this.#refusal = reason;
    return new ApiError("SQL_ERROR", reason, { hint });
  }

  /** SQLite's question. */
  readonly answer = (
    action: number,
    first: string | null,
    second: string | null,
    database: string | null,
    within: string | null,
  ): number => {
    if (this.#phase === "own" || within?.startsWith(NOTING_TRIGGER) === true)
      return constants.SQLITE_OK;
    if (this.#phase !== "running") this.#asked += 1;
    if (this.#phase === "compiling" && action === constants.SQLITE_READ)
      this.#reads.push({ table: first ?? "", column: second ?? "", schema: database, within });
    const lacking = this.#options.refuseByRights?.(action, first, second, database);
    if (lacking !== undefined) {
      this.#lackingRight ??= lacking;
      return constants.SQLITE_DENY;
    }
    const refusal = this.#refuse(action, first, second, database);
    if (refusal === undefined) return constants.SQLITE_OK;
    this.#refusal ??= refusal;
    return constants.SQLITE_DENY;
  };

  #refuse(
    action: number,
    first: string | null,
    second: string | null,
    database: string | null,
  ): string | undefined {
    const { access, grant } = this.#options;
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
    if (access === "read" && this.#phase !== "explaining") {
      if (grant !== null && !includesLevel(grant, "write"))
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
    if (this.#options.access === "write" && SETTABLE_PRAGMAS.has(name)) return undefined;
    return `PRAGMA ${name}${argument === null ? "" : " with a value"} is not allowed here`;
  }
}
