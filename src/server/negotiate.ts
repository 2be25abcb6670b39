/** Which format a caller wants of an answer: `format` wins over the Accept header (RFC 9110, 12.5.1). */
import { ROW_FORMATS } from "../sql/formats/format.ts";

export const QUERY_FORMATS = ["json", ...ROW_FORMATS] as const;
export type QueryFormat = (typeof QUERY_FORMATS)[number];

export const CONTENT_TYPE: Readonly<Record<QueryFormat, string>> = {
  json: "application/json",
  csv: "text/csv; charset=utf-8; header=present",
  ndjson: "application/x-ndjson",
  html: "text/html; charset=utf-8",
};

export type Headers = Record<string, string | number | undefined>;

/** Tells caches that the answer depends on the Accept header; with CORS it may on the origin, too. */
export function varyByAccept(headers: Headers): void {
  const { vary } = headers;
  headers["vary"] = vary === undefined ? "Accept" : `${vary}, Accept`;
}

/** In order of preference for callers that take everything. */
const MEDIA_TYPES: readonly (readonly [mediaType: string, format: QueryFormat])[] = [
  ["application/json", "json"],
  ["text/html", "html"],
  ["text/csv", "csv"],
  ["application/x-ndjson", "ndjson"],
  ["application/ndjson", "ndjson"],
  ["application/jsonl", "ndjson"],
];

/**
 * @param offered what the route answers; JSON is always among it
 * @returns `json` where the header is missing or names nothing that is offered
 */
export function acceptedFormat<Offered extends QueryFormat>(
  accept: string | null,
  offered: readonly (Offered | "json")[],
): Offered | "json" {
  if (accept === null) return "json";
  const ranges = accept.split(",").map((range, position) => {
    const [mediaRange = "", ...parameters] = range.split(";").map((part) => part.trim());
    const quality = parameters.find((parameter) => /^q=/i.test(parameter))?.slice(2);
    return {
      mediaRange: mediaRange.toLowerCase(),
      quality: quality === undefined ? 1 : Number(quality) || 0,
      position,
    };
  });
  let best: { format: Offered | "json"; quality: number; position: number } | undefined;
  for (const [mediaType, known] of MEDIA_TYPES) {
    const format = offered.find((each) => each === known);
    if (format === undefined) continue;
    const family = `${mediaType.split("/")[0]}/*`;
    // The most exact range decides.
    const range = [mediaType, family, "*/*"]
      .map((wanted) => ranges.find(({ mediaRange }) => mediaRange === wanted))
      .find((found) => found !== undefined);
    if (range === undefined || range.quality === 0) continue;
    const { quality, position } = range;
    if (
      best === undefined ||
      quality > best.quality ||
      (quality === best.quality && position < best.position)
    )
      best = { format, quality, position };
  }
  return best?.format ?? "json";
}
