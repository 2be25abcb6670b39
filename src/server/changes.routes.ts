/** Following what happens to keys: contracts/hoody.md 1.32, `/changes` and `/changes/stream`. */
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import type { Database } from "../engine/database.ts";
import { ApiError, invalidParameter, toApiError } from "../errors.ts";
import { type ChangePage, changesSince } from "../kv/changes.ts";
import { type KvTable, kvTable } from "../kv/table.ts";
import {
  CHANGE_HEARTBEAT_MS,
  DEFAULT_CHANGES,
  MAX_CHANGE_STREAMS,
  MAX_CHANGE_WAIT_S,
  MAX_CHANGES,
} from "../limits.ts";
import { ChangesAnswer } from "./changes.model.ts";
import { changeText, serverSentEvent } from "./changes-answer.ts";
import { type ServerDeps, withDatabase } from "./deps.ts";
import { documented } from "./documentation.ts";
import { jsonAnswer } from "./json-body.ts";
import { API_PREFIX } from "./kv-path.ts";
import { db, flag, integer, optionalText, prefix, table } from "./parameters.ts";
import { Query } from "./query.ts";
import { Waker } from "./waker.ts";

const since = optionalText(
  "since",
  "Only what came after this cursor; `now` for what is yet to come. Without it from the oldest that is kept; a stream begins now.",
);
const limit = integer("limit", "Events of one answer.", {
  whenAbsent: DEFAULT_CHANGES,
  minimum: 1,
  maximum: MAX_CHANGES,
});
const wait = integer("wait", "Seconds to wait for an event where there is none.", {
  whenAbsent: 0,
  minimum: 0,
  maximum: MAX_CHANGE_WAIT_S,
});
const includeValues = flag("include_values", "Tell the values too.");

/** What both routes read. */
function requestOf(query: Query) {
  return {
    prefix: prefix.read(query),
    limit: limit.read(query),
    values: includeValues.read(query),
  };
}

/** A cursor, `now`, or nothing. */
function cursorOf(text: string | null | undefined, name: string): number | "now" | null {
  if (text === undefined || text === null || text === "") return null;
  if (text === "now") return "now";
  if (!/^\d{1,15}$/.test(text))
    throw invalidParameter(name, "must be a cursor of an answer before, or now");
  return Number(text);
}

/** The routes of one server. */
export function changesRoutes(deps: ServerDeps) {
  let streams = 0;

  return new Elysia({ name: "changes" })
    .get(
      `${API_PREFIX}/changes`,
      async ({ request, set, server }) => {
        const query = Query.of(request);
        const asked = requestOf(query);
        const cursor = cursorOf(since.read(query), "since");
        const waitMs = wait.read(query) * 1000;
        server?.timeout(request, MAX_CHANGE_WAIT_S + 10);
        set.headers["content-type"] = "application/json";
        return withDatabase(deps, query, async (database: Database) => {
          const of = kvTable(database, table.read(query));
          let page = await firstPage(of, cursor, asked);
          if (waitMs > 0 && page.changes.length === 0) {
            const { leaving } = database;
            using waker = new Waker(database, [request.signal, deps.stopping, leaving]);
            const untilMs = performance.now() + waitMs;
            while (page.changes.length === 0 && !waker.ended && performance.now() < untilMs) {
              if (!page.hasMore) await waker.wait(untilMs - performance.now());
              page = await changesSince(of, page.next, asked);
            }
          }
          return jsonAnswer(
            {
              success: true,
              cursor: page.newest,
              oldest_cursor: page.oldest,
              next_cursor: page.next,
              has_more: page.hasMore,
            },
            {
              events: `[${page.changes
                .map((change) => changeText(change, of.relation.name, asked.values))
                .join(",")}]`,
            },
          );
        });
      },
      {
        detail: documented({
          summary: "What happened to the keys of a table",
          description:
            "In order. Ask again with `since` = `next_cursor`: nothing is missed and nothing comes twice.",
          tag: "Changes",
          parameters: [db, table, since, prefix, limit, wait, includeValues],
          answers: { 200: { description: "Events", schema: ChangesAnswer } },
          errors: ["CHANGE_CURSOR_EXPIRED", "CHANGE_CURSOR_INVALID"],
        }),
      },
    )
    .get(
      `${API_PREFIX}/changes/stream`,
      async ({ request, set, server }) => {
        const query = Query.of(request);
        const asked = requestOf(query);
        const last = cursorOf(request.headers.get("last-event-id"), "Last-Event-ID");
        const cursor = last ?? cursorOf(since.read(query), "since") ?? "now";
        if (streams >= MAX_CHANGE_STREAMS)
          throw new ApiError("SERVICE_UNAVAILABLE", "Too many streams of changes are open");
        server?.timeout(request, 0);
        const opened = await withDatabase(deps, query, (database: Database) => ({
          database,
          of: kvTable(database, table.read(query)),
        }));
        // What the caller may not follow is refused before the stream begins.
        await changesSince(opened.of, null, asked);
        streams += 1;
        set.headers["content-type"] = "text/event-stream; charset=utf-8";
        set.headers["cache-control"] = "no-store";
        set.headers["x-accel-buffering"] = "no";
        const unpin = opened.database.pin();
        const { leaving } = opened.database;
        const waker = new Waker(opened.database, [request.signal, deps.stopping, leaving]);
        const reason = () =>
          deps.stopping.aborted ? "stopping" : leaving.aborted ? "deleted" : null;
        const events = follow(opened.of, cursor, asked, waker, reason);
        const end = () => {
          if (waker.closed) return;
          waker[Symbol.dispose]();
          unpin();
          streams -= 1;
        };
        return new Response(pulled(events, end), {
          headers: set.headers as Record<string, string>,
        });
      },
      {
        detail: documented({
          summary: "The same as server-sent events",
          description:
            "Events: `ready`, `change`, `checkpoint` (every 15 s), `reset` (the cursor is no good any more), `end`. A client that comes back with `Last-Event-ID` misses nothing.",
          tag: "Changes",
          parameters: [db, table, since, prefix, includeValues],
          headers: [{ name: "Last-Event-ID", description: "Wins over `since`." }],
          answers: {
            200: {
              description: "A stream",
              schema: Type.String(),
              mediaType: "text/event-stream",
              headers: {
                "Cache-Control": "`no-store`.",
                "X-Accel-Buffering": "`no`, so that proxies pass events on at once.",
              },
            },
          },
        }),
      },
    );
}

type Asked = ReturnType<typeof requestOf>;

async function firstPage(
  of: KvTable,
  cursor: number | "now" | null,
  asked: Asked,
): Promise<ChangePage> {
  if (typeof cursor === "number") return changesSince(of, cursor, asked);
  const present = await changesSince(of, null, asked);
  return cursor === "now" ? present : changesSince(of, present.oldest, asked);
}

/** The text of a stream, page by page as its reader takes it: nothing is kept for a slow one. */
async function* follow(
  of: KvTable,
  cursor: number | "now",
  asked: Asked,
  waker: Waker,
  endReason: () => string | null,
): AsyncGenerator<string> {
  let saidMs = performance.now();
  let next: number | undefined;
  try {
    let page = await firstPage(of, cursor, asked);
    yield `retry: 1000\n${serverSentEvent("ready", page.newest, { cursor: page.newest, oldest_cursor: page.oldest }, typeof cursor === "number" ? cursor : page.next)}`;
    while (!waker.ended) {
      next = page.next;
      if (page.changes.length > 0) {
        saidMs = performance.now();
        yield page.changes
          .map((change) =>
            serverSentEvent(
              "change",
              change.seq,
              changeText(change, of.relation.name, asked.values),
            ),
          )
          .join("");
      } else if (performance.now() - saidMs >= CHANGE_HEARTBEAT_MS) {
        saidMs = performance.now();
        yield serverSentEvent("checkpoint", next, { cursor: next });
      }
      if (!page.hasMore) await waker.wait(CHANGE_HEARTBEAT_MS);
      page = await changesSince(of, next, asked);
    }
    const reason = endReason();
    if (reason !== null) yield serverSentEvent("end", next, { reason });
  } catch (error) {
    const { kind, message, details } = toApiError(error);
    if (kind === "CHANGE_CURSOR_EXPIRED" || kind === "CHANGE_CURSOR_INVALID")
      yield serverSentEvent("reset", undefined, { code: kind, message, ...details.fields });
    yield serverSentEvent("end", undefined, { reason: kind });
  }
}

/** A stream that asks for the next text only when its reader has taken the one before. */
function pulled(texts: AsyncGenerator<string>, end: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      async pull(controller) {
        const { value, done } = await texts.next();
        if (done !== true) return controller.enqueue(encoder.encode(value));
        end();
        controller.close();
      },
      async cancel() {
        end();
        await texts.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
