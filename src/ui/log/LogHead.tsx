import { ListTree, RefreshCw, Timer, Trash2, X } from "lucide-react";
import type { LogFilter } from "../api/log.ts";
import { IconButton } from "../parts/Button.tsx";
import { Checkbox, Select } from "../parts/Field.tsx";
import { SearchField } from "../parts/SearchField.tsx";
import type { LogState } from "./state.ts";

export interface LogHeadProps {
  state: LogState;
  /** Changes the address. */
  onChange(params: Record<string, string>, mode: "push" | "replace"): void;
  onRefresh(): void;
  onForget(): void;
  /** Whether there is anything to forget. */
  forgettable: boolean;
}

/** What is shown of the log. */
export function LogHead({ state, onChange, onRefresh, onForget, forgettable }: LogHeadProps) {
  const { filter, list } = state;
  const set = (params: Record<string, string>, mode: "push" | "replace" = "push") =>
    onChange({ ...params, offset: "" }, mode);
  return (
    <header className="log-head">
      <SearchField
        className="log-search"
        label="Search the log"
        placeholder="Search SQL and errors"
        value={filter.text}
        onChange={(q) => set({ q }, "replace")}
      />
      <Select
        className="input-small log-outcome"
        aria-label="Outcome"
        value={filter.success}
        onChange={({ target }) => set({ success: target.value })}
      >
        <option value="">All</option>
        <option value="true">Succeeded</option>
        <option value="false">Failed</option>
      </Select>
      <Checkbox
        checked={filter.source === ""}
        onChange={({ target }) => set({ source: target.checked ? "all" : "" })}
      >
        By this page, too
      </Checkbox>
      <div className="log-tools">
        <IconButton
          icon={ListTree}
          label="Entry by entry"
          aria-pressed={list === "entries"}
          onClick={() => set({ by: "" })}
        />
        <IconButton
          icon={Timer}
          label="By statement, the slowest first"
          aria-pressed={list === "statements"}
          onClick={() => set({ by: "statement" })}
        />
        <IconButton icon={RefreshCw} label="Look again" onClick={onRefresh} />
        <IconButton
          icon={Trash2}
          label="Forget what is shown"
          disabled={!forgettable}
          onClick={onForget}
        />
      </div>
      {filter.statement === "" ? null : (
        <Only filter={filter} onAll={() => set({ statement: "" })} />
      )}
    </header>
  );
}

/** That only one statement is shown, and the way back. */
function Only({ filter, onAll }: { filter: LogFilter; onAll(): void }) {
  return (
    <p className="log-only">
      <span className="soft">Only</span>
      <code title={filter.statement}>{filter.statement.replaceAll(/\s+/g, " ")}</code>
      <IconButton icon={X} label="All statements" onClick={onAll} />
    </p>
  );
}
