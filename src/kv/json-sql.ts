/** SQL about stored values: whether they are JSON, and where in them a path leads. */

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
