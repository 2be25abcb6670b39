import { Check, type LucideIcon } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { keyHint } from "./keys.ts";
import "./menu.css";

export interface MenuProps {
  /** A button; it opens the menu. */
  trigger: ReactNode;
  /** `MenuItem`, `MenuChoice`, `MenuLine`, `MenuTitle`. */
  children: ReactNode;
  align?: "start" | "end";
  /** Gives the menu a class of its own. */
  className?: string;
}

/** A list of commands below a button. */
export function Menu({ trigger, children, align = "start", className = "" }: MenuProps) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          className={`menu ${className}`}
          align={align}
          sideOffset={4}
          collisionPadding={8}
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export interface MenuItemProps {
  icon?: LucideIcon;
  children: ReactNode;
  onSelect(): void;
  shortcut?: string;
  /** Stands at the end in small print. */
  note?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
}

export function MenuItem({
  icon: Icon,
  children,
  onSelect,
  shortcut,
  note,
  danger,
  disabled,
}: MenuItemProps) {
  return (
    <DropdownMenu.Item
      className={`menu-item ${danger === true ? "menu-danger" : ""}`}
      disabled={disabled === true}
      onSelect={onSelect}
    >
      {Icon === undefined ? null : <Icon aria-hidden size={15} />}
      <span className="menu-words">{children}</span>
      {note === undefined ? null : <span className="menu-note">{note}</span>}
      {shortcut === undefined ? null : <kbd className="menu-note">{keyHint(shortcut)}</kbd>}
    </DropdownMenu.Item>
  );
}

export interface MenuChoiceProps {
  checked: boolean;
  /** The menu stays open, for further choices. */
  stays?: boolean;
  children: ReactNode;
  onSelect(): void;
  note?: ReactNode;
  disabled?: boolean;
}

/** One of several of which some hold. */
export function MenuChoice({
  checked,
  stays = false,
  children,
  onSelect,
  note,
  disabled,
}: MenuChoiceProps) {
  return (
    <DropdownMenu.CheckboxItem
      className="menu-item"
      checked={checked}
      disabled={disabled === true}
      onSelect={(event) => {
        if (stays) event.preventDefault();
        onSelect();
      }}
    >
      <span className="menu-check">
        <DropdownMenu.ItemIndicator>
          <Check aria-hidden size={15} />
        </DropdownMenu.ItemIndicator>
      </span>
      <span className="menu-words">{children}</span>
      {note === undefined ? null : <span className="menu-note">{note}</span>}
    </DropdownMenu.CheckboxItem>
  );
}

export function MenuLine() {
  return <DropdownMenu.Separator className="menu-line" />;
}

export function MenuTitle({ children }: { children: ReactNode }) {
  return <DropdownMenu.Label className="menu-title">{children}</DropdownMenu.Label>;
}
