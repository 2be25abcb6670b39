import { QueryClientProvider } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { place } from "../address/place.ts";
import { activate, close, current, open, useWorkspace } from "../address/workspace.ts";
import { queryClient } from "../api/query-client.ts";
import { Importer } from "../import/Importer.tsx";
import { IS_MAC, isKey, isWriting } from "../parts/keys.ts";
import { Split } from "../parts/Split.tsx";
import { Toasts } from "../parts/Toast.tsx";
import { useNarrow } from "../parts/useNarrow.ts";
import { BottomBar } from "./BottomBar.tsx";
import { Home } from "./Home.tsx";
import { KeysDialog } from "./KeysDialog.tsx";
import { Palette } from "./Palette.tsx";
import { Rail } from "./Rail.tsx";
import { RailDrawer } from "./RailDrawer.tsx";
import { ServerGone } from "./ServerGone.tsx";
import { TabPanels } from "./TabPanels.tsx";
import { TokenPrompt } from "./TokenPrompt.tsx";
import { TopBar } from "./TopBar.tsx";
import { viewOf } from "./views.ts";
import "./shell.css";

export type Overlay = "palette" | "keys" | "rail" | null;

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <Shell />
      <Importer />
      <TokenPrompt />
      <Toasts />
    </QueryClientProvider>
  );
}

function Shell() {
  const { db, tabs, activeId } = useWorkspace();
  const shown = tabs.find(({ id }) => id === activeId);
  const title = shown === undefined ? db : `${viewOf(shown.place).title(shown.place)} · ${db}`;
  useEffect(() => {
    document.title = title === null ? "chronolite" : `${title} · chronolite`;
  }, [title]);
  const narrow = useNarrow();
  const [overlay, setOverlay] = useState<Overlay>(null);

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const command = commandOf(event);
      if (command === undefined) return;
      event.preventDefault();
      if (typeof command === "string") setOverlay(command);
      else command();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);

  const main = (
    <div className="main">
      <TopBar narrow={narrow} onOverlay={setOverlay} />
      <ServerGone />
      <div className="work">{db === null ? <Home /> : <TabPanels />}</div>
      {narrow && db !== null ? <BottomBar db={db} onMore={() => setOverlay("rail")} /> : null}
    </div>
  );
  return (
    <>
      <main className="app">
        {narrow ? (
          main
        ) : (
          <Split
            id="shell"
            direction="horizontal"
            edgeLabel="Width of the sidebar"
            panes={[
              {
                id: "rail",
                size: "264px",
                minSize: "180px",
                maxSize: "480px",
                fixed: true,
                content: <Rail onOverlay={setOverlay} />,
              },
              { id: "main", minSize: "320px", content: main },
            ]}
          />
        )}
      </main>
      {narrow ? (
        <RailDrawer
          open={overlay === "rail"}
          onOpenChange={(open) => setOverlay(open ? "rail" : null)}
          onOverlay={setOverlay}
        />
      ) : null}
      <Palette
        open={overlay === "palette"}
        onOpenChange={(open) => setOverlay(open ? "palette" : null)}
        onOverlay={setOverlay}
      />
      <KeysDialog
        open={overlay === "keys"}
        onOpenChange={(open) => setOverlay(open ? "keys" : null)}
      />
    </>
  );
}

/** The keys that work everywhere; the others belong to their view. See KeysDialog for the list. */
function commandOf(event: KeyboardEvent): "palette" | "keys" | (() => void) | undefined {
  if (isKey(event, "Mod+K")) return "palette";
  if (!isWriting(event.target) && isKey(event, "?")) return "keys";
  const { db, tabs, activeId } = current();
  if (db === null) return undefined;
  // Browsers keep Ctrl+T and Ctrl+W to themselves, so tabs have Alt.
  // On a Mac, Option makes characters: there these keys are text while somebody writes.
  if (IS_MAC && isWriting(event.target)) return undefined;
  if (event.altKey && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    if (event.code === "KeyN") return () => open(place(db, "sql", null, {}));
    if (event.code === "KeyW" && activeId !== null) return () => close(activeId);
    const digit = /^Digit([1-9])$/.exec(event.code)?.[1];
    const tab = digit === undefined ? undefined : tabs[Number(digit) - 1];
    if (tab !== undefined) return () => activate(tab.id);
  }
  return undefined;
}
