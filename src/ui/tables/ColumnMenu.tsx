import {
  ArrowDown,
  ArrowLeft,
  ArrowRight,
  ArrowUp,
  EyeOff,
  Filter,
  Pin,
  PinOff,
  Tally5,
} from "lucide-react";
import { ContextItem, ContextLine } from "../parts/grid/ContextItems.tsx";
import type { ViewState } from "./model/view-state.ts";

export interface ColumnMenuProps {
  name: string;
  /** Its place, of how many. */
  index: number;
  count: number;
  /** Held at the left. */
  pinned: boolean;
  onPin(held: boolean): void;
  onMove(to: number): void;
  state: ViewState;
  /** Names of all columns. */
  all: readonly string[];
  onView(change: Partial<ViewState>): void;
  onFilter(): void;
  onFacet(): void;
}

/** What can be done with a column. */
export function ColumnMenu(props: ColumnMenuProps) {
  const { name, index, pinned, state, all, onView, onFilter, onFacet } = props;
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
      <ContextItem icon={pinned ? PinOff : Pin} onSelect={() => props.onPin(!pinned)}>
        {pinned ? "Unpin" : "Pin"} {name}
      </ContextItem>
      <ContextItem
        icon={ArrowLeft}
        shortcut="Shift+Alt+Left"
        disabled={index === 0}
        onSelect={() => props.onMove(index - 1)}
      >
        Move left
      </ContextItem>
      <ContextItem
        icon={ArrowRight}
        shortcut="Shift+Alt+Right"
        disabled={index === props.count - 1}
        onSelect={() => props.onMove(index + 1)}
      >
        Move right
      </ContextItem>
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
