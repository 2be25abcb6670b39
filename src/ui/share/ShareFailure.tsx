import { ApiFailure } from "../api/failure.ts";
import { ErrorNote } from "../parts/Notes.tsx";

/** A server without shares says so with a status that speaks of the route. */
export function ShareFailure({ error }: { error: unknown }) {
  const missing =
    error instanceof ApiFailure &&
    (error.status === 404 || error.status === 405) &&
    error.code !== "DATABASE_NOT_FOUND";
  if (missing)
    return (
      <p className="soft" role="status">
        This server makes no links.
      </p>
    );
  return <ErrorNote error={error} />;
}
