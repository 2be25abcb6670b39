/** Several keys in one transaction, all or nothing. */
import type { Step } from "../engine/plan.ts";
import { ApiError } from "../errors.ts";
import type { KvTable } from "./table.ts";
import { toEtag } from "./value.ts";
import { type PutRequest, putParams } from "./write.ts";
import {
  type Conditions,
  conditionsHold,
  mustBeStamped,
  NO_CONDITIONS,
  stampSteps,
  type WriteContext,
  writeParams,
  writePlan,
} from "./write-plan.ts";

export interface PutOfMany extends PutRequest {
  key: string;
}

export interface DeleteOfMany {
  key: string;
  conditions: Conditions;
}

/**
 * Sets all keys, in order; the last one wins where a key comes twice.
 * @returns the ETag of each
 * @throws ApiError PRECONDITION_FAILED with `failed`
 */
export async function putMany(
  table: KvTable,
  entries: readonly PutOfMany[],
  context: WriteContext,
): Promise<string[]> {
  const { statements } = table;
  const looks = conditionLooks(table, entries, context);
  const steps = entries.flatMap((entry) => {
    const conditional = entry.conditions !== NO_CONDITIONS;
    const stamp = conditional ? statements.putIf : statements.put;
    return stampSteps(statements, stamp, putParams(entry.key, entry, context), conditional);
  });
  const rows = await writePlan(table, [...looks.steps, ...steps], context, looks.explain);
  return entries.map((_, index) => mustBeStamped(rows[looks.steps.length + 2 * index]).etag);
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
  const { statements } = table;
  const looks = conditionLooks(table, entries, context);
  const steps = entries.flatMap((entry) =>
    stampSteps(
      statements,
      statements.doom,
      writeParams(entry.key, "DELETE", context, entry.conditions),
      entry.conditions !== NO_CONDITIONS,
    ),
  );
  const rows = await writePlan(table, [...looks.steps, ...steps], context, looks.explain);
  return entries.filter((_, index) => rows[looks.steps.length + 3 * index]?.[0] !== undefined)
    .length;
}

/** How the keys with conditions are before anything is written, to name all that fail. */
function conditionLooks(table: KvTable, entries: readonly DeleteOfMany[], context: WriteContext) {
  const conditional = entries.filter(({ conditions }) => conditions !== NO_CONDITIONS);
  const steps: Step[] = conditional.map(({ key, conditions }) => ({
    statement: table.statements.current,
    params: writeParams(key, "SET", context, conditions),
  }));
  return {
    steps,
    explain: (rows: readonly (readonly Record<string, unknown>[])[]) => {
      const failed = conditional.flatMap(({ key, conditions }, index) => {
        const current = rows[index]?.[0] as Record<string, number> | undefined;
        return conditionsHold(conditions, current)
          ? []
          : [{ key, current_etag: current === undefined ? null : toEtag(current["seq"]) }];
      });
      return new ApiError("PRECONDITION_FAILED", "A condition of the batch does not hold", {
        fields: { failed },
      });
    },
  };
}
