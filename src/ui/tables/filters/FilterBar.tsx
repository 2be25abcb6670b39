import { Code, ListFilterPlus, X } from "lucide-react";
import { Popover } from "radix-ui";
import { useState } from "react";
import type { SchemaColumn } from "../../api/schema.ts";
import { Button } from "../../parts/Button.tsx";
import { describeFilter, type Filter, isSql } from "../model/filter.ts";
import { FilterForm } from "./FilterForm.tsx";

export interface FilterBarProps {
  columns: readonly SchemaColumn[];
  filters: readonly Filter[];
  onChange(filters: readonly Filter[]): void;
  /** A column whose filter is asked for elsewhere, such as in its menu. */
  wanted: string | null;
  onWanted(column: string | null): void;
}

/** The conditions on the rows: each can be changed, and taken away. */
export function FilterBar({ columns, filters, onChange, wanted, onWanted }: FilterBarProps) {
  const [editing, setEditing] = useState<number | "new" | null>(null);
  const shown = wanted === null ? editing : "new";
  const close = () => {
    setEditing(null);
    onWanted(null);
  };
  const form = (filter: Filter | null, apply: (next: Filter) => void) => (
    <Popover.Portal>
      <Popover.Content
        className="filter-pop"
        align="start"
        sideOffset={4}
        collisionPadding={8}
        aria-label="Filter"
      >
        <FilterForm
          columns={columns}
          filter={filter}
          column={wanted}
          onCancel={close}
          onApply={(next) => {
            apply(next);
            close();
          }}
        />
      </Popover.Content>
    </Popover.Portal>
  );
  return (
    <fieldset className="filters" aria-label="Filters">
      {filters.map((filter, index) => {
        const words = describeFilter(filter);
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: two filters may be alike
          <span key={`${index} ${words}`} className="pill">
            <Popover.Root
              open={shown === index}
              onOpenChange={(open) => (open ? setEditing(index) : close())}
            >
              <Popover.Trigger asChild>
                <button type="button" className="pill-words data" title="Change this filter">
                  {isSql(filter) ? <Code aria-label="SQL" role="img" size={13} /> : null}
                  {words}
                </button>
              </Popover.Trigger>
              {form(filter, (next) => onChange(filters.with(index, next)))}
            </Popover.Root>
            <button
              type="button"
              className="pill-remove"
              aria-label={`Remove the filter ${words}`}
              title="Remove"
              onClick={() => onChange(filters.toSpliced(index, 1))}
            >
              <X aria-hidden size={13} />
            </button>
          </span>
        );
      })}
      <Popover.Root
        open={shown === "new"}
        onOpenChange={(open) => (open ? setEditing("new") : close())}
      >
        <Popover.Trigger asChild>
          <Button tone="plain" icon={ListFilterPlus}>
            Filter
          </Button>
        </Popover.Trigger>
        {form(null, (next) => onChange([...filters, next]))}
      </Popover.Root>
      {filters.length > 1 ? (
        <Button tone="plain" onClick={() => onChange([])}>
          Clear
        </Button>
      ) : null}
    </fieldset>
  );
}
