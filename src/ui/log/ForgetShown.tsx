import { useMutation, useQuery } from "@tanstack/react-query";
import { clearLog, countLog, type LogFilter, logKey } from "../api/log.ts";
import { queryClient } from "../api/query-client.ts";
import { Button } from "../parts/Button.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { plural } from "../parts/format.ts";
import { ErrorNote } from "../parts/Notes.tsx";
import { toast } from "../parts/Toast.tsx";

export interface ForgetShownProps {
  db: string;
  filter: LogFilter;
  open: boolean;
  onClose(): void;
}

/** Says how many entries a filter lets through now, and forgets just these. */
export function ForgetShown({ db, filter, open, onClose }: ForgetShownProps) {
  const counted = useQuery({
    queryKey: [...logKey(db), "count", filter],
    queryFn: ({ signal }) => countLog(db, filter, signal),
    enabled: open,
    staleTime: 0,
    gcTime: 0,
  });
  const { newest = null, total = 0 } = counted.isFetching ? {} : (counted.data ?? {});
  const forget = useMutation({
    // What comes while somebody reads the question stays.
    mutationFn: (through: number) => clearLog(db, filter, through),
    onSuccess: (deleted) => {
      onClose();
      void queryClient.invalidateQueries({ queryKey: logKey(db) });
      toast(`${plural(deleted, "entry", "entries")} forgotten`);
    },
  });
  const words = plural(total, "entry", "entries");
  const error = forget.error ?? counted.error;
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => (next ? undefined : onClose())}
      title="Forget what is shown?"
      description={
        counted.isFetching
          ? "Counting the entries…"
          : `${words} of the log of ${db} will be deleted: ${describe(filter)}. This cannot be undone. The database itself is not touched.`
      }
      actions={
        <>
          <Button onClick={onClose}>Keep</Button>
          <Button
            tone="danger"
            disabled={newest === null || forget.isPending}
            onClick={() => {
              if (newest !== null) forget.mutate(newest);
            }}
          >
            Forget {words}
          </Button>
        </>
      }
    >
      {error === null ? null : <ErrorNote error={error} />}
    </Dialog>
  );
}

function describe({ text, statement, success, source }: LogFilter): string {
  return [
    success === "" ? "all" : success === "true" ? "all that succeeded" : "all that failed",
    text === "" ? null : `with “${text}” in the SQL or the error`,
    statement === "" ? null : "of this one statement",
    source === "" ? "also what this page read by itself" : "but not what this page read by itself",
  ]
    .filter((part) => part !== null)
    .join(", ");
}
