import { Link, PencilLine, Trash2 } from "lucide-react";
import type { SavedQuery } from "../api/saved-queries.ts";
import { MenuItem } from "../parts/Menu.tsx";
import { NameQuery } from "./NameQuery.tsx";
import { copySavedLink, deleteSaved, renameSaved } from "./saved-actions.ts";

/** What a menu offers for a saved query. */
export function SavedItems({
  db,
  query,
  onRename,
}: {
  db: string;
  query: SavedQuery;
  onRename(query: SavedQuery): void;
}) {
  return (
    <>
      <MenuItem icon={Link} onSelect={() => copySavedLink(db, query.name)}>
        Copy the link
      </MenuItem>
      <MenuItem icon={PencilLine} onSelect={() => onRename(query)}>
        Rename…
      </MenuItem>
      <MenuItem icon={Trash2} danger onSelect={() => void deleteSaved(db, query.name)}>
        Delete
      </MenuItem>
    </>
  );
}

/** Asks for another name, as long as there is a query to rename. */
export function RenameQuery({
  db,
  query,
  onClose,
}: {
  db: string;
  query: SavedQuery | null;
  onClose(): void;
}) {
  if (query === null) return null;
  return (
    <NameQuery
      db={db}
      to="rename"
      name={query.name}
      onClose={onClose}
      onName={(name) => renameSaved(db, query, name)}
    />
  );
}
