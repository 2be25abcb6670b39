/** The connection of an open database on the server's thread. */
import { Database as Connection, type Statement as Prepared } from "bun:sqlite";
import { sqliteCode } from "../errors.ts";
import { PAGE_CACHE_KIB } from "../limits.ts";
import { isStillAt } from "./file-identity.ts";
import type { Rows, SqlValue, Statement } from "./plan.ts";
import { replaced } from "./resolve.ts";

/** @throws ApiError DATABASE_NOT_FOUND when the file is not the one that was meant any more */
export function openConnection(path: string, identity: string): Connection {
  const connection = new Connection(path, { readwrite: true, create: false, strict: true });
  try {
    if (!isStillAt(path, identity)) throw replaced();
    connection.run("pragma busy_timeout = 0");
    // NORMAL: the frames of a commit are synced by WalSync, off the thread, before the answer.
    connection.run("pragma synchronous = normal");
    connection.run("pragma wal_autocheckpoint = 0");
    connection.run(`pragma cache_size = -${PAGE_CACHE_KIB}`);
    connection.run("pragma trusted_schema = off");
    connection.run("pragma temp_store = memory");
    return connection;
  } catch (error) {
    // Left to the garbage collector it would keep hold of the file.
    connection.close(true);
    throw error;
  }
}

/** Whether another program, or another writer of ours, has the file locked. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error)?.startsWith("SQLITE_BUSY") === true;
}

type PreparedStep = Prepared<Rows[number], [Record<string, SqlValue>]>;

/** The statements of plans, each prepared once and kept. (Bun's own cache holds 20.) */
export class PreparedStatements {
  readonly #connection: Connection;
  readonly #prepared = new Map<Statement, PreparedStep>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get(statement: Statement): PreparedStep {
    let prepared = this.#prepared.get(statement);
    if (prepared === undefined) {
      prepared = this.#connection.prepare<Rows[number], [Record<string, SqlValue>]>(statement.sql);
      this.#prepared.set(statement, prepared);
    }
    return prepared;
  }

  /** Lets go of the connection, which is about to be closed. */
  finalize(): void {
    for (const statement of this.#prepared.values()) statement.finalize();
  }
}
