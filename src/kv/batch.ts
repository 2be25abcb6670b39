/** Several keys in one transaction, all or nothing. */
import { ApiError } from "../errors.ts";
import type { KvTable } from "./table.ts";
import { deleteIfPresent, type PutRequest, putValue } from "./write.ts";
import {
  type Conditions,
  checkConditions,
  NO_CONDITIONS,
  performAll,
  type WriteContext,
} from "./write-plan.ts";

export interface PutOfMany extends PutRequest {
  key: string;
}

export interface DeleteOfMany {
  key: string;
  conditions: Conditions;
}

/**
 * Sets all keys, in order; the last one wins where a key comes twice. Conditions are about the keys
 * before the batch.
 * @returns the ETag of each
 * @throws ApiError PRECONDITION_FAILED with `failed`
 */
export async function putMany(
  table: KvTable,
  entries: readonly PutOfMany[],
  context: WriteContext,
): Promise<string[]> {
  const [, ...written] = await performAll<{ etag: string } | undefined>(
    table,
    [
      batchConditions(table, entries, context),
      ...entries.map((entry) =>
        putValue(table, entry.key, { ...entry, conditions: NO_CONDITIONS }, context),
      ),
    ],
    context,
  );
  return written.map((stamp) => stamp?.etag ?? "");
}

/**
 * Deletes all keys; those that are absent are passed over, unless they have a condition.
 * @returns how many there were
 * @throws ApiError PRECONDITION_FAILED with `failed`
 */
export async function deleteMany(
  table: KvTable,
  entries: readonly DeleteOfMany[],
  context: WriteContext,
): Promise<number> {
  const [, ...deleted] = await performAll<boolean | undefined>(
    table,
    [
      batchConditions(table, entries, context),
      ...entries.map((entry) => deleteIfPresent(table, entry.key, context)),
    ],
    context,
  );
  return deleted.filter(Boolean).length;
}

function batchConditions(
  table: KvTable,
  entries: readonly { key: string; conditions: Conditions }[],
  context: WriteContext,
) {
  const conditional = entries.filter(({ conditions }) => conditions !== NO_CONDITIONS);
  return checkConditions(
    table,
    conditional,
    context,
    (failed) =>
      new ApiError("PRECONDITION_FAILED", "A condition of the batch does not hold", {
        fields: { failed },
      }),
  );
}
