/** Saves staged changes in one transaction, or nothing of them. */
import { call } from "../../api/client.ts";
import { type ApiFailure, toFailure } from "../../api/failure.ts";
import { quoteIdentifier } from "../../api/literals.ts";
import type { Schema, SchemaObject } from "../../api/schema.ts";
import { type SqlItem, type SqlResult, toCell } from "../../api/sql.ts";
import { bound, type SqlText } from "../../api/sql-text.ts";
import type { Identity } from "../model/identity.ts";
import { cellOf } from "../model/reading.ts";
import { type Change, inverseOf } from "./statements.ts";

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

export interface Effects {
  readonly tables: Readonly<Record<string, RowChanges>>;
  /** Virtual tables that were written to: SQLite does not count their rows. */
  readonly uncounted: readonly string[];
}

interface Answer {
  readonly results: readonly SqlResult[];
  readonly changes?: Effects["tables"];
  readonly uncounted?: Effects["uncounted"];
}

/** SQLite leaves them unenforced unless it is told; rows made here shall not point to nothing. */
export const ENFORCE_KEYS = "PRAGMA foreign_keys = ON";

interface Item extends SqlItem {
  /** Undefined for what belongs to no change. */
  readonly change?: Change;
  /** Whether its answer tells what the row held. */
  readonly tellsRow?: true;
}

function itemsOf(changes: readonly Change[], object: SchemaObject): Item[] {
  const ofChange = object.type === "virtual" ? virtualItems : tableItems;
  return [
    { statement: ENFORCE_KEYS },
    ...changes.flatMap((change) => ofChange(change, object).map((item) => ({ ...item, change }))),
  ];
}

function tableItems(change: Change): Item[] {
  const { statement, values } = bound(change.sql);
  const returning = returned(change);
  return [
    { statement: `${statement}\nRETURNING ${returning}`, values, expectRows: 1, tellsRow: true },
  ];
}

/** Virtual tables know no RETURNING, so the row is read: before it goes, or after it came. */
function virtualItems(change: Change, object: SchemaObject): Item[] {
  const read = (where: SqlText): Item => ({
    ...bound([`SELECT ${returned(change)} FROM ${quoteIdentifier(object.name)} WHERE `, ...where]),
    tellsRow: true,
  });
  const write: Item = { ...bound(change.sql), expectRows: 1 };
  return change.kind === "delete"
    ? [read(change.rowBefore), write]
    : [write, read(change.rowAfter)];
}

function returned({ returning }: Change): string {
  return returning.map(quoteIdentifier).join(", ");
}

async function send(
  db: string,
  changes: readonly Change[],
  object: SchemaObject,
  dryRun: boolean,
): Promise<{ answer: Answer; items: readonly Item[] }> {
  const items = itemsOf(changes, object);
  try {
    const answer = await call<Answer>("/db", {
      query: { db, dry_run: dryRun ? true : undefined, cells: "exact" },
      json: {
        transaction: items.map(({ statement, values, expectRows }) => ({
          statement,
          values,
          expectRows,
        })),
        resultFormat: "list",
      },
      // A preview is the page's own; what is saved is somebody's.
      byPage: dryRun,
    });
    return { answer, items };
  } catch (thrown) {
    const failure = toFailure(thrown);
    const index = failure.fields["reqIdx"];
    const item = typeof index === "number" ? items[index] : undefined;
    const conflict = failure.code === "CONFLICT" && item?.expectRows !== undefined;
    throw new SaveFailure(failure, item?.change?.key, conflict);
  }
}

/**
 * What saving would change in which table: triggers and foreign keys reach others.
 * @throws SaveFailure
 */
export async function tryChanges(
  db: string,
  changes: readonly Change[],
  object: SchemaObject,
): Promise<Effects> {
  const { answer } = await send(db, changes, object, true);
  return { tables: answer.changes ?? {}, uncounted: answer.uncounted ?? [] };
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
  const { answer, items } = await send(db, changes, object, false);
  const inverse: Change[] = [];
  for (const [index, { change, tellsRow }] of items.entries()) {
    if (change === undefined || tellsRow !== true) continue;
    const result = answer.results[index];
    const row = result?.resultSetList?.[0];
    if (row === undefined || result?.truncated === true) return null;
    const cells = change.returning.map(
      (name, column) => [name, cellOf(name, toCell(row[column]), object)] as const,
    );
    inverse.unshift(inverseOf(change, new Map(cells), object, identity));
  }
  return inverse;
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
