import { Dialog } from "../parts/Dialog.tsx";
import { keyHint } from "../parts/keys.ts";

const KEYS: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    "Everywhere",
    [
      ["Mod+K", "Find a table, a query, a command"],
      ["Alt+N", "New query"],
      ["Alt+W", "Close the tab"],
      ["Alt+1", "First tab; Alt+2 the second, and so on"],
      ["?", "These keys"],
      ["Escape", "One step back"],
    ],
  ],
  [
    "Editor",
    [
      ["Mod+Enter", "Run the selection, or the statement at the cursor"],
      ["Mod+Shift+Enter", "Run all statements"],
      ["Mod+Space", "Complete"],
      ["Shift+Alt+F", "Format"],
      ["Mod+S", "Save the query"],
      ["Mod+/", "Comment"],
      ["Mod+F", "Find in the text"],
      ["Escape", "Then Tab: leave the editor"],
    ],
  ],
  [
    "Grid",
    [
      ["Arrows", "Move; with Shift select"],
      ["Mod+Arrows", "To the edge"],
      ["Mod+A", "Select everything"],
      ["Shift+Space", "Select the row"],
      ["Mod+C", "Copy"],
      ["Enter", "Open or edit the cell; sort in the header"],
      ["Alt+Arrows", "Width of the column"],
      ["Shift+Alt+Arrows", "Move the column of a table"],
      ["Shift+F10", "Menu of the cell, or of the column"],
    ],
  ],
  [
    "Rows of a table",
    [
      ["F2", "Edit the cell; or just type"],
      ["Space", "Open the value beside the rows"],
      ["Delete", "NULL, or empty text where NULL is not allowed"],
      ["Mod+V", "Paste a range"],
      ["Mod+Z", "Take the last step back"],
      ["Mod+S", "Save the changes"],
    ],
  ],
  [
    "Keys with a history",
    [
      [",", "One change back"],
      [".", "One change on"],
      ["T", "Go to a moment"],
      ["N", "Back to now"],
      ["Home", "On the slider: to the beginning; End: now"],
    ],
  ],
];

export function KeysDialog({
  open,
  onOpenChange,
}: {
  open: boolean;
  onOpenChange(open: boolean): void;
}) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Keys" size="medium">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section className="keys" tabIndex={0} aria-label="Keys">
        {KEYS.map(([title, keys]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([key, meaning]) => (
                <div key={key + meaning} className="keys-line">
                  <dt>
                    <kbd>{keyHint(key)}</kbd>
                  </dt>
                  <dd>{meaning}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </section>
    </Dialog>
  );
}
