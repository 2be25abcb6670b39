/** Panes beside or above one another: the edge drags, arrows move it too, the size is remembered. */
import { type ReactNode, useId } from "react";
import { Group, Panel, Separator, useDefaultLayout } from "react-resizable-panels";
import "./split.css";

export interface Pane {
  readonly id: string;
  readonly content: ReactNode;
  /** Such as `264px` or `40%`. */
  readonly size?: string;
  readonly minSize?: string;
  readonly maxSize?: string;
  /** Keeps its pixels when the window changes. */
  readonly fixed?: boolean;
}

export interface SplitProps {
  /** Sizes are remembered under it. */
  id: string;
  direction: "horizontal" | "vertical";
  panes: readonly Pane[];
  /** What the edge between two panes does, for people who cannot see it. */
  edgeLabel: string;
  className?: string;
}

/** Storage may be forbidden: then sizes last as long as the page. */
const REMEMBERED = {
  getItem(name: string): string | null {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  },
  setItem(name: string, value: string): void {
    try {
      localStorage.setItem(name, value);
    } catch {
      // Forgotten with the page.
    }
  },
};

export function Split({ id, direction, panes, edgeLabel, className = "" }: SplitProps) {
  const { defaultLayout, onLayoutChanged } = useDefaultLayout({
    id: `chronolite.${id}`,
    panelIds: panes.map((pane) => pane.id),
    storage: REMEMBERED,
  });
  const groupId = useId();
  return (
    <Group
      // Several tabs may have the same panes.
      id={groupId}
      orientation={direction}
      className={`split ${className}`}
      defaultLayout={defaultLayout}
      onLayoutChanged={onLayoutChanged}
    >
      {panes.flatMap((pane, index) => [
        ...(index === 0
          ? []
          : [
              <Separator
                key={`${pane.id}-edge`}
                className={`split-edge split-edge-${direction}`}
                aria-label={edgeLabel}
              />,
            ]),
        <Panel
          key={pane.id}
          id={pane.id}
          className="split-pane"
          defaultSize={pane.size}
          minSize={pane.minSize}
          maxSize={pane.maxSize}
          groupResizeBehavior={
            pane.fixed === true ? "preserve-pixel-size" : "preserve-relative-size"
          }
        >
          {pane.content}
        </Panel>,
      ])}
    </Group>
  );
}
