import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useMemo } from "react";
import { apiUrl } from "../api/client.ts";
import { printMoment } from "../api/moment.ts";
import { type Difference, type KeyDifference, readDifference } from "../api/moments.ts";
import { IconButton } from "../parts/Button.tsx";
import { formatCount, plural } from "../parts/format.ts";
import { Empty, ErrorNote, Skeleton } from "../parts/Notes.tsx";
import { TwinLink } from "../parts/TwinLink.tsx";
import { type Change, ChangeList } from "./ChangeList.tsx";
import { formatMoment } from "./moment.ts";
import { sideText } from "./side-text.ts";

export interface ComparePaneProps {
  db: string;
  table: string;
  /** Milliseconds since 1970. */
  at: number;
  onClose(): void;
}

/** What changed between a moment and now. */
export function ComparePane({ db, table, at, onClose }: ComparePaneProps) {
  const from = printMoment(at);
  const { data, error } = useQuery({
    queryKey: ["rows", db, table, "difference", from],
    queryFn: ({ signal }) => readDifference({ db, table }, from, signal),
  });
  return (
    <section className="compare" aria-label="Compare with now">
      <header className="cell-panel-head">
        <h2>Then and now</h2>
        <span className="soft">since {formatMoment(at)}</span>
        <TwinLink
          href={apiUrl("/kv/diff", { db, table, from })}
          format="json"
          of="these differences"
        />
        <IconButton icon={X} label="Close the comparison" onClick={onClose} />
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section className="compare-body" tabIndex={0} aria-label="What is different">
        {error !== null ? (
          <ErrorNote error={error} />
        ) : data === undefined ? (
          <Skeleton lines={8} label="Comparing" />
        ) : (
          <Differences difference={data} />
        )}
      </section>
    </section>
  );
}

function Differences({ difference }: { difference: Difference }) {
  const { stats, changes, gap_keys: gaps, candidate_truncated: truncated } = difference;
  const list = useMemo(() => changes.map(toChange), [changes]);
  return (
    <>
      {stats.total_changes === 0 ? (
        <Empty title="Nothing is different now" />
      ) : (
        <p className="compare-counts" role="status">
          {[
            [stats.created, "added"],
            [stats.modified, "changed"],
            [stats.deleted, "removed"],
          ]
            .filter(([count]) => count !== 0)
            .map(([count, word]) => `${formatCount(Number(count))} ${word}`)
            .join(" · ")}
        </p>
      )}
      {truncated ? (
        <p className="soft">There is more than fits here: these are the first keys.</p>
      ) : null}
      <GapSentence keys={gaps} />
      <ChangeList changes={list} words={["Then", "Now"]} />
    </>
  );
}

/** Names the keys of which nobody knows how they were. */
export function GapSentence({ keys }: { keys: readonly string[] }) {
  if (keys.length === 0) return null;
  const named = keys.slice(0, 5).join(", ");
  const more = keys.length > 5 ? ` and ${formatCount(keys.length - 5)} more` : "";
  return (
    <p className="gap-sentence">
      {plural(keys.length, "key was", "keys were")} written to without a record, so nobody knows
      what happened. Left out: <span className="data">{named}</span>
      {more}.
    </p>
  );
}

const KINDS = { created: "added", modified: "changed", deleted: "removed" } as const;

function toChange(change: KeyDifference): Change {
  // A time to live is worth a line only where it is what differs.
  const expires = change.old_expire_at !== change.new_expire_at;
  return {
    key: change.key,
    kind: KINDS[change.change_type],
    before: sideText({
      value: change.from_value,
      base64: change.from_value_base64,
      contentType: change.from_content_type,
      expiresAt: expires ? change.old_expire_at : undefined,
    }),
    after: sideText({
      value: change.to_value,
      base64: change.to_value_base64,
      contentType: change.to_content_type,
      expiresAt: expires ? change.new_expire_at : undefined,
    }),
  };
}
