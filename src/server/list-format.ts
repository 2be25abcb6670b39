/** Lists of ours as JSON or, for spreadsheets, as CSV: one row per entry. */
import { csvText } from "../sql/formats/csv.ts";
import { acceptedFormat, type Headers, varyByAccept } from "./negotiate.ts";
import { choice } from "./parameters.ts";
import type { Query } from "./query.ts";

const LIST_FORMATS = ["json", "csv"] as const;
export type ListFormat = (typeof LIST_FORMATS)[number];

export const listFormat = choice(
  "format",
  "Format of the answer; wins over the header Accept.",
  LIST_FORMATS,
  null,
);

/** For the description of an answer that comes in both. */
export const LIST_TYPES = ["text/csv"] as const;

/**
 * The format that a request wants.
 * @param headers of the answer
 * @throws ApiError INVALID_PARAMETERS
 */
export function readListFormat(query: Query, request: Request, headers: Headers): ListFormat {
  const said = listFormat.read(query);
  if (said === null) varyByAccept(headers);
  return said ?? acceptedFormat(request.headers.get("accept"), LIST_FORMATS);
}

/** Entries as CSV. What an entry does not have is an empty field, as NULL is. */
export function csvOf<Name extends string>(
  columns: readonly Name[],
  entries: readonly { readonly [Member in Name]?: string | number | boolean | null }[],
): string {
  return csvText(
    columns,
    entries.map((entry) => columns.map((column) => entry[column])),
  );
}
