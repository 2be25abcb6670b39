/** What listens to the row changes of a transaction, by temporary triggers of its own connection. */
import type { Compiled } from "./sandbox.ts";

/** @typeParam Facts what is known of a table that is listened to */
export abstract class RowWatch<Facts = unknown> {
  readonly #tables = new Map<string, Facts>();
  /** Those of the item that can be undone. */
  #ofItem: string[] = [];

  /** The tables that are listened to, by the name they had when that began. */
  protected get tables(): ReadonlyMap<string, Facts> {
    return this.#tables;
  }

  /**
   * Makes the triggers for a table that is about to be written to.
   * @returns undefined, and makes none, where nothing is listened to
   */
  protected abstract listen(table: string): Facts | undefined;

  /**
   * Told of a statement that has been compiled and has not run.
   * @returns whether it must be compiled again, to set off triggers that were made for it
   */
  watch({ writes }: Compiled): boolean {
    let installed = false;
    for (const table of writes) {
      if (this.#tables.has(table)) continue;
      const facts = this.listen(table);
      if (facts === undefined) continue;
      this.#tables.set(table, facts);
      this.#ofItem.push(table);
      installed = true;
    }
    return installed;
  }

  /** An item begins that may be undone alone. */
  itemBegins(): void {
    this.#ofItem = [];
  }

  /** It was undone, and with it the triggers that were made for it. */
  itemUndone(): void {
    for (const table of this.#ofItem) this.#tables.delete(table);
  }
}
