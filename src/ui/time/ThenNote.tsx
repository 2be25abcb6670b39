import { History, SkipForward } from "lucide-react";
import { Button } from "../parts/Button.tsx";
import { formatAgo } from "../parts/format.ts";
import { formatExactly, formatMoment } from "./moment.ts";
import { UnknownKeys } from "./TimeNote.tsx";

export interface ThenNoteProps {
  /** Milliseconds since 1970. */
  at: number;
  gapKeys: readonly string[];
  onNow(): void;
}

/** Above rows that are those of an earlier moment. */
export function ThenNote({ at, gapKeys, onNow }: ThenNoteProps) {
  return (
    <div className="time-note">
      <History aria-hidden size={13} />
      <p className="time-words" role="status">
        As it was <time title={formatExactly(at)}>{formatAgo(new Date(at))}</time>, on{" "}
        {formatMoment(at)}.
      </p>
      {gapKeys.length === 0 ? null : <UnknownKeys keys={gapKeys} />}
      <Button tone="plain" icon={SkipForward} onClick={onNow}>
        Back to now
      </Button>
    </div>
  );
}
