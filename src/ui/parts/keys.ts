/** Keys by one notation: `Mod+K` is Command on a Mac and Control elsewhere. */

export const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);

const MAC_SIGNS: Readonly<Record<string, string>> = {
  Mod: "⌘",
  Alt: "⌥",
  Shift: "⇧",
  Enter: "⏎",
  Escape: "Esc",
};
const WORDS: Readonly<Record<string, string>> = { Mod: "Ctrl", Escape: "Esc" };

/** As people read it: `⌘K` or `Ctrl+K`. */
export function keyHint(shortcut: string): string {
  const parts = shortcut.split("+");
  return IS_MAC
    ? parts.map((part) => MAC_SIGNS[part] ?? part).join("")
    : parts.map((part) => WORDS[part] ?? part).join("+");
}

/** Whether an event is the shortcut. */
export function isKey(event: KeyboardEvent | React.KeyboardEvent, shortcut: string): boolean {
  const parts = shortcut.split("+");
  const key = parts.at(-1) ?? "";
  const mod = IS_MAC ? event.metaKey : event.ctrlKey;
  const other = IS_MAC ? event.ctrlKey : event.metaKey;
  return (
    event.key.toLowerCase() === key.toLowerCase() &&
    mod === parts.includes("Mod") &&
    !other &&
    event.altKey === parts.includes("Alt") &&
    // `?` needs Shift on most keyboards, so signs do not care.
    (event.shiftKey === parts.includes("Shift") || /^[^a-z0-9]$/i.test(key))
  );
}

/** Whether the person is writing, so that plain keys are text. */
export function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
