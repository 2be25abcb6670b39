/** Staged changes as SQL. Every change names what it expects to find, and must hit exactly one row. */
import { quoteIdentifier } from "../../api/literals.ts";
import type { SchemaObject } from "../../api/schema.ts";
import { type Cell, isBlob } from "../../api/sql.ts";
import { join, type SqlText, value } from "../../api/sql-text.ts";
import { type Identity, isEditable, primaryKey } from "../model/identity.ts";
import { keyCondition } from "../model/reading.ts";
import type { AddedRow, Staged, StagedEdit, StagedValue } from "./staged.ts";

export interface Change {
  readonly kind: "insert" | "update" | "delete";
  /** Of the staged row. */
  readonly key: string;
  readonly sql: SqlText;
  /** Columns that come back, so that the change can be undone; the identity's columns first. */
  readonly returning: readonly string[];
  /** Condition of the row before the change, and after it. */
  readonly rowBefore: SqlText;
  readonly rowAfter: SqlText;
  /** For an update: what the columns held. */
  readonly before: ReadonlyMap<string, Cell>;
}

/** Deletions first: what they free may be taken again. */
export function changesOf(staged: Staged, object: SchemaObject, identity: Identity): Change[] {
  const edits = [...staged.edits.values()];
  return [
    ...edits.filter(({ deleted }) => deleted).map((edit) => deletion(edit, object, identity)),
    ...edits.filter(({ deleted }) => !deleted).map((edit) => updating(edit, object, identity)),
    ...staged.added.map((row) => insertion(row, object, identity)),
  ];
}

function deletion({ row }: StagedEdit, object: SchemaObject, identity: Identity): Change {
  return {
    kind: "delete",
    key: row.key,
    rowBefore: keyCondition(identity.columns, row.identity),
    rowAfter: [],
    sql: [
      `DELETE FROM ${quoteIdentifier(object.name)}\nWHERE `,
      ...keyCondition(identity.columns, row.identity),
      ...expecting(row.cells, identity, object),
    ],
    returning: [
      ...identity.columns,
      ...writable(object).filter((name) => !identity.columns.includes(name)),
    ],
    before: new Map(),
  };
}

function updating({ row, changes }: StagedEdit, object: SchemaObject, identity: Identity): Change {
  const names = [...changes.keys()];
  const before = new Map(names.map((name) => [name, row.cells.get(name) ?? null]));
  const keyAfter = identity.columns.map((name, index) => {
    const staged = changes.get(name);
    return staged?.kind === "value" ? staged.cell : (row.identity[index] ?? null);
  });
  // A row id without a column may mean another row after VACUUM, so the whole row must be as it was.
  const expected = identity.rowid
    ? row.cells
    : new Map([
        ...primaryKey(object).map(({ name }) => [name, row.cells.get(name) ?? null] as const),
        ...before,
      ]);
  return {
    kind: "update",
    key: row.key,
    rowBefore: keyCondition(identity.columns, row.identity),
    rowAfter: keyCondition(identity.columns, keyAfter),
    sql: [
      `UPDATE ${quoteIdentifier(object.name)}\nSET `,
      ...join(
        [...changes].map(([name, staged]) => [
          `${quoteIdentifier(name)} = `,
          ...assigned(staged, name, object),
        ]),
        ", ",
      ),
      "\nWHERE ",
      ...keyCondition(identity.columns, row.identity),
      ...expecting(expected, identity, object),
    ],
    returning: [...identity.columns, ...names.filter((name) => !identity.columns.includes(name))],
    before,
  };
}

/** Of tables without a row id nothing needs it: they tell what they inserted. */
const NEW_ROW = { rowBefore: [], rowAfter: ["rowid = last_insert_rowid()"] } as const;

function insertion({ id, values }: AddedRow, object: SchemaObject, identity: Identity): Change {
  const given = [...values].flatMap(([name, staged]) =>
    staged.kind === "value" ? [[name, staged.cell] as const] : [],
  );
  return {
    kind: "insert",
    key: id,
    ...NEW_ROW,
    sql: insertSql(object, given),
    returning: [
      ...identity.columns,
      ...writable(object).filter((name) => !identity.columns.includes(name)),
    ],
    before: new Map(),
  };
}

function insertSql(object: SchemaObject, given: readonly (readonly [string, Cell])[]): SqlText {
  const table = quoteIdentifier(object.name);
  if (given.length === 0) return [`INSERT INTO ${table} DEFAULT VALUES`];
  return [
    `INSERT INTO ${table} (${given.map(([name]) => quoteIdentifier(name)).join(", ")})\nVALUES (`,
    ...join(
      given.map(([, cell]) => [value(cell)]),
      ", ",
    ),
    ")",
  ];
}

/** UPDATE knows no DEFAULT, so its expression stands there. */
function assigned(staged: StagedValue, name: string, object: SchemaObject): SqlText {
  if (staged.kind === "value") return [value(staged.cell)];
  const expression = object.columns.find((column) => column.name === name)?.default_value;
  return [expression === null || expression === undefined ? "NULL" : `(${expression})`];
}

function expecting(
  cells: ReadonlyMap<string, Cell>,
  identity: Identity,
  object: SchemaObject,
): SqlText {
  const generated = new Set(
    object.columns.filter((column) => !isEditable(column)).map(({ name }) => name),
  );
  return [...cells]
    .filter(([name]) => !identity.columns.includes(name) && !generated.has(name))
    .flatMap(([name, cell]): SqlText => {
      const column = quoteIdentifier(name);
      // Of a large BLOB only the size is known.
      if (isBlob(cell) && cell.omittedBytes !== undefined)
        return [`\n  AND typeof(${column}) = 'blob' AND length(${column}) = ${cell.omittedBytes}`];
      return [`\n  AND ${column} IS `, value(cell)];
    });
}

export function writable(object: SchemaObject): readonly string[] {
  return object.columns.filter(isEditable).map(({ name }) => name);
}

/** What undoes a change that was made, from the values it returned. */
export function inverseOf(
  change: Change,
  returned: ReadonlyMap<string, Cell>,
  object: SchemaObject,
  identity: Identity,
): Change {
  const key = identity.columns.map((name) => returned.get(name) ?? null);
  const row = { key: change.key, identity: key, cells: new Map(returned) };
  switch (change.kind) {
    case "insert":
      return deletion({ row, changes: new Map(), deleted: true }, object, identity);
    case "delete":
      return {
        kind: "insert",
        key: change.key,
        ...NEW_ROW,
        sql: insertSql(object, [...returned]),
        returning: identity.columns,
        before: new Map(),
      };
    case "update": {
      const values = [...change.before].map(
        ([name, cell]) => [name, { kind: "value", cell } as const] as const,
      );
      const changed = new Map([...returned].filter(([name]) => change.before.has(name)));
      return updating(
        { row: { ...row, cells: changed }, changes: new Map(values), deleted: false },
        object,
        identity,
      );
    }
  }
}
