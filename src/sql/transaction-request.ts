/** The body of POST /db, checked whole before anything runs (contracts/hoody.md 1.1). */
import { ApiError } from "../errors.ts";
import {
  MAX_BATCH_ROWS_PER_ITEM,
  MAX_BATCH_ROWS_PER_REQUEST,
  MAX_TRANSACTION_ITEMS,
} from "../limits.ts";
import { type BindValues, parseJsonExactly, toBindValues } from "./bind.ts";
import { withRequestIndex } from "./sql-error.ts";

export interface TransactionItem {
  kind: "query" | "statement";
  sql: string;
  /** An error stands for values that cannot be bound: with noFail the item fails, else the request. */
  values: BindValues | ApiError;
  /** Value sets of a statement that runs once per set. */
  batch: (BindValues | ApiError)[] | null;
  noFail: boolean;
  /** The rows it must change (each value set, in a batch), else it fails; null for any number. */
  expectRows: number | null;
  /** Answer the plan, do not run. */
  explain: boolean;
}

export interface TransactionRequest {
  items: TransactionItem[];
  asLists: boolean;
}

/** @throws ApiError with `reqIdx` */
export function parseTransaction(body: string): TransactionRequest {
  let json: unknown;
  try {
    json = parseJsonExactly(body);
  } catch {
    throw badRequest(-1, "Invalid JSON body");
  }
  if (!isObject(json)) throw badRequest(-1, "The body must be a JSON object with a transaction");
  const { transaction, resultFormat } = json;
  if (!Array.isArray(transaction)) throw badRequest(-1, "transaction must be an array of items");
  if (transaction.length === 0) throw badRequest(-1, "transaction must not be empty");
  if (transaction.length > MAX_TRANSACTION_ITEMS)
    throw tooLarge(-1, `transaction has more than ${MAX_TRANSACTION_ITEMS} items`);
  let batchRows = 0;
  const items = transaction.map((item, reqIdx) => {
    const parsed = parseItem(item, reqIdx);
    batchRows += parsed.batch?.length ?? 0;
    if (batchRows > MAX_BATCH_ROWS_PER_REQUEST)
      throw tooLarge(reqIdx, `the request has more than ${MAX_BATCH_ROWS_PER_REQUEST} value sets`);
    return parsed;
  });
  return {
    items,
    asLists: typeof resultFormat === "string" && resultFormat.toLowerCase() === "list",
  };
}

function parseItem(item: unknown, reqIdx: number): TransactionItem {
  if (!isObject(item)) throw badRequest(reqIdx, "each item must be an object");
  const { query, noFail, explain } = item;
  const statement = item["statement"] ?? item["sql"];
  const values = item["values"] ?? item["params"] ?? null;
  const valuesBatch = item["valuesBatch"] ?? null;
  const expectRows = item["expectRows"] ?? null;
  if (item["statement"] != null && item["sql"] != null)
    throw badRequest(reqIdx, "statement and sql mean the same: give one");
  if ((query == null) === (statement == null))
    throw badRequest(reqIdx, "each item needs exactly one of query and statement");
  const sql = query ?? statement;
  if (typeof sql !== "string") throw badRequest(reqIdx, "the SQL must be a string");
  if (noFail != null && typeof noFail !== "boolean")
    throw badRequest(reqIdx, "noFail must be true or false");
  if (explain != null && typeof explain !== "boolean")
    throw badRequest(reqIdx, "explain must be true or false");
  if (expectRows !== null && !isCount(expectRows))
    throw badRequest(reqIdx, "expectRows must be a whole number from 0");
  if (expectRows !== null && (query != null || explain === true))
    throw badRequest(reqIdx, "expectRows goes with a statement that runs");
  if (valuesBatch !== null && query != null)
    throw badRequest(reqIdx, "valuesBatch goes with statement only");
  if (valuesBatch !== null && values !== null)
    throw withRequestIndex(
      new ApiError("VALUES_CONFLICT", "values and valuesBatch exclude each other", {
        hint: "values runs the statement once, valuesBatch once per set.",
      }),
      reqIdx,
    );
  if (valuesBatch !== null && !Array.isArray(valuesBatch))
    throw badRequest(reqIdx, "valuesBatch must be an array");
  if (Array.isArray(valuesBatch) && valuesBatch.length > MAX_BATCH_ROWS_PER_ITEM)
    throw tooLarge(reqIdx, `valuesBatch has more than ${MAX_BATCH_ROWS_PER_ITEM} value sets`);
  return {
    kind: query == null ? "statement" : "query",
    sql,
    values: values === null ? [] : bindable(values, "values"),
    batch: Array.isArray(valuesBatch)
      ? valuesBatch.map((set, index) => bindable(set, `valuesBatch[${index}]`))
      : null,
    noFail: noFail === true,
    expectRows: expectRows === null ? null : Number(expectRows),
    explain: explain === true,
  };
}

function bindable(json: unknown, what: string): BindValues | ApiError {
  try {
    return toBindValues(json, what);
  } catch (error) {
    return error as ApiError;
  }
}

/** Large numbers come exactly, so as they were written. */
function isCount(json: unknown): json is number {
  return typeof json === "number" && Number.isSafeInteger(json) && json >= 0;
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function badRequest(reqIdx: number, message: string): ApiError {
  return withRequestIndex(
    new ApiError("INVALID_PARAMETERS", message, {
      hint: 'Send {"transaction":[{"query":"SELECT 1"}]}, or "statement" with "values" to write.',
    }),
    reqIdx,
  );
}

function tooLarge(reqIdx: number, message: string): ApiError {
  return withRequestIndex(new ApiError("PAYLOAD_TOO_LARGE", message), reqIdx);
}
