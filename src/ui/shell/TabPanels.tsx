import { Component, type ReactNode, Suspense, useRef } from "react";
import { type Tab, useWorkspace } from "../address/workspace.ts";
import { toFailure } from "../api/failure.ts";
import { Button } from "../parts/Button.tsx";
import { ErrorNote, Skeleton } from "../parts/Notes.tsx";
import { viewOf } from "./views.ts";

/** The shown tab, and those that were shown before: hidden, with all their state. */
export function TabPanels() {
  const { tabs, activeId, db } = useWorkspace();
  const visited = useRef(new Set<string>());
  if (activeId !== null) visited.current.add(`${db} ${activeId}`);
  const mounted = tabs.filter(({ id }) => visited.current.has(`${db} ${id}`));
  return mounted.map((tab) => (
    <div
      key={`${db} ${tab.id}`}
      id={`panel-${tab.id}`}
      role="tabpanel"
      aria-labelledby={`tab-${tab.id}`}
      className="panel"
      tabIndex={-1}
      hidden={tab.id !== activeId}
    >
      <h1 className="visually-hidden">{viewOf(tab.place).title(tab.place)}</h1>
      <Fence>
        <Suspense fallback={<Skeleton lines={8} label="Loading" />}>
          <TabView tab={tab} active={tab.id === activeId} />
        </Suspense>
      </Fence>
    </div>
  ));
}

function TabView({ tab, active }: { tab: Tab; active: boolean }) {
  const View = viewOf(tab.place).component;
  return <View tab={tab} db={tab.place.db ?? ""} active={active} />;
}

/** A fault in one tab leaves the others alone. */
class Fence extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null as unknown };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    if (toFailure(this.state.error).code === "NO_ANSWER")
      return (
        <div className="panel-fault">
          <ErrorNote error={new Error("A part of the page cannot be loaded")}>
            <p>The server may have another version now.</p>
            <Button onClick={() => location.reload()}>Load the page anew</Button>
          </ErrorNote>
        </div>
      );
    return (
      <div className="panel-fault">
        <ErrorNote error={this.state.error}>
          <p>This is a fault of the page. The database is not touched by it.</p>
          <Button onClick={() => this.setState({ error: null })}>Try again</Button>
        </ErrorNote>
      </div>
    );
  }
}
