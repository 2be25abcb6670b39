/** Looking into database files beside the server. */
import { Database, type SQLQueryBindings } from "bun:sqlite";

/**
 * A connection that is closed when it is disposed of. (One that has statements left stays open until
 * they are collected as garbage, and with it the write-ahead log as it was: who opens the file next
 * is not the first, and recovers nothing.)
 */
export class DatabaseFile implements Disposable {
  readonly #connection: Database;

  constructor(path: string) {
    this.#connection = new Database(path, { create: true });
    this.#connection.run("pragma busy_timeout = 10000");
  }

  rows<Row = Record<string, unknown>>(sql: string, ...values: SQLQueryBindings[]): Row[] {
    using statement = this.#connection.prepare<Row, SQLQueryBindings[]>(sql);
    return statement.all(...values);
  }

  [Symbol.dispose](): void {
    this.#connection.close(true);
  }
}
