import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { IconButton } from "./Button.tsx";
import "./dialog.css";

export interface DialogProps {
  open: boolean;
  onOpenChange(open: boolean): void;
  title: string;
  /** One sentence below the title. */
  description?: ReactNode;
  size?: "small" | "medium" | "large";
  /** The buttons at the end. */
  actions?: ReactNode;
  children?: ReactNode;
  /** Whether Esc and a click beside it close it. */
  dismissible?: boolean;
}

/** A window over the page; from below on a phone. */
export function Dialog({
  open,
  onOpenChange,
  title,
  description,
  size = "small",
  actions,
  children,
  dismissible = true,
}: DialogProps) {
  const hold = (event: Event) => {
    if (!dismissible) event.preventDefault();
  };
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="dialog-shade" />
        <Radix.Content
          className={`dialog dialog-${size}`}
          onEscapeKeyDown={hold}
          onInteractOutside={hold}
          {...(description === undefined ? { "aria-describedby": undefined } : {})}
        >
          <header className="dialog-head">
            <Radix.Title className="dialog-title">{title}</Radix.Title>
            {dismissible ? (
              <Radix.Close asChild>
                <IconButton icon={X} label="Close" />
              </Radix.Close>
            ) : null}
          </header>
          <div className="dialog-body">
            {description === undefined ? null : (
              <Radix.Description className="dialog-description">{description}</Radix.Description>
            )}
            {children}
          </div>
          {actions === undefined ? null : <footer className="dialog-actions">{actions}</footer>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
