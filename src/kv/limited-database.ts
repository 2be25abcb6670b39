/**
 * A database as a limited token sees it. Every plan is looked at before it runs: its table, whether it
 * writes, and which keys its parameters name. A plan that does not say which keys it is about is
 * refused to a token that is limited to some, so that a forgotten check can only refuse too much.
 */
import {
  allowsKey,
  forbidden,
  type Grant,
  requireKey,
  requireLevel,
  requireTable,
  wrongKeys,
} from "../access/grant.ts";
import type { Database, DatabaseTarget } from "../engine/database.ts";
import type { Plan, Rows, Step, WriteOptions } from "../engine/plan.ts";
import type { ApiError } from "../errors.ts";
import { IDEMPOTENCY_STATEMENTS, idempotencyRelation } from "./idempotency.ts";
import { byteOrder, prefixEnd } from "./read.ts";
import { timeStatements } from "./time-statements.ts";

export class LimitedDatabase implements Database {
  readonly #database: Database;
  readonly #grant: Grant;
  readonly #checkToken: () => void;

  /**
   * @param checkToken throws when the token has ended; asked before every plan, since a stream of
   *   changes may outlast it
   */
  constructor(database: Database, grant: Grant, checkToken: () => void) {
    this.#database = database;
    this.#grant = grant;
    this.#checkToken = checkToken;
  }

  /** @throws ApiError FORBIDDEN, always: with the path alone nothing would limit the token */
  get path(): string {
    throw notInParts();
  }

  /** @throws ApiError FORBIDDEN, always: they are about all tables */
  relationNames(): string[] {
    throw notInParts();
  }

  get target(): DatabaseTarget {
    return { path: this.#database.path, grant: this.#grant };
  }

  get leaving(): AbortSignal {
    return this.#database.leaving;
  }

  pin(): () => void {
    return this.#database.pin();
  }

  async prepareWrites(deadlineMs: number): Promise<void> {
    requireLevel(this.#grant, "write");
    return this.#database.prepareWrites(deadlineMs);
  }

  async takeTurn(): Promise<() => void> {
    requireLevel(this.#grant, "write");
    return this.#database.takeTurn();
  }

  syncWrites(): Promise<void> {
    return this.#database.syncWrites();
  }

  read(plan: Plan): Rows[] | Promise<Rows[]> {
    this.#check(plan);
    return this.#database.read(plan);
  }

  async readElsewhere(plan: Plan): Promise<Rows[]> {
    this.#check(plan);
    return this.#database.readElsewhere(plan);
  }

  async write(plan: Plan, options: WriteOptions): Promise<Rows[]> {
    requireLevel(this.#grant, "write");
    this.#check(plan);
    return this.#database.write(plan, options);
  }

  async writeElsewhere(plan: Plan, options: WriteOptions): Promise<Rows[]> {
    requireLevel(this.#grant, "write");
    this.#check(plan);
    return this.#database.writeElsewhere(plan, options);
  }

  /** Tells only that there may be something to read. */
  watch(changed: () => void): () => void {
    return this.#database.watch(changed);
  }

  /** @throws ApiError FORBIDDEN */
  #check({ relation, also = [], steps }: Plan): void {
    this.#checkToken();
    for (const { name } of [relation, ...also])
      if (name !== idempotencyRelation.name) requireTable(this.#grant, name);
    if (this.#grant.prefixes.length === 0) return;
    // How far the history reaches, back and up to now: of the table, not of any key.
    const { horizon, newest } = timeStatements(relation);
    for (const step of steps) {
      const { statement } = step;
      if (statement === horizon || statement === newest) continue;
      if (!IDEMPOTENCY_STATEMENTS.has(statement)) checkKeys(this.#grant, step);
    }
  }
}

function notInParts(): ApiError {
  return forbidden(
    "A limited token cannot do this",
    "Use the root token, or one for the whole database.",
  );
}

/**
 * The keys that a step's parameters name: `key`, `keys` (a JSON array) or a range `from` … `below`.
 * @throws ApiError FORBIDDEN when they leave the grant, or are not there
 */
function checkKeys(grant: Grant, { params }: Step): void {
  const { key, keys, from, below } = params;
  const ranges = below !== undefined || from !== undefined;
  if (ranges && !isWithin(grant, from, below)) throw wrongKeys(grant);
  if (keys !== undefined) {
    const names = typeof keys === "string" ? (JSON.parse(keys) as unknown[]) : [keys];
    if (!names.every((name) => typeof name === "string" && allowsKey(grant, name)))
      throw wrongKeys(grant);
  }
  // The statements of a range bind no key, and an empty one stands for that.
  if (ranges && (key === undefined || key === "")) return;
  if (keys !== undefined && key === undefined) return;
  if (typeof key !== "string") throw wrongKeys(grant);
  requireKey(grant, key);
}

function isWithin(grant: Grant, from: unknown, below: unknown): boolean {
  if (typeof from !== "string" || typeof below !== "string") return false;
  return grant.prefixes.some((prefix) => {
    const end = prefixEnd(prefix);
    return byteOrder(from, prefix) >= 0 && (end === null || byteOrder(below, end) <= 0);
  });
}
