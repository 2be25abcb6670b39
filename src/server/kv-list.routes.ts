/** Routes of all keys of a table: contracts/hoody.md 1.8, and deletion by prefix. */
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import type { Database } from "../engine/database.ts";
import { invalidParameter } from "../errors.ts";
import { type Moment, tableAt } from "../kv/moment.ts";
import { countPrefix, deletePrefix } from "../kv/range.ts";
import { type ListRequest, listKeys } from "../kv/read.ts";
import { type KvTable, kvTable } from "../kv/table.ts";
import type { WriteContext } from "../kv/write-plan.ts";
import { DEFAULT_LIST_KEYS, MAX_LIST_KEYS, MAX_SNAPSHOT_KEYS } from "../limits.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented, PAST_ERRORS } from "./documentation.ts";
import { refuseIdempotency } from "./idempotency.ts";
import { jsonAnswer, valueMembers } from "./json-body.ts";
import { DeletePrefixAnswer, ListAnswer, PastListAnswer } from "./kv.model.ts";
import { listItemText } from "./kv-answer.ts";
import { type ListedPage, listInDirectory, rebuild } from "./kv-directory.ts";
import { API_PREFIX } from "./kv-path.ts";
import { atTimestamp } from "./kv-time.parameters.ts";
import { momentOf, momentSeconds } from "./moment.ts";
import {
  db,
  flag,
  history,
  integer,
  optionalText,
  type Parameter,
  prefix,
  table,
  timeout,
} from "./parameters.ts";
import { Query } from "./query.ts";
import { ACTOR } from "./request-headers.ts";
import { writeContext } from "./write-context.ts";

const suffix = optionalText("suffix", "Only keys that end in this text.");
const contains = optionalText("contains", "Only keys that have this text in them.");
const start = optionalText("start", "Only this key and those after it, in byte order.");
const end = optionalText("end", "Only keys before this one, in byte order.");
const after = optionalText(
  "after",
  "Only keys after this one in the list: `next_after` of the page before.",
);
const reverse = flag("reverse", "Last key first.");
const withValues = flag("values", "Include the values.");
const deletedPrefix: Parameter<string> = {
  ...optionalText("prefix", "Which keys; empty for all of the table."),
  required: true,
  read: (query) => {
    const text = query.get("prefix");
    if (text === undefined) throw invalidParameter("prefix", "is missing");
    return text;
  },
};
const confirm = optionalText("confirm", "`yes` to delete.");
const limit = integer("limit", `Keys per page; more than ${MAX_LIST_KEYS} is ${MAX_LIST_KEYS}.`, {
  whenAbsent: DEFAULT_LIST_KEYS,
  minimum: 0,
});
const offset = integer("offset", "Keys to skip. For deep pages use `after`.", {
  whenAbsent: 0,
  minimum: 0,
});

/** The routes of one server. */
export function kvListRoutes(deps: ServerDeps) {
  const deadline = timeout(deps.config.timeoutMs);
  const target = [db, table];

  return new Elysia({ name: "kv-list" })
    .get(
      `${API_PREFIX}/kv`,
      async ({ request, set }) => {
        const query = Query.of(request);
        const moment = momentOf(atTimestamp, query, deps.clock.nowMs());
        const page = {
          prefix: prefix.read(query),
          suffix: suffix.read(query) || null,
          contains: contains.read(query) || null,
          start: start.read(query) ?? null,
          end: end.read(query) ?? null,
          after: after.read(query) || null,
          reverse: reverse.read(query),
          values: withValues.read(query),
          limit: Math.min(limit.read(query), MAX_LIST_KEYS),
          offset: offset.read(query),
          nowMs: deps.clock.nowMs(),
        };
        if (page.after !== null && page.offset > 0)
          throw invalidParameter("after", "and offset exclude each other");
        if (moment !== null) refuseInPast(query, page);
        const list = async (database: Database): Promise<ListedPage | string> => {
          if (moment !== null)
            return listPast(kvTable(database, table.read(query)), query, page, moment);
          const { entries, hasMore, changeCursor } = await listKeys(
            kvTable(database, table.read(query)),
            page,
          );
          const items = `[${entries.map(listItemText).join(",")}]`;
          const keys = entries.map((entry) => entry.key);
          return {
            keys,
            items,
            hasMore,
            lastKey: keys.at(-1) ?? null,
            more: { change_cursor: changeCursor },
          };
        };
        set.headers["content-type"] = "application/json";
        const listed = await withDatabase<ListedPage | string>(deps, query, list, false, (folder) =>
          listInDirectory({ deps, request, query, folder }, page),
        );
        if (typeof listed === "string") return listed;
        const { keys, items, hasMore, lastKey, more } = listed;
        return jsonAnswer(
          {
            success: true,
            keys,
            count: keys.length,
            limit: page.limit,
            offset: page.offset,
            prefix: page.prefix,
            has_more: hasMore,
            next_after: hasMore ? lastKey : null,
            ...more,
          },
          { items },
        );
      },
      {
        detail: documented({
          summary: "List keys",
          description: "In byte order. Expired keys are not listed.",
          tag: "Key-value",
          parameters: [
            ...target,
            prefix,
            suffix,
            contains,
            start,
            end,
            after,
            reverse,
            withValues,
            limit,
            offset,
            atTimestamp,
            rebuild,
          ],
          answers: {
            200: {
              description: "A page of keys",
              schema: Type.Union([ListAnswer, PastListAnswer]),
            },
          },
          errors: [...PAST_ERRORS, "RESPONSE_TOO_LARGE", "REQUEST_TIMEOUT", "FILE_SYSTEM_ERROR"],
        }),
      },
    )
    .delete(
      `${API_PREFIX}/kv`,
      async ({ request }) => {
        const query = Query.of(request);
        refuseIdempotency(request);
        const context = writeContext(deps, deadline, request, query);
        const database = await withDatabase<Database>(deps, query, (open) => open);
        return answerDeletePrefix(kvTable(database, table.read(query)), query, context);
      },
      {
        parse: "none",
        detail: documented({
          summary: "Delete all keys with a prefix",
          description:
            "Without `confirm=yes` only tells how many there are. Deletes in batches, each of them whole.",
          tag: "Key-value",
          parameters: [...target, deletedPrefix, confirm, history, deadline],
          answers: {
            200: { description: "Deleted, or how many would be", schema: DeletePrefixAnswer },
          },
          headers: [ACTOR],
          errors: ["DATABASE_READONLY", "DISK_FULL"],
        }),
      },
    );
}

type ListPage = Omit<ListRequest, "nowMs">;

/** @throws ApiError INVALID_PARAMETERS for what a list of the past does not have */
function refuseInPast(query: Query, page: ListPage): void {
  for (const { name } of [after, start, end])
    if ((query.get(name) ?? "") !== "")
      throw invalidParameter(name, "and at_timestamp exclude each other");
  if (page.reverse) throw invalidParameter("reverse", "and at_timestamp exclude each other");
}

/** A page of the keys that there were at a moment; `limit=0` asks for all (contract 1.8). */
async function listPast(
  of: KvTable,
  query: Query,
  page: ListPage,
  moment: Moment,
): Promise<string> {
  const unlimited = limit.read(query) === 0;
  const range = { ...page, limit: unlimited ? MAX_SNAPSHOT_KEYS : page.limit };
  const { keys, total, gapKeys } = await tableAt(of, range, moment);
  const items = keys.map((entry) =>
    jsonAnswer(
      {
        key: entry.key,
        content_type: entry.contentType,
        existed_at_timestamp: true,
        op_number: entry.opNumber ?? 0,
        size_estimate: entry.sizeBytes,
      },
      entry.value === null ? {} : valueMembers(entry.value, entry.isJson),
    ),
  );
  const seconds = momentSeconds(moment);
  return jsonAnswer(
    {
      success: true,
      keys: keys.map(({ key }) => key),
      count: keys.length,
      offset: page.offset,
      total,
      has_more: page.offset + keys.length < total,
      timestamp: seconds,
      at_timestamp: seconds,
      has_gaps: gapKeys.length > 0,
      gap_keys: gapKeys,
      candidate_truncated: unlimited && page.offset + keys.length < total,
    },
    { items: `[${items.join(",")}]` },
  );
}

/** Deletes a prefix; what it would do, until it is confirmed. */
async function answerDeletePrefix(
  to: KvTable,
  query: Query,
  context: WriteContext,
): Promise<Record<string, unknown>> {
  const keyPrefix = deletedPrefix.read(query);
  if (confirm.read(query)?.toLowerCase() !== "yes")
    return {
      success: true,
      dry_run: true,
      prefix: keyPrefix,
      would_delete: await countPrefix(to, keyPrefix, context.nowMs),
      message: "Nothing was deleted: add confirm=yes to apply",
    };
  return {
    success: true,
    status: "ok",
    prefix: keyPrefix,
    deleted: await deletePrefix(to, keyPrefix, context),
  };
}
