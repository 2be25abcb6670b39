import { useQuery } from "@tanstack/react-query";
import { RotateCcw } from "lucide-react";
import { useState } from "react";
import { printMoment } from "../api/moment.ts";
import { previewRollback, type RollbackChange, type RollbackPreview } from "../api/moments.ts";
import { Button } from "../parts/Button.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { plural } from "../parts/format.ts";
import { ErrorNote, Skeleton } from "../parts/Notes.tsx";
import { toast, toastFailure } from "../parts/Toast.tsx";
import { type Change, ChangeList } from "./ChangeList.tsx";
import { GapSentence } from "./ComparePane.tsx";
import { formatMoment } from "./moment.ts";
import { restore } from "./restore.ts";
import { sideText } from "./side-text.ts";

export interface RestoreDialogProps {
  db: string;
  table: string;
  /** Milliseconds since 1970. */
  at: number;
  onClose(): void;
  /** Rows have changed. */
  onChanged(): void;
  /** The table is as it was at the moment. */
  onRestored(): void;
}

/** Says what going back would do, and does it. */
export function RestoreDialog(props: RestoreDialogProps) {
  const { db, table, at, onClose, onChanged, onRestored } = props;
  const [restoring, setRestoring] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const preview = useQuery({
    queryKey: ["rows", db, table, "restore", printMoment(at)],
    queryFn: ({ signal }) => previewRollback({ db, table }, printMoment(at), signal),
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  const count = preview.data === undefined ? 0 : countOf(preview.data);

  const apply = async (gapKeys: readonly string[]) => {
    setRestoring(true);
    setFailure(null);
    try {
      const { words, undo } = await restore({ db, table }, at, gapKeys);
      const takeBack = () => {
        undo?.()
          .then((done) => toast(done), toastFailure)
          .finally(onChanged);
      };
      if (undo === null) toast(words);
      else toast(words, takeBack);
      onRestored();
    } catch (error) {
      setFailure(error);
      void preview.refetch();
    } finally {
      setRestoring(false);
      onChanged();
    }
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => (open || restoring ? undefined : onClose())}
      title={`Restore ${table}?`}
      description={`As it was ${formatMoment(at)}. All of it or nothing; the history stays whole, and this can be undone.`}
      size="medium"
      actions={
        <>
          <Button disabled={restoring} onClick={onClose}>
            Cancel
          </Button>
          <Button
            tone="primary"
            icon={RotateCcw}
            disabled={count === 0 || restoring}
            onClick={() => void apply(preview.data?.gap_keys ?? [])}
          >
            {restoring ? "Restoring…" : count === 0 ? "Restore" : `Restore ${plural(count, "key")}`}
          </Button>
        </>
      }
    >
      {failure === null ? null : <ErrorNote error={failure} />}
      {preview.error !== null ? (
        <ErrorNote error={preview.error} />
      ) : preview.data === undefined ? (
        <Skeleton lines={6} label="Looking what would change" />
      ) : (
        <Preview preview={preview.data} />
      )}
    </Dialog>
  );
}

function Preview({ preview }: { preview: RollbackPreview }) {
  const sentences = [
    sentence(
      preview.keys_to_rollback,
      "goes back to the value of then",
      "go back to the values of then",
    ),
    sentence(preview.keys_to_restore, "that was deleted comes back", "that were deleted come back"),
    sentence(
      preview.keys_to_delete,
      "that was added since is deleted",
      "that were added since are deleted",
    ),
  ].filter((each) => each !== null);
  return (
    <>
      {sentences.length === 0 ? (
        <p>Nothing has changed since then: there is nothing to restore.</p>
      ) : (
        <ul className="restore-effects">
          {sentences.map((each) => (
            <li key={each}>{each}</li>
          ))}
          <li className="soft">{plural(preview.operations_to_reverse, "change")} undone</li>
        </ul>
      )}
      <GapSentence keys={preview.gap_keys} />
      {preview.discovery_truncated ? <p className="soft">The first keys of them:</p> : null}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section className="restore-changes" tabIndex={0} aria-label="Key by key">
        <ChangeList changes={preview.changes.map(toChange)} words={["Now", "Restored"]} />
      </section>
    </>
  );
}

function sentence(count: number, one: string, many: string): string | null {
  return count === 0 ? null : `${plural(count, "key")} ${count === 1 ? one : many}`;
}

function countOf(preview: RollbackPreview): number {
  return preview.keys_to_rollback + preview.keys_to_delete + preview.keys_to_restore;
}

const KINDS = { rollback: "changed", delete: "removed", restore: "added" } as const;

function toChange(change: RollbackChange): Change {
  return {
    key: change.key,
    kind: KINDS[change.action],
    before: sideText({
      value: change.current_value,
      base64: change.current_value_base64,
      contentType: change.current_content_type,
    }),
    after: sideText({
      value: change.rollback_value,
      base64: change.rollback_value_base64,
      contentType: change.rollback_content_type,
    }),
  };
}
