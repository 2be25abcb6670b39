/**
 * The SQL of time travel: what a table was at a moment, what happened to a key, going back.
 *
 * A moment of one key is found by halving its operations, whose times are in order; a moment of the
 * whole log by halving its sequence numbers. So both cost a logarithm of the history's length, and
 * what depends on a window of time costs no more than the operations in it.
 *
 * Moments are bound as `$t_ms`. The present is not a moment of the log: a clock that was set back
 * leaves operations ahead of it, and they count (contracts/hoody.md 0.0, decision 10). So for the
 * present `$is_now` is 1 and `$t_ms` beyond all times.
 */
import type { Relation, Statement } from "../engine/plan.ts";
import { isJsonSql as isJson, placeSql, storedSql as stored } from "./json-sql.ts";
import { historyTable } from "./relation.ts";
import { logTime } from "./stamp.ts";

export type TimeStatements = ReturnType<typeof makeTimeStatements>;

/** The statements of a relation; made once, prepared by each open database that uses them. */
export function timeStatements(relation: Relation): TimeStatements {
  let statements = made.get(relation);
  if (statements === undefined) {
    statements = makeTimeStatements(relation.name);
    made.set(relation, statements);
  }
  return statements;
}

const made = new WeakMap<Relation, TimeStatements>();

/** A column of a table, and its name as it stands in SQL. */
export interface NamedColumn {
  readonly column: string;
  readonly quoted: string;
}

/** What going back is about to do, of one plan; each rollback fills it anew. */
const WANTED = "temp.chronolite_wanted";
const MARK = "insert into temp.chronolite_dropped";
/** In `expire_at_ms`: the row is about to be deleted, within the transaction that says so. */
const DOOMED = -1;
/** In WANTED's `gap`: what was there then was dropped. 1 is a gap, 0 none. */
export const PRUNED = 2;

function makeTimeStatements(name: string) {
  // Of the file, whatever temporary view has taken the name (`asThen`).
  const T = `main."${name}"`;
  const H = `main."${historyTable(name)}"`;

  const firstOf = (key: string) =>
    `(select min(op_number) from ${H} where key = ${key} and op_number is not null)`;
  const lastOf = (key: string) =>
    `(select max(op_number) from ${H} where key = ${key} and op_number is not null)`;
  /** What is past its time by now, or was before the clock was set back, may have been removed. */
  const thisTime = logTime(H, "+$now_ms");
  const sameState = (a: string, b: string) =>
    `${a}.value is ${b}.value and ${a}.content_type is ${b}.content_type and ${a}.expire_at_ms is ${b}.expire_at_ms`;

  /** Number of the key's last operation by a moment; one less than its first where there is none. */
  const lastBy = (key: string, t: string) => `(
      with recursive search(low, high) as (
        select ${firstOf(key)} - 1, ${lastOf(key)}
        union all
        select iif(h.at_ms <= ${t}, h.op_number, low), iif(h.at_ms <= ${t}, high, h.op_number - 1)
        from search join ${H} h on h.key = ${key} and h.op_number = (low + high + 1) / 2
        where low < high
      ) select low from search where low = high)`;

  /** The newest row of the log by a moment. Numbers are missing where gaps moved or were dropped. */
  const seqBy = (t: string) => `(
      with recursive search(low, high) as (
        select (select min(seq) from ${H}) - 1, (select max(seq) from ${H})
        union all
        select iif(h.at_ms <= ${t}, (low + high + 1) / 2, low), iif(h.at_ms <= ${t}, high, h.seq - 1)
        from search join ${H} h on h.seq = (select max(seq) from ${H} where seq <= (low + high + 1) / 2)
        where low < high
      ) select low from search where low = high)`;

  /**
   * Keys as they were at a moment. Verdicts: `recorded` (by operation `p`), `current` (the row `c` as it
   * is now, which no operation accounts for unless it is the present), `absent`, `expired`, `gap`
   * (nobody knows), `pruned` (nobody knows any more).
   *
   * p: the last operation by then; n: the one after it; c: the key's row now.
   */
  const statesAt = (asked: string, t: string, isNow: string) =>
    statesOf(
      `select asked.key as key, ${lastBy("asked.key", t)} as place from (${asked}) asked`,
      t,
      isNow,
    );
  /** The same of keys with the number of their last operation by then, as `lastBy` has it. */
  const statesOf = (placed: string, t: string, isNow: string) => {
    const byOperation = `case when p.content_type is null then 'absent'
          when p.expire_at_ms <= ${t} then 'expired' else 'recorded' end`;
    const live = (at: string) => `iif(c.expire_at_ms <= ${at}, 'expired', 'current')`;
    return `with placed as materialized (${placed})
      select placed.key as key, place, p.at_ms as op_at_ms, p.op_number as p_number,
        p.seq is c.seq and ${sameState("p", "c")} and p.op <> 'UNRECORDED' as as_recorded,
        case
          when n.key is null then case
            when ${isNow} then iif(c.key is null, iif(p.expire_at_ms <= ${thisTime}, 'expired', 'absent'), ${live("+$now_ms")})
            when p.key is null then case
              when c.key is null then 'absent' when c.updated_at_ms <= ${t} then ${live(t)} else 'gap' end
            when p.op = 'UNRECORDED' then case
              when c.key is null then case
                when p.content_type is null then 'absent'
                when p.expire_at_ms <= ${t} then 'expired'
                else 'gap' end
              when c.seq is not p.seq then 'gap'
              else ${live(t)} end
            when p.content_type is null then iif(c.key is null, 'absent', 'gap')
            when c.key is null then iif(p.expire_at_ms <= ${thisTime}, ${byOperation}, 'gap')
            when p.seq is c.seq and ${sameState("p", "c")} then ${byOperation}
            else 'gap' end
          when p.key is null and n.op_number > 1 then 'pruned'
          when p.op = 'UNRECORDED' or exists (select 1 from ${H} g indexed by "${historyTable(name)}_gap"
            where g.seq = n.seq and g.since_ms is not null and g.since_ms <= ${t}) then 'gap'
          when p.key is null then 'absent'
          else ${byOperation} end as verdict
      from placed
        left join ${H} p on p.key = placed.key and p.op_number = placed.place
        left join ${H} n on n.key = placed.key and n.op_number = placed.place + 1
        left join ${T} c on c.key = placed.key and n.key is null`;
  };
  /** The columns of a state's value, from `p` or `c` again: only for the rows that are wanted. */
  const withValue = (state: string) =>
    `left join ${H} p on p.key = ${state}.key and p.op_number = ${state}.place and ${state}.verdict = 'recorded'
     left join ${T} c on c.key = ${state}.key and ${state}.verdict = 'current'`;
  const opNumber = (state: string) => `case ${state}.verdict
        when 'recorded' then ${state}.p_number
        when 'current' then iif(${state}.as_recorded, ${state}.p_number, iif(${state}.place is null, null, 0)) end`;
  const opTime = (state: string) =>
    `iif(${opNumber(state)} > 0, ${state}.op_at_ms, ${opNumber(state)})`;

  const oneKey = "select $key as key";
  /** Every key of a range that is or was, each found by one step in the index. */
  const allKeys = `with recursive recorded(key) as (
        select min(key) from ${H} where key >= +$from and key < +$below and op_number is not null
        union all
        select (select min(key) from ${H} where key > recorded.key and key < +$below and op_number is not null)
        from recorded where recorded.key is not null)
      select key from recorded where key is not null
        and ($suffix is null or substr(key, -length($suffix)) = $suffix)
        and ($contains is null or instr(key, $contains) > 0)
      union
      select key from ${T} where key >= +$from and key < +$below
        and ($suffix is null or substr(key, -length($suffix)) = $suffix)
        and ($contains is null or instr(key, $contains) > 0)`;
  /**
   * All keys with their places, by one look at every operation: the index has all that it takes. Where
   * keys have few operations each, that is much faster than halving those of each key.
   */
  const allPlaces = `select key, ifnull(max(iif(seq <= ${seqBy("+$t_ms")}, op_number, null)), min(op_number) - 1) as place
      from ${H} where op_number is not null group by key
      union all
      select key, null from ${T} t
      where not exists (select 1 from ${H} h where h.key = t.key and h.op_number is not null)`;
  const present = "verdict in ('recorded', 'current')";
  const unknown = "verdict in ('gap', 'pruned')";

  // ── the table for SQL ──────────────────────────────────────────────────────────────────────────
  const either = (column: string, current = column) => `coalesce(p.${column}, c.${current})`;
  /** With the affinity that the column has, which decides how it is compared. */
  const as = (type: "text" | "integer", expression: string) => `cast(${expression} as ${type})`;
  /**
   * The columns of a row from what the history has of it. A new time to live does not count as an
   * update, and which write made a key is known while that key lives.
   */
  const columnsThen: Readonly<Record<string, string>> = {
    key: "state.key",
    value: either("value"),
    content_type: as("text", either("content_type")),
    created_at_ms: as("integer", either("created_at_ms")),
    updated_at_ms: as(
      "integer",
      `coalesce(c.updated_at_ms, (select h.at_ms from ${H} h where h.key = state.key
        and h.op_number <= state.place and h.op <> 'TTL' order by h.op_number desc limit 1))`,
    ),
    expire_at_ms: as("integer", either("expire_at_ms")),
    op_number: as("integer", either("op_number")),
    seq: as("integer", either("seq")),
    recorded_at_ms: as("integer", either("at_ms", "recorded_at_ms")),
    born_seq: as(
      "integer",
      `coalesce(c.born_seq, (select born.born_seq from ${T} born
        where born.key = state.key and born.born_seq <= p.seq))`,
    ),
    since_ms: as("integer", either("since_ms")),
  };

  // ── between two moments ────────────────────────────────────────────────────────────────────────
  const [fromMs, toMs] = ["+$from_ms", "+$to_ms"];
  /** Keys with operations in the window, and keys of which nobody knows because a gap reaches into it. */
  const keysBetween = `select key from ${H}
        where seq > ${seqBy(fromMs)} and seq <= ${seqBy(toMs)} and op_number is not null
      union
      select key from ${H} indexed by "${historyTable(name)}_gap"
        where seq > ${seqBy(toMs)} and since_ms is not null and since_ms <= ${toMs} and op_number is not null
      limit $limit`;
  const givenKeys = "select value as key from json_each($keys)";
  const diffOf = (asked: string) => ({
    sql: `with asked as materialized (${asked}),
      a as materialized (${statesAt("select key from asked", fromMs, "0")}),
      b as materialized (${statesAt("select key from asked", toMs, "$is_now")})
      select a.key as key, a.verdict as from_verdict, b.verdict as to_verdict,
        ${stored("coalesce(ap.value, ac.value)")} as from_value, ${isJson("coalesce(ap.value, ac.value)")} as from_is_json,
        coalesce(ap.content_type, ac.content_type) as from_type, coalesce(ap.expire_at_ms, ac.expire_at_ms) as from_expire_at_ms,
        ${stored("coalesce(bp.value, bc.value)")} as to_value, ${isJson("coalesce(bp.value, bc.value)")} as to_is_json,
        coalesce(bp.content_type, bc.content_type) as to_type, coalesce(bp.expire_at_ms, bc.expire_at_ms) as to_expire_at_ms
      from a join b on b.key = a.key
        left join ${H} ap on ap.key = a.key and ap.op_number = a.place and a.verdict = 'recorded'
        left join ${T} ac on ac.key = a.key and a.verdict = 'current'
        left join ${H} bp on bp.key = b.key and bp.op_number = b.place and b.verdict = 'recorded'
        left join ${T} bc on bc.key = b.key and b.verdict = 'current'
      order by a.key`,
  });

  // ── going back ─────────────────────────────────────────────────────────────────────────────────
  /** The key's row is what its last operation made of it, so far as that is known. */
  const lastHolds = (last: string, row: string) => `case
      when ${last}.op = 'UNRECORDED' then 1
      when ${last}.content_type is null then ${row}.key is null
      when ${row}.key is null then ${last}.expire_at_ms <= ${thisTime}
      else ${last}.seq is ${row}.seq and ${sameState(last, row)} end`;
  const liveNow = (row: string) =>
    `${row}.key is not null and (${row}.expire_at_ms is null or ${row}.expire_at_ms > +$now_ms)`;
  /**
   * Fills WANTED from `targets`: key, target (the operation whose state is wanted), undone, gap, and
   * `known` (whether that operation's value is wanted; else the key is to be absent). What would have
   * expired by now is absent.
   */
  const want = (withs: string, targets: string) => ({
    sql: `insert into ${WANTED}
      with ${withs}
      targets as (${targets})
      select targets.key, targets.target, targets.undone, targets.gap,
        targets.known and h.content_type is not null and (h.expire_at_ms is null or h.expire_at_ms > +$now_ms),
        ${liveNow("c")}, last.op_number, iif(ifnull(${lastHolds("last", "c")}, 0), null, last.at_ms),
        h.value, h.content_type, h.created_at_ms, h.expire_at_ms,
        c.key is not null and c.value is h.value and c.content_type is h.content_type and c.expire_at_ms is h.expire_at_ms
      from targets
        join ${H} last on last.key = targets.key and last.op_number = ${lastOf("targets.key")}
        left join ${H} h on h.key = targets.key and h.op_number = targets.target
        left join ${T} c on c.key = targets.key`,
  });
  const gapWithin = (key: string, place: string) =>
    `exists (select 1 from ${H} g where g.key = ${key} and g.op_number > ${place} and g.since_ms is not null)`;
  const byMoment = (asked: string, strict: boolean) =>
    want(
      `states as materialized (${statesAt(asked, "+$t_ms", "0")}),`,
      `select key, ifnull(place, 0) as target, ${lastOf("states.key")} - place as undone,
        iif(verdict = 'pruned', ${PRUNED}, verdict = 'gap'${strict ? ` or ${gapWithin("states.key", "states.place")}` : ""}) as gap,
        verdict = 'recorded' as known from states`,
    );
  const changes = "(w.present <> w.live or (w.present and not w.same))";
  const nextSeq = `ifnull((select max(seq) from ${H}), 0)`;
  /** Operations that a later rollback undid: those between a rollback and what it went back to. */
  const undoneRanges = `rolled(number, target) as (
        select op_number, target_op_number from (
          select op_number, target_op_number from ${H} where key = +$key and target_op_number is not null
          order by op_number desc limit 1)
        union all
        select r.op_number, r.target_op_number from rolled join ${H} r on r.key = +$key and r.op_number = (
          select max(op_number) from ${H} where key = +$key and target_op_number is not null and op_number <= rolled.target))`;

  /**
   * How far a look at the log from `$since` reaches. Without a prefix every row counts, and the page's
   * own limit ends it; and where few numbers are ahead, the newest row is within reach.
   */
  const scannedTo = `(select case
      when +$from = '' or +$since + $scan >= (select max(seq) from ${H}) then (select max(seq) from ${H})
      else (select max(seq) from (select seq from ${H} where seq > +$since order by seq limit $scan)) end)`;

  return {
    /** One key at a moment, with its value. */
    keyAt: {
      sql: `select state.verdict as verdict, ${opNumber("state")} as op_number, ${opTime("state")} as op_at_ms,
          ${stored("coalesce(p.value, c.value)")} as value, ${isJson("coalesce(p.value, c.value)")} as is_json,
          coalesce(p.content_type, c.content_type) as content_type
        from (${statesAt(oneKey, "+$t_ms", "$is_now")}) state ${withValue("state")}`,
    },
    /** The same, with the part at a path as `part`, JSON text. */
    keyPathAt: {
      sql: `with found as materialized (
          select state.verdict as verdict, ${opNumber("state")} as op_number, ${opTime("state")} as op_at_ms,
            coalesce(p.value, c.value) as value
          from (${statesAt(oneKey, "+$t_ms", "$is_now")}) state ${withValue("state")})
        select verdict, op_number, op_at_ms, 'application/json' as content_type, ${isJson("value")} as is_json,
          case when ${isJson("value")} then value -> ${placeSql("found.value")} end as value
        from found`,
    },
    /**
     * The keys of a range at a moment: a page of those there were, all those nobody knows of, and how
     * many there were. Values are left out unless `$values`.
     */
    tableAt: {
      sql: `with states as materialized (${statesAt(allKeys, "+$t_ms", "$is_now")}),
        numbered as (
          select *, sum(${present}) over (order by key rows unbounded preceding) as number,
            sum(${present}) over () as total
          from states)
        select state.key as key, state.verdict as verdict, ${opNumber("state")} as op_number, state.total as total,
          coalesce(p.content_type, c.content_type) as content_type,
          octet_length(coalesce(p.value, c.value)) as size,
          sum(octet_length(coalesce(p.value, c.value))) over (order by state.key) > $max_bytes as too_much,
          iif($values, ${stored("coalesce(p.value, c.value)")}, null) as value,
          iif($values, ${isJson("coalesce(p.value, c.value)")}, null) as is_json
        from numbered state ${withValue("state")}
        where ${unknown} or (${present} and number > $offset and number <= $offset + $limit)
        order by state.key`,
    },
    /**
     * The table as SQL reads it at a moment: `states` and `rows` are names of temporary objects to make,
     * then a view of the table's own name takes its place. What somebody else added to the table is not
     * recorded, so it is known of the present alone.
     * @param columns of the table as it is now, in their order
     */
    asThen: (states: string, rows: string, columns: readonly NamedColumn[], isNow: boolean) => ({
      makeStates: `create temp table "${states}" (
        key text primary key not null, place integer, verdict text) strict, without rowid`,
      /** Every key there was, and every key of which nobody knows. */
      fillByHalving: `insert into temp."${states}" (key, place, verdict)
        select key, place, verdict from (${statesAt(allKeys, "+$t_ms", "$is_now")})
        where ${present} or ${unknown}`,
      fillByScan: `insert into temp."${states}" (key, place, verdict)
        select key, place, verdict from (${statesOf(allPlaces, "+$t_ms", "$is_now")})
        where ${present} or ${unknown}`,
      /** What tells which is faster. */
      size: `select (select count(*) from ${T}) as keys,
          (select max(seq) from ${H}) - (select min(seq) from ${H}) as operations`,
      unknownKeys: `select key from temp."${states}" where ${unknown} order by key`,
      makeRows: `create temp view "${rows}" as
        select ${columns
          .map(({ column, quoted }) => {
            const then = isNow ? `c.${quoted}` : (columnsThen[column.toLowerCase()] ?? "null");
            return `${then} as ${quoted}`;
          })
          .join(", ")}
        from temp."${states}" state ${withValue("state")} where ${present}`,
      makeView: `create temp view "${name}" as select * from temp."${rows}"`,
    }),
    /** Keys that may have changed between two moments, as they were at both. */
    diff: diffOf(keysBetween),
    diffOfKeys: diffOf(givenKeys),
    /** The operations between two moments, in order. */
    operationsBetween: {
      sql: `select key, op_number, op, path, cast(delta as text) as delta, at_ms from ${H}
        where seq > ${seqBy(fromMs)} and seq <= ${seqBy(toMs)} and op_number is not null
          and ($keys is null or key in (select value from json_each($keys)))
        order by seq limit $limit`,
    },

    /** A key's operations, newest first, below `$before`; one more than asked, for what was before it. */
    history: {
      sql: `with recursive ${undoneRanges},
        page as materialized (
          select op_number, octet_length(value) as size from ${H}
          where key = +$key and op_number is not null and op_number < +$before
          order by op_number desc limit $limit),
        bounded as (
          select op_number, sum(size) over (order by op_number desc) - size <= $max_bytes as fits,
            row_number() over (order by op_number desc) as number
          from page)
        select h.op_number as op_number, at_ms, op, path, cast(delta as text) as delta, ${stored("value")} as value,
          ${isJson("value")} as is_json, content_type, created_at_ms, expire_at_ms, since_ms, target_op_number,
          actor, client_address, ${firstOf("+$key")} as first_number,
          exists (select 1 from rolled where rolled.target < h.op_number and h.op_number < rolled.number) as undone
        from bounded join ${H} h on h.key = +$key and h.op_number = bounded.op_number
        where ifnull(fits, 1) or number <= 2
        order by h.op_number desc`,
    },
    /** Whether the key is as its last operation left it, and when that was. */
    lastHolds: {
      sql: `select last.op_number as op_number, last.at_ms as at_ms, ifnull(${lastHolds("last", "c")}, 0) as holds
        from ${H} last left join ${T} c on c.key = last.key
        where last.key = +$key and last.op_number = ${lastOf("+$key")}`,
    },
    /** One operation of a key, and the numbers of its first and last. */
    operation: {
      sql: `select h.op as op, ${stored("h.value")} as value, ${isJson("h.value")} as is_json,
          h.content_type as content_type, ${firstOf("+$key")} as first_number, ${lastOf("+$key")} as last_number
        from (select 1) left join ${H} h on h.key = +$key and h.op_number = +$op_number`,
    },
    /** From when on everything is known, and the newest row of the log that was dropped. */
    horizon: {
      sql: `select horizon_ms, pruned_seq from chronolite_relations where name = '${name}'`,
    },

    /**
     * Where a moment is in the log, by numbers of its rows: `first`, `last`, and `at`, the newest by then
     * (or one less than the first). `previous_ms` is the newest time before that of `at`.
     */
    placeInLog: {
      sql: `with ends as materialized (
          select (select min(seq) from ${H}) as first, (select max(seq) from ${H}) as last, ${seqBy("+$t_ms")} as at),
        newest as materialized (select at_ms from ends join ${H} on seq = at)
        select first, last, at, (select at_ms from ${H} where seq = first) as first_ms,
          (select at_ms from ${H} where seq = last) as last_ms, (select at_ms from newest) as newest_ms,
          (select at_ms from ${H} where seq = (select ${seqBy("newest.at_ms - 1")} from newest)) as previous_ms,
          (select at_ms from ${H} where seq = (select min(seq) from ${H} where seq > at)) as next_ms
        from ends`,
    },
    /** The log in `$buckets` parts of the same length, at the most: the end of each, and its newest row. */
    buckets: {
      sql: `with log as materialized (
          select (select at_ms from ${H} order by seq limit 1) as first_ms,
            (select at_ms from ${H} order by seq desc limit 1) + 1 as end_ms),
        bucket(number, count) as (
          select 1, min(+$buckets, end_ms - first_ms) from log where first_ms is not null and +$buckets > 0
          union all
          select number + 1, count from bucket where number < count),
        ends as materialized (
          select number, first_ms + (end_ms - first_ms) * number / count - 1 as to_ms from bucket join log)
        select to_ms, ${seqBy("ends.to_ms")} as seq from ends order by number`,
    },

    /** One row if the moment is not before the horizon. Required. */
    withinHorizon: {
      sql: `select 1 as fine where not exists (
          select 1 from chronolite_relations where name = '${name}' and horizon_ms > +$t_ms)`,
    },

    /** Makes WANTED, empty. */
    wantedTable: {
      sql: `create temp table if not exists chronolite_wanted (
          key text primary key not null, target integer, undone integer, gap integer, present integer,
          live integer, last_number integer, since_ms integer,
          value any, content_type text, created_at_ms integer, expire_at_ms integer, same integer) strict`,
    },
    forgetWanted: { sql: `delete from ${WANTED}` },
    /** Undoing the newest `$steps` operations that are not undone; rollbacks themselves do not count. */
    wantSteps: want(
      `recursive walk(depth, number, remaining, gap) as (
          select 0, ${lastOf("+$key")}, +$steps, 0
          union all
          select depth + 1, ifnull(h.target_op_number, h.op_number - 1), remaining - (h.target_op_number is null),
            gap or (h.target_op_number is null and h.since_ms is not null)
          from walk join ${H} h on h.key = +$key and h.op_number = walk.number
          where h.target_op_number is not null or remaining > 0),
        reached as (select number, remaining, gap from walk order by depth desc limit 1),`,
      `select $key as key, number as target, +$steps - remaining as undone,
          gap or (number > 0 and number < ${firstOf("+$key")})
            or exists (select 1 from ${H} h where h.key = +$key and h.op_number = number and h.op = 'UNRECORDED') as gap,
          1 as known
        from reached where number is not null`,
    ),
    /** Going back to the state after an operation. */
    wantOperation: want(
      "",
      `select key, op_number as target, ${lastOf("+$key")} - op_number as undone,
          op = 'UNRECORDED' as gap, 1 as known
        from ${H} where key = +$key and op_number = +$op_number`,
    ),
    /** Going back to the state at a moment. */
    wantMoment: byMoment(oneKey, false),
    /** The same for every key with operations since, but for the excluded ones. */
    wantTable: byMoment(
      `select distinct key from ${H} not indexed where seq > ifnull(${seqBy("+$t_ms")}, 0) and op_number is not null
        and ($keys is null or key in (select value from json_each($keys)))
        and ($exclude is null or key not in (select value from json_each($exclude)))`,
      true,
    ),
    /** What will be done to each key, for the answer. `$values`: with the values now and then. */
    wanted: {
      sql: `select w.key as key, w.undone as undone, w.present as present, w.live as live,
          iif($values, ${stored("c.value")}, null) as value, iif($values, ${isJson("c.value")}, null) as is_json,
          c.content_type as content_type,
          iif($values and w.present, ${stored("w.value")}, null) as wanted_value,
          iif($values and w.present, ${isJson("w.value")}, null) as wanted_is_json,
          iif(w.present, w.content_type, null) as wanted_type
        from ${WANTED} w left join ${T} c on c.key = w.key
        where not (w.gap or w.since_ms is not null) and ${changes} order by w.key limit $limit`,
    },
    /** The same as numbers; `back`: operations undone, also where the state stays the same. */
    wantedTotals: {
      sql: `select count(*) as keys, sum(is_gap) as gaps, max(gap) as worst_gap, sum(undone) as back,
          sum(is_change and present and live) as rolled_back, sum(is_change and present and not live) as restored,
          sum(is_change and not present) as deleted, sum(iif(is_change, undone, 0)) as undone
        from (
          select undone, present, live, gap, gap or since_ms is not null as is_gap,
            not (gap or since_ms is not null) and ${changes} as is_change
          from ${WANTED} w)`,
    },
    /** Keys that nobody knows how to take back, or that a change without a record would be lost of. */
    wantedGaps: {
      sql: `select key from ${WANTED} where gap or since_ms is not null order by key limit $limit`,
    },
    /** No row, ever: required, it undoes a plan that is only a preview. */
    never: { sql: "select 1 where false" },
    /** One row if nothing stands in the way. Required. */
    noGap: { sql: `select 1 as fine where not exists (select 1 from ${WANTED} where gap)` },
    /** The same where what was changed without a record must not be lost either. */
    noGapNorChange: {
      sql: `select 1 as fine where not exists (select 1 from ${WANTED} where gap or since_ms is not null)`,
    },
    /** One row if there is something to undo, recorded or not. Required. */
    somethingUndone: {
      sql: `select 1 as fine from ${WANTED} where undone > 0 or since_ms is not null`,
    },
    /** Leaves only what changes something. */
    dropUnchanged: {
      sql: `delete from ${WANTED} as w where not (${changes})`,
    },
    stampWanted: {
      sql: `insert into ${T} (key, value, content_type, created_at_ms, updated_at_ms, expire_at_ms, op_number,
            recorded_at_ms, seq, born_seq, since_ms)
          select key, iif(present, value, ''), iif(present, content_type, ''), iif(present, created_at_ms, 0), $now_ms,
            iif(present, expire_at_ms, ${DOOMED}), last_number + 1, ${thisTime},
            ${nextSeq} + row_number() over (order by key), ${nextSeq} + row_number() over (order by key), since_ms
          from ${WANTED} where true
          on conflict (key) do update set value = excluded.value, content_type = excluded.content_type,
            created_at_ms = excluded.created_at_ms, updated_at_ms = excluded.updated_at_ms,
            expire_at_ms = excluded.expire_at_ms, op_number = excluded.op_number,
            recorded_at_ms = excluded.recorded_at_ms, seq = excluded.seq, since_ms = excluded.since_ms`,
    },
    recordWanted: {
      sql: `insert into ${H} (seq, key, op_number, at_ms, op, value, content_type, created_at_ms, expire_at_ms, since_ms,
            target_op_number, actor, client_address)
          select t.seq, t.key, t.op_number, t.recorded_at_ms, 'ROLLBACK', iif(w.present, t.value, null),
            iif(w.present, t.content_type, null), iif(w.present, t.created_at_ms, null),
            iif(w.present, t.expire_at_ms, null), t.since_ms, w.target, $actor, $client_address
          from ${WANTED} w join ${T} t on t.key = w.key order by t.seq`,
    },
    removeDoomed: { sql: `delete from ${T} where expire_at_ms = ${DOOMED}` },
    /** The tag and expiry of a key that was rolled back. */
    stampOfKey: { sql: `select seq, expire_at_ms from ${T} where key = +$key` },

    // ── changes ──────────────────────────────────────────────────────────────────────────────────
    /**
     * What followed a row of the log. At most `$scan` rows are looked at, of which `scanned` is the
     * last, and no more than the page needs.
     */
    changes: {
      sql: `with page as materialized (
          select seq from ${H} where seq > +$since and seq <= ${scannedTo} and key >= +$from and key < +$below
          order by seq limit $limit)
        select h.seq as seq, key, op, at_ms, content_type, expire_at_ms,
          iif($values and sum(octet_length(value)) over (order by h.seq) <= $max_bytes, ${stored("value")}, null) as value,
          ${isJson("value")} as is_json
        from page join ${H} h on h.seq = page.seq order by h.seq`,
    },
    /** The last of the rows that a look at the log from `$since` takes in. */
    scanned: { sql: `select ${scannedTo} as seq` },
    newest: { sql: `select max(seq) as seq from ${H}` },

    // ── forgetting ───────────────────────────────────────────────────────────────────────────────
    droppedTable: {
      sql: "create temp table if not exists chronolite_dropped (seq integer primary key)",
    },
    forgetMarked: { sql: "delete from temp.chronolite_dropped" },
    /**
     * Rows from before the horizon that are not the last of their key before it. The newest of all
     * stays, even an expiry: the log counts on from it, and a number that came twice would be missed.
     */
    oldRows: {
      sql: `${MARK}
        select seq from ${H} h where seq <= ${seqBy("+$horizon_ms")} and seq < (select max(seq) from ${H})
          and (op_number is null or exists (
            select 1 from ${H} next where next.key = h.key and next.op_number = h.op_number + 1
              and next.at_ms <= +$horizon_ms))
        order by seq limit $limit`,
    },
    /** Rows of keys that have more operations than are kept. */
    surplusRows: {
      sql: `${MARK}
        with recursive recorded(key) as (
          select min(key) from ${H} where op_number is not null
          union all
          select (select min(key) from ${H} where key > recorded.key and op_number is not null)
          from recorded where recorded.key is not null)
        select h.seq from recorded join ${H} h on h.key = recorded.key
          and h.op_number <= ${lastOf("recorded.key")} - $max_ops
        where recorded.key is not null limit $limit`,
    },
    /** The rows that one of these would mark, without marking them. */
    prunable: (mark: Statement): Statement => ({ sql: mark.sql.slice(MARK.length) }),
    /** Remembers the newest row that is dropped, and tells how many are. */
    notePruned: {
      sql: `update chronolite_relations
        set pruned_seq = max(ifnull(pruned_seq, 0), ifnull((select max(seq) from temp.chronolite_dropped), 0))
        where name = '${name}'
        returning (select count(*) from temp.chronolite_dropped) as count`,
    },
    dropMarked: {
      sql: `delete from ${H} where seq in (select seq from temp.chronolite_dropped)`,
    },
    moveHorizon: {
      sql: `update chronolite_relations set horizon_ms = max(ifnull(horizon_ms, 0), +$horizon_ms) where name = '${name}'`,
    },
  };
}
