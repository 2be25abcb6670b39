import { Database, Plus } from "lucide-react";
import { useEffect, useState } from "react";
import { load } from "../address/storage.ts";
import { openDatabase } from "../address/workspace.ts";
import { apiUrl } from "../api/client.ts";
import { useDatabases } from "../api/databases.ts";
import { Button } from "../parts/Button.tsx";
import { formatAgo, formatBytes } from "../parts/format.ts";
import { Empty, ErrorNote, Skeleton } from "../parts/Notes.tsx";
import { TwinLinks } from "../parts/TwinLink.tsx";
import { CreateDatabase } from "./CreateDatabase.tsx";

/** Before a database is chosen: the files there are. The last one used opens by itself. */
export function Home() {
  const databases = useDatabases();
  const [creating, setCreating] = useState(false);
  const files = databases.data?.databases;
  const last = load<string>("database");
  const reopened = files?.find(({ name, is_valid: valid }) => valid && name === last)?.name;
  useEffect(() => {
    if (reopened !== undefined) openDatabase(reopened, "replace");
  }, [reopened]);

  if (databases.isPending || reopened !== undefined)
    return <Skeleton lines={5} label="Looking for databases" />;
  const twins = <TwinLinks href={(format) => apiUrl("/db/list", { format })} of="this list" />;
  return (
    <div className="home">
      <h1 className="visually-hidden">Databases</h1>
      <CreateDatabase open={creating} onClose={() => setCreating(false)} />
      {databases.error === null ? null : <ErrorNote error={databases.error} />}
      {files?.length === 0 ? (
        <Empty icon={Database} title="No databases here yet">
          <p>
            The folder <code>{databases.data?.dir}</code> holds no SQLite file.
          </p>
          <Button tone="primary" icon={Plus} onClick={() => setCreating(true)}>
            New database
          </Button>
          {twins}
        </Empty>
      ) : (
        <>
          <p className="home-title">Databases</p>
          <ul className="home-list">
            {files?.map(({ name, size, modified, is_valid: valid }) => (
              <li key={name}>
                <button
                  type="button"
                  className="home-file"
                  disabled={!valid}
                  onClick={() => openDatabase(name)}
                >
                  <Database aria-hidden size={16} />
                  <span className="home-name">{name}</span>
                  <span className="soft">{valid ? formatBytes(size) : "not SQLite"}</span>
                  <time className="soft" dateTime={modified} title={modified}>
                    {formatAgo(new Date(modified))}
                  </time>
                </button>
              </li>
            ))}
          </ul>
          <div className="home-actions">
            <Button icon={Plus} onClick={() => setCreating(true)}>
              New database
            </Button>
            {twins}
          </div>
        </>
      )}
    </div>
  );
}
