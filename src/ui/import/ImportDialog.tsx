import { useEffect, useRef, useState } from "react";
import { place } from "../address/place.ts";
import { openDatabase, open as openPlace } from "../address/workspace.ts";
import { DATABASES_KEY } from "../api/databases.ts";
import { isAbort } from "../api/failure.ts";
import { queryClient } from "../api/query-client.ts";
import { useSchema } from "../api/schema.ts";
import { Button } from "../parts/Button.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { formatBytes, formatDuration, plural } from "../parts/format.ts";
import { ErrorNote } from "../parts/Notes.tsx";
import { toast } from "../parts/Toast.tsx";
import { refreshRows } from "../tables/useTablePage.ts";
import { ImportForm } from "./ImportForm.tsx";
import {
  guessFormat,
  guessName,
  type ImportChoices,
  type ImportDone,
  type ImportProgress,
  importFile,
} from "./import-file.ts";
import type { ImportOffer } from "./offer.ts";

export interface ImportDialogProps {
  /** The shown database. */
  db: string | null;
  offer: ImportOffer;
  onClose(): void;
}

const START: ImportChoices = {
  format: "csv",
  name: "",
  mode: "append",
  header: true,
  delimiter: "",
  types: "detect",
  empty: "null",
};

/** From a file to rows: what it is, how far it is, what came of it. */
export default function ImportDialog({ db, offer, onClose }: ImportDialogProps) {
  const [file, setFile] = useState<File | null>(offer.file ?? null);
  const [choices, setChoices] = useState<ImportChoices>(START);
  const [progress, setProgress] = useState<ImportProgress | null>(null);
  const [done, setDone] = useState<ImportDone | null>(null);
  const [error, setError] = useState<unknown>(null);
  const controller = useRef<AbortController>(null);
  const tables = useSchema(db).data?.objects ?? [];
  const running = progress !== null && done === null;
  useEffect(() => () => controller.current?.abort(), []);

  const wanted = offer.table ?? null;
  useEffect(() => {
    if (file === null) return;
    void guessFormat(file).then((format) =>
      setChoices((before) => ({
        ...before,
        format,
        name: format === "sqlite" || wanted === null ? guessName(file, format) : wanted,
      })),
    );
  }, [file, wanted]);

  const start = async () => {
    if (file === null || (db === null && choices.format !== "sqlite")) return;
    controller.current = new AbortController();
    const { signal } = controller.current;
    setError(null);
    setProgress({ sentBytes: 0, rows: 0 });
    try {
      const outcome = await importFile({
        db: db ?? "",
        file,
        choices,
        signal,
        onProgress: setProgress,
      });
      setDone(outcome);
      if (choices.format === "sqlite")
        await queryClient.invalidateQueries({ queryKey: DATABASES_KEY });
      else await refreshRows(db ?? "");
    } catch (thrown) {
      setProgress(null);
      if (isAbort(thrown)) toast("Stopped. Nothing of the file was kept.");
      else setError(thrown);
    }
  };
  const look = () => {
    onClose();
    if (choices.format === "sqlite") openDatabase(choices.name);
    else if (db !== null) openPlace(place(db, "table", done?.table ?? choices.name));
  };

  return (
    <Dialog
      open
      onOpenChange={(open) => (open || running ? undefined : onClose())}
      dismissible={!running}
      title={done === null ? "Import a file" : "Imported"}
      size="medium"
      actions={
        done !== null ? (
          <>
            <Button onClick={onClose}>Close</Button>
            <Button tone="primary" onClick={look}>
              {choices.format === "sqlite"
                ? `Open ${choices.name}`
                : `Look at ${done.table ?? choices.name}`}
            </Button>
          </>
        ) : running ? (
          <Button onClick={() => controller.current?.abort()}>Stop</Button>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button
              tone="primary"
              disabled={file === null || choices.name.trim() === ""}
              onClick={() => void start()}
            >
              Import
            </Button>
          </>
        )
      }
    >
      {error === null ? null : (
        <ErrorNote error={error}>
          <p>Nothing of the file was kept.</p>
        </ErrorNote>
      )}
      {done !== null ? (
        <p role="status">
          {choices.format === "sqlite"
            ? `The database ${choices.name} is there.`
            : `${plural(done.rows, "row")} went into ${done.table ?? choices.name}.`}{" "}
          <span className="soft">{formatDuration(done.durationMs)}</span>
        </p>
      ) : running && file !== null ? (
        <Progress file={file} progress={progress} />
      ) : (
        <ImportForm
          db={db}
          file={file}
          onFile={setFile}
          choices={choices}
          onChoices={(next) => setChoices({ ...choices, ...next })}
          tables={tables
            .filter(({ role, type }) => role === "user" && type === "table")
            .map(({ name }) => name)}
        />
      )}
    </Dialog>
  );
}

function Progress({ file, progress }: { file: File; progress: ImportProgress }) {
  const { sentBytes, rows } = progress;
  const sent = Math.min(sentBytes, file.size);
  return (
    <div className="import-progress">
      <p>{file.name}</p>
      <progress aria-label={`Import of ${file.name}`} max={Math.max(1, file.size)} value={sent} />
      <p role="status" className="soft">
        {formatBytes(sent)} of {formatBytes(file.size)}
        {rows === 0 ? "" : ` · ${plural(rows, "row")}`}
        {sent >= file.size ? " · putting it on disk" : ""}
      </p>
    </div>
  );
}
