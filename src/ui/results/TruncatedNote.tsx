import { TriangleAlert } from "lucide-react";
import type { Moment } from "../api/moment.ts";
import { formatCount } from "../parts/format.ts";
import { DownloadAll } from "./DownloadAll.tsx";

export interface TruncatedNoteProps {
  db: string;
  sql: string;
  values: string | null;
  at: Moment;
  shown: number;
  linkable: boolean;
}

/** Says that there is more than what is shown, and how to get it. */
export function TruncatedNote({ db, sql, values, at, shown, linkable }: TruncatedNoteProps) {
  return (
    <div className="truncated" role="status">
      <TriangleAlert aria-hidden size={15} />
      <span>
        Only the first {formatCount(shown)} rows are here; there are more.
        {linkable ? "" : " Add a LIMIT and an OFFSET to see the others."}
      </span>
      {linkable ? <DownloadAll db={db} sql={sql} values={values} at={at} /> : null}
    </div>
  );
}
