import {
  ChartColumn,
  Columns3,
  Download,
  EllipsisVertical,
  Import,
  PanelRight,
  Plus,
  RefreshCw,
  Share2,
  SquareTerminal,
  TableProperties,
  Tally5,
  Undo2,
} from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import type { SchemaColumn } from "../api/schema.ts";
import { Button, IconButton } from "../parts/Button.tsx";
import { Menu, MenuChoice, MenuItem, MenuLine } from "../parts/Menu.tsx";
import { SearchField } from "../parts/SearchField.tsx";
import { toggled } from "./model/column-order.ts";

const SEARCH_DELAY_MS = 350;

export interface TableBarProps {
  columns: readonly SchemaColumn[];
  /** Names; null for all. */
  shown: readonly string[] | null;
  onShown(names: readonly string[] | null): void;
  search: string;
  onSearch(text: string): void;
  facets: boolean;
  onFacets(): void;
  value: boolean;
  onValue(): void;
  chart: boolean;
  onChart(): void;
  /** Undefined where rows cannot be added. */
  onAdd: (() => void) | undefined;
  /** Undefined when there is nothing to undo. */
  onUndo: (() => void) | undefined;
  onRefresh(): void;
  onSql(): void;
  onShare(): void;
  onStructure(): void;
  onImport(): void;
  onExport(): void;
  /** Whether the rows are those of an earlier moment. */
  past: boolean;
  /** The filters. */
  children: ReactNode;
}

/** What can be done with a table. */
export function TableBar(props: TableBarProps) {
  const { columns, shown, onShown } = props;
  const isShown = (name: string) => shown === null || shown.includes(name);
  const all = columns.map(({ name }) => name);
  const blocked = props.past ? { disabled: true, note: "only now" } : {};
  return (
    <div className="table-bar" role="toolbar" aria-label="Table">
      <SearchInput text={props.search} onChange={props.onSearch} />
      {props.children}
      <span className="table-bar-space" />
      <Menu
        align="end"
        trigger={
          <Button tone="plain" icon={Columns3}>
            Columns
            {shown === null ? null : <span className="soft">{shown.length}</span>}
          </Button>
        }
      >
        {[...new Set([...(shown ?? []), ...all])].map((name) => (
          <MenuChoice
            key={name}
            checked={isShown(name)}
            stays
            onSelect={() => onShown(toggled(shown, name, all))}
          >
            {name}
          </MenuChoice>
        ))}
        <MenuLine />
        <MenuItem onSelect={() => onShown(null)}>Show all, in the table's order</MenuItem>
      </Menu>
      <IconButton
        icon={Tally5}
        label="Facets"
        aria-pressed={props.facets}
        onClick={props.onFacets}
      />
      <IconButton
        icon={PanelRight}
        label="Value"
        aria-pressed={props.value}
        onClick={props.onValue}
      />
      <IconButton
        icon={ChartColumn}
        label="Chart"
        aria-pressed={props.chart}
        onClick={props.onChart}
      />
      <IconButton icon={RefreshCw} label="Read again" onClick={props.onRefresh} />
      {props.onAdd === undefined ? null : (
        <Button icon={Plus} onClick={props.onAdd}>
          Row
        </Button>
      )}
      <Menu align="end" trigger={<IconButton icon={EllipsisVertical} label="More" />}>
        <MenuItem icon={SquareTerminal} onSelect={props.onSql}>
          Open as a query
        </MenuItem>
        <MenuItem icon={Share2} {...blocked} onSelect={props.onShare}>
          Share a link
        </MenuItem>
        <MenuItem icon={TableProperties} onSelect={props.onStructure}>
          Structure
        </MenuItem>
        <MenuItem icon={Download} onSelect={props.onExport}>
          Export
        </MenuItem>
        <MenuItem icon={Import} {...blocked} onSelect={props.onImport}>
          Import a file
        </MenuItem>
        <MenuLine />
        <MenuItem
          icon={Undo2}
          disabled={props.onUndo === undefined}
          onSelect={() => props.onUndo?.()}
        >
          Undo what was saved last
        </MenuItem>
      </Menu>
    </div>
  );
}

function SearchInput({ text, onChange }: { text: string; onChange(text: string): void }) {
  const [typed, setTyped] = useState(text);
  const [known, setKnown] = useState(text);
  // Back and links change it, too.
  if (known !== text) {
    setKnown(text);
    setTyped(text);
  }
  useEffect(() => {
    if (typed === text) return undefined;
    const timer = setTimeout(() => onChange(typed), SEARCH_DELAY_MS);
    return () => clearTimeout(timer);
  }, [typed, text, onChange]);
  return (
    <SearchField
      className="table-search"
      label="Search all columns"
      placeholder="Search"
      value={typed}
      onChange={setTyped}
    />
  );
}
