/** OpenAPI details of what may follow a key: one for each verb. */

import { ifMatch } from "./conditions.ts";
import { type Answer, documented, WRITE_ERRORS } from "./documentation.ts";
import {
  CountAnswer,
  EntryAnswer,
  PoppedAnswer,
  PushAnswer,
  RemovedAnswer,
  TimeToLiveAnswer,
} from "./kv.model.ts";
import { index } from "./kv-verbs.ts";
import {
  createIfMissing,
  db,
  delta,
  history,
  type Parameter,
  path,
  table,
  ttl,
} from "./parameters.ts";
import { ACTOR, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, KNOWN_ETAG } from "./request-headers.ts";

/** Descriptions of the headers that come with a value. */
export const VALUE_HEADERS: NonNullable<Answer["headers"]> = {
  ETag: "Changes with every write of the key. Not in directory mode.",
  "X-Created-At": "Unix seconds.",
  "X-Op-Number":
    "With at_timestamp: the operation that made the value; 0 where no recorded one did.",
  "X-Op-Timestamp": "With at_timestamp: when that was, Unix seconds.",
  "X-Updated-At": "Unix seconds.",
  "X-Expire-At": "Unix seconds; only with a time to live.",
  "X-JSON-Path": "The `path`, percent-encoded.",
  "X-Directory-Mode": "`true` in directory mode.",
  "X-File-Hash": "Directory mode: SHA-256 of the file, in hex.",
  "X-KV-Nesting-Depth": "Directory mode: parts of the key.",
  "Content-Security-Policy": "`sandbox`, for values that are pages.",
};

/** A key that is not there, or not any more. */
export const KEY_ERRORS = ["KEY_NOT_FOUND", "KEY_EXPIRED"] as const;

/** A hook answers HEAD, so no route has it. */
export const HEAD_KEY = documented({
  summary: "Look for a key",
  tag: "Key-value",
  key: true,
  parameters: [db, table],
  answers: { 200: { description: "It is there", headers: VALUE_HEADERS } },
  errors: [...KEY_ERRORS, "FILE_SYSTEM_ERROR"],
});

/**
 * By method and verb, such as `POST incr`.
 * @param deadline the parameter `timeout` with its default
 */
export function keyVerbDocuments(deadline: Parameter<number>): Readonly<Record<string, object>> {
  const writing = [db, table, history, ...createIfMissing.documented, deadline];
  const conditional = [...writing, ifMatch];
  const headers = [IF_MATCH, IF_NONE_MATCH, ACTOR, IDEMPOTENCY_KEY];
  const common = { tag: "Key-value", key: true, headers } as const;
  const errors = [...WRITE_ERRORS, "KEY_NOT_FOUND", "NOT_FOUND"] as const;
  const count = (summary: string) =>
    documented({
      ...common,
      summary,
      description: "The number at the key, or at `path` in it; what is missing counts as 0.",
      parameters: [...conditional, path, delta],
      answers: { 200: { description: "Changed, and on disk", schema: CountAnswer } },
      errors: WRITE_ERRORS,
    });
  return {
    "GET entry": documented({
      summary: "Read a key with all that is known of it",
      tag: "Key-value",
      key: true,
      parameters: [db, table],
      headers: [KNOWN_ETAG],
      answers: {
        200: {
          description: "The value and its facts",
          schema: EntryAnswer,
          headers: { ETag: "The member `etag`." },
        },
        304: { description: "If-None-Match has its ETag", headers: { ETag: "That tag." } },
      },
      errors: KEY_ERRORS,
      nullWhenMissing: true,
    }),
    "POST incr": count("Add to a number"),
    "POST decr": count("Subtract from a number"),
    "POST push": documented({
      ...common,
      summary: "Append to an array",
      description:
        "What is missing is made. A body that is an object with `value` alone stands for that value.",
      parameters: [...conditional, path],
      body: { description: "The element, as JSON." },
      answers: { 200: { description: "Changed, and on disk", schema: PushAnswer } },
      errors,
    }),
    "POST pop": documented({
      ...common,
      summary: "Remove the last element of an array",
      parameters: [...conditional, path],
      answers: { 200: { description: "Changed, and on disk", schema: PoppedAnswer } },
      errors,
    }),
    "POST remove": documented({
      ...common,
      summary: "Remove an element of an array",
      description:
        "The one at `index`; or the first that equals `value` of the body, or has all its members.",
      parameters: [...conditional, path, index],
      body: { description: '`{"value": …}`, where `index` is not given.', required: false },
      answers: { 200: { description: "Changed, and on disk", schema: RemovedAnswer } },
      errors,
    }),
    "POST expire": documented({
      ...common,
      summary: "Give a key a time to live",
      parameters: [...conditional, ttl],
      answers: { 200: { description: "Changed, and on disk", schema: TimeToLiveAnswer } },
      errors,
    }),
    "POST persist": documented({
      ...common,
      summary: "Take a key's time to live away",
      parameters: conditional,
      answers: { 200: { description: "Changed, and on disk", schema: TimeToLiveAnswer } },
      errors,
    }),
  };
}
