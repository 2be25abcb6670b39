/**
 * The SQL of a key-value table, by name. Every write is "stamp, record": a statement that changes the
 * key's row if its conditions hold and stamps it with the next number and time, then one that copies
 * the row into the history if the stamp changed anything.
 *
 * Two rules of this file, both measured on Bun 1.4.5:
 * - Parameters are written `+$name` wherever the planner could look at their value: SQLite compiles a
 *   statement with ORDER BY … LIMIT or max() anew when such a parameter changes (2.4 µs a call for a
 *   small select, 27 µs for the stamp of a PUT).
 * - `insert … select` from the table it inserts into goes through a temporary b-tree (20 µs), so the
 *   stamp reads the history and the record does not.
 */
import type { Relation, Statement } from "../engine/plan.ts";
import { historyTable } from "./relation.ts";

export type KvStatements = ReturnType<typeof makeStatements>;

/** The statements of a relation; made once, prepared by each open database that uses them. */
export function kvStatements(relation: Relation): KvStatements {
  let statements = made.get(relation);
  if (statements === undefined) {
    statements = makeStatements(relation.name);
    made.set(relation, statements);
  }
  return statements;
}

const made = new WeakMap<Relation, KvStatements>();

/** How a statement addresses a JSON path: as `$path`, or found step by step in the document. */
type PathMode = "fixed" | "found";

/** The path of an operation, as SQL over the JSON text `document`. Needs `$path` or `$steps`. */
function pathIn(document: string, mode: PathMode): string {
  if (mode === "fixed") return "$path";
  return `(with recursive walk(i, path) as (
      select 0, '$'
      union all
      select i + 1, path || case
        when step.value ->> 1 is null then step.value ->> 0
        when step.value ->> 0 is null or json_type(${document}, path) = 'array' then step.value ->> 1
        else step.value ->> 0 end
      from walk join json_each($steps) step on step.key = i
    ) select path from walk order by i desc limit 1)`;
}

/** A pair of statements, one for each way to address a path. */
function byPath(text: (mode: PathMode) => string): Record<PathMode, Statement> {
  return { fixed: { sql: text("fixed") }, found: { sql: text("found") } };
}

function makeStatements(name: string) {
  const T = `"${name}"`;
  const H = `"${historyTable(name)}"`;
  const live = `(${T}.expire_at_ms is null or ${T}.expire_at_ms > +$now_ms)`;
  const expired = `${T}.expire_at_ms <= +$now_ms`;
  const lastOperation = `from ${H} where key = +$key and op_number is not null order by op_number desc limit 1`;

  // A gap is one row however many writes fall into it, so an untracked write keeps the gap's number.
  const nextOpNumber = `ifnull((select op_number + iif($tracked, 1, since_ms is null) ${lastOperation}), 1)`;
  const nextSeq = `1 + ifnull((select max(seq) from ${H}), 0)`;
  const thisTime = `max(+$now_ms, ifnull((select at_ms from ${H} order by seq desc limit 1), 0))`;

  /** Conditions of the caller on the key as it is: literal value, ETags wanted, ETags refused. */
  const guard = `($if_match is null or (${live} and cast(${T}.value as blob) = cast($if_match as blob)))
    and ($if_etags is null or (${live} and ($if_etags = '*' or ${T}.seq in (select value from json_each($if_etags)))))
    and ($if_none_etags is null or not ${live}
      or ($if_none_etags <> '*' and ${T}.seq not in (select value from json_each($if_none_etags))))`;
  /** The same where the key does not exist. */
  const guardAbsent = "$if_match is null and $if_etags is null";

  const stampReturning = (value = "null") =>
    `returning seq, seq = born_seq as created, octet_length(value) as size, expire_at_ms, ${value} as value`;

  /** Creates the key with `insert`, or gives it the value `update` if `where` holds. */
  const upsert = (parts: {
    insert: string;
    insertType: string;
    insertWhere?: string;
    update: string;
    updateType?: string;
    updateExpiry?: string;
    where?: string;
    returning?: string;
  }) => `
    insert into ${T} (key, value, content_type, created_at_ms, updated_at_ms, expire_at_ms, op_number, seq, recorded_at_ms, born_seq)
    select $key, ${parts.insert}, ${parts.insertType}, $now_ms, $now_ms, $expire_at_ms,
      ${nextOpNumber}, ${nextSeq}, ${thisTime}, ${nextSeq}
    where ${parts.insertWhere ?? "true"}
    on conflict (key) do update set
      value = ${parts.update},
      content_type = ${parts.updateType ?? `iif(${expired}, excluded.content_type, ${T}.content_type)`},
      created_at_ms = iif(${expired}, excluded.created_at_ms, ${T}.created_at_ms),
      updated_at_ms = excluded.updated_at_ms,
      expire_at_ms = ${parts.updateExpiry ?? `iif(${expired}, excluded.expire_at_ms, ${T}.expire_at_ms)`},
      op_number = excluded.op_number,
      seq = excluded.seq,
      recorded_at_ms = excluded.recorded_at_ms,
      born_seq = iif(${expired}, excluded.seq, ${T}.born_seq)
    ${parts.where === undefined ? "" : `where ${parts.where}`}
    ${stampReturning(parts.returning)}`;

  /** Whether the row that an upsert would replace may be: expired ones are as good as absent. */
  const whereLive = (condition: string) => `iif(${expired}, ${guardAbsent}, ${condition})`;
  const liveRowExists = `exists (select 1 from ${T} where key = +$key and ${live})`;
  const isJson = `json_valid(${T}.value)`;

  const putType =
    "case when $type is not null then $type when json_valid($value) then $json_type else 'text/plain' end";
  const put = (conditional: boolean) => ({
    sql: upsert({
      insert: "$value",
      insertType: putType,
      ...(conditional ? { insertWhere: `(${guardAbsent}) or ${liveRowExists}`, where: guard } : {}),
      update: "excluded.value",
      updateType: "excluded.content_type",
      updateExpiry: "excluded.expire_at_ms",
    }),
  });

  const set = (document: string, mode: PathMode, value: string) =>
    `json_set(${document}, ${pathIn(document, mode)}, ${value})`;
  const typeAt = (document: string, mode: PathMode) =>
    `json_type(${document}, ${pathIn(document, mode)})`;
  const leaf = "json(iif(json_valid($value), $value, 'null'))";
  /** json_set does nothing where a path runs through a scalar or past an array's end: seen afterwards. */
  const pathReached = (document: string, mode: PathMode, value: string) =>
    `${typeAt(set(document, mode, value), mode)} is not null`;

  // Addition: what is there, whether a number can be added to it, and the sum.
  const oldNumber = (mode: PathMode) => `ifnull(${T}.value ->> ${pathIn(`${T}.value`, mode)}, 0)`;
  const sum = (mode: PathMode) => `(${oldNumber(mode)} + $delta)`;
  const canAdd = (mode: PathMode) => `(${isJson}
    and ifnull(${typeAt(`${T}.value`, mode)}, 'null') in ('integer', 'real', 'null')
    and (ifnull(${typeAt(`${T}.value`, mode)}, 'null') = 'real' or typeof(${sum(mode)}) = 'integer')
    and abs(${sum(mode)} + 0.0) < 9e999)`;

  return {
    // ── reads ────────────────────────────────────────────────────────────────────────────────────
    /** A key's value and what is known about it. */
    get: {
      sql: `select value, content_type, created_at_ms, updated_at_ms, expire_at_ms, seq
        from ${T} where key = +$key and ${live}`,
    },
    /** The part of a key's value at a path, as JSON text; null where there is none. */
    getPath: byPath(
      (
        mode,
      ) => `select iif(${isJson}, value -> ${pathIn(`${T}.value`, mode)}, null) as value, ${isJson} as is_json,
          created_at_ms, updated_at_ms, expire_at_ms, seq
        from ${T} where key = +$key and ${live}`,
    ),
    /** Without the value, which may be long. */
    head: {
      sql: `select octet_length(value) as size, content_type, created_at_ms, updated_at_ms, expire_at_ms, seq
        from ${T} where key = +$key and ${live}`,
    },
    /** Why a key is absent: an expiry that has passed, whether or not the row was removed since. */
    lastOperation: { sql: `select op, expire_at_ms ${lastOperation}` },
    /** A page of keys in byte order: after `$after`, or from `$from`; up to `$below`. */
    list: {
      sql: `select key, octet_length(value) as size, content_type, created_at_ms, updated_at_ms, expire_at_ms, seq
        from ${T} where key >= +$from and key > +$after and ${live} order by key limit $limit offset $offset`,
    },
    listBelow: {
      sql: `select key, octet_length(value) as size, content_type, created_at_ms, updated_at_ms, expire_at_ms, seq
        from ${T} where key >= +$from and key > +$after and key < +$below and ${live}
        order by key limit $limit offset $offset`,
    },

    // ── stamps ───────────────────────────────────────────────────────────────────────────────────
    put: put(false),
    putIf: put(true),
    /** Sets one member of a JSON document, which is made if the key is absent. */
    putPath: byPath((mode) =>
      upsert({
        insert: `json_set($empty_document, ${pathIn("$empty_document", mode)}, ${leaf})`,
        insertType: "'application/json'",
        insertWhere: `json_valid($value) and (${liveRowExists}
          or ((${guardAbsent}) and ${pathReached("$empty_document", mode, leaf)}))`,
        update: `iif(${expired}, excluded.value, ${set(`${T}.value`, mode, leaf)})`,
        updateExpiry: `iif($expire_at_ms is not null or ${expired}, excluded.expire_at_ms, ${T}.expire_at_ms)`,
        where: whereLive(`${isJson} and ${pathReached(`${T}.value`, mode, leaf)} and ${guard}`),
      }),
    ),
    /** Adds `$delta` to a number; an absent key or null counts as 0. */
    add: {
      sql: upsert({
        insert: "cast($delta as text)",
        insertType: "'text/plain'",
        update: `iif(${expired}, excluded.value, json_quote((ifnull(${T}.value ->> '$', 0) + $delta)))`,
        where: whereLive(canAdd("fixed")),
        returning: "value",
      }),
    },
    addPath: byPath((mode) =>
      upsert({
        insert: `json_set($empty_document, ${pathIn("$empty_document", mode)}, $delta)`,
        insertType: "'application/json'",
        insertWhere: `${liveRowExists} or ${pathReached("$empty_document", mode, "$delta")}`,
        update: `iif(${expired}, excluded.value, ${set(`${T}.value`, mode, sum(mode))})`,
        where: whereLive(`${canAdd(mode)} and ${pathReached(`${T}.value`, mode, sum(mode))}`),
        returning: `value -> ${pathIn("value", mode)}`,
      }),
    ),
    /** What stands where a number is to be added, before it is. */
    addend: byPath(
      (mode) => `select ${isJson} as is_json,
          iif(${isJson}, ${typeAt(`${T}.value`, mode)}, null) as type,
          iif(${isJson}, value -> ${pathIn(`${T}.value`, mode)}, null) as value
        from ${T} where key = +$key and ${live}`,
    ),
    /** Marks a live key as about to be deleted. */
    doom: {
      sql: `update ${T} set op_number = ${nextOpNumber}, recorded_at_ms = ${thisTime}, seq = ${nextSeq}
        where key = +$key and ${live} and ${guard} returning seq`,
    },
    /** Why a condition failed: the key as it is. */
    current: {
      sql: `select seq, ${isJson} as is_json, cast(value as blob) = cast($if_match as blob) as matches
        from ${T} where key = +$key and ${live}`,
    },
    isJson: { sql: "select json_valid($value) as is_json" },

    // ── what follows a stamp ─────────────────────────────────────────────────────────────────────
    /** Adds the stamped row to the history. */
    record: {
      sql: `insert into ${H} (seq, key, op_number, at_ms, op, path, delta, value, content_type, created_at_ms,
          expire_at_ms, actor, client_address)
        select seq, key, op_number, recorded_at_ms, $op, $path_text, $delta, value, content_type, created_at_ms,
          expire_at_ms, $actor, $client_address
        from ${T} where key = +$key and changes() > 0`,
    },
    recordDelete: {
      sql: `insert into ${H} (seq, key, op_number, at_ms, op, actor, client_address)
        select seq, key, op_number, recorded_at_ms, 'DELETE', $actor, $client_address
        from ${T} where key = +$key and changes() > 0`,
    },
    /** A write with history=false: begins a gap, or moves the gap's row to the end of the log. */
    recordGap: {
      sql: `insert or replace into ${H} (seq, key, op_number, at_ms, op, expire_at_ms, since_ms)
        select row.seq, row.key, row.op_number, row.recorded_at_ms, 'UNRECORDED', iif($deleted, null, row.expire_at_ms),
          ifnull((select since_ms from ${H} where key = row.key and op_number = row.op_number), row.recorded_at_ms)
        from ${T} row where row.key = +$key and changes() > 0`,
    },
    /** Removes the row that was doomed and recorded. */
    remove: { sql: `delete from ${T} where key = +$key and changes() > 0` },
  };
}
