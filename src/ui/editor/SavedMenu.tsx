import { Bookmark, ChevronDown, Save } from "lucide-react";
import { useState } from "react";
import { open } from "../address/workspace.ts";
import { type SavedQuery, useSavedQueries } from "../api/saved-queries.ts";
import { Button } from "../parts/Button.tsx";
import { Menu, MenuItem, MenuLine, MenuTitle } from "../parts/Menu.tsx";
import { RenameQuery, SavedItems } from "./SavedItems.tsx";
import { savedPlace } from "./saved-place.ts";

export interface SavedMenuProps {
  db: string;
  /** The saved query of this tab. */
  saved: SavedQuery | undefined;
  onSaveAs(): void;
}

/** The saved queries, and what can be done with that of the tab. */
export function SavedMenu({ db, saved, onSaveAs }: SavedMenuProps) {
  const queries = useSavedQueries(db).data ?? [];
  const [renamed, setRenamed] = useState<SavedQuery | null>(null);
  if (queries.length === 0) return null;
  return (
    <>
      <Menu
        trigger={
          <Button tone="plain">
            Queries <ChevronDown aria-hidden size={14} />
          </Button>
        }
      >
        {saved === undefined ? null : (
          <>
            <MenuTitle>{saved.name}</MenuTitle>
            <MenuItem icon={Save} onSelect={onSaveAs}>
              Save as…
            </MenuItem>
            <SavedItems db={db} query={saved} onRename={setRenamed} />
            <MenuLine />
          </>
        )}
        <MenuTitle>Open</MenuTitle>
        {queries.map(({ name }) => (
          <MenuItem key={name} icon={Bookmark} onSelect={() => open(savedPlace(db, name))}>
            {name}
          </MenuItem>
        ))}
      </Menu>
      <RenameQuery db={db} query={renamed} onClose={() => setRenamed(null)} />
    </>
  );
}
