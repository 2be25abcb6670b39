import { Eye, RotateCcw, Save, Undo2 } from "lucide-react";
import { Button, IconButton } from "../../parts/Button.tsx";
import { plural } from "../../parts/format.ts";
import { ErrorNote } from "../../parts/Notes.tsx";
import type { SaveFailure } from "./save.ts";
import { countStaged, type Staged } from "./staged.ts";

export interface StagedBarProps {
  staged: Staged;
  canStepBack: boolean;
  saving: boolean;
  failure: SaveFailure | null;
  /** How people know the row that failed. */
  failedRow: string | null;
  failedColumns: readonly string[];
  /** How many of the rows belong to another page or filter. */
  elsewhere: number;
  onStepBack(): void;
  onDiscard(): void;
  onPreview(): void;
  onSave(): void;
  /** Reads the row as it is now, and keeps the change. */
  onReread(): void;
  /** Gives up the changes of the row. */
  onDrop(): void;
}

/** What waits to be saved, and what to do with it: all of it together. */
export function StagedBar(props: StagedBarProps) {
  const { failure, failedRow, saving } = props;
  const { changed, added, deleted } = countStaged(props.staged);
  const words = [
    changed === 0 ? null : `${changed} changed`,
    added === 0 ? null : `${added} new`,
    deleted === 0 ? null : `${deleted} to delete`,
  ].filter((part) => part !== null);
  return (
    <section className="staged" aria-label="Unsaved changes">
      {failure === null ? null : failure.conflict ? (
        <div className="error-note" role="alert">
          <div className="error-note-words">
            <p>
              <strong>
                The row {failedRow} was changed or deleted by somebody else meanwhile.
              </strong>{" "}
              Nothing was saved.
            </p>
            <div className="staged-ways">
              <Button onClick={props.onReread}>Read it again, keep my change</Button>
              <Button tone="plain" onClick={props.onDrop}>
                Give up my change of it
              </Button>
            </div>
          </div>
        </div>
      ) : (
        <ErrorNote error={failure.cause}>
          <p>
            Nothing was saved
            {failedRow === null
              ? "."
              : `. It failed at ${[failedRow, ...props.failedColumns].join(", ")}.`}
          </p>
        </ErrorNote>
      )}
      <div className="staged-bar">
        <span role="status" className="staged-words">
          {words.join(", ")}
          {props.elsewhere === 0 ? null : (
            <span className="soft">
              {" "}
              · {plural(props.elsewhere, "row")} not on this page, shown first
            </span>
          )}
        </span>
        <IconButton
          icon={Undo2}
          label="Take the last step back"
          shortcut="Mod+Z"
          disabled={!props.canStepBack || saving}
          onClick={props.onStepBack}
        />
        <Button tone="plain" icon={RotateCcw} disabled={saving} onClick={props.onDiscard}>
          Discard
        </Button>
        <Button icon={Eye} disabled={saving} onClick={props.onPreview}>
          SQL
        </Button>
        <Button
          tone="primary"
          icon={Save}
          shortcut="Mod+S"
          disabled={saving}
          onClick={props.onSave}
        >
          {saving ? "Saving…" : "Save"}
        </Button>
      </div>
    </section>
  );
}
