import { useState } from "react";
import { Button } from "../parts/Button.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { Field, TextInput } from "../parts/Field.tsx";
import { useSavedQueries } from "./saved.ts";

export interface SaveQueryProps {
  db: string;
  open: boolean;
  /** The name it had. */
  name: string;
  onClose(): void;
  onSave(name: string): void;
}

/** Asks under which name to keep the query. */
export function SaveQuery({ db, open, name: known, onClose, onSave }: SaveQueryProps) {
  const [typed, setTyped] = useState<string | null>(null);
  const queries = useSavedQueries(db);
  const name = (typed ?? known).trim();
  const replaces = queries.some((query) => query.name === name);
  const shut = () => {
    setTyped(null);
    onClose();
  };
  return (
    <Dialog open={open} onOpenChange={(next) => (next ? undefined : shut())} title="Save the query">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (name === "") return;
          onSave(name);
          shut();
        }}
      >
        <Field
          label="Name"
          help={
            replaces
              ? "There is a query of that name. It will be replaced."
              : "It is kept on this device, with its parameters and its chart."
          }
        >
          {(attributes) => (
            <TextInput
              {...attributes}
              autoFocus
              value={typed ?? known}
              placeholder="Orders of today"
              onChange={(event) => setTyped(event.target.value)}
            />
          )}
        </Field>
        <div className="form-actions">
          <Button onClick={shut}>Cancel</Button>
          <Button tone="primary" type="submit" disabled={name === ""}>
            {replaces ? "Replace" : "Save"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
