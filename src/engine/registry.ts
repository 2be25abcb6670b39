/** The open databases: found by name, opened once, closed when they have not been used for long. */
import { realpathSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { ApiError } from "../errors.ts";
import {
  FILE_CHECK_INTERVAL_MS,
  LIST_TIMEOUT_MS,
  MAKE_ROOM_MS,
  MIN_IDLE_MS,
  REMOVE_BUSY_MS,
  REMOVE_TIMEOUT_MS,
} from "../limits.ts";
import type { EngineDeps, OpenDatabase } from "./database.ts";
import type { ListJob, RemoveJob } from "./jobs.ts";
import type { ListedDatabase } from "./list.ts";
import { createDatabaseFile, openDatabaseFile } from "./open.ts";
import {
  type DataRoot,
  databasePath,
  existingFile,
  type FileNumbers,
  isOwnFile,
  newFile,
  SIDE_FILE,
} from "./resolve.ts";

export interface RegistryOptions extends EngineDeps {
  readonly dataDir: string;
  readonly allowAnyAbsoluteDbPath: boolean;
  /** Absolute path of the server's own database, which callers cannot name. */
  readonly stateDb: string;
  readonly maxOpenDatabases: number;
}

export interface OpenOptions {
  /** Make the file if it is missing. */
  create?: boolean;
}

interface Entry {
  database: OpenDatabase;
  usedAtMs: number;
}

interface NameEntry {
  path: string;
  checkedAtMs: number;
}

export class Registry {
  readonly root: DataRoot;
  readonly #options: RegistryOptions;
  /** By real path. */
  readonly #open = new Map<string, Entry>();
  readonly #opening = new Map<string, Promise<OpenDatabase>>();
  readonly #closing = new Map<string, Promise<void>>();
  /** Databases that are being deleted: whoever wants one waits, and then finds none. */
  readonly #removing = new Map<string, Promise<string[]>>();
  /** What a name meant when it was last followed. */
  readonly #names = new Map<string, NameEntry>();
  /** Databases for which there is room, and which are being opened. */
  #reserved = 0;
  #stopped = false;

  /** @param options.dataDir must exist */
  constructor(options: RegistryOptions) {
    this.#options = options;
    this.root = {
      dataDir: realpathSync(options.dataDir),
      allowAnyAbsoluteDbPath: options.allowAnyAbsoluteDbPath,
      ownFile: options.stateDb,
    };
  }

  get size(): number {
    return this.#open.size;
  }

  get maxSize(): number {
    return this.#options.maxOpenDatabases;
  }

  /** The databases that are open now. */
  databases(): OpenDatabase[] {
    return [...this.#open.values()].map((entry) => entry.database);
  }

  /**
   * Whether SQLite has a file open in this process, or is about to: a database, also by another of
   * its names, or what belongs to one; the server's own always counts. Who else opens and closes such a file takes SQLite's locks off
   * it (see `checkHeader`).
   * @param path absolute, without symlinks
   * @param file null when nothing is there
   */
  uses(path: string, file: FileNumbers | null): boolean {
    const names = [path, path.replace(SIDE_FILE, "")];
    return (
      isOwnFile(path, file, this.root) ||
      names.some(
        (name) =>
          this.#open.has(name) ||
          this.#opening.has(name) ||
          this.#closing.has(name) ||
          this.#removing.has(name),
      ) ||
      (file !== null && this.databases().some((database) => database.isFile(file)))
    );
  }

  /**
   * The database if it is open and its name was followed a moment ago: what nearly every request
   * takes, without waiting. Otherwise undefined, and `open` finds out.
   */
  peek(name: string): OpenDatabase | undefined {
    const known = this.#names.get(name);
    if (known === undefined) return undefined;
    const nowMs = performance.now();
    if (nowMs - known.checkedAtMs > FILE_CHECK_INTERVAL_MS) return undefined;
    const entry = this.#open.get(known.path);
    if (entry === undefined || entry.database.lost) return undefined;
    if (this.#removing.has(known.path)) return undefined;
    entry.usedAtMs = nowMs;
    return entry.database;
  }

  /**
   * The database of that name, opened if need be.
   * @throws ApiError INVALID_DB_PATH, DATABASE_NOT_FOUND, PATH_IS_DIRECTORY, INVALID_SQLITE_HEADER, …
   */
  async open(name: string, options: OpenOptions = {}): Promise<OpenDatabase> {
    const path = await this.#follow(name, options);
    const removing = this.#removing.get(path);
    if (removing !== undefined) {
      await removing.catch(() => {}); // Whoever deletes it is told.
      return this.open(name, options);
    }
    const entry = this.#open.get(path);
    if (entry !== undefined) {
      if (!entry.database.isCurrent()) {
        await this.#drop(path);
        return this.open(name, options);
      }
      entry.usedAtMs = performance.now();
      return entry.database;
    }
    let opening = this.#opening.get(path);
    if (opening === undefined) {
      opening = this.#openFile(path).finally(() => this.#opening.delete(path));
      this.#opening.set(path, opening);
    }
    return opening;
  }

  /**
   * Makes a new database file.
   * @returns its path
   * @throws ApiError DATABASE_EXISTS, INVALID_DB_PATH, FORBIDDEN
   */
  async create(name: string): Promise<string> {
    const lexicalPath = databasePath(name, this.root);
    const path = newFile(lexicalPath, this.root);
    await createDatabaseFile(path, this.#options);
    return path;
  }

  /**
   * Deletes a database file, after what is under way on it is answered. Requests that come meanwhile
   * wait, and then find no database.
   * @returns its path, and the paths of the files that were removed
   * @throws ApiError DATABASE_NOT_FOUND, INVALID_SQLITE_HEADER, DATABASE_BUSY when it is still in use
   *   at the end of the time, DELETE_INCOMPLETE
   */
  async remove(name: string, timeoutMs: number): Promise<{ path: string; removed: string[] }> {
    const namedPath = databasePath(name, this.root);
    const path = existingFile(namedPath, this.root);
    const other = this.#removing.get(path);
    if (other !== undefined) {
      await other.catch(() => {});
      return this.remove(name, timeoutMs);
    }
    const removing = this.#removeFile(path, namedPath, performance.now() + timeoutMs).finally(() =>
      this.#removing.delete(path),
    );
    this.#removing.set(path, removing);
    return { path, removed: await removing };
  }

  async #removeFile(path: string, namedPath: string, giveUpMs: number): Promise<string[]> {
    await this.#opening.get(path)?.catch(() => {});
    const entry = this.#open.get(path);
    while (entry !== undefined && !isQuiet(entry)) {
      entry.database.dismissListeners();
      if (performance.now() > giveUpMs)
        throw new ApiError("DATABASE_BUSY", "The database is in use", {
          hint: "Requests on it are still running. Try again when they are done.",
        });
      await pause(MIN_IDLE_MS);
    }
    await this.#drop(path);
    const payload: RemoveJob = { path, namedPath, busyTimeoutMs: REMOVE_BUSY_MS };
    return this.#options.housekeepers.run<string[]>({
      kind: "engine.remove",
      payload,
      timeoutMs: REMOVE_TIMEOUT_MS,
    });
  }

  /**
   * The databases of a folder.
   * @param folder absolute, without symlinks, within bounds
   */
  list(folder: string): Promise<ListedDatabase[]> {
    const payload: ListJob = { folder, root: this.root };
    return this.#options.housekeepers.run<ListedDatabase[]>({
      kind: "engine.list",
      payload,
      timeoutMs: LIST_TIMEOUT_MS,
    });
  }

  /** Closes everything, after what is under way is answered. */
  async close(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled([...this.#opening.values(), ...this.#removing.values()]);
    await Promise.allSettled([...this.#open.keys()].map((path) => this.#drop(path)));
    await Promise.allSettled([...this.#closing.values()]);
  }

  async #follow(name: string, options: OpenOptions): Promise<string> {
    const lexicalPath = databasePath(name, this.root);
    let path: string;
    try {
      path = existingFile(lexicalPath, this.root);
    } catch (error) {
      this.#names.delete(name);
      const missing = error instanceof ApiError && error.kind === "DATABASE_NOT_FOUND";
      if (!missing || options.create !== true) throw error;
      try {
        await this.create(name);
      } catch (creation) {
        // Somebody else was faster: just as well.
        if (!(creation instanceof ApiError && creation.kind === "DATABASE_EXISTS")) throw creation;
      }
      path = existingFile(lexicalPath, this.root);
    }
    if (this.#names.size > 10 * this.maxSize) this.#names.clear();
    this.#names.set(name, { path, checkedAtMs: performance.now() });
    return path;
  }

  async #openFile(path: string): Promise<OpenDatabase> {
    await this.#closing.get(path);
    if (this.#stopped) throw new ApiError("SERVICE_UNAVAILABLE", "The server is stopping");
    await this.#reserveRoom();
    try {
      const database = await openDatabaseFile(path, this.#options);
      this.#open.set(path, { database, usedAtMs: performance.now() });
      return database;
    } finally {
      this.#reserved -= 1;
    }
  }

  /**
   * Reserves room for one more, so that the number of descriptors stays bounded: closes the least
   * recently used that is idle, or waits until one is.
   * @throws ApiError SERVICE_UNAVAILABLE
   */
  async #reserveRoom(): Promise<void> {
    const giveUpMs = performance.now() + MAKE_ROOM_MS;
    while (this.#open.size + this.#closing.size + this.#reserved >= this.maxSize) {
      const nowMs = performance.now();
      const idle = [...this.#open]
        .filter(([, entry]) => isQuiet(entry))
        .sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs)[0];
      if (idle !== undefined) await this.#drop(idle[0]);
      else if (this.#closing.size > 0) await Promise.race(this.#closing.values());
      else if (nowMs > giveUpMs)
        throw new ApiError("SERVICE_UNAVAILABLE", "Too many databases are in use at once", {
          hint: "Raise --max-open-databases.",
        });
      else await pause(MIN_IDLE_MS);
    }
    // Without a pause since the look above: several may be waiting here for the same room.
    this.#reserved += 1;
  }

  #drop(path: string): Promise<void> {
    const entry = this.#open.get(path);
    if (entry === undefined) return this.#closing.get(path) ?? Promise.resolve();
    this.#open.delete(path);
    const closing = entry.database.close().finally(() => this.#closing.delete(path));
    this.#closing.set(path, closing);
    return closing;
  }
}

/** Whether nobody uses it, or may be about to. */
function isQuiet({ database, usedAtMs }: Entry): boolean {
  return database.isIdle && performance.now() - usedAtMs > MIN_IDLE_MS;
}
