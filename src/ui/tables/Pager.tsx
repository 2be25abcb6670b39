import { ChevronFirst, ChevronLast, ChevronLeft, ChevronRight } from "lucide-react";
import { IconButton } from "../parts/Button.tsx";
import { Select } from "../parts/Field.tsx";
import { formatCount } from "../parts/format.ts";
import { PAGE_SIZES } from "./model/view-state.ts";
import type { RowCount } from "./useTablePage.ts";

export interface PagerProps {
  /** Number of the first row shown. */
  first: number;
  /** Null while they are not known. */
  rows: number | null;
  /** Null while it is not known, `slow` when counting took too long. */
  count: RowCount | null | "slow";
  hasPrevious: boolean;
  hasNext: boolean;
  /** Whether the end can be reached without going through all pages. */
  canEnd: boolean;
  pageSize: number;
  onFirst(): void;
  onPrevious(): void;
  onNext(): void;
  onLast(): void;
  onPageSize(size: number): void;
}

/** Which rows are shown, of how many, and the way to the others. */
export function Pager(props: PagerProps) {
  const { first, rows, count, hasPrevious, hasNext } = props;
  return (
    <nav className="pager" aria-label="Pages">
      <IconButton
        icon={ChevronFirst}
        label="First page"
        disabled={!hasPrevious}
        onClick={props.onFirst}
      />
      <IconButton
        icon={ChevronLeft}
        label="Previous page"
        disabled={!hasPrevious}
        onClick={props.onPrevious}
      />
      <span role="status" className="pager-words">
        {rows === null
          ? "…"
          : rows === 0
            ? "No rows"
            : `${formatCount(first)}–${formatCount(first + rows - 1)} of ${countWords(count)}`}
      </span>
      <IconButton
        icon={ChevronRight}
        label="Next page"
        disabled={!hasNext}
        onClick={props.onNext}
      />
      <IconButton
        icon={ChevronLast}
        label="Last page"
        disabled={!hasNext || !props.canEnd}
        onClick={props.onLast}
      />
      <Select
        aria-label="Rows per page"
        className="pager-size"
        value={props.pageSize}
        onChange={(event) => props.onPageSize(Number(event.target.value))}
      >
        {PAGE_SIZES.map((size) => (
          <option key={size} value={size}>
            {size} rows
          </option>
        ))}
      </Select>
    </nav>
  );
}

/** How many rows there are, as far as that is known. */
export function countWords(count: RowCount | null | "slow"): string {
  if (count === null) return "…";
  if (count === "slow") return "many (too slow to count)";
  const number = formatCount(count.rows);
  return { exact: number, estimate: `about ${number}`, least: `more than ${number}` }[count.kind];
}
