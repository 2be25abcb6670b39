import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { openDatabase } from "../address/workspace.ts";
import { call } from "../api/client.ts";
import { queryClient } from "../api/query-client.ts";
import { type Schema, schemaKey } from "../api/schema.ts";
import { Button } from "../parts/Button.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { Field, TextInput } from "../parts/Field.tsx";
import { ErrorNote } from "../parts/Notes.tsx";

/** Opens a file by its path, where the server allows that. */
export function OpenDatabase({ open, onClose }: { open: boolean; onClose(): void }) {
  const [path, setPath] = useState("");
  const look = useMutation({
    mutationFn: (db: string) => call<Schema>("/db/schema", { query: { db } }),
    onSuccess: (schema, db) => {
      queryClient.setQueryData(schemaKey(db), schema);
      shut();
      openDatabase(db);
    },
  });
  const shut = () => {
    setPath("");
    look.reset();
    onClose();
  };
  return (
    <Dialog open={open} onOpenChange={(next) => (next ? undefined : shut())} title="Open a path">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (path.trim() !== "") look.mutate(path.trim());
        }}
      >
        <Field label="Path on the server" help="An absolute path of a SQLite file.">
          {(attributes) => (
            <TextInput
              {...attributes}
              autoFocus
              value={path}
              placeholder="/var/lib/app/data.db"
              onChange={(event) => setPath(event.target.value)}
            />
          )}
        </Field>
        {look.error === null ? null : <ErrorNote error={look.error} />}
        <div className="form-actions">
          <Button onClick={shut}>Cancel</Button>
          <Button tone="primary" type="submit" disabled={path.trim() === "" || look.isPending}>
            Open
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
