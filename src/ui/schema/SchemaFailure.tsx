import { useMutation, useQueryClient } from "@tanstack/react-query";
import { createDatabase, DATABASES_KEY } from "../api/databases.ts";
import { ApiFailure } from "../api/failure.ts";
import { schemaKey } from "../api/schema.ts";
import { Button } from "../parts/Button.tsx";
import { ErrorNote } from "../parts/Notes.tsx";

/** Why the schema cannot be read. A database that is not there can be made at once. */
export function SchemaFailure({ db, error }: { db: string; error: Error }) {
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: () => createDatabase(db),
    onSuccess: () =>
      Promise.all(
        [DATABASES_KEY, schemaKey(db)].map((queryKey) => client.invalidateQueries({ queryKey })),
      ),
  });
  const failed = create.error ?? error;
  const missing = failed instanceof ApiFailure && failed.code === "DATABASE_NOT_FOUND";
  // The server's hint is for those who have no button.
  const { status, code, message } = failed as ApiFailure;
  return (
    <ErrorNote error={missing ? new ApiFailure(status, code, message) : failed}>
      {missing ? (
        <Button disabled={create.isPending} onClick={() => create.mutate()}>
          Create {db}
        </Button>
      ) : null}
    </ErrorNote>
  );
}
