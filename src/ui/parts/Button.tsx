import type { LucideIcon } from "lucide-react";
import type { ButtonHTMLAttributes, Ref } from "react";
import { keyHint } from "./keys.ts";
import "./button.css";

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  ref?: Ref<HTMLButtonElement>;
  /** `plain` has no frame; `danger` is for what destroys. */
  tone?: "normal" | "primary" | "plain" | "danger";
  icon?: LucideIcon | undefined;
  /** Shown beside the words, such as `Mod+Enter`; the handler is somebody else's. */
  shortcut?: string;
}

/** A button with words. */
export function Button({
  tone = "normal",
  icon: Icon,
  shortcut,
  children,
  className,
  ...rest
}: ButtonProps) {
  return (
    <button type="button" className={`button button-${tone} ${className ?? ""}`} {...rest}>
      {Icon === undefined ? null : <Icon aria-hidden size={15} />}
      {children}
      {shortcut === undefined ? null : <kbd className="button-key">{keyHint(shortcut)}</kbd>}
    </button>
  );
}

export interface IconButtonProps extends Omit<ButtonProps, "children" | "shortcut"> {
  icon: LucideIcon;
  /** Read aloud, and shown when the pointer rests. */
  label: string;
  shortcut?: string;
}

/** A button of which the icon says enough; it has a name all the same. */
export function IconButton({
  icon: Icon,
  label,
  tone = "plain",
  shortcut,
  className,
  ...rest
}: IconButtonProps) {
  const title = shortcut === undefined ? label : `${label} (${keyHint(shortcut)})`;
  return (
    <button
      type="button"
      className={`button button-icon button-${tone} ${className ?? ""}`}
      aria-label={label}
      title={title}
      {...rest}
    >
      <Icon aria-hidden size={16} />
    </button>
  );
}
