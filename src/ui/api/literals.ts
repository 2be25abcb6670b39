/** SQL text made from names and values, for statements that people read before they run. */
import { type Cell, isBlob } from "./sql.ts";

const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Words that SQLite takes for something else when they stand alone. */
const KEYWORDS = new Set(
  (
    "ABORT ACTION ADD AFTER ALL ALTER ALWAYS ANALYZE AND AS ASC ATTACH AUTOINCREMENT BEFORE BEGIN BETWEEN BY " +
    "CASCADE CASE CAST CHECK COLLATE COLUMN COMMIT CONFLICT CONSTRAINT CREATE CROSS CURRENT CURRENT_DATE " +
    "CURRENT_TIME CURRENT_TIMESTAMP DATABASE DEFAULT DEFERRABLE DEFERRED DELETE DESC DETACH DISTINCT DO DROP EACH " +
    "ELSE END ESCAPE EXCEPT EXCLUDE EXCLUSIVE EXISTS EXPLAIN FAIL FILTER FIRST FOLLOWING FOR FOREIGN FROM FULL " +
    "GENERATED GLOB GROUP GROUPS HAVING IF IGNORE IMMEDIATE IN INDEX INDEXED INITIALLY INNER INSERT INSTEAD " +
    "INTERSECT INTO IS ISNULL JOIN KEY LAST LEFT LIKE LIMIT MATCH MATERIALIZED NATURAL NO NOT NOTHING NOTNULL NULL " +
    "NULLS OF OFFSET ON OR ORDER OTHERS OUTER OVER PARTITION PLAN PRAGMA PRECEDING PRIMARY QUERY RAISE RANGE " +
    "RECURSIVE REFERENCES REGEXP REINDEX RELEASE RENAME REPLACE RESTRICT RETURNING RIGHT ROLLBACK ROW ROWS " +
    "SAVEPOINT SELECT SET TABLE TEMP TEMPORARY THEN TIES TO TRANSACTION TRIGGER UNBOUNDED UNION UNIQUE UPDATE " +
    "USING VACUUM VALUES VIEW VIRTUAL WHEN WHERE WINDOW WITH WITHOUT"
  ).split(" "),
);

/** A name as SQL wants it: quoted where it must be. */
export function quoteIdentifier(name: string): string {
  return PLAIN_NAME.test(name) && !KEYWORDS.has(name.toUpperCase())
    ? name
    : `"${name.replaceAll('"', '""')}"`;
}

export function sqlLiteral(cell: Cell): string {
  if (cell === null) return "NULL";
  if (isBlob(cell) && cell.omittedBytes !== undefined)
    throw new Error(`A BLOB of ${cell.omittedBytes} bytes is not here. Export the rows instead.`);
  if (isBlob(cell)) return `x'${base64ToHex(cell.value_base64)}'`;
  return typeof cell === "string" ? `'${cell.replaceAll("'", "''")}'` : String(cell);
}

export function base64ToBytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function base64ToHex(base64: string): string {
  return Array.from(base64ToBytes(base64), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
