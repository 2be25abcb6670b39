import { useState } from "react";
import { isTaken, MAX_NAME_CHARS, useSavedQueries } from "../api/saved-queries.ts";
import { Button } from "../parts/Button.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { Field, TextInput } from "../parts/Field.tsx";
import { ErrorNote } from "../parts/Notes.tsx";

export interface NameQueryProps {
  db: string;
  /** Renaming never replaces another one. */
  to: "save" | "rename";
  /** The name it has. */
  name: string;
  onClose(): void;
  /** @param replace whether the person saw that there is one of that name */
  onName(name: string, replace: boolean): Promise<void>;
}

/** Asks under which name to keep a query. */
export function NameQuery({ db, to, name: known, onClose, onName }: NameQueryProps) {
  const [typed, setTyped] = useState(known);
  const [error, setError] = useState<unknown>(null);
  const [waiting, setWaiting] = useState(false);
  const queries = useSavedQueries(db).data;
  const name = typed.trim();
  const taken = queries?.some((query) => query.name === name) === true;
  const renames = to === "rename";
  const problem = /^\.{1,2}$/.test(name)
    ? "A name of dots alone has no address."
    : renames && taken && name !== known
      ? "There is a query of that name."
      : undefined;
  const replaces = taken && !renames;

  const submit = async () => {
    if (name === "" || problem !== undefined || waiting) return;
    setWaiting(true);
    setError(null);
    try {
      await onName(name, replaces);
      onClose();
    } catch (failure) {
      // Somebody was faster: the list tells now, and the button says what it would do.
      setError(isTaken(failure) ? null : failure);
      setWaiting(false);
    }
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
      title={renames ? "Rename the query" : "Save the query"}
    >
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Field
          label="Name"
          problem={problem}
          help={
            replaces
              ? "There is a query of that name. It will be replaced."
              : renames
                ? "Links with the old name will no longer find it."
                : "It is kept on the server, with its parameters and its chart, for everybody who may read this database."
          }
        >
          {(attributes) => (
            <TextInput
              {...attributes}
              autoFocus
              value={typed}
              maxLength={MAX_NAME_CHARS}
              placeholder="Orders of today"
              onFocus={(event) => event.target.select()}
              onChange={(event) => {
                setTyped(event.target.value);
                setError(null);
              }}
            />
          )}
        </Field>
        {error === null ? null : <ErrorNote error={error} />}
        <div className="form-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button
            tone="primary"
            type="submit"
            disabled={name === "" || problem !== undefined || waiting}
          >
            {renames ? "Rename" : replaces ? "Replace" : "Save"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
