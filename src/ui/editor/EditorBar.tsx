import { Bookmark, ListTree, Play, Share2, SpellCheck, Square, WandSparkles } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { Button, IconButton } from "../parts/Button.tsx";
import { formatDuration } from "../parts/format.ts";
import type { EditorCommands } from "./codemirror.ts";

export interface EditorBarProps {
  commands: EditorCommands;
  /** How many statements the text has. */
  statements: number;
  running: { readonly startedAt: number } | null;
  onCancel(): void;
  /** Whether the text is checked while it is written. */
  checking: boolean;
  onChecking(): void;
  onExplain(): void;
  /** The menu of saved queries. */
  saved: ReactNode;
  /** Absent where a link could not run the query. */
  onShare: (() => void) | undefined;
  /** Where the database has a past: which moment queries are about. */
  moment: ReactNode;
  /** Whether that is another one than now. */
  past: boolean;
}

/** What can be done with the text. */
export function EditorBar({
  commands,
  statements,
  running,
  onCancel,
  checking,
  onChecking,
  onExplain,
  saved,
  onShare,
  moment,
  past,
}: EditorBarProps) {
  const none = statements === 0;
  return (
    <div className="editor-bar" role="toolbar" aria-label="Query">
      {running === null ? (
        <Button
          tone="primary"
          icon={Play}
          shortcut="Mod+Enter"
          disabled={none}
          onClick={commands.run}
        >
          Run
        </Button>
      ) : (
        <Button tone="danger" icon={Square} onClick={onCancel}>
          Stop <Elapsed startedAt={running.startedAt} />
        </Button>
      )}
      {moment}
      {statements > 1 ? (
        <Button disabled={running !== null} onClick={commands.runAll}>
          Run all {statements}
        </Button>
      ) : null}
      <Button tone="plain" icon={ListTree} disabled={none} onClick={onExplain}>
        Explain
      </Button>
      <Button tone="plain" icon={WandSparkles} disabled={none} onClick={commands.format}>
        Format
      </Button>
      <Button tone="plain" icon={Bookmark} disabled={none} onClick={commands.save}>
        Save
      </Button>
      {saved}
      <Button
        tone="plain"
        icon={Share2}
        disabled={onShare === undefined}
        title={past ? "A link shows the rows of now: go back to now to share" : undefined}
        onClick={onShare}
      >
        Share
      </Button>
      <IconButton
        icon={SpellCheck}
        label="Check while typing"
        aria-pressed={checking}
        onClick={onChecking}
      />
    </div>
  );
}

/** Time since the start, while it runs. */
function Elapsed({ startedAt }: { startedAt: number }) {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 100);
    return () => clearInterval(timer);
  }, []);
  return <span className="elapsed">{formatDuration(Math.max(0, now - startedAt))}</span>;
}
