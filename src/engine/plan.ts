/**
 * A plan: statements with bound parameters that run in one transaction, in order, all of them. What
 * depends on an earlier statement says so in SQL (`changes()`, `where exists …`); nothing is read,
 * decided in TypeScript and then written. So a plan is atomic wherever a batch of SQL is.
 */

export type SqlValue = string | number | bigint | null | Uint8Array;
export type Row = Record<string, SqlValue>;
export type Rows = Row[];

/** SQL text with an identity: each open database prepares it once and keeps it. */
export interface Statement {
  readonly sql: string;
}

export interface Step {
  readonly statement: Statement;
  /** Without a row from this step the plan is undone: `write` rejects with PlanUndone. */
  readonly required?: boolean;
  readonly params: Readonly<Record<string, SqlValue>>;
}

/** Tables of ours that a plan works on, made when first written to. */
export interface Relation {
  /** The table people name, such as `kv_store`. */
  readonly name: string;
  readonly kind: string;
  /** Goes up when the objects below change. */
  readonly version: number;
  /** What the file must hold, word for word as SQLite keeps it in sqlite_schema. */
  readonly objects: readonly SchemaObject[];
  /** How rows past their time are found and removed, where there are such. */
  readonly expiry?: {
    /** One row with `next_ms`, the next time something expires, or null. Parameters: none. */
    readonly next: Statement;
    /** Removes up to `$limit` rows expired at `$now_ms`. */
    readonly sweep: readonly Statement[];
  };
}

export interface SchemaObject {
  readonly type: "table" | "index";
  readonly name: string;
  readonly sql: string;
}

export interface Plan {
  /** The earliest time at which this plan makes something expire, if it does. */
  readonly expiresAtMs?: number | null;
  readonly relation: Relation;
  /** Further relations that a write works on. */
  readonly also?: readonly Relation[];
  readonly steps: readonly Step[];
  /** About how much the steps work on, where that can be much: values to store, documents to change. */
  readonly bytes?: number;
  /**
   * What a write keeps of its own outcome, in the same transaction: steps from the rows of the others.
   * If it throws, the plan is undone. Only for plans with a required step.
   */
  readonly conclude?: (rows: readonly Rows[]) => readonly Step[];
}

/** A required step gave no row, so nothing of its plan happened. */
export class PlanUndone extends Error {
  /** Index of the step. */
  readonly step: number;
  /** Rows of the steps before it, as they were then. */
  readonly rows: readonly Rows[];

  constructor(step: number, rows: readonly Rows[]) {
    super(`step ${step} of a plan gave no row`);
    this.step = step;
    this.rows = rows;
  }
}

export interface WriteOptions {
  /** When the caller stops waiting, Unix milliseconds. */
  readonly deadlineMs: number;
}

/** Something that runs plans on one database. */
export interface Engine {
  /**
   * Runs a plan that only reads, on one snapshot. Rows of each step, in order; no rows at all when
   * the relation does not exist yet.
   */
  read(plan: Plan): Rows[] | Promise<Rows[]>;
  /** The same in another process, for plans that may take long. */
  readElsewhere(plan: Plan): Promise<Rows[]>;
  /** Runs a plan atomically, making its relation first if need be; resolves once it is on disk. */
  write(plan: Plan, options: WriteOptions): Promise<Rows[]>;
  /** The same in another process, for plans that may take long. Other writes wait for their turn, reads go on. */
  writeElsewhere(plan: Plan, options: WriteOptions): Promise<Rows[]>;
  /**
   * Calls back after writes, this engine's own once they are on disk; now and then also after nothing.
   * @returns the function that ends it
   */
  watch(changed: () => void): () => void;
}
