import { GitCompareArrows, History, Lock, RotateCcw, TriangleAlert } from "lucide-react";
import { Popover } from "radix-ui";
import type { Moment } from "../api/moment.ts";
import { Button } from "../parts/Button.tsx";
import { formatAgo, formatCount, plural } from "../parts/format.ts";
import { formatExactly } from "./moment.ts";
import { useStanding } from "./useMoments.ts";
import "./time.css";

export interface TimeNoteProps {
  db: string;
  table: string;
  /** What is shown. */
  at: Moment;
  active: boolean;
  /** Why rows cannot be changed even now; null when they can. */
  locked: string | null;
  /** Keys of which nobody knows how they were. */
  gapKeys: readonly string[];
  comparing: boolean;
  onCompare(): void;
  onRestore(): void;
}

/** In a sentence: how it was, and what can be done about it. It is there at any time, so that nothing jumps. */
export function TimeNote(props: TimeNoteProps) {
  const { db, table, at, active, locked, gapKeys } = props;
  const standing = useStanding(db, table, at, active && at !== null).data;
  if (at === null)
    return (
      <p className="time-note">
        <Lock aria-hidden size={13} />
        <span className="time-words">{locked ?? "Drag, type or step to see it as it was."}</span>
      </p>
    );
  return (
    <div className="time-note">
      <History aria-hidden size={13} />
      <p className="time-words" role="status">
        As it was <time title={formatExactly(at)}>{formatAgo(new Date(at))}</time>
        {standing === undefined
          ? ""
          : ` (change ${formatCount(standing.operations)} of ${formatCount(standing.total)})`}
        . <span className="time-locked">The past is only read.</span>
      </p>
      {gapKeys.length === 0 ? null : <UnknownKeys keys={gapKeys} />}
      <Button
        tone="plain"
        icon={GitCompareArrows}
        aria-label="Compare with now"
        title="What changed between then and now"
        aria-pressed={props.comparing}
        onClick={props.onCompare}
      >
        Compare
      </Button>
      <Button tone="plain" icon={RotateCcw} onClick={props.onRestore}>
        Restore…
      </Button>
    </div>
  );
}

/** How many are unknown at a moment; opens the list of them. */
export function UnknownKeys({ keys }: { keys: readonly string[] }) {
  return (
    <Popover.Root>
      <Popover.Trigger asChild>
        <button type="button" className="button button-plain time-unknown">
          <TriangleAlert aria-hidden size={15} />
          {plural(keys.length, "key")} unknown
        </button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className="filter-pop"
          align="end"
          sideOffset={4}
          collisionPadding={8}
          aria-label="Unknown keys"
        >
          <p>
            {plural(keys.length, "key is", "keys are")} unknown at this moment and not shown: around
            then they were written without a record.
          </p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
          <ul className="time-keys data" tabIndex={0} aria-label="Their names">
            {keys.map((key) => (
              <li key={key}>{key}</li>
            ))}
          </ul>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
