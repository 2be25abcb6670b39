/** Entries of the menus that the grid opens at the pointer. */
import type { LucideIcon } from "lucide-react";
import { ContextMenu } from "radix-ui";
import type { ReactNode } from "react";
import { keyHint } from "../keys.ts";

export interface ContextItemProps {
  icon?: LucideIcon;
  children: ReactNode;
  onSelect(): void;
  shortcut?: string;
  danger?: boolean;
  disabled?: boolean;
}

export function ContextItem({
  icon: Icon,
  children,
  onSelect,
  shortcut,
  danger,
  disabled,
}: ContextItemProps) {
  return (
    <ContextMenu.Item
      className={`menu-item ${danger === true ? "menu-danger" : ""}`}
      disabled={disabled === true}
      onSelect={onSelect}
    >
      {Icon === undefined ? null : <Icon aria-hidden size={15} />}
      <span className="menu-words">{children}</span>
      {shortcut === undefined ? null : <kbd className="menu-note">{keyHint(shortcut)}</kbd>}
    </ContextMenu.Item>
  );
}

export function ContextLine() {
  return <ContextMenu.Separator className="menu-line" />;
}
