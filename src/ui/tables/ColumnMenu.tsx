import { ArrowDown, ArrowUp, EyeOff, Filter, Tally5 } from "lucide-react";
import { ContextItem, ContextLine } from "../parts/grid/ContextItems.tsx";
import type { ViewState } from "./model/view-state.ts";

export interface ColumnMenuProps {
  name: string;
  state: ViewState;
  /** Names of all columns. */
  all: readonly string[];
  onView(change: Partial<ViewState>): void;
  onFilter(): void;
  onFacet(): void;
}

/** What can be done with a column. */
export function ColumnMenu({ name, state, all, onView, onFilter, onFacet }: ColumnMenuProps) {
  const shown = state.columns ?? all;
  return (
    <>
      <ContextItem
        icon={ArrowUp}
        onSelect={() => onView({ sort: { column: name, descending: false } })}
      >
        Sort ascending
      </ContextItem>
      <ContextItem
        icon={ArrowDown}
        onSelect={() => onView({ sort: { column: name, descending: true } })}
      >
        Sort descending
      </ContextItem>
      <ContextLine />
      <ContextItem icon={Filter} onSelect={onFilter}>
        Filter by {name}
      </ContextItem>
      <ContextItem icon={Tally5} onSelect={onFacet}>
        Count its values
      </ContextItem>
      <ContextLine />
      <ContextItem
        icon={EyeOff}
        disabled={shown.length < 2}
        onSelect={() => onView({ columns: shown.filter((each) => each !== name) })}
      >
        Hide {name}
      </ContextItem>
    </>
  );
}
