/** Saves staged changes in one transaction, or nothing of them. */
import { call } from "../../api/client.ts";
import { type ApiFailure, toFailure } from "../../api/failure.ts";
import { quoteIdentifier } from "../../api/literals.ts";
import type { Schema, SchemaObject } from "../../api/schema.ts";
import { type Cell, isBlob, type SqlItem, type SqlResult } from "../../api/sql.ts";
import { bound } from "../../api/sql-text.ts";
import type { Identity } from "../model/identity.ts";
import { hexToBase64 } from "../model/reading.ts";
import { type Change, inverseOf, ONE_ROW_GUARD } from "./statements.ts";

/** Why nothing was saved. */
export class SaveFailure extends Error {
  /** The row it failed at; undefined when it was not one row's fault. */
  readonly key: string | undefined;
  /** The row was changed or deleted by somebody else meanwhile. */
  readonly conflict: boolean;

  constructor(cause: ApiFailure, key: string | undefined, conflict: boolean) {
    super(cause.message, { cause });
    this.key = key;
    this.conflict = conflict;
  }
}

export interface RowChanges {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

interface Answer {
  readonly results: readonly SqlResult[];
  readonly changes?: Readonly<Record<string, RowChanges>>;
}

/** SQLite leaves them unenforced unless it is told; rows made here shall not point to nothing. */
export const ENFORCE_KEYS = "PRAGMA foreign_keys = ON";

/** Items before the first change. */
const HEAD_ITEMS = 1;

/** An item for each change, and one that sees to it that it hit one row. */
function itemsOf(changes: readonly Change[]): SqlItem[] {
  const items = changes.flatMap((change) => {
    const { statement, values } = bound(change.sql);
    const returning = change.returning.flatMap((name) => returned(quoteIdentifier(name)));
    return [
      { statement: `${statement}\nRETURNING ${returning.join(", ")}`, values },
      { statement: ONE_ROW_GUARD },
    ];
  });
  return [{ statement: ENFORCE_KEYS }, ...items];
}

/** Bytes as hexadecimal digits: the answer could not tell base64 from text. */
function returned(name: string): string[] {
  return [`iif(typeof(${name}) = 'blob', hex(${name}), ${name})`, `typeof(${name}) = 'blob'`];
}

async function send(db: string, changes: readonly Change[], dryRun: boolean): Promise<Answer> {
  try {
    return await call<Answer>("/db", {
      query: { db, dry_run: dryRun ? true : undefined },
      json: { transaction: itemsOf(changes), resultFormat: "list" },
      // A preview is the page's own; what is saved is somebody's.
      byPage: dryRun,
    });
  } catch (thrown) {
    const failure = toFailure(thrown);
    const index = failure.fields["reqIdx"];
    const at = typeof index === "number" && index >= HEAD_ITEMS ? index - HEAD_ITEMS : undefined;
    const guard = at !== undefined && at % 2 === 1;
    throw new SaveFailure(
      failure,
      at === undefined ? undefined : changes[Math.floor(at / 2)]?.key,
      guard && /overflow/i.test(failure.message),
    );
  }
}

/**
 * What saving would change in which table: triggers and foreign keys reach others.
 * @throws SaveFailure
 */
export async function tryChanges(
  db: string,
  changes: readonly Change[],
): Promise<Readonly<Record<string, RowChanges>>> {
  return (await send(db, changes, true)).changes ?? {};
}

/**
 * @returns what undoes it, in order; null when the answer was too large to tell what was there
 * @throws SaveFailure; nothing was changed then
 */
export async function saveChanges(
  db: string,
  changes: readonly Change[],
  object: SchemaObject,
  identity: Identity,
): Promise<Change[] | null> {
  const { results } = await send(db, changes, false);
  const inverse: Change[] = [];
  for (const [index, change] of changes.entries()) {
    const result = results[HEAD_ITEMS + index * 2];
    const row = result?.resultSetList?.[0];
    if (row === undefined || result?.truncated === true) return null;
    const cells = change.returning.map(
      (name, column) => [name, toCell(row[column * 2] ?? null, row[column * 2 + 1])] as const,
    );
    inverse.unshift(inverseOf(change, new Map(cells), object, identity));
  }
  return inverse;
}

function toCell(read: Cell, blob: Cell | undefined): Cell {
  return blob === 1 && !isBlob(read) ? { value_base64: hexToBase64(String(read)) } : read;
}

/** Why a saved batch could not be undone by its inverse; null when it can. */
export function undoObstacle(
  changes: readonly Change[],
  object: SchemaObject,
  schema: Schema,
): string | null {
  if (object.triggers.length > 0) return `${object.name} has triggers that changed more`;
  if (!changes.some(({ kind }) => kind === "delete")) return null;
  const cascading = schema.objects.find(({ foreign_keys: keys }) =>
    keys.some(
      ({ table, on_delete: action }) =>
        table.toLowerCase() === object.name.toLowerCase() &&
        /^(CASCADE|SET NULL|SET DEFAULT)$/i.test(action),
    ),
  );
  return cascading === undefined ? null : `deleting here also changes ${cascading.name}`;
}
