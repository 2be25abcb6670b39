/**
 * JSON documents that no database holds: read and changed at a path by the very statements that work
 * on keys, so that a path means the same everywhere and numbers keep their digits.
 */
import { Database as Connection } from "bun:sqlite";
import { type Engine, type Plan, PlanUndone, type Relation, type Rows } from "../engine/plan.ts";
import { setMember } from "./change.ts";
import type { JsonPath } from "./json-path.ts";
import { getValue } from "./read.ts";
import { kvTable } from "./table.ts";
import type { StoredValue } from "./value.ts";
import { putValue } from "./write.ts";
import { NO_CONDITIONS, perform, type WriteContext } from "./write-plan.ts";

/** Nothing of it is kept, so it matters neither when it is nor who asks; the file has its own limit. */
const CONTEXT: WriteContext = {
  nowMs: 0,
  deadlineMs: 0,
  history: false,
  actor: null,
  clientAddress: null,
  idempotency: null,
  maxValueBytes: Number.MAX_SAFE_INTEGER,
};

/**
 * The part of a document at a path, as JSON text.
 * @throws ApiError NOT_FOUND, INVALID_PARAMETERS when the document is not JSON
 */
export async function memberOf(document: StoredValue, path: JsonPath): Promise<StoredValue> {
  using engine = new Scratch();
  const table = await engine.tableWith("document", document);
  return (await getValue(table, "document", path, CONTEXT.nowMs)).value;
}

/**
 * A document with one member set; where there is none yet, one with just that member.
 * @param key what errors call the document
 * @param leaf the member's new value, JSON text
 * @throws ApiError INVALID_PARAMETERS when something is not JSON, or the path cannot be set
 */
export async function withMember(
  key: string,
  document: StoredValue | null,
  path: JsonPath,
  leaf: string,
): Promise<StoredValue> {
  using engine = new Scratch();
  const table = await engine.tableWith(key, document);
  const request = { leaf, expireAtMs: null, conditions: NO_CONDITIONS };
  await perform(table, setMember(table, key, path, request, CONTEXT), CONTEXT);
  return (await getValue(table, key, null, CONTEXT.nowMs)).value;
}

/** A table in memory for one document, gone after one use: a large one leaves no memory behind. */
class Scratch implements Engine, Disposable {
  readonly #connection = new Connection(":memory:", { strict: true });

  async tableWith(key: string, document: StoredValue | null) {
    const table = kvTable(this);
    this.#make(table.relation);
    if (document !== null) {
      const json = "application/json";
      const type = { type: json, jsonType: json, otherType: json };
      const request = { value: document, type, expireAtMs: null, conditions: NO_CONDITIONS };
      await perform(table, putValue(table, key, request, CONTEXT), CONTEXT);
    }
    return table;
  }

  read(plan: Plan): Rows[] {
    const rows: Rows[] = [];
    for (const [index, { statement, params, required }] of plan.steps.entries()) {
      using prepared = this.#connection.prepare<Rows[number], [typeof params]>(statement.sql);
      const given = prepared.all(params);
      if (required === true && given.length === 0) throw new PlanUndone(index, rows);
      rows.push(given);
    }
    return rows;
  }

  async readElsewhere(plan: Plan): Promise<Rows[]> {
    return this.read(plan);
  }

  /** Without a transaction: after a plan that fails, nobody looks at the table again. */
  async write(plan: Plan): Promise<Rows[]> {
    return this.read(plan);
  }

  async writeElsewhere(plan: Plan): Promise<Rows[]> {
    return this.read(plan);
  }

  watch(): () => void {
    return () => undefined;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  #make(relation: Relation): void {
    for (const { sql } of relation.objects) this.#connection.run(sql);
  }
}
