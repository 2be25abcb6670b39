import { Dialog } from "radix-ui";
import type { ReactNode } from "react";
import { Split } from "./Split.tsx";
import { useNarrow } from "./useNarrow.ts";
import "./side-pane.css";

export interface SidePaneProps {
  /** Its width is remembered under it. */
  id: string;
  label: string;
  main: ReactNode;
  /** Null when there is nothing beside it. */
  side: ReactNode;
  onClose(): void;
}

/** Something beside the main thing; over it on a phone. */
export function SidePane({ id, label, main, side, onClose }: SidePaneProps) {
  const narrow = useNarrow();
  const shown = side !== null && side !== undefined;
  if (narrow)
    return (
      <>
        {main}
        <Dialog.Root open={shown} onOpenChange={(open) => (open ? undefined : onClose())}>
          <Dialog.Portal>
            <Dialog.Overlay className="dialog-shade" />
            <Dialog.Content className="side-sheet" aria-describedby={undefined}>
              <Dialog.Title className="visually-hidden">{label}</Dialog.Title>
              {side}
            </Dialog.Content>
          </Dialog.Portal>
        </Dialog.Root>
      </>
    );
  const panes = [{ id: "main", minSize: "240px", content: main }];
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape steps back from whatever has the focus
    <div
      className="side-frame"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !shown || event.defaultPrevented) return;
        event.preventDefault();
        onClose();
      }}
    >
      <Split
        id={`side-${id}`}
        direction="horizontal"
        edgeLabel={`Width: ${label}`}
        panes={
          shown
            ? [
                ...panes,
                { id: "side", size: "340px", minSize: "220px", fixed: true, content: side },
              ]
            : panes
        }
      />
    </div>
  );
}
