/** Headers that routes read, for the API description. */

/** A header that a route reads. */
export interface RequestHeader {
  readonly name: string;
  readonly description: string;
}

export const ACTOR: RequestHeader = {
  name: "X-Actor",
  description: "Who writes, for the history.",
};

export const SQL_ACTOR: RequestHeader = {
  name: "X-Actor",
  description: "Who sends it, for the query log.",
};

export const SAVING_ACTOR: RequestHeader = {
  name: "X-Actor",
  description: "Who saves it.",
};

export const IF_ABSENT: RequestHeader = {
  name: "If-None-Match",
  description: "`*`: only if there is none of that name.",
};

export const SOURCE: RequestHeader = {
  name: "Chronolite-Source",
  description:
    "`page`: a page reads this by itself, for what it shows; the query log counts it apart. Anything else is ignored.",
};

export const IF_MATCH: RequestHeader = {
  name: "If-Match",
  description: "Only if the key has one of these ETags; `*`: only if there is one.",
};

export const IF_NONE_MATCH: RequestHeader = {
  name: "If-None-Match",
  description: "Only if the key has none of these ETags; `*`: only if there is no such key.",
};

export const KNOWN_ETAG: RequestHeader = {
  name: "If-None-Match",
  description: "304 without the value if its ETag is among these.",
};

export const IDEMPOTENCY_KEY: RequestHeader = {
  name: "Idempotency-Key",
  description: "For a day the same request with it is answered again, not done again.",
};
