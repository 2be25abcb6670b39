/** All keys with a prefix at once: how many, and away with them. */
import { DELETE_BATCH_KEYS } from "../limits.ts";
import { prefixEnd } from "./read.ts";
import { ABOVE_ALL_KEYS, type KvTable, type Params } from "./table.ts";
import { type WriteContext, writeParams } from "./write-plan.ts";

/** The live keys with a prefix. Counted in another process: there may be many. */
export async function countPrefix(table: KvTable, prefix: string, nowMs: number): Promise<number> {
  const params = { ...rangeParams(prefix), now_ms: nowMs };
  const [rows] = await table.engine.readElsewhere({
    relation: table.relation,
    steps: [{ statement: table.statements.countRange, params }],
  });
  return Number(rows?.[0]?.["count"] ?? 0);
}

/**
 * Deletes every key with a prefix that is there now, a bounded number per transaction. If the server
 * dies in between, the rest is still there.
 * @returns how many
 */
export async function deletePrefix(
  table: KvTable,
  prefix: string,
  context: WriteContext,
): Promise<number> {
  const { recordRange, removeRange, changes } = table.statements;
  const params = {
    ...writeParams("", "DELETE", context),
    ...rangeParams(prefix),
    limit: DELETE_BATCH_KEYS,
  };
  let deleted = 0;
  for (;;) {
    const rows = await table.engine.write(
      {
        relation: table.relation,
        steps: [recordRange, removeRange, changes].map((statement) => ({ statement, params })),
      },
      { deadlineMs: context.deadlineMs },
    );
    const count = Number(rows[2]?.[0]?.["count"]);
    deleted += count;
    if (count < DELETE_BATCH_KEYS) return deleted;
  }
}

function rangeParams(prefix: string): Params {
  return { from: prefix, below: prefixEnd(prefix) ?? ABOVE_ALL_KEYS };
}
