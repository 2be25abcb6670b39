/**
 * Which of our tables a file holds, and whether they are still ours: statements on them run on the
 * server's thread, where nobody else's trigger, view or generated column may run. Looked at again
 * whenever the file's `schema_version` moves.
 */
import type { Database as Connection } from "bun:sqlite";
import { ApiError } from "../errors.ts";
import { RunsElsewhere } from "./foreign.ts";
import type { Relation } from "./plan.ts";

/**
 * Our one bookkeeping table: `user_version` and `application_id` belong to the user. Where a relation
 * forgets its past, `horizon_ms` tells from when on it knows everything, and `pruned_seq` the newest
 * row that it has dropped.
 */
export const RELATIONS_TABLE = "chronolite_relations";
/** As SQLite keeps it in sqlite_schema. Anything else of this name is not read, nor written. */
export const RELATIONS_DDL = `CREATE TABLE ${RELATIONS_TABLE} (
  name text primary key not null, kind text not null, version integer not null,
  horizon_ms integer, pruned_seq integer
) strict, without rowid`;

/**
 * absent: not there.
 * ours: word for word what we made, plus at most indexes of columns.
 * surrounded: ours, but a write sets off SQL that is not: a trigger, an index on an expression.
 * foreign: tables of other words, which our statements may fit or not.
 */
export type RelationState = "absent" | "ours" | "surrounded" | "foreign";

interface SchemaRow {
  type: string;
  name: string;
  tbl_name: string;
  rootpage: number;
  sql: string | null;
}

export class Relations {
  readonly #connection: Connection;
  readonly #readSchemaVersion;
  readonly #states = new Map<Relation, RelationState | ApiError>();
  /** What was surrounded or foreign when last looked at; unlike the states it survives `forget`. */
  readonly #suspects = new Set<Relation>();
  #schemaVersion = -1;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#readSchemaVersion = connection.prepare<{ schema_version: number }, []>(
      "pragma schema_version",
    );
  }

  /** Notices changes of the schema, whoever made them. */
  refresh(): void {
    const version = this.#readSchemaVersion.get()?.schema_version ?? -1;
    if (version !== this.#schemaVersion) this.forget();
    this.#schemaVersion = version;
  }

  /** Lets go of the connection, which is about to be closed. */
  finalize(): void {
    this.#readSchemaVersion.finalize();
  }

  /** Drops what is known, for instance when a transaction that made a table was rolled back. */
  forget(): void {
    this.#states.clear();
    this.#schemaVersion = -1;
  }

  /** Whether writes may have to run elsewhere, as far as is known without looking. */
  isSuspect(relation: Relation): boolean {
    return this.#suspects.has(relation);
  }

  /**
   * Whether the relation is there, and only ours.
   * @throws ApiError CONFLICT when something else stands in its place.
   */
  state(relation: Relation): RelationState {
    let state = this.#states.get(relation);
    if (state === undefined) {
      state = this.#examine(relation);
      this.#states.set(relation, state);
      if (state === "surrounded" || state === "foreign") this.#suspects.add(relation);
      else this.#suspects.delete(relation);
    }
    if (state instanceof ApiError) throw state;
    return state;
  }

  /**
   * Makes the relation, inside the caller's transaction, unless it is there.
   * @throws RunsElsewhere when writes to it must not run here
   */
  ensure(relation: Relation): void {
    const state = this.state(relation);
    if (state === "ours") return;
    if (state !== "absent") throw new RunsElsewhere();
    const present = new Set(this.#schemaOf(relation).map((row) => row.name));
    if (!this.#hasBookkeeping(relation.name)) this.#connection.run(RELATIONS_DDL);
    for (const object of relation.objects)
      if (!present.has(object.name)) this.#connection.run(object.sql);
    this.#connection.run(
      `insert or replace into ${RELATIONS_TABLE} (name, kind, version) values (?, ?, ?)`,
      [relation.name, relation.kind, relation.version],
    );
    this.forget();
    this.refresh();
  }

  /** Names of the relations of a kind that the file says it has. */
  names(kind: string): string[] {
    if (!isBookkeeping(this.#bookkeepingSchema())) return [];
    using rows = this.#connection.prepare<{ name: string }, [string]>(
      `select name from ${RELATIONS_TABLE} where kind = ? order by name`,
    );
    return rows.all(kind).map(({ name }) => name);
  }

  #examine(relation: Relation): RelationState | ApiError {
    try {
      return this.#look(relation);
    } catch (error) {
      if (error instanceof ApiError) return error;
      throw error;
    }
  }

  #look(relation: Relation): RelationState {
    const found = this.#schemaOf(relation);
    const expected = new Map(relation.objects.map((object) => [object.name, object]));
    let state: RelationState = "ours";
    for (const row of found) {
      const ours = expected.get(row.name);
      if (ours === undefined) {
        if (state === "ours" && this.#setsOff(row)) state = "surrounded";
        continue;
      }
      const isPlace = expected.has(row.tbl_name.toLowerCase()) && row.type === ours.type;
      if (isPlace && row.sql === ours.sql) continue;
      // Views and virtual tables have no pages of their own.
      if (!isPlace || row.rootpage === 0 || row.type !== "table")
        throw notUsable(relation.name, `${row.type} ${row.name} was not made by this server`);
      state = "foreign";
    }
    const names = new Set(found.map((row) => row.name));
    const [main] = relation.objects;
    if (main === undefined || !names.has(main.name)) {
      if (state === "ours") return "absent";
      throw notUsable(relation.name, "its history was not made by this server");
    }
    const missing = relation.objects.find((object) => !names.has(object.name));
    if (missing !== undefined)
      throw notUsable(relation.name, `${missing.type} ${missing.name} is missing`);
    const version = this.#versionOf(relation);
    if (version > relation.version)
      throw notUsable(relation.name, `a newer version of this server made it (${version})`);
    return state;
  }

  /** Whether a write to the table evaluates somebody's expressions because of this trigger or index. */
  #setsOff(row: SchemaRow): boolean {
    if (row.type !== "index") return true;
    using columns = this.#connection.prepare<{ expressions: number }, [string]>(
      "select count(*) as expressions from pragma_index_xinfo(?) where cid = -2",
    );
    if (columns.get(row.name)?.expressions !== 0) return true;
    using indexes = this.#connection.prepare<{ partial: number }, [string, string]>(
      "select partial from pragma_index_list(?) where name = ? collate nocase",
    );
    return indexes.get(row.tbl_name, row.name)?.partial !== 0;
  }

  #schemaOf(relation: Relation): SchemaRow[] {
    const names = JSON.stringify(relation.objects.map((object) => object.name));
    using statement = this.#connection.prepare<SchemaRow, [string]>(
      `select type, name, tbl_name, rootpage, sql from sqlite_schema
       where sql is not null and (tbl_name collate nocase in (select value from json_each(?1))
         or name collate nocase in (select value from json_each(?1)))`,
    );
    return statement.all(names).map((row) => ({ ...row, name: row.name.toLowerCase() }));
  }

  #versionOf(relation: Relation): number {
    if (!this.#hasBookkeeping(relation.name)) return 0;
    using versions = this.#connection.prepare<{ version: number }, [string]>(
      `select version from ${RELATIONS_TABLE} where name = ?`,
    );
    return versions.get(relation.name)?.version ?? 0;
  }

  /** @throws ApiError CONFLICT when it is not ours, or not only ours */
  #hasBookkeeping(relation: string): boolean {
    const rows = this.#bookkeepingSchema();
    if (rows.length === 0) return false;
    if (isBookkeeping(rows)) return true;
    throw notUsable(relation, `${RELATIONS_TABLE} was not made by this server`);
  }

  #bookkeepingSchema(): BookkeepingRow[] {
    using statement = this.#connection.prepare<BookkeepingRow, []>(BOOKKEEPING_SCHEMA_SQL);
    return statement.all();
  }
}

interface BookkeepingRow {
  sql: string;
}

/** What there is by the name of our bookkeeping, and what is attached to it. */
export const BOOKKEEPING_SCHEMA_SQL = `select sql from sqlite_schema
  where sql is not null and '${RELATIONS_TABLE}' in (lower(name), lower(tbl_name))`;

/** Whether that is our bookkeeping and nothing else, so that no SQL of somebody's runs with it. */
export function isBookkeeping(rows: readonly Partial<BookkeepingRow>[]): boolean {
  return rows.length === 1 && rows[0]?.sql === RELATIONS_DDL;
}

export function notUsable(relation: string, what: string): ApiError {
  return new ApiError(
    "CONFLICT",
    `Table ${relation} cannot be used as a key-value table: ${what}`,
    { hint: "Choose another table with table=NAME, or remove what was added to this one." },
  );
}
