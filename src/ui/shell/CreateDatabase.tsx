import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { openDatabase } from "../address/workspace.ts";
import { createDatabase, DATABASES_KEY, type DatabaseList } from "../api/databases.ts";
import { Button } from "../parts/Button.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { Field, TextInput } from "../parts/Field.tsx";
import { ErrorNote } from "../parts/Notes.tsx";

/** Asks for a name and makes the file. */
export function CreateDatabase({ open, onClose }: { open: boolean; onClose(): void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const create = useMutation({
    mutationFn: createDatabase,
    onSuccess: async ({ path }) => {
      await client.invalidateQueries({ queryKey: DATABASES_KEY });
      const list = client.getQueryData<DatabaseList>(DATABASES_KEY);
      shut();
      // The list has the file's name, with the ending that the server gave it.
      const file = list?.databases.find(({ name: each }) => each === path || each === `${path}.db`);
      openDatabase(file?.name ?? path);
    },
  });
  const shut = () => {
    setName("");
    create.reset();
    onClose();
  };
  return (
    <Dialog open={open} onOpenChange={(next) => (next ? undefined : shut())} title="New database">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== "") create.mutate(name.trim());
        }}
      >
        <Field label="Name" help="A file of that name, with .db at its end, in the data folder.">
          {(attributes) => (
            <TextInput
              {...attributes}
              autoFocus
              value={name}
              placeholder="notes"
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        {create.error === null ? null : <ErrorNote error={create.error} />}
        <div className="form-actions">
          <Button onClick={shut}>Cancel</Button>
          <Button tone="primary" type="submit" disabled={name.trim() === "" || create.isPending}>
            Create
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
