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
import { historyTable } from "../engine/own-names.ts";
import type { Relation } from "../engine/plan.ts";
import {
  chosenIndexSql,
  isJsonSql,
  LEAF_SQL,
  PUSHED_SQL,
  placeSql,
  storedSql,
} from "./json-sql.ts";
import { stampRules } from "./stamp.ts";

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

function makeStatements(name: string) {
  const T = `"${name}"`;
  const H = `"${historyTable(name)}"`;
  const value = `${T}.value`;
  const live = `(${T}.expire_at_ms is null or ${T}.expire_at_ms > +$now_ms)`;
  const expired = `${T}.expire_at_ms <= +$now_ms`;
  const isJson = isJsonSql(value);
  const stored = storedSql(value);
  const { lastOperation, nextNumber, nextNumberOf, nextSeq, time, ...since } = stampRules({
    history: H,
    nowMs: "+$now_ms",
    tracked: "$tracked",
  });
  const entryColumns =
    "octet_length(value) as size, content_type, created_at_ms, updated_at_ms, expire_at_ms, seq";

  /** The first `$limit` keys of a range. */
  const range = `from ${T} where key >= +$from and key < +$below and ${live}`;

  const list = (reverse: boolean, values: boolean) => ({
    sql: `select key, ${entryColumns}${values ? `, ${stored} as value, ${isJson} as is_json` : ""}
      from ${T} where key >= +$from and +key > $after and key < +$below and ${live}
        and ($suffix is null or substr(key, -length($suffix)) = $suffix)
        and ($contains is null or instr(key, $contains) > 0)
      order by key${reverse ? " desc" : ""} limit $limit offset $offset`,
  });

  // ── stamps ─────────────────────────────────────────────────────────────────────────────────────
  const sinceOfRow = since.sinceOfRow("+$key", T);
  const stampOf = (sinceWhen: string) =>
    `op_number = ${nextNumberOf("+$key")}, recorded_at_ms = ${time}, seq = ${nextSeq}, since_ms = ${sinceWhen}`;
  const stamp = stampOf(sinceOfRow);
  const stamped =
    "returning seq, seq = born_seq as created, octet_length(value) as size, expire_at_ms";

  /** Conditions of the caller on the key as it is: literal value, ETags wanted, ETags refused. */
  const guard = `($if_match is null or (${live} and cast(${value} as blob) = cast($if_match as blob)))
    and ($if_etags is null or (${live} and ($if_etags = '*' or ${T}.seq in (select value from json_each($if_etags)))))
    and ($if_none_etags is null or not ${live}
      or ($if_none_etags <> '*' and ${T}.seq not in (select value from json_each($if_none_etags))))`;
  /** The same where the key does not exist. */
  const guardAbsent = "$if_match is null and $if_etags is null";
  const exists = `exists (select 1 from ${T} where key = +$key and ${live})`;

  const put = (conditional: boolean) => ({
    sql: `insert into ${T} (key, value, content_type, created_at_ms, updated_at_ms, expire_at_ms,
        op_number, recorded_at_ms, seq, born_seq, since_ms)
      select $key, $value,
        case when $type is not null then $type when json_valid($value) then $json_type else $other_type end,
        $now_ms, $now_ms, $expire_at_ms, ifnull(${nextNumber("last.")}, 1), ${time}, ${nextSeq}, ${nextSeq},
        ${since.sinceOfNoneAfter("last.")}
      from (select 1) left join (
        select op_number, op, at_ms, since_ms, content_type, expire_at_ms ${lastOperation("+$key")}) last
      where ${conditional ? `(${guardAbsent}) or ${exists}` : "true"}
      on conflict (key) do update set
        value = excluded.value,
        content_type = excluded.content_type,
        created_at_ms = iif(${expired}, excluded.created_at_ms, ${T}.created_at_ms),
        updated_at_ms = excluded.updated_at_ms,
        expire_at_ms = excluded.expire_at_ms,
        op_number = excluded.op_number,
        recorded_at_ms = excluded.recorded_at_ms,
        seq = excluded.seq,
        born_seq = iif(${expired}, excluded.seq, ${T}.born_seq),
        since_ms = ${sinceOfRow}
      ${conditional ? `where ${guard}` : ""}
      ${stamped}`,
  });

  // ── parts of JSON documents ────────────────────────────────────────────────────────────────────
  const place = placeSql(value);
  const placed = `(select key as placed_key, ${place} as at from ${T} where key = +$key) placed`;
  const at = "placed.at";
  const typeThere = `json_type(${value}, ${at})`;

  /**
   * Changes a live document at its place. The condition is one CASE, so that nothing of it is worked
   * out for a value that is not JSON. A row that `begin` has just made (seq -1) passes any guard.
   */
  const change = (parts: { to: string; where: string; from?: string; ttl?: boolean }) => ({
    sql: `update ${T} set value = ${parts.to}, updated_at_ms = $now_ms,
        ${stampOf(`iif(${T}.seq = -1, ${since.sinceOfNone("+$key")}, ${sinceOfRow})`)}
        ${parts.ttl === true ? ", expire_at_ms = ifnull($expire_at_ms, expire_at_ms)" : ""}
      from ${parts.from ?? placed}
      where ${T}.key = +$key and placed_key = ${T}.key and ${live} and (${T}.seq = -1 or (${guard}))
        and case when ${isJson} then ${parts.where} else false end
      ${stamped}`,
  });

  /** json_set does nothing where a path runs through a scalar or past an array's end: seen afterwards. */
  const reaches = (document: string) => `json_type(${document}, ${at}) is not null`;

  const withLeaf = `json_set(${value}, ${at}, ${LEAF_SQL})`;

  const oldNumber = `ifnull(${value} ->> ${at}, 0)`;
  const sum = `(${oldNumber} + $delta)`;
  const withSum = `json_set(${value}, ${at}, ${sum})`;

  const withElement = `iif(${typeThere} = 'array',
    json_insert(${value}, ${at} || '[#]', ${PUSHED_SQL}),
    json_set(${value}, ${at}, json_array(${PUSHED_SQL})))`;

  // With its limit it is worked out once, not wherever its columns are named.
  const chosen = `(select placed_key, placed.at as at, ${chosenIndexSql(value, at)} as chosen_index
    from ${T} join ${placed} on placed_key = ${T}.key where ${T}.key = +$key limit 1) placed`;
  const chosenPath = "placed.at || '[' || chosen_index || ']'";

  const there = {
    sql: `select ${isJson} as is_json,
        case when ${isJson} then ${typeThere} end as type,
        case when ${isJson} then value -> ${at} end as value,
        case when ${isJson} then json_array_length(value, ${at}) end as length,
        case when ${isJson} and ${typeThere} = 'array' then value -> (${at} || '[#-1]') end as last
      from ${T} join ${placed} on placed_key = ${T}.key where ${T}.key = +$key and ${live}`,
  };

  return {
    // ── reads ────────────────────────────────────────────────────────────────────────────────────
    /** A key's value and what is known about it. */
    get: {
      sql: `select ${stored} as value, content_type, created_at_ms, updated_at_ms, expire_at_ms, seq
        from ${T} where key = +$key and ${live}`,
    },
    /** The part of a key's value at a path, as JSON text; null where there is none. */
    getPath: {
      sql: `select ${isJson} as is_json, case when ${isJson} then value -> ${place} end as value,
          created_at_ms, updated_at_ms, expire_at_ms, seq
        from ${T} where key = +$key and ${live}`,
    },
    /** The same, and whether the value is JSON. */
    entry: {
      sql: `select ${stored} as value, ${isJson} as is_json, content_type, created_at_ms, updated_at_ms, expire_at_ms, seq
        from ${T} where key = +$key and ${live}`,
    },
    /** Several keys, in the order of `$keys`; null columns for those that are absent. */
    getMany: {
      sql: `select asked.value as key, ${stored} as value, ${T}.content_type as content_type,
          ${T}.seq as seq, ${isJson} as is_json
        from json_each($keys) asked left join ${T} on ${T}.key = asked.value and ${live}
        order by asked.key`,
    },
    /** Without the value, which may be long. */
    head: { sql: `select ${entryColumns} from ${T} where key = +$key and ${live}` },
    /** Why a key is absent: an expiry that has passed, whether or not the row was removed since. */
    lastOperation: { sql: `select op, expire_at_ms ${lastOperation("+$key")}` },
    /**
     * A page of keys in byte order, from `$from`, after `$after`, below `$below`. The index begins at
     * `$from`, which is not before `$after`: of two lower bounds SQLite would take either, and read a
     * table up to the other.
     */
    list: list(false, false),
    listValues: list(false, true),
    listReverse: list(true, false),
    listReverseValues: list(true, true),

    countRange: { sql: `select count(*) as count ${range}` },

    // ── looks: what an outcome tells beside the stamp ────────────────────────────────────────────
    /** Why a condition failed: the key as it is. */
    current: {
      sql: `select seq, ${isJson} as is_json, cast(value as blob) = cast($if_match as blob) as matches
        from ${T} where key = +$key and ${live}`,
    },
    /** One row if the conditions hold for the key as it is. */
    check: {
      sql: `select 1 as holds
        where iif(${exists}, exists (select 1 from ${T} where key = +$key and ${guard}), ${guardAbsent})`,
    },
    isJson: { sql: "select json_valid($value) as is_json" },
    /** What stands at the place, before or after a change. */
    there,
    /**
     * The same after a change that adds; no row if that made the value too large, or too deep to be
     * JSON (json_set complains of a deep leaf, but not of the levels that it makes on the way).
     */
    thereWithinLimits: {
      sql: `${there.sql} and octet_length(value) <= +$max_value_bytes and ${isJson}`,
    },
    /** The element that `removeAt` is about to take. */
    elementToRemove: {
      sql: `select case when chosen_index is not null then value -> (${chosenPath}) end as element
        from ${T} join ${chosen} on placed_key = ${T}.key where ${T}.key = +$key and ${live}`,
    },

    // ── stamps ───────────────────────────────────────────────────────────────────────────────────
    put: put(false),
    putIf: put(true),
    /** Before a change that makes an absent key: an expired one is absent. */
    dropExpired: { sql: `delete from ${T} where key = +$key and ${expired}` },
    /** Makes an absent key with the document `$start`, for the change that follows. */
    begin: {
      sql: `insert into ${T} (key, value, content_type, created_at_ms, updated_at_ms, seq, born_seq)
        select $key, $start, $start_type, $now_ms, $now_ms, -1, ${nextSeq} where ${guardAbsent}
        on conflict (key) do nothing`,
    },
    /** Sets a member of the document. */
    setAt: change({
      to: withLeaf,
      where: `json_valid($value) and ${reaches(withLeaf)}`,
      ttl: true,
    }),
    /** Adds `$delta` to a number; null and nothing count as 0. */
    addAt: change({
      to: withSum,
      where: `ifnull(${typeThere}, 'null') in ('integer', 'real', 'null')
        and (${typeThere} is 'real' or typeof(${sum}) = 'integer') and abs(${sum} + 0.0) < 9e999
        and ${reaches(withSum)}`,
    }),
    /** Appends an element; an array that is absent is made. */
    pushAt: change({
      to: withElement,
      where: `json_valid($body) and ifnull(${typeThere}, 'array') = 'array' and ${reaches(withElement)}`,
    }),
    /** Removes the last element. */
    popAt: change({
      to: `json_remove(${value}, ${at} || '[#-1]')`,
      where: `${typeThere} is 'array' and json_array_length(${value}, ${at}) > 0`,
    }),
    /** Removes one element, found by index or by value. */
    removeAt: change({
      to: `json_remove(${value}, ${chosenPath})`,
      from: chosen,
      where: "chosen_index is not null",
    }),
    /** Marks a live key as about to be deleted. */
    doom: {
      sql: `update ${T} set ${stamp} where key = +$key and ${live} and ${guard} returning seq`,
    },
    /** Sets the time to live; value and update time stay. */
    expire: {
      sql: `update ${T} set expire_at_ms = $expire_at_ms, ${stamp} where key = +$key and ${live} and ${guard} ${stamped}`,
    },
    /** Removes the time to live where there is one. */
    persist: {
      sql: `update ${T} set expire_at_ms = null, ${stamp}
        where key = +$key and ${live} and expire_at_ms is not null and ${guard} ${stamped}`,
    },

    // ── what follows a stamp ─────────────────────────────────────────────────────────────────────
    /** Adds the stamped row to the history. */
    record: {
      sql: `insert into ${H} (seq, key, op_number, at_ms, op, path, delta, value, content_type, created_at_ms,
          expire_at_ms, since_ms, actor, client_address)
        select seq, key, op_number, recorded_at_ms, $op, $path_text, $delta, value, content_type, created_at_ms,
          expire_at_ms, since_ms, $actor, $client_address
        from ${T} where key = +$key and changes() > 0`,
    },
    recordDelete: {
      sql: `insert into ${H} (seq, key, op_number, at_ms, op, since_ms, actor, client_address)
        select seq, key, op_number, recorded_at_ms, 'DELETE', since_ms, $actor, $client_address
        from ${T} where key = +$key and changes() > 0`,
    },
    /** A write with history=false: begins a gap, or moves the gap's row to the end of the log. */
    recordGap: {
      sql: `insert or replace into ${H} (seq, key, op_number, at_ms, op, content_type, expire_at_ms, since_ms)
        select seq, key, op_number, recorded_at_ms, 'UNRECORDED', iif($deleted, null, content_type),
          iif($deleted, null, expire_at_ms), since_ms
        from ${T} where key = +$key and changes() > 0`,
    },
    /** Records the deletion of the first keys of a range, which `removeRange` then removes. */
    recordRange: {
      sql: `insert or replace into ${H} (key, op_number, at_ms, op, since_ms, actor, client_address)
        select key, ${nextNumberOf(`${T}.key`)}, ${time}, iif($tracked, 'DELETE', 'UNRECORDED'),
          ${since.sinceOfRow(`${T}.key`, T)},
          $actor, $client_address
        ${range} order by key limit $limit`,
    },
    removeRange: {
      sql: `delete from ${T} where key in (select key ${range} order by key limit $limit)`,
    },
    /** Rows that the statement before changed. */
    changes: { sql: "select changes() as count" },
    /** Removes the row that was doomed and recorded. */
    remove: { sql: `delete from ${T} where key = +$key and changes() > 0` },
  };
}
