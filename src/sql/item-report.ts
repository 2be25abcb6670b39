/** What each item of callers' SQL did and how long it took: for the query log, told by the runner. */
import { MAX_LOGGED_SQL_CHARS, MAX_LOGGED_VALUES_CHARS } from "../limits.ts";

export interface ItemReport {
  /** Cut to `MAX_LOGGED_SQL_CHARS`. */
  sql: string;
  isStatement: boolean;
  durationMs: number;
  /** Rows answered, or changed. */
  rowCount: number;
  /** Why it had no effect, or null. */
  error: string | null;
  /** The values of its parameters as JSON, only where that is wanted. */
  values: string | null;
}

export interface ReportOptions {
  /** The last so many items are reported; 0 for none. */
  maxItems: number;
  /** Whether the values of parameters are reported too. */
  values: boolean;
}

/** What ran, as far as reports tell of it. */
export interface ReportedItem {
  kind: "query" | "statement";
  sql: string;
  values: unknown;
  batch: unknown;
}

/** What an item did. */
export interface ItemOutcome {
  /** Rows answered, or changed. */
  readonly rowCount: number;
  /** Of an item that may fail. */
  readonly error?: string;
}

export class ItemReporter {
  readonly #items: readonly ReportedItem[];
  readonly #options: ReportOptions;
  readonly #first: number;
  readonly reports: ItemReport[] = [];

  constructor(items: readonly ReportedItem[], options: ReportOptions) {
    this.#items = items;
    this.#options = options;
    this.#first = Math.max(0, items.length - options.maxItems);
  }

  /** Runs an item and reports it. What it throws goes through: see `failed`. */
  measure<Outcome extends ItemOutcome>(index: number, run: () => Outcome): Outcome {
    const startedMs = performance.now();
    let error: string | null = "";
    let rowCount = 0;
    try {
      const outcome = run();
      error = outcome.error ?? null;
      rowCount = outcome.rowCount;
      return outcome;
    } finally {
      this.add(index, performance.now() - startedMs, rowCount, error);
    }
  }

  /** The transaction was undone: what every item has to say about that. */
  failed(message: string): ItemReport[] {
    const last = this.reports.at(-1);
    for (const report of this.reports)
      if (report.error === null) report.error = `undone: ${message}`;
    if (last?.error === "") last.error = message;
    // The items before `#first` have no report, so none that did not run is before it either.
    for (let index = this.#first + this.reports.length; index < this.#items.length; index += 1)
      this.add(index, 0, 0, `not run: ${message}`);
    return this.reports;
  }

  /** Reports an item that was measured otherwise. */
  add(index: number, durationMs: number, rowCount: number, error: string | null): void {
    const item = this.#items[index];
    if (index < this.#first || item === undefined) return;
    this.reports.push({
      sql: cut(item.sql, MAX_LOGGED_SQL_CHARS),
      isStatement: item.kind === "statement",
      durationMs,
      rowCount,
      error,
      values: this.#options.values ? valuesText(item) : null,
    });
  }
}

/** Cuts a text, visibly. */
export function cut(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars)}…`;
}

function valuesText({ values, batch }: ReportedItem): string {
  const text = JSON.stringify(batch ?? values, (_key, value: unknown) =>
    typeof value === "bigint" ? rawNumber(value) : value,
  );
  return cut(text ?? "null", MAX_LOGGED_VALUES_CHARS);
}

/** JSON.rawJSON, which the type library does not know yet: keeps every digit. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
const rawNumber = (value: bigint) => rawJSON(String(value));
