import { Command } from "cmdk";
import {
  Bookmark,
  Database,
  History,
  Keyboard,
  MoonStar,
  Plus,
  SkipForward,
  Table2,
  TableProperties,
} from "lucide-react";
import { useState } from "react";
import { type Place, place } from "../address/place.ts";
import {
  activate,
  change,
  openDatabase,
  open as openPlace,
  useWorkspace,
} from "../address/workspace.ts";
import { useDatabases } from "../api/databases.ts";
import { useSavedQueries } from "../api/saved-queries.ts";
import { useSchema } from "../api/schema.ts";
import { savedPlace } from "../editor/saved-place.ts";
import { chooseTheme } from "../theme/choice.ts";
import { askForMoment, canGoBack } from "../time/wanted.ts";
import type { Overlay } from "./App.tsx";
import { PLACES } from "./Rail.tsx";
import { viewOf } from "./views.ts";
import "./palette.css";

export interface PaletteProps {
  open: boolean;
  onOpenChange(open: boolean): void;
  onOverlay(overlay: Overlay): void;
}

/** The keyboard goes on in what was chosen, unless that has taken it already. */
function focusPanel(): void {
  if (document.activeElement !== document.body) return;
  document.querySelector<HTMLElement>("[role=tabpanel]:not([hidden])")?.focus();
}

function afterPaint(action: () => void): void {
  requestAnimationFrame(() => requestAnimationFrame(action));
}

/** Finds anything by a few letters of its name. */
export function Palette({ open, onOpenChange, onOverlay }: PaletteProps) {
  const [search, setSearch] = useState("");
  const { db, tabs, activeId } = useWorkspace();
  const shown = tabs.find(({ id }) => id === activeId);
  const objects = useSchema(db).data?.objects ?? [];
  const databases = useDatabases().data?.databases ?? [];
  const saved = useSavedQueries(db).data ?? [];

  const run = (action: () => void) => () => {
    onOpenChange(false);
    setSearch("");
    action();
    afterPaint(focusPanel);
  };
  const go = (target: Place) => run(() => openPlace(target));
  return (
    <Command.Dialog
      open={open}
      onOpenChange={onOpenChange}
      label="Find a table, a query or a command"
      overlayClassName="dialog-shade"
      contentClassName="palette"
      loop
    >
      <Command.Input
        value={search}
        onValueChange={setSearch}
        placeholder="Find a table, a query, a command…"
      />
      <Command.List>
        <Command.Empty>Nothing has that name</Command.Empty>
        {db === null ? null : (
          <>
            <Command.Group heading="Go to">
              {PLACES.map(({ view, words, icon: Icon }) => (
                <Command.Item key={view} value={`go ${words}`} onSelect={go(place(db, view))}>
                  <Icon aria-hidden size={15} />
                  {words}
                </Command.Item>
              ))}
            </Command.Group>
            {tabs.length > 1 ? (
              <Command.Group heading="Open tabs">
                {tabs.map((tab) => {
                  const { icon: Icon, title } = viewOf(tab.place);
                  return (
                    <Command.Item
                      key={tab.id}
                      value={`tab ${title(tab.place)} ${tab.id}`}
                      keywords={[tab.place.params["q"] ?? ""]}
                      onSelect={run(() => activate(tab.id))}
                    >
                      <Icon aria-hidden size={15} />
                      {title(tab.place)}
                    </Command.Item>
                  );
                })}
              </Command.Group>
            ) : null}
            <Command.Group heading="Tables">
              {objects.map(({ name, type }) => (
                <Command.Item
                  key={name}
                  value={`table ${name}`}
                  onSelect={go(place(db, "table", name))}
                >
                  <Table2 aria-hidden size={15} />
                  {name}
                  {type === "table" ? null : <span className="palette-note">{type}</span>}
                </Command.Item>
              ))}
              {search === ""
                ? null
                : objects.map(({ name }) => (
                    <Command.Item
                      key={name}
                      value={`structure ${name}`}
                      onSelect={go(place(db, "structure", name))}
                    >
                      <TableProperties aria-hidden size={15} />
                      {name} <span className="palette-note">structure</span>
                    </Command.Item>
                  ))}
            </Command.Group>
            {saved.length === 0 ? null : (
              <Command.Group heading="Saved queries">
                {saved.map((query) => (
                  <Command.Item
                    key={query.name}
                    value={`query ${query.name}`}
                    keywords={[query.sql]}
                    onSelect={go(savedPlace(db, query.name))}
                  >
                    <Bookmark aria-hidden size={15} />
                    {query.name}
                  </Command.Item>
                ))}
              </Command.Group>
            )}
          </>
        )}
        <Command.Group heading="Databases">
          {databases.map(({ name }) => (
            <Command.Item
              key={name}
              value={`database ${name}`}
              onSelect={run(() => openDatabase(name))}
            >
              <Database aria-hidden size={15} />
              {name}
            </Command.Item>
          ))}
        </Command.Group>
        <Command.Group heading="Commands">
          {db === null ? null : (
            <Command.Item value="new query tab" onSelect={go(place(db, "sql"))}>
              <Plus aria-hidden size={15} />
              New query
            </Command.Item>
          )}
          {shown !== undefined && canGoBack(shown.id) ? (
            <>
              <Command.Item
                value="go to a moment time travel past"
                onSelect={run(() => askForMoment(shown.id))}
              >
                <History aria-hidden size={15} />
                Go to a moment…
              </Command.Item>
              {(shown.place.params["at"] ?? "") === "" ? null : (
                <Command.Item
                  value="back to now present"
                  onSelect={run(() =>
                    change(shown.id, { params: { ...shown.place.params, at: "" } }, "push"),
                  )}
                >
                  <SkipForward aria-hidden size={15} />
                  Back to now
                </Command.Item>
              )}
            </>
          ) : null}
          {(["light", "dark", "system"] as const).map((choice) => (
            <Command.Item
              key={choice}
              value={`theme: ${choice}`}
              onSelect={run(() => chooseTheme(choice))}
            >
              <MoonStar aria-hidden size={15} />
              Theme: {choice}
            </Command.Item>
          ))}
          <Command.Item value="keys shortcuts help" onSelect={run(() => onOverlay("keys"))}>
            <Keyboard aria-hidden size={15} />
            Keys
          </Command.Item>
        </Command.Group>
      </Command.List>
    </Command.Dialog>
  );
}
