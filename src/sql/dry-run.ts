/**
 * What a transaction would change, counted while it runs and before it is undone. Temporary triggers
 * count inserted and updated rows, so rows count however they were reached: by the statement, by the
 * file's own triggers, by cascading foreign keys. REPLACE deletes rows without telling any trigger;
 * deleted rows are therefore what the numbers before and after leave over. (Changesets of SQLite's
 * session extension know only tables with a primary key, and leave rows with NULL in it out.)
 */
import { ApiError } from "../errors.ts";
import { quoteName } from "./identifier.ts";
import { RowWatch } from "./row-watch.ts";
import type { SandboxedConnection } from "./sandbox.ts";

const COUNTS = "chronolite_dry_run";

export interface RowChanges {
  inserted: number;
  updated: number;
  deleted: number;
}

export interface DryRunReport {
  /** Tables with changed rows. A table that was made or replaced has all its rows inserted. */
  changes: Record<string, RowChanges>;
  /** Virtual tables that were written to, whose rows cannot be counted. */
  uncounted?: string[];
  schema_changes?: { change: "created" | "changed" | "dropped"; type: string; name: string }[];
}

interface SchemaEntry {
  type: string;
  name: string;
  rootpage: number;
  sql: string | null;
}

interface Watched {
  readonly id: number;
  readonly rowsBefore: number;
}

export class DryRun extends RowWatch<Watched> {
  readonly #connection: SandboxedConnection;
  readonly #schema: readonly SchemaEntry[];
  readonly #violations: number;
  #lastId = 0;
  readonly #uncounted = new Set<string>();

  /** Right after the transaction has begun. */
  constructor(connection: SandboxedConnection) {
    super();
    this.#connection = connection;
    this.#schema = schemaOf(connection);
    this.#violations = foreignKeyViolations(connection);
    connection.control(
      `create temp table ${COUNTS}(id integer primary key, inserted default 0, updated default 0)`,
    );
  }

  /**
   * @throws ApiError SQL_CONSTRAINT when deferred foreign keys would keep the transaction from being
   *   committed
   */
  report(): DryRunReport {
    if (foreignKeyViolations(this.#connection) > this.#violations)
      throw new ApiError("SQL_CONSTRAINT", "FOREIGN KEY constraint failed");
    const after = schemaOf(this.#connection);
    const report: DryRunReport = { changes: this.#rowChanges(after) };
    if (this.#uncounted.size > 0) report.uncounted = [...this.#uncounted];
    const schemaChanges = compareSchemas(this.#schema, after);
    if (schemaChanges.length > 0) report.schema_changes = schemaChanges;
    return report;
  }

  #isCounted(table: string): boolean {
    if (table.startsWith("sqlite_")) return false;
    const schema = schemaOf(this.#connection);
    const entry = schema.find(({ type, name }) => type === "table" && name === table);
    if (entry === undefined) return false; // A view.
    if (entry.rootpage === 0) this.#uncounted.add(table);
    // The rows of a table that this transaction has made are counted at the end.
    return entry.rootpage !== 0 && this.#wasThere(entry, schema);
  }

  protected listen(table: string): Watched | undefined {
    if (!this.#isCounted(table)) return undefined;
    this.#lastId += 1;
    const id = this.#lastId;
    const rowsBefore = this.#rows(table);
    this.#connection.control(`insert into ${COUNTS}(id) values(${id})`);
    for (const [event, column] of [
      ["insert", "inserted"],
      ["update", "updated"],
    ])
      this.#connection.control(
        `create temp trigger ${COUNTS}_${id}_${event} after ${event} on main.${quoteName(table)}
         begin update ${COUNTS} set ${column} = ${column} + 1 where id = ${id}; end`,
      );
    return { id, rowsBefore };
  }

  #rowChanges(after: readonly SchemaEntry[]): Record<string, RowChanges> {
    const changes: Record<string, RowChanges> = {};
    const add = (name: string, { inserted, updated, deleted }: RowChanges) => {
      if (inserted + updated + deleted > 0) changes[name] = { inserted, updated, deleted };
    };
    const tables = new Map(after.filter(isOrdinaryTable).map((entry) => [entry.name, entry]));
    for (const [name, { id, rowsBefore }] of this.tables) {
      // Where the trigger is, there is the table: it may have another name by now.
      const [trigger] = this.#connection.ask(
        "select tbl_name from sqlite_temp_schema where name = ?",
        `${COUNTS}_${id}_insert`,
      );
      const current = trigger?.["tbl_name"];
      if (typeof current !== "string") {
        add(name, { inserted: 0, updated: 0, deleted: rowsBefore });
        continue;
      }
      const [counts] = this.#connection.ask(
        `select inserted, updated from ${COUNTS} where id = ?`,
        id,
      );
      const inserted = Number(counts?.["inserted"]);
      const updated = Number(counts?.["updated"]);
      add(current, { inserted, updated, deleted: rowsBefore + inserted - this.#rows(current) });
      tables.delete(current);
    }
    for (const [name, entry] of tables) {
      if (!this.tables.has(name) && this.#wasThere(entry, after)) continue;
      const inserted = this.#rows(name);
      add(name, { inserted, updated: 0, deleted: changes[name]?.deleted ?? 0 });
    }
    return changes;
  }

  /** Whether a table was there before, under this name or another. */
  #wasThere(table: SchemaEntry, now: readonly SchemaEntry[]): boolean {
    const before = this.#schema.filter(isOrdinaryTable);
    if (before.some(({ name }) => name === table.name)) return true;
    const names = new Set(now.map(({ name }) => name));
    return before.some(
      // A dropped table, whose page another may have got, was watched when it was dropped.
      ({ name, rootpage }) =>
        rootpage === table.rootpage && !names.has(name) && !this.tables.has(name),
    );
  }

  #rows(table: string): number {
    const [row] = this.#connection.ask(`select count(*) as rows from main.${quoteName(table)}`);
    return Number(row?.["rows"]);
  }
}

function schemaOf(connection: SandboxedConnection): SchemaEntry[] {
  return connection.ask(
    "select type, name, rootpage, sql from main.sqlite_schema",
  ) as unknown as SchemaEntry[];
}

function isOrdinaryTable({ type, name, rootpage }: SchemaEntry): boolean {
  return type === "table" && rootpage !== 0 && !name.startsWith("sqlite_");
}

function compareSchemas(
  before: readonly SchemaEntry[],
  after: readonly SchemaEntry[],
): NonNullable<DryRunReport["schema_changes"]> {
  const keyOf = ({ type, name }: SchemaEntry) => `${type} ${name}`;
  const known = new Map(before.map((entry) => [keyOf(entry), entry]));
  const changes: NonNullable<DryRunReport["schema_changes"]> = [];
  for (const entry of after) {
    const old = known.get(keyOf(entry));
    known.delete(keyOf(entry));
    const { type, name, sql } = entry;
    if (old === undefined) changes.push({ change: "created", type, name });
    else if (old.sql !== sql) changes.push({ change: "changed", type, name });
  }
  for (const { type, name } of known.values()) changes.push({ change: "dropped", type, name });
  return changes;
}

/** SQLite's own check at the commit only counts, too. */
function foreignKeyViolations(connection: SandboxedConnection): number {
  const [enforced] = connection.ask("pragma foreign_keys");
  if (enforced?.["foreign_keys"] !== 1) return 0;
  const [row] = connection.ask("select count(*) as violations from pragma_foreign_key_check");
  return Number(row?.["violations"]);
}
