/** One key-value table of one database: single keys, counters, lists. Each call is one plan. */
import type { Engine, Plan, Relation, Row, Rows, Statement } from "../engine/plan.ts";
import { ApiError, invalidParameter } from "../errors.ts";
import { MAX_OFFSET_HERE_KEYS } from "../limits.ts";
import type { JsonPath } from "./json-path.ts";
import { kvRelation } from "./relation.ts";
import { type KvStatements, kvStatements } from "./statements.ts";
import { type StoredValue, toEtag, type ValueType } from "./value.ts";
import {
  type Conditions,
  conditionError,
  forPath,
  NO_CONDITIONS,
  pathParams,
  type Stamped,
  stamped,
  stampPlan,
  type WriteContext,
  writeParams,
} from "./write-plan.ts";

/** A key without its value. Times are Unix milliseconds. */
export interface Entry {
  key: string;
  sizeBytes: number;
  contentType: string;
  createdAtMs: number;
  updatedAtMs: number;
  expireAtMs: number | null;
  etag: string;
}

export interface Found extends Omit<Entry, "key" | "sizeBytes"> {
  value: StoredValue;
}

export interface PutRequest {
  value: StoredValue;
  type: ValueType;
  /** Where in the document to put the value, which is JSON then; null replaces the whole. */
  path: JsonPath | null;
  expireAtMs: number | null;
  conditions: Conditions;
}

export interface Sum extends Stamped {
  /** JSON number, with every digit. */
  valueText: string;
  previousText: string;
}

export interface ListRequest {
  prefix: string;
  /** Keys after this one only, in byte order. */
  after: string | null;
  limit: number;
  offset: number;
  nowMs: number;
}

export class KvStore {
  readonly #engine: Engine;
  readonly #relation: Relation;
  readonly #statements: KvStatements;

  /** @throws ApiError INVALID_PARAMETERS for a table name that cannot be one */
  constructor(engine: Engine, table?: string) {
    this.#engine = engine;
    this.#relation = kvRelation(table);
    this.#statements = kvStatements(this.#relation);
  }

  /**
   * The value of a key, or the part of it at a path as JSON text.
   * @throws ApiError KEY_NOT_FOUND, KEY_EXPIRED, NOT_FOUND for a path that is not there
   */
  get(key: string, path: JsonPath | null, nowMs: number): Found | Promise<Found> {
    const statement =
      path === null ? this.#statements.get : forPath(this.#statements.getPath, path);
    const params =
      path === null ? { key, now_ms: nowMs } : { key, now_ms: nowMs, ...pathParams(path) };
    return this.#read(statement, params, (rows) => {
      const row = rows[0];
      if (row === undefined) return this.#absent(key, nowMs);
      if (path !== null) checkPathFound(row, path);
      return {
        value: row["value"] as StoredValue,
        contentType: path === null ? (row["content_type"] as string) : "application/json",
        createdAtMs: row["created_at_ms"] as number,
        updatedAtMs: row["updated_at_ms"] as number,
        expireAtMs: row["expire_at_ms"] as number | null,
        etag: toEtag(row["seq"]),
      };
    });
  }

  /**
   * What is known about a key.
   * @throws ApiError KEY_NOT_FOUND, KEY_EXPIRED
   */
  head(key: string, nowMs: number): Entry | Promise<Entry> {
    return this.#read(this.#statements.head, { key, now_ms: nowMs }, (rows) =>
      rows[0] === undefined ? this.#absent(key, nowMs) : toEntry({ ...rows[0], key }),
    );
  }

  /** A page of keys in byte order, and whether there are more. */
  async list(request: ListRequest): Promise<{ entries: Entry[]; hasMore: boolean }> {
    if (request.limit === 0) return { entries: [], hasMore: false };
    const below = prefixEnd(request.prefix);
    const plan: Plan = {
      relation: this.#relation,
      steps: [
        {
          statement: below === null ? this.#statements.list : this.#statements.listBelow,
          params: {
            from: request.prefix,
            after: request.after ?? "",
            below,
            now_ms: request.nowMs,
            limit: request.limit + 1,
            offset: request.offset,
          },
        },
      ],
    };
    const far = request.offset > MAX_OFFSET_HERE_KEYS;
    const [rows = []] = far
      ? await this.#engine.readElsewhere(plan)
      : await this.#engine.read(plan);
    return {
      entries: rows.slice(0, request.limit).map(toEntry),
      hasMore: rows.length > request.limit,
    };
  }

  /**
   * Sets a key, or one member of its JSON document.
   * @throws ApiError PRECONDITION_FAILED, INVALID_PARAMETERS when the path cannot be set
   */
  async put(key: string, request: PutRequest, context: WriteContext): Promise<Stamped> {
    const { conditions, path } = request;
    const conditional = conditions !== NO_CONDITIONS;
    const params = {
      ...writeParams(key, "SET", context, conditions),
      ...(path === null ? {} : pathParams(path)),
      value: request.value,
      type: request.type.type,
      json_type: request.type.jsonType,
      expire_at_ms: request.expireAtMs,
    };
    if (path === null && !conditional) {
      const [rows] = await this.#write(
        stampPlan(this.#relation, this.#statements.put, params),
        context,
      );
      return require(stamped(rows));
    }
    const looks = [this.#statements.current, ...(path === null ? [] : [this.#statements.isJson])];
    const stamp = path === null ? this.#statements.putIf : forPath(this.#statements.putPath, path);
    const rows = await this.#write(stampPlan(this.#relation, stamp, params, looks), context);
    const result = stamped(rows[looks.length]);
    if (result !== undefined) return result;
    const current = rows[0]?.[0];
    if (path !== null) {
      if (rows[1]?.[0]?.["is_json"] !== 1)
        throw invalidParameter("body", "must be JSON when path is given");
      const error = pathError(key, path, current);
      // Which of the two it was cannot be seen from here: conditions are what the caller asked first.
      if (!conditional || conditionsHold(conditions, current)) throw error;
    }
    throw conditionError(conditions, current);
  }

  /**
   * Deletes a key.
   * @throws ApiError KEY_NOT_FOUND, PRECONDITION_FAILED
   */
  async delete(key: string, conditions: Conditions, context: WriteContext): Promise<void> {
    const params = writeParams(key, "DELETE", context, conditions);
    const looks = [this.#statements.current];
    const rows = await this.#write(
      stampPlan(this.#relation, this.#statements.doom, params, looks),
      context,
    );
    if (rows[1]?.[0] !== undefined) return;
    const current = rows[0]?.[0];
    if (current === undefined && conditions === NO_CONDITIONS) throw keyNotFound();
    throw conditionError(conditions, current);
  }

  /**
   * Adds to a number, exactly, within 64 bits. An absent key or path counts as 0.
   * @param delta not 0; negative for a decrement
   * @throws ApiError INVALID_PARAMETERS when there is something else than a number, or the sum overflows
   */
  async add(
    key: string,
    delta: bigint,
    path: JsonPath | null,
    context: WriteContext,
  ): Promise<Sum> {
    const params = {
      ...writeParams(key, delta < 0n ? "DECR" : "INCR", context),
      ...pathParams(path),
      delta: Number.isSafeInteger(Number(delta)) ? Number(delta) : delta,
    };
    const looks = [forPath(this.#statements.addend, path)];
    const stamp = path === null ? this.#statements.add : forPath(this.#statements.addPath, path);
    const rows = await this.#write(stampPlan(this.#relation, stamp, params, looks), context);
    const before = rows[0]?.[0];
    const result = stamped(rows[1]);
    if (result === undefined) throw additionError(key, path, before);
    const previous = before?.["value"] ?? null;
    return {
      ...result,
      valueText: String(result.value),
      previousText: previous === null || previous === "null" ? "0" : String(previous),
    };
  }

  #read<Result>(
    statement: Statement,
    params: Record<string, string | number | null | bigint | Uint8Array>,
    outcome: (rows: Rows) => Result | Promise<Result>,
  ): Result | Promise<Result> {
    const rows = this.#engine.read({ relation: this.#relation, steps: [{ statement, params }] });
    return rows instanceof Promise
      ? rows.then(([only = []]) => outcome(only))
      : outcome(rows[0] ?? []);
  }

  #write(plan: Plan, context: WriteContext): Promise<Rows[]> {
    return this.#engine.write(plan, { deadlineMs: context.deadlineMs });
  }

  /** Never returns: tells apart what expired from what is not there. */
  #absent(key: string, nowMs: number): never | Promise<never> {
    return this.#read(this.#statements.lastOperation, { key }, (rows): never => {
      const expireAtMs = rows[0]?.["expire_at_ms"];
      if (typeof expireAtMs === "number" && expireAtMs <= nowMs)
        throw new ApiError("KEY_EXPIRED", "Key not found");
      throw keyNotFound();
    });
  }
}

function keyNotFound(): ApiError {
  return new ApiError("KEY_NOT_FOUND", "Key not found");
}

function toEntry(row: Row): Entry {
  return {
    key: row["key"] as string,
    sizeBytes: row["size"] as number,
    contentType: row["content_type"] as string,
    createdAtMs: row["created_at_ms"] as number,
    updatedAtMs: row["updated_at_ms"] as number,
    expireAtMs: row["expire_at_ms"] as number | null,
    etag: toEtag(row["seq"]),
  };
}

/** An upsert without conditions always returns its row. */
function require<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("a write without conditions changed nothing");
  return value;
}

function checkPathFound(row: Row, path: JsonPath): void {
  if (row["is_json"] !== 1)
    throw invalidParameter("path", "needs a JSON value, and this one is not JSON");
  if (row["value"] === null)
    throw new ApiError("NOT_FOUND", `There is nothing at path ${path.text}`);
}

function pathError(key: string, path: JsonPath, current: Row | undefined): ApiError {
  if (current !== undefined && current["is_json"] !== 1)
    return invalidParameter("path", `needs a JSON value, and the value of ${key} is not JSON`);
  return invalidParameter(
    "path",
    `${path.text} cannot be set: it runs through something that is not an object or array, or past the end of an array`,
  );
}

function conditionsHold(conditions: Conditions, current: Row | undefined): boolean {
  const seq = current?.["seq"] as number | undefined;
  const has = (etags: "*" | readonly number[]) =>
    seq !== undefined && (etags === "*" || etags.includes(seq));
  return (
    (conditions.ifMatch === null || current?.["matches"] === 1) &&
    (conditions.ifEtags === null || has(conditions.ifEtags)) &&
    (conditions.ifNoneEtags === null || !has(conditions.ifNoneEtags))
  );
}

function additionError(key: string, path: JsonPath | null, before: Row | undefined): ApiError {
  const where = path === null ? `the value of ${key}` : `${path.text} of ${key}`;
  const type = before?.["type"] ?? null;
  if (before !== undefined && before["is_json"] !== 1)
    return invalidParameter("key", `cannot be counted with: ${where} is not a number`);
  if (type === "integer" || type === "real")
    return invalidParameter("delta", `would take ${where} beyond the range of 64-bit integers`);
  if (type !== null && type !== "null")
    return invalidParameter("key", `cannot be counted with: ${where} is not a number but ${type}`);
  return path === null
    ? invalidParameter("key", `cannot be counted with: ${where} is not a number`)
    : pathError(key, path, undefined);
}

/** The least text that is greater than every text with this prefix, in byte order; null for none. */
export function prefixEnd(prefix: string): string | null {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (points.length > 0) {
    const last = points.pop() ?? 0;
    if (last >= 0x10ffff) continue;
    // The surrogates between D7FF and E000 are not characters.
    points.push(last === 0xd7ff ? 0xe000 : last + 1);
    return String.fromCodePoint(...points);
  }
  return null;
}
