/**
 * Callers' own writes to key-value tables, noted in the table's history: like writes with
 * `history=false` they leave a row `UNRECORDED` without a value, and the key gets a new tag. Without
 * that a changed value would keep its ETag, and nobody who follows the changes would hear of it. (What
 * other programs write is noticed later: by the next write of the key, and by each read of its past.)
 */
import { historyTable } from "../engine/own-names.ts";
import { stampRules } from "../kv/stamp.ts";
import { NOTING_TRIGGER } from "./authorizer.ts";
import { quoteName } from "./identifier.ts";
import { RowWatch } from "./row-watch.ts";
import type { SandboxedConnection } from "./sandbox.ts";

/** What the statements below rely on; a table that somebody made otherwise is left alone. */
const COLUMNS = [
  "key",
  "value",
  "content_type",
  "created_at_ms",
  "updated_at_ms",
  "expire_at_ms",
  "op_number",
  "seq",
  "recorded_at_ms",
  "born_seq",
  "since_ms",
];

export class UnrecordedWrites extends RowWatch<true> {
  readonly #connection: SandboxedConnection;
  readonly #nowMs: number;
  /** In lower case. */
  readonly #keyValueTables: ReadonlySet<string>;

  /** Right after the transaction has begun. */
  constructor(connection: SandboxedConnection, nowMs: number) {
    super();
    this.#connection = connection;
    this.#nowMs = nowMs;
    this.#keyValueTables = new Set(
      connection.keyValueTables().filter((table) => hasColumns(connection, table)),
    );
  }

  protected listen(name: string): true | undefined {
    const table = name.toLowerCase();
    if (!this.#keyValueTables.has(table)) return undefined;
    for (const trigger of triggersOf(table, this.#nowMs)) this.#connection.control(trigger);
    return true;
  }
}

function hasColumns(connection: SandboxedConnection, table: string): boolean {
  const columns = connection.ask("select name from pragma_table_info(?)", table);
  const names = new Set(columns.map(({ name }) => name));
  return COLUMNS.every((column) => names.has(column));
}

function triggersOf(table: string, nowMs: number): string[] {
  const T = quoteName(table);
  const H = quoteName(historyTable(table));
  const { nextNumberOf, time, sinceOfRow, sinceOfNone } = stampRules({
    history: H,
    nowMs: String(nowMs),
    tracked: "false",
  });
  const sinceOfOld = sinceOfRow("old.key", "old");
  const sinceOfNew = sinceOfNone("new.key");
  const noteGone = (condition: string) =>
    `insert or replace into ${H} (key, op_number, at_ms, op, since_ms)
       select old.key, ${nextNumberOf("old.key")}, ${time}, 'UNRECORDED', ${sinceOfOld} where ${condition};`;
  const noteNew = (sinceWhen: string) =>
    `insert or replace into ${H} (key, op_number, at_ms, op, content_type, expire_at_ms, since_ms)
       select new.key, ${nextNumberOf("new.key")}, ${time}, 'UNRECORDED', new.content_type, new.expire_at_ms, ${sinceWhen};`;
  const stamp = (more: string) =>
    `update ${T} set (seq, op_number, recorded_at_ms, since_ms) = (
         select seq, op_number, at_ms, since_ms from ${H} order by seq desc limit 1), ${more}
       where key = new.key;`;
  // "If not exists": the table may have been renamed since, to a name that differs in case only.
  const trigger = (event: string, when: string, body: string) =>
    `create temp trigger if not exists ${quoteName(`${NOTING_TRIGGER}_${table}_${event}`)} after ${event} on main.${T}
     when ${when} begin ${body} end`;
  const born = `born_seq = (select max(seq) from ${H})`;
  const sameKey = "new.key is old.key";
  return [
    trigger(
      "insert",
      "true",
      `${noteNew(sinceOfNew)}
       ${stamp(`${born}, created_at_ms = iif(new.created_at_ms = 0, ${nowMs}, new.created_at_ms),
         updated_at_ms = iif(new.updated_at_ms = 0, ${nowMs}, new.updated_at_ms)`)}`,
    ),
    trigger(
      "update",
      `new.seq is old.seq and not (${sameKey} and new.value is old.value
         and new.content_type is old.content_type and new.expire_at_ms is old.expire_at_ms)`,
      `${noteGone(`not (${sameKey})`)}
       ${noteNew(`iif(${sameKey}, ${sinceOfOld}, ${sinceOfNew})`)}
       ${stamp(`born_seq = iif(${sameKey}, new.born_seq, (select max(seq) from ${H})),
         updated_at_ms = iif(new.updated_at_ms is old.updated_at_ms, ${nowMs}, new.updated_at_ms)`)}`,
    ),
    trigger("delete", "true", noteGone("true")),
  ];
}
