import { History } from "lucide-react";
import { Popover } from "radix-ui";
import { keyHint } from "../parts/keys.ts";
import { MomentForm, type MomentFormProps } from "./MomentForm.tsx";
import { formatExactly, formatMoment } from "./moment.ts";
import "./time.css";

export interface MomentButtonProps extends MomentFormProps {
  open: boolean;
  onOpen(open: boolean): void;
  shortcut?: string;
  /** What an address says that is no moment. */
  unreadable?: string | null;
}

/** Says which moment is shown, and opens the form for another one. */
export function MomentButton({
  open,
  onOpen,
  shortcut,
  unreadable = null,
  ...form
}: MomentButtonProps) {
  const { at, onGo } = form;
  const title = at === null ? "Go to a moment" : formatExactly(at);
  return (
    <Popover.Root open={open} onOpenChange={onOpen}>
      <Popover.Trigger asChild>
        <button
          type="button"
          className="button moment-button"
          title={shortcut === undefined ? title : `${title} (${keyHint(shortcut)})`}
        >
          <History aria-hidden size={15} />
          <span className="visually-hidden">Moment: </span>
          {unreadable ??
            (at === null ? (
              "Now"
            ) : (
              <time dateTime={new Date(at).toISOString()}>{formatMoment(at)}</time>
            ))}
        </button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className="filter-pop moment-pop"
          align="start"
          sideOffset={4}
          collisionPadding={8}
          aria-label="Go to a moment"
        >
          <MomentForm
            {...form}
            onGo={(next) => {
              onOpen(false);
              onGo(next);
            }}
          />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
