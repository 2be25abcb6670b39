import { Bookmark, CloudUpload } from "lucide-react";
import { useState } from "react";
import { placeHref } from "../address/place.ts";
import { Button } from "../parts/Button.tsx";
import { plural } from "../parts/format.ts";
import { ErrorNote } from "../parts/Notes.tsx";
import { toast } from "../parts/Toast.tsx";
import { devicePlace, moveToServer, useDeviceQueries } from "./device-queries.ts";

/**
 * What an earlier version of the page kept in this browser. It is not moved unasked: on the server
 * others can read it.
 */
export function DeviceQueries({ db, onChosen }: { db: string; onChosen?: () => void }) {
  const queries = useDeviceQueries(db);
  const [moving, setMoving] = useState(false);
  const [error, setError] = useState<unknown>(null);
  if (queries.length === 0) return null;
  const move = async () => {
    setMoving(true);
    setError(null);
    try {
      toast(`${plural(await moveToServer(db), "query", "queries")} kept on the server`);
    } catch (failure) {
      setError(failure);
    } finally {
      setMoving(false);
    }
  };
  return (
    <section aria-labelledby="rail-device-queries">
      <h2 className="rail-title" id="rail-device-queries">
        {plural(queries.length, "query", "queries")} of this device
      </h2>
      <ul>
        {queries.map((query) => (
          <li key={query.id} className="rail-item">
            <a
              href={placeHref(devicePlace(db, query))}
              className="rail-link"
              title={query.name}
              onClick={onChosen}
            >
              <Bookmark aria-hidden size={15} />
              <span className="rail-name">{query.name}</span>
            </a>
          </li>
        ))}
      </ul>
      {error === null ? null : <ErrorNote error={error} />}
      <Button
        className="rail-offer"
        icon={CloudUpload}
        disabled={moving}
        title="Then everybody who may read this database sees them"
        onClick={() => void move()}
      >
        Keep on the server
      </Button>
    </section>
  );
}
