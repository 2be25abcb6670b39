/** Conditional requests: If-Match and If-None-Match (RFC 9110 section 13) and `if_match`. */
import { invalidParameter } from "../errors.ts";
import { type Conditions, type Etags, NO_CONDITIONS } from "../kv/write-plan.ts";
import { optionalText } from "./parameters.ts";
import type { Query } from "./query.ts";

export const ifMatch = optionalText(
  "if_match",
  "Write only if this is the key's value, byte for byte.",
);

/** @throws ApiError INVALID_PARAMETERS for a header that is not a list of ETags */
export function conditionsOf(request: Request, query: Query): Conditions {
  const literal = ifMatch.read(query);
  const wanted = request.headers.get("if-match");
  const refused = request.headers.get("if-none-match");
  if (literal === undefined && wanted === null && refused === null) return NO_CONDITIONS;
  return {
    ifMatch: literal ?? null,
    ifEtags: wanted === null ? null : etagsOf("If-Match", wanted),
    ifNoneEtags: refused === null ? null : etagsOf("If-None-Match", refused),
  };
}

/**
 * For requests about several keys, where such a header could be about any of them.
 * @throws ApiError INVALID_PARAMETERS
 */
export function refuseConditions(request: Request): void {
  for (const name of ["If-Match", "If-None-Match"])
    if (request.headers.has(name))
      throw invalidParameter(
        name,
        "is about one key: give if_match with an entry of the body instead",
      );
}

/** Whether a list of ETags, as a client sends it with a GET, has this one. Weak comparison. */
export function matchesEtag(header: string, etag: string): boolean {
  return (
    header.trim() === "*" ||
    header.split(",").some((part) => part.trim().replace(/^W\//, "") === etag)
  );
}

/**
 * A list of ETags as sequence numbers. Our tags are those in base 36; any other tag is nobody's, and
 * matches nothing.
 * @throws ApiError INVALID_PARAMETERS
 */
export function etagsOf(name: string, header: unknown): Etags {
  if (typeof header !== "string") throw invalidParameter(name, "must be a string");
  if (header.trim() === "*") return "*";
  return header.split(",").map((part) => {
    const tag = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/.exec(part.trim());
    if (tag === null)
      throw invalidParameter(name, 'must be a list of ETags in double quotes, or "*"');
    const [, weak, text = ""] = tag;
    const seq =
      weak === undefined && /^[0-9a-z]{1,11}$/.test(text) ? Number.parseInt(text, 36) : Number.NaN;
    return Number.isSafeInteger(seq) && seq.toString(36) === text ? seq : -1;
  });
}
