import { ChevronsUpDown, Database, FileUp, FolderOpen, Plus, RefreshCw } from "lucide-react";
import { useState } from "react";
import { openDatabase, useWorkspace } from "../address/workspace.ts";
import { useDatabases } from "../api/databases.ts";
import { offerImport } from "../import/offer.ts";
import { formatBytes } from "../parts/format.ts";
import { Menu, MenuChoice, MenuItem, MenuLine, MenuTitle } from "../parts/Menu.tsx";
import { CreateDatabase } from "./CreateDatabase.tsx";
import { OpenDatabase } from "./OpenDatabase.tsx";

/** Which database: the files of the data folder, a new one, one elsewhere. */
export function DatabaseMenu() {
  const { db } = useWorkspace();
  const databases = useDatabases();
  const [asking, setAsking] = useState<"create" | "open" | null>(null);
  const files = databases.data?.databases ?? [];
  const shut = () => setAsking(null);
  return (
    <>
      <Menu
        className="database-menu"
        trigger={
          <button type="button" className="database">
            <Database aria-hidden size={16} />
            <span className="database-name">{db ?? "Choose a database"}</span>
            <ChevronsUpDown aria-hidden size={14} />
          </button>
        }
      >
        <MenuTitle>{databases.data?.dir ?? "Databases"}</MenuTitle>
        {files.map(({ name, size, is_valid: valid }) => (
          <MenuChoice
            key={name}
            checked={name === db}
            disabled={!valid}
            note={valid ? formatBytes(size) : "not SQLite"}
            onSelect={() => openDatabase(name)}
          >
            {name}
          </MenuChoice>
        ))}
        <MenuLine />
        <MenuItem icon={Plus} onSelect={() => setAsking("create")}>
          New database…
        </MenuItem>
        {databases.data?.any_absolute_path === true ? (
          <MenuItem icon={FolderOpen} onSelect={() => setAsking("open")}>
            Open a path…
          </MenuItem>
        ) : null}
        <MenuItem icon={FileUp} onSelect={() => offerImport({})}>
          Import a file…
        </MenuItem>
        <MenuItem icon={RefreshCw} onSelect={() => void databases.refetch()}>
          Look again
        </MenuItem>
      </Menu>
      <CreateDatabase open={asking === "create"} onClose={shut} />
      <OpenDatabase open={asking === "open"} onClose={shut} />
    </>
  );
}
