/**
 * SQL at a moment: key-value tables as they were then, in the place of those a query reads. A query is
 * compiled twice: first against the file, where SQLite tells which tables it reads; then temporary
 * views have taken the names of those, and nothing of the file may be read past them.
 */
import { randomUUID } from "node:crypto";
import { historyTable, OWN_PREFIX } from "../engine/own-names.ts";
import { notUsable, RELATIONS_TABLE } from "../engine/relations.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import { checkHorizon, type Moment, momentParams } from "../kv/moment.ts";
import { kvRelation } from "../kv/relation.ts";
import { ABOVE_ALL_KEYS } from "../kv/table.ts";
import { timeStatements } from "../kv/time-statements.ts";
import {
  MAX_DIFF_KEYS,
  MAX_SCANNED_OPERATIONS,
  MAX_SCANNED_OPERATIONS_PER_KEY,
} from "../limits.ts";
import type { Read } from "./authorizer.ts";
import { quoteName } from "./identifier.ts";
import { PURE_FUNCTIONS } from "./rights.ts";
import type { Compiled, SandboxedConnection } from "./sandbox.ts";

/** The moment that a query is about. */
export interface Past {
  readonly moment: Moment;
  /** Leave out keys of which nobody knows, and say so; else they are an error. */
  readonly allowGaps: boolean;
}

/** The query in the past. */
export interface CompiledThen {
  readonly compiled: Compiled;
  /**
   * Looks up what was there, before the query runs.
   * @returns keys that are left out
   * @throws ApiError TIME_TRAVEL_CHAIN_GAP
   */
  fill(): string[];
}

type AsThen = ReturnType<ReturnType<typeof timeStatements>["asThen"]>;

/**
 * Compiles a query for a moment, inside its transaction.
 * @param compile compiles it, with the rules for its kind
 * @throws ApiError INVALID_PARAMETERS for what has no history, HISTORY_PRUNED, CONFLICT
 */
export function compileThen(
  connection: SandboxedConnection,
  compile: () => Compiled,
  { moment, allowGaps }: Past,
): CompiledThen {
  const tables = tablesRead(connection, compile().reads);
  // Names that nobody can know, so that no common table expression passes for one of ours.
  const secret = randomUUID();
  const rowsOf = new Map<string, string>();
  const statements = new Map<string, AsThen>();
  for (const [index, table] of tables.entries()) {
    const rows = `${OWN_PREFIX}rows_${secret}_${index}`;
    rowsOf.set(rows, table);
    const states = `${OWN_PREFIX}states_${secret}_${index}`;
    statements.set(table, makeTable(connection, table, { states, rows, moment }));
  }
  const compiled = compile();
  for (const { table, schema, within } of compiled.reads)
    if (schema === "main" && !isPureFunction(connection, table) && !rowsOf.has(within ?? ""))
      throw notThen(`cannot reach main.${table}`, "By the name alone it is read as it was then.");
  return { compiled, fill: () => fill(connection, statements, moment, allowGaps) };
}

/**
 * The key-value tables that a query reads, in lower case.
 * @throws ApiError INVALID_PARAMETERS when it reads anything else
 */
function tablesRead(connection: SandboxedConnection, reads: readonly Read[]): Set<string> {
  const known = connection.keyValueTables();
  const tables = new Set<string>();
  for (const { table, column, schema } of reads) {
    const name = table.toLowerCase();
    if (known.includes(name) && schema !== "temp") {
      if (column === "ROWID")
        throw notThen(
          `does not go with the rowid of ${table}`,
          "A row of then is known by its key.",
        );
      tables.add(name);
    } else if (schema !== null || isTable(connection, table)) {
      if (!isPureFunction(connection, table)) throw refusal(connection, table);
    }
  }
  return tables;
}

function refusal(connection: SandboxedConnection, table: string): ApiError {
  const [object] = connection.ask(
    "select type from main.sqlite_schema where name = ? collate nocase and type in ('table', 'view')",
    table,
  );
  const histories = connection.keyValueTables().map(historyTable);
  if (histories.includes(table.toLowerCase()))
    return notThen(`does not go with ${table}`, "A history holds all times: read it without.");
  const what = object === undefined ? table : `${String(object["type"])} ${table}`;
  return notThen(
    `does not go with ${what}, which has no history`,
    "Only key-value tables are known as they were. What views read is as it is now.",
  );
}

function notThen(problem: string, hint: string): ApiError {
  return invalidParameter("at_timestamp", problem, hint);
}

/** Whether a name that may be a common table expression's is one of the schema, or of a module. */
function isTable(connection: SandboxedConnection, name: string): boolean {
  if (/^(sqlite|pragma)_/i.test(name)) return true;
  const found = connection.ask(
    `select 1 from main.sqlite_schema where name = ?1 collate nocase
     union all select 1 from pragma_module_list where name = ?1 collate nocase`,
    name,
  );
  return found.length > 0;
}

function isPureFunction(connection: SandboxedConnection, name: string): boolean {
  if (!PURE_FUNCTIONS.has(name.toLowerCase())) return false;
  const sql = "select 1 from main.sqlite_schema where name = ? collate nocase";
  return connection.ask(sql, name).length === 0;
}

/**
 * Puts a view of then in the table's place.
 * @throws ApiError HISTORY_PRUNED, CONFLICT for a table that is not as the server made it
 */
function makeTable(
  connection: SandboxedConnection,
  table: string,
  { states, rows, moment }: { states: string; rows: string; moment: Moment },
): AsThen {
  const relation = kvRelation(table);
  const time = timeStatements(relation);
  const both = [table, historyTable(table)];
  for (const name of both) {
    const [object] = connection.ask(
      "select type, rootpage from main.sqlite_schema where name = ? collate nocase and type <> 'index'",
      name,
    );
    // Views and virtual tables have no pages of their own.
    if (object?.["type"] !== "table" || object["rootpage"] === 0)
      throw notUsable(table, `${name} was not made by this server`);
  }
  const [known] = connection.ask(
    `select version from ${RELATIONS_TABLE} where name = ? and kind = 'kv'`,
    table,
  );
  if (Number(known?.["version"]) > relation.version)
    throw notUsable(table, `a newer version of this server made it (${known?.["version"]})`);
  checkHorizon(connection.ask(time.horizon.sql) as Parameters<typeof checkHorizon>[0], moment);
  const columns = connection
    .ask("select name from pragma_table_xinfo(?, 'main') where hidden <> 1", table)
    .map(({ name }) => ({ column: String(name), quoted: quoteName(String(name)) }));
  const then = time.asThen(states, rows, columns, moment.isNow);
  for (const sql of [then.makeStates, then.makeRows, then.makeView]) connection.temporarily(sql);
  return then;
}

const ALL_KEYS = { from: "", below: ABOVE_ALL_KEYS, suffix: null, contains: null };

function fill(
  connection: SandboxedConnection,
  statements: ReadonlyMap<string, AsThen>,
  moment: Moment,
  allowGaps: boolean,
): string[] {
  const { t_ms: tMs, is_now: isNow, now_ms: nowMs } = momentParams(moment);
  const gapKeys: string[] = [];
  const params = {
    t_ms: BigInt(Number(tMs)),
    is_now: BigInt(Number(isNow)),
    now_ms: BigInt(Number(nowMs)),
  };
  for (const [table, { fillByHalving, fillByScan, size, unknownKeys }] of statements) {
    const [{ keys, operations } = {}] = connection.ask(size);
    const most = Math.max(MAX_SCANNED_OPERATIONS, MAX_SCANNED_OPERATIONS_PER_KEY * Number(keys));
    if (Number(operations) <= most) connection.temporarily(fillByScan, params);
    else connection.temporarily(fillByHalving, { ...params, ...ALL_KEYS });
    const unknown = connection.ask(unknownKeys).map(({ key }) => String(key));
    if (unknown.length > 0 && !allowGaps) throw gapsError(table, unknown);
    gapKeys.push(...unknown);
  }
  return gapKeys;
}

function gapsError(table: string, keys: readonly string[]): ApiError {
  const count = keys.length === 1 ? "one key" : `${keys.length} keys`;
  return new ApiError(
    "TIME_TRAVEL_CHAIN_GAP",
    `time-travel chain gap: ${count} of ${table} changed around then without a record`,
    {
      fields: { gap_keys: keys.slice(0, MAX_DIFF_KEYS) },
      hint: "allow_gaps=true leaves them out, and says so.",
    },
  );
}
