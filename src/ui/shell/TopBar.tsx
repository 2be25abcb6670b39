import { Menu as MenuIcon, Plus, Search, X } from "lucide-react";
import { useEffect, useRef } from "react";
import { place } from "../address/place.ts";
import { activate, close, open, type Tab, useWorkspace } from "../address/workspace.ts";
import { Button, IconButton } from "../parts/Button.tsx";
import type { Overlay } from "./App.tsx";
import { DatabaseMenu } from "./DatabaseMenu.tsx";
import { ThemeMenu } from "./ThemeMenu.tsx";
import { viewOf } from "./views.ts";

/** The tabs and what is always at hand. On a phone the database stands in it too. */
export function TopBar({
  narrow,
  onOverlay,
}: {
  narrow: boolean;
  onOverlay(overlay: Overlay): void;
}) {
  const { db, tabs } = useWorkspace();
  const tools = (
    <>
      <IconButton
        icon={Search}
        label="Find anything"
        shortcut="Mod+K"
        onClick={() => onOverlay("palette")}
      />
      <ThemeMenu onKeys={() => onOverlay("keys")} />
    </>
  );
  return (
    <header className="top-bar">
      {narrow ? (
        <div className="top-line">
          <IconButton icon={MenuIcon} label="Tables and more" onClick={() => onOverlay("rail")} />
          <DatabaseMenu />
          {tools}
        </div>
      ) : null}
      {db === null ? null : (
        <div className="top-line">
          <TabList tabs={tabs} />
          {narrow ? (
            <IconButton icon={Plus} label="New query" onClick={() => open(place(db, "sql"))} />
          ) : (
            <>
              <IconButton
                icon={Plus}
                label="New query"
                shortcut="Alt+N"
                onClick={() => open(place(db, "sql"))}
              />
              <div className="top-space" />
              <Button
                tone="plain"
                icon={Search}
                shortcut="Mod+K"
                onClick={() => onOverlay("palette")}
              >
                Find
              </Button>
              <ThemeMenu onKeys={() => onOverlay("keys")} />
            </>
          )}
        </div>
      )}
      {db === null && !narrow ? (
        <div className="top-line">
          <div className="top-space" />
          {tools}
        </div>
      ) : null}
    </header>
  );
}

function TabList({ tabs }: { tabs: readonly Tab[] }) {
  const { activeId } = useWorkspace();
  const list = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the shown tab changed
  useEffect(() => {
    list.current
      ?.querySelector(".tab-shown")
      ?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [activeId, tabs.length]);

  const onKeyDown = (event: React.KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const index = tabs.findIndex(({ id }) => id === activeId);
    if (event.key === "Delete" && activeId !== null) close(activeId);
    if (step === undefined) return;
    const next = tabs[(index + step + tabs.length) % tabs.length];
    if (next === undefined) return;
    activate(next.id);
    requestAnimationFrame(() => document.getElementById(`tab-${next.id}`)?.focus());
  };
  return (
    <div ref={list} role="tablist" aria-label="Open tabs" className="tabs" onKeyDown={onKeyDown}>
      {tabs.map((tab) => {
        const { icon: Icon, title, mark: Mark } = viewOf(tab.place);
        const words = title(tab.place);
        const selected = tab.id === activeId;
        return (
          <div
            key={tab.id}
            role="presentation"
            className={`tab ${selected ? "tab-shown" : ""} ${(tab.place.params["at"] ?? "") === "" ? "" : "tab-past"}`}
          >
            <button
              type="button"
              role="tab"
              id={`tab-${tab.id}`}
              aria-selected={selected}
              {...(selected ? { "aria-controls": `panel-${tab.id}` } : {})}
              tabIndex={selected ? 0 : -1}
              className="tab-words"
              title={words}
              onClick={() => activate(tab.id)}
              onAuxClick={(event) => {
                if (event.button === 1) close(tab.id);
              }}
            >
              <Icon aria-hidden size={14} />
              <span className="tab-title">{words}</span>
              {Mark === undefined ? null : <Mark place={tab.place} />}
            </button>
            {/* A tab may hold nothing that takes the focus; by keyboard it is Delete, or Alt+W. */}
            <span
              className="tab-close"
              aria-hidden
              title={`Close ${words}`}
              onClick={() => close(tab.id)}
            >
              <X size={13} />
            </span>
          </div>
        );
      })}
    </div>
  );
}
