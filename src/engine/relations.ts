/**
 * Which of our tables a file holds, and whether they are still ours: statements on them run on the
 * server's thread, where nobody else's trigger, view or generated column may run. Looked at again
 * whenever the file's `schema_version` moves.
 */
import type { Database as Connection } from "bun:sqlite";
import { ApiError } from "../errors.ts";
import type { Relation } from "./plan.ts";

/**
 * Our one bookkeeping table: `user_version` and `application_id` belong to the user. Where a relation
 * forgets its past, `horizon_ms` tells from when on it knows everything, and `pruned_seq` the newest
 * row that it has dropped.
 */
export const RELATIONS_TABLE = "chronolite_relations";
export const RELATIONS_DDL = `create table if not exists ${RELATIONS_TABLE} (
  name text primary key not null, kind text not null, version integer not null,
  horizon_ms integer, pruned_seq integer
) strict, without rowid`;

type State = "ours" | "absent";

interface SchemaRow {
  type: string;
  name: string;
  tbl_name: string;
  sql: string | null;
}

export class Relations {
  readonly #connection: Connection;
  readonly #readSchemaVersion;
  readonly #states = new Map<Relation, State | ApiError>();
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

  /**
   * Whether the relation is there.
   * @throws ApiError CONFLICT when something else stands in its place.
   */
  state(relation: Relation): State {
    let state = this.#states.get(relation);
    if (state === undefined) {
      state = this.#examine(relation);
      this.#states.set(relation, state);
    }
    if (state instanceof ApiError) throw state;
    return state;
  }

  /** Makes the relation, inside the caller's transaction, unless it is there. */
  ensure(relation: Relation): void {
    if (this.state(relation) === "ours") return;
    const present = new Set(this.#schemaOf(relation).map((row) => row.name));
    this.#connection.run(RELATIONS_DDL);
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
    if (!this.#hasTable()) return [];
    using rows = this.#connection.prepare<{ name: string }, [string]>(
      `select name from ${RELATIONS_TABLE} where kind = ? order by name`,
    );
    return rows.all(kind).map(({ name }) => name);
  }

  #examine(relation: Relation): State | ApiError {
    const found = this.#schemaOf(relation);
    const expected = new Map(relation.objects.map((object) => [object.name, object]));
    const foreign = (what: string) =>
      new ApiError(
        "CONFLICT",
        `Table ${relation.name} cannot be used as a key-value table: ${what}`,
        {
          hint: "Choose another table with table=NAME, or remove what was added to this one.",
        },
      );
    for (const row of found) {
      const ours = expected.get(row.name);
      if (ours === undefined) {
        if (row.type === "trigger") return foreign(`trigger ${row.name} is attached to it`);
        continue; // An index of the user's own is welcome.
      }
      const attachedTo = row.tbl_name.toLowerCase();
      if (!expected.has(attachedTo) || row.type !== ours.type || row.sql !== ours.sql)
        return foreign(`${row.type} ${row.name} was not made by this server`);
    }
    const names = new Set(found.map((row) => row.name));
    const [main] = relation.objects;
    if (main === undefined || !names.has(main.name)) return "absent";
    const missing = relation.objects.find((object) => !names.has(object.name));
    if (missing !== undefined) return foreign(`${missing.type} ${missing.name} is missing`);
    const version = this.#versionOf(relation);
    if (version > relation.version)
      return foreign(`a newer version of this server made it (${version})`);
    return "ours";
  }

  #schemaOf(relation: Relation): SchemaRow[] {
    const names = JSON.stringify(relation.objects.map((object) => object.name));
    using statement = this.#connection.prepare<SchemaRow, [string]>(
      `select type, name, tbl_name, sql from sqlite_schema
       where sql is not null and (tbl_name collate nocase in (select value from json_each(?1))
         or name collate nocase in (select value from json_each(?1)))`,
    );
    return statement.all(names).map((row) => ({ ...row, name: row.name.toLowerCase() }));
  }

  #versionOf(relation: Relation): number {
    if (!this.#hasTable()) return 0;
    using versions = this.#connection.prepare<{ version: number }, [string]>(
      `select version from ${RELATIONS_TABLE} where name = ?`,
    );
    return versions.get(relation.name)?.version ?? 0;
  }

  #hasTable(): boolean {
    using tables = this.#connection.prepare("select 1 from sqlite_schema where name = ?");
    return tables.get(RELATIONS_TABLE) !== null;
  }
}
