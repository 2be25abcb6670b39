/** SQL about stored values: whether they are JSON, where in them a path leads, what goes in and out. */

/** Whether a stored value is JSON text. Of a BLOB, which is not UTF-8 or holds NUL, json_valid looks at a part. */
export function isJsonSql(value: string): string {
  return `(typeof(${value}) <> 'blob' and json_valid(${value}))`;
}

/** A stored value as text or bytes: somebody's own SQL may have put a number there. */
export function storedSql(value: string): string {
  return `iif(typeof(${value}) = 'blob', ${value}, cast(${value} as text))`;
}

/**
 * The place in a document that a path means: `$path`, or where only the document can tell (`a.0`:
 * `$.a[0]` or `$.a."0"`), found step by step. Binds `$path` and `$steps` (json-path.ts).
 */
export function placeSql(value: string): string {
  return `iif($path is not null or not ${isJsonSql(value)}, ifnull($path, '$'), (
      with recursive walk(i, so_far) as (
        select 0, '$'
        union all
        select i + 1, so_far || case
          when step.value ->> 1 is null then step.value ->> 0
          when step.value ->> 0 is null or json_type(${value}, so_far) = 'array' then step.value ->> 1
          else step.value ->> 0 end
        from walk join json_each($steps) step on step.key = i
      ) select so_far from walk order by i desc limit 1))`;
}

/** `$value` as the member of a document that is set; what is not JSON is judged elsewhere. */
export const LEAF_SQL = "json(iif(json_valid($value), $value, 'null'))";

const body = "iif(json_valid($body), $body, 'null')";
/** The element that `$body` brings: `{"value": x}` stands for x, anything else for itself (contracts/hoody.md 1.14). */
export const PUSHED_SQL = `json(case
    when json_type(${body}) = 'object' and (select count(*) from json_each(${body})) = 1
      and json_type(${body}, '$.value') is not null then ${body} -> '$.value'
    else ${body} end)`;

/**
 * Which element of the array at a place is meant: by `$index`; else the first that equals `$wanted`;
 * else, for an object, the first object with all its members. Null for none.
 */
export function chosenIndexSql(value: string, at: string): string {
  const typeThere = `json_type(${value}, ${at})`;
  const firstItem = (condition: string) =>
    `(select item.key from json_each(${value}, ${at}) item where ${condition} order by item.key limit 1)`;
  return `case
    when not ${isJsonSql(value)} then null
    when ${typeThere} is not 'array' then null
    when $index is not null then iif($index between 0 and json_array_length(${value}, ${at}) - 1, $index, null)
    when json_type(${wanted}) not in ('object', 'array') then
      ${firstItem(`${numeric("item.type")} = ${numeric(`json_type(${wanted})`)} and item.atom is ${wanted} ->> '$'`)}
    else coalesce(
      ${firstItem(`item.type = json_type(${wanted})
        and json_array_length(item.value) = json_array_length(${wanted})
        and ${contains("item.value", wanted)} and ${contains(wanted, "item.value")}`)},
      iif(json_type(${wanted}) = 'object' and ${wanted} -> '$' <> '{}',
        ${firstItem(`item.type = 'object' and ${contains("item.value", wanted)}`)}, null))
    end`;
}

/** Null for what SQLite does not take for JSON, which is in no array. */
const wanted = "iif(json_valid($wanted), $wanted, null)";

const numeric = (type: string) => `iif(${type} in ('integer', 'real'), 'number', ${type})`;

/**
 * Two containers as rows, their members and elements: the same rows are the same document. The way to
 * each is made of decoded names (json_tree's "fullkey" has them as they were written), and an array
 * counts with its length, so that one that only begins with another is not the same. Each step reads
 * the text of one container: joining json_tree with itself took a minute for an object of 5,000
 * members.
 */
const rowsOf = (container: string) => `select way, ${numeric("type")} as kind, atom,
      iif(type = 'array', json_array_length(value), null) as length from (
      with recursive walk (way, type, atom, value) as (
        select '', json_type(${container}), null, ${container}
        union all
        select way || '/' || json_quote(part.key), part.type, part.atom, part.value
        from walk join json_each(iif(walk.type in ('object', 'array'), walk.value, '[]')) part
      ) select * from walk)`;

const contains = (outer: string, inner: string) =>
  `not exists (${rowsOf(inner)} except ${rowsOf(outer)})`;
