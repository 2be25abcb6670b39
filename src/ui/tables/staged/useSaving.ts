/** Saving the staged changes of a table, and what can be done when that fails. */
import { useState } from "react";
import { quoteIdentifier } from "../../api/literals.ts";
import type { Schema, SchemaObject } from "../../api/schema.ts";
import { plural } from "../../parts/format.ts";
import { plainText } from "../../parts/grid/copy.ts";
import { toast, toastFailure } from "../../parts/Toast.tsx";
import { failedColumns } from "../model/failed-columns.ts";
import type { Identity } from "../model/identity.ts";
import { keyCondition, readRows } from "../model/reading.ts";
import { knownRow, refreshRows } from "../useTablePage.ts";
import { SaveFailure, saveChanges, undoObstacle } from "./save.ts";
import { isNothing, NOTHING, revertRow, setCell, setDeleted } from "./staged.ts";
import { type Change, changesOf } from "./statements.ts";
import { stage, stagedState, update } from "./store.ts";

export interface Saving {
  readonly saving: boolean;
  readonly failure: SaveFailure | null;
  /** How people know the row that failed. */
  readonly failedRow: string | null;
  /** Whose values were refused; none when that is not known. */
  readonly failedColumns: readonly string[];
  changes(): readonly Change[];
  save(): Promise<void>;
  /** Undoes the batch that was saved last. */
  undo(): Promise<void>;
  reread(): Promise<void>;
  drop(): void;
}

export function useSaving(
  db: string,
  object: SchemaObject,
  identity: Identity | null,
  schema: Schema,
): Saving {
  const [saving, setSaving] = useState(false);
  const [failure, setFailure] = useState<SaveFailure | null>(null);
  const table = object.name;
  const changes = () =>
    identity === null ? [] : changesOf(stagedState(db, table).staged, object, identity);

  const undo = async () => {
    const { inverse } = stagedState(db, table);
    if (inverse === null || identity === null) return;
    update(db, table, { inverse: null });
    try {
      await saveChanges(db, inverse, object, identity);
      toast(`Undone: ${plural(inverse.length, "row")} of ${table} as before`);
    } catch (error) {
      update(db, table, { inverse });
      toastFailure(
        error instanceof SaveFailure && error.conflict
          ? new Error("It cannot be undone: a row was changed by somebody else since")
          : error instanceof SaveFailure
            ? error.cause
            : error,
      );
    }
    await refreshRows(db);
  };

  const save = async () => {
    const batch = changes();
    if (identity === null || batch.length === 0 || saving) return;
    setSaving(true);
    setFailure(null);
    try {
      const inverse = await saveChanges(db, batch, object, identity);
      const obstacle =
        inverse === null
          ? "what was there is too large to keep here"
          : undoObstacle(batch, object, schema);
      update(db, table, {
        staged: NOTHING,
        past: [],
        refused: null,
        inverse: obstacle === null ? inverse : null,
      });
      const words = `Saved ${plural(batch.length, "change")} of ${table}`;
      if (obstacle === null) toast(words, () => void undo());
      else toast(`${words}. It has no undo: ${obstacle}.`);
      await refreshRows(db);
    } catch (error) {
      if (!(error instanceof SaveFailure)) throw error;
      setFailure(error);
      const { key, conflict, message } = error;
      const columns = conflict ? [] : failedColumns(message, object);
      update(db, table, {
        refused: key === undefined ? null : { key, conflict, columns, message },
      });
    } finally {
      setSaving(false);
    }
  };

  const { staged, refused } = stagedState(db, table);
  const shown = isNothing(staged) || refused === null ? null : failure;
  const failedEdit = refused === null ? undefined : staged.edits.get(refused.key);

  const drop = () => {
    if (refused !== null) stage(db, table, (before) => revertRow(before, refused.key));
    setFailure(null);
  };

  const reread = async () => {
    if (identity === null || failedEdit === undefined) return;
    const names = [...new Set([...identity.columns, ...failedEdit.row.cells.keys()])];
    const { rows } = await readRows(
      db,
      [
        `SELECT ${names.map(quoteIdentifier).join(", ")}\nFROM ${quoteIdentifier(table)}\nWHERE `,
        ...keyCondition(identity.columns, failedEdit.row.identity),
      ],
      { brief: true },
    );
    const [read] = rows;
    setFailure(null);
    if (read === undefined) {
      stage(db, table, (before) => revertRow(before, failedEdit.row.key));
      toast("The row is gone: somebody deleted it. Your change of it was given up.");
      return;
    }
    const now = knownRow(names, read, object, identity);
    const differing = [...now.cells]
      .filter(
        ([name, cell]) => plainText(cell) !== plainText(failedEdit.row.cells.get(name) ?? null),
      )
      .map(([name, cell]) => `${name} is now ${cell === null ? "NULL" : plainText(cell)}`);
    stage(db, table, (before) => {
      let next = revertRow(before, now.key);
      for (const [column, value] of failedEdit.changes) next = setCell(next, now, column, value);
      return failedEdit.deleted ? setDeleted(next, now, true) : next;
    });
    toast(
      `Read again: ${differing.join(", ") || "nothing else changed"}. Saving now goes over it.`,
    );
    await refreshRows(db);
  };

  return {
    saving,
    failure: failure !== null && failure.key === undefined ? failure : shown,
    failedRow:
      refused === null
        ? null
        : failedEdit === undefined
          ? "the new row"
          : (identity?.columns ?? [])
              .map(
                (name, index) => `${name} = ${plainText(failedEdit.row.identity[index] ?? null)}`,
              )
              .join(", "),
    failedColumns: refused?.columns ?? [],
    changes,
    save,
    undo,
    reread: () => reread().catch(toastFailure),
    drop,
  };
}
