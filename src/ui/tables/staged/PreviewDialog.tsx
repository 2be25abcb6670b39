import { useQuery } from "@tanstack/react-query";
import { Copy, Save } from "lucide-react";
import { useId } from "react";
import type { SchemaObject } from "../../api/schema.ts";
import { printed } from "../../api/sql-text.ts";
import { Button } from "../../parts/Button.tsx";
import { Dialog } from "../../parts/Dialog.tsx";
import { formatCount, plural } from "../../parts/format.ts";
import { writeClipboard } from "../../parts/grid/copy.ts";
import { ErrorNote, Skeleton } from "../../parts/Notes.tsx";
import { toast, toastFailure } from "../../parts/Toast.tsx";
import { ENFORCE_KEYS, SaveFailure, tryChanges } from "./save.ts";
import type { Change } from "./statements.ts";

export interface PreviewDialogProps {
  db: string;
  changes: readonly Change[];
  object: SchemaObject;
  onClose(): void;
  onSave(): void;
}

/** So many statements are written out; a file of all of them can be copied. */
const SHOWN = 200;

/** The SQL that saving will run, and what it will change, also by triggers and foreign keys. */
export function PreviewDialog({ db, changes, object, onClose, onSave }: PreviewDialogProps) {
  const id = useId();
  const trial = useQuery({
    queryKey: ["trial", db, id],
    queryFn: () => tryChanges(db, changes, object),
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const text = (of: readonly Change[]) =>
    [`${ENFORCE_KEYS};`, "BEGIN;", ...of.map(({ sql }) => `${printed(sql)};`), "COMMIT;"].join(
      "\n",
    );
  const { error } = trial;
  return (
    <Dialog
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
      title="What will be saved"
      description="One transaction. Each statement has to change exactly one row; otherwise nothing is kept."
      size="medium"
      actions={
        <>
          <Button
            icon={Copy}
            onClick={() =>
              writeClipboard(text(changes)).then(() => toast("Copied the SQL"), toastFailure)
            }
          >
            Copy
          </Button>
          <Button tone="primary" icon={Save} onClick={onSave}>
            Save
          </Button>
        </>
      }
    >
      {trial.data !== undefined ? (
        <ul className="preview-effects" aria-label="Effects">
          {Object.entries(trial.data.tables).map(([table, { inserted, updated, deleted }]) => (
            <li key={table}>
              <strong>{table}</strong>:{" "}
              {[
                inserted === 0 ? null : `${formatCount(inserted)} inserted`,
                updated === 0 ? null : `${formatCount(updated)} updated`,
                deleted === 0 ? null : `${formatCount(deleted)} deleted`,
              ]
                .filter((part) => part !== null)
                .join(", ")}
            </li>
          ))}
          {trial.data.uncounted.map((table) => (
            <li key={table}>
              <strong>{table}</strong>: a virtual table, whose rows are not counted
            </li>
          ))}
        </ul>
      ) : error === null ? (
        <Skeleton lines={1} label="Trying it without keeping it" />
      ) : error instanceof SaveFailure && error.conflict ? (
        <p role="alert">A row was changed by somebody else meanwhile: this would not be saved.</p>
      ) : (
        <ErrorNote error={error instanceof SaveFailure ? error.cause : error} />
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section className="preview-sql" tabIndex={0} aria-label="SQL">
        <pre>{text(changes.slice(0, SHOWN))}</pre>
      </section>
      {changes.length > SHOWN ? (
        <p className="soft">
          {plural(changes.length - SHOWN, "further statement")} not shown here.
        </p>
      ) : null}
    </Dialog>
  );
}
