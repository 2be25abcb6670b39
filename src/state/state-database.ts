/**
 * The server's own database: what it keeps for itself (log of SQL, tokens, links) lies here and never
 * in a database of the users. One file, opened with the first use and made with the first write, so
 * that a server which only reads leaves nothing behind. Callers cannot name it (`isOwnFile`).
 *
 * Whoever keeps something here writes a `Relation` (`stateRelation`) and plans on it, as key-value
 * tables do.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Database, EngineDeps } from "../engine/database.ts";
import { createDatabaseFile, openDatabaseFile } from "../engine/open.ts";
import type { Engine, Plan, Relation, Rows, WriteOptions } from "../engine/plan.ts";
import { ApiError, toApiError } from "../errors.ts";

/** A relation of the state database. Its name is also that of its first table. */
export function stateRelation(
  name: string,
  objects: Relation["objects"],
  expiry?: Relation["expiry"],
): Relation {
  return { name, kind: "state", version: 1, objects, ...(expiry === undefined ? {} : { expiry }) };
}

/** Only its owner may read what is in the folder. */
const FOLDER_MODE = 0o700;

/** What those who keep something here need of it. */
export type StateEngine = Pick<Engine, "read" | "readElsewhere" | "write">;

export class StateDatabase implements StateEngine {
  readonly path: string;
  readonly #deps: EngineDeps;
  #database: Database | undefined;
  #opening: Promise<Database> | undefined;
  #stopped = false;

  /** @param path absolute; neither the file nor its folder need exist */
  constructor(path: string, deps: EngineDeps) {
    this.path = path;
    this.#deps = deps;
  }

  /** At once where the file is open, or not there: then there are no rows. */
  read(plan: Plan): Rows[] | Promise<Rows[]> {
    const database = this.#current();
    if (database !== undefined) return database.read(plan);
    if (this.#opening === undefined && !existsSync(this.path)) return plan.steps.map(() => []);
    return this.#open().then((opened) => opened.read(plan));
  }

  async readElsewhere(plan: Plan): Promise<Rows[]> {
    const database = this.#current();
    if (database === undefined && this.#opening === undefined && !existsSync(this.path))
      return plan.steps.map(() => []);
    return (database ?? (await this.#open())).readElsewhere(plan);
  }

  /**
   * Runs a plan atomically; resolves once it is on disk.
   * @throws ApiError DATABASE_READONLY, … where the file cannot be made or written
   */
  async write(plan: Plan, options: WriteOptions): Promise<Rows[]> {
    return (this.#current() ?? (await this.#open())).write(plan, options);
  }

  /** Answers everything submitted, and closes. */
  async close(): Promise<void> {
    this.#stopped = true;
    await this.#opening?.catch(() => {}); // Whoever asked for it was told.
    await this.#database?.close();
  }

  /** The open database, if the file at the path is still the one that was opened. */
  #current(): Database | undefined {
    if (this.#stopped) throw new ApiError("SERVICE_UNAVAILABLE", "The server is stopping");
    return this.#database?.isCurrent() === true ? this.#database : undefined;
  }

  #open(): Promise<Database> {
    this.#opening ??= this.#openFile().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openFile(): Promise<Database> {
    // A file that was removed or replaced meanwhile.
    await this.#database?.close();
    this.#database = undefined;
    try {
      if (!existsSync(this.path)) await this.#create();
      this.#database = await openDatabaseFile(this.path, this.#deps);
      return this.#database;
    } catch (error) {
      throw unavailable(error);
    }
  }

  async #create(): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: FOLDER_MODE });
    try {
      await createDatabaseFile(this.path, this.#deps);
    } catch (error) {
      // Another server of the same folder was faster: just as well.
      if (toApiError(error).kind !== "DATABASE_EXISTS") throw error;
    }
  }
}

function unavailable(error: unknown): ApiError {
  const { kind } = toApiError(error);
  return new ApiError(
    kind === "INTERNAL_ERROR" || kind === "INVALID_DB_PATH" ? "DATABASE_READONLY" : kind,
    "The server's own database cannot be used",
    { cause: error, hint: "Its place is set by --state-db; the server's log says more." },
  );
}
