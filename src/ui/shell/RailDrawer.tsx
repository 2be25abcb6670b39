import { Dialog } from "radix-ui";
import type { Overlay } from "./App.tsx";
import { Rail } from "./Rail.tsx";

/** The rail on a phone: it comes in from the side. */
export function RailDrawer({
  open,
  onOpenChange,
  onOverlay,
}: {
  open: boolean;
  onOpenChange(open: boolean): void;
  onOverlay(overlay: Overlay): void;
}) {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="dialog-shade" />
        <Dialog.Content className="drawer" aria-describedby={undefined}>
          <Dialog.Title className="visually-hidden">Tables and more</Dialog.Title>
          <Rail onOverlay={onOverlay} onChosen={() => onOpenChange(false)} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
