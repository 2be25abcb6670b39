/** What listens to the row changes of a transaction, by temporary triggers of its own connection. */
import type { Compiled } from "./sandbox.ts";

export interface RowWatch {
  /**
   * Told of a statement that has been compiled and has not run.
   * @returns whether it must be compiled again, to set off triggers that were made for it
   */
  watch(compiled: Compiled): boolean;
  /** An item begins that may be undone alone. */
  itemBegins(): void;
  /** It was undone, and with it the triggers that were made for it. */
  itemUndone(): void;
}
