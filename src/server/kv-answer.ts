/** Keys and values as answers: headers and JSON. */
import type { Found, ListedEntry } from "../kv/read.ts";
import { jsonAnswer, valueMembers } from "./json-body.ts";

export type Headers = Record<string, string | number>;

export function describeFound(headers: Headers, found: Omit<Found, "value" | "isJson">): void {
  describeType(headers, found.contentType);
  headers["x-created-at"] = String(toSeconds(found.createdAtMs));
  headers["x-updated-at"] = String(toSeconds(found.updatedAtMs));
  if (found.expireAtMs !== null) headers["x-expire-at"] = String(toSeconds(found.expireAtMs));
  headers["etag"] = found.etag;
}

export function describeType(headers: Headers, contentType: string): void {
  headers["content-type"] = contentType;
  // A stored page must not act in the name of this server's own page.
  if (/html|xml/i.test(contentType)) headers["content-security-policy"] = "sandbox";
}

export function entryText(key: string, found: Found): string {
  return jsonAnswer(
    {
      key,
      content_type: found.contentType,
      etag: found.etag,
      created_at: toSeconds(found.createdAtMs),
      updated_at: toSeconds(found.updatedAtMs),
      expire_at: found.expireAtMs === null ? null : toSeconds(found.expireAtMs),
    },
    valueMembers(found.value, found.isJson),
  );
}

export function listItemText(entry: ListedEntry): string {
  return jsonAnswer(
    {
      key: entry.key,
      content_type: entry.contentType,
      size: entry.sizeBytes,
      created_at: toSeconds(entry.createdAtMs),
      updated_at: toSeconds(entry.updatedAtMs),
      ...(entry.expireAtMs === null ? {} : { expire_at: toSeconds(entry.expireAtMs) }),
      etag: entry.etag,
    },
    entry.value === undefined ? {} : valueMembers(entry.value, entry.isJson === true),
  );
}

export function toSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}
