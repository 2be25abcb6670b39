/** The tables behind one key-value table, and the rules for its name. */
import { expiryIndex, HISTORY_SUFFIX, historyTable, OWN_PREFIX } from "../engine/own-names.ts";
import type { Relation } from "../engine/plan.ts";
import { invalidParameter } from "../errors.ts";
import { MAX_KNOWN_RELATIONS, MAX_TABLE_NAME_CHARS } from "../limits.ts";
import { logTime } from "./stamp.ts";

export { historyTable };

export const DEFAULT_TABLE = "kv_store";

/**
 * The one place where a table's name becomes part of SQL: checked against a pattern, and quoted.
 * @throws ApiError INVALID_PARAMETERS
 */
export function kvRelation(table: string = DEFAULT_TABLE): Relation {
  const known = knownRelations.get(table);
  if (known !== undefined) return known;
  // SQLite's names ignore case, so ours do.
  const name = table.toLowerCase();
  if (!/^[a-z_][a-z0-9_]*$/.test(name) || name.length > MAX_TABLE_NAME_CHARS)
    throw invalidParameter(
      "table",
      `must be 1 to ${MAX_TABLE_NAME_CHARS} letters, digits and underscores, and not begin with a digit`,
    );
  if (name.startsWith("sqlite_") || name.startsWith(OWN_PREFIX))
    throw invalidParameter("table", `must not begin with sqlite_ or ${OWN_PREFIX}`);
  if (name.endsWith(HISTORY_SUFFIX))
    throw invalidParameter(
      "table",
      `must not end in ${HISTORY_SUFFIX}: those tables hold the history`,
    );
  const relation = knownRelations.get(name) ?? makeRelation(name);
  if (knownRelations.size > MAX_KNOWN_RELATIONS) knownRelations.clear();
  knownRelations.set(name, relation).set(table, relation);
  return relation;
}

const knownRelations = new Map<string, Relation>();

/*
 * A table with row ids: values of any size stay out of the way of the b-tree that finds keys. (In a
 * WITHOUT ROWID table values of a kilobyte leave four keys to a page.)
 *
 * value         TEXT where the bytes are UTF-8 without NUL, so that SQL can read it; else BLOB
 * seq           the newest history row of the key; also its ETag, so a tag never comes back
 * recorded_at_ms  at_ms of that row: not before any other, whatever the clock does
 * born_seq      seq of the write that made the key; equal to seq right after it was made
 * op_number     number of the key's newest operation
 * since_ms      what its row in the history has there
 *
 * The history is a log: rows only ever go to its end, and at_ms never decreases along seq.
 *
 * op_number     counts per key from 1, also across deletion; null for EXPIRE, which is nobody's
 *               operation but the timer's
 * since_ms      when nobody knows what happened to the key from then until at_ms. On UNRECORDED (writes
 *               with history=false) at_ms is the latest of them, and the row moves along. On another
 *               operation: it found the key not as the operation before had left it, so somebody's own
 *               SQL had been at it since (0 where there was no operation before).
 * content_type  null where the key does not exist afterwards
 * target_op_number  only on ROLLBACK: whose state the key has again; 0 for before the first
 */
function makeRelation(name: string): Relation {
  const history = historyTable(name);
  return {
    name,
    kind: "kv",
    version: 1,
    objects: [
      {
        type: "table",
        name,
        sql: `CREATE TABLE "${name}" (
  key text primary key not null,
  value any not null,
  content_type text not null default 'text/plain',
  created_at_ms integer not null default 0,
  updated_at_ms integer not null default 0,
  expire_at_ms integer,
  op_number integer not null default 0,
  seq integer not null default 0,
  recorded_at_ms integer not null default 0,
  born_seq integer not null default 0,
  since_ms integer
) strict`,
      },
      {
        type: "index",
        name: expiryIndex(name),
        sql: `CREATE INDEX "${expiryIndex(name)}" on "${name}" (expire_at_ms) where expire_at_ms is not null`,
      },
      {
        type: "table",
        name: history,
        sql: `CREATE TABLE "${history}" (
  seq integer primary key,
  key text not null,
  op_number integer,
  at_ms integer not null,
  op text not null,
  path text,
  delta integer,
  value any,
  content_type text,
  created_at_ms integer,
  expire_at_ms integer,
  since_ms integer,
  target_op_number integer,
  actor text,
  client_address text
) strict`,
      },
      {
        type: "index",
        name: `${history}_op`,
        sql: `CREATE UNIQUE INDEX "${history}_op" on "${history}" (key, op_number) where op_number is not null`,
      },
      {
        type: "index",
        name: `${history}_rollback`,
        sql: `CREATE INDEX "${history}_rollback" on "${history}" (key, op_number) where target_op_number is not null`,
      },
      {
        type: "index",
        name: `${history}_gap`,
        sql: `CREATE INDEX "${history}_gap" on "${history}" (seq) where since_ms is not null`,
      },
    ],
    expiry: {
      next: {
        sql: `select min(expire_at_ms) as next_ms from "${name}" where expire_at_ms is not null`,
      },
      sweep: [
        {
          // Recorded for those who follow the changes; at_ms stays in order along seq. The order is
          // that of the index: any other would sort all keys that expire at the same time, each time.
          sql: `insert into "${history}" (key, at_ms, op, expire_at_ms)
            select key, ${logTime(`"${history}"`, "+$now_ms")},
              'EXPIRE', expire_at_ms
            from "${name}" where expire_at_ms is not null and expire_at_ms <= +$now_ms
            order by expire_at_ms, rowid limit $limit`,
        },
        {
          sql: `delete from "${name}" where key in (
              select key from "${name}" where expire_at_ms is not null and expire_at_ms <= +$now_ms
              order by expire_at_ms, rowid limit $limit)`,
        },
      ],
    },
  };
}
