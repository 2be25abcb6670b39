import { useEffect, useRef, useState } from "react";
import type { SchemaColumn } from "../api/schema.ts";
import { type Cell, isBlob } from "../api/sql.ts";
import { affinityOf, parseTyped } from "./model/affinity.ts";
import type { StagedValue } from "./staged/staged.ts";

export type Leave = "stay" | "down" | "right" | "left";

export interface CellInputProps {
  column: SchemaColumn;
  cell: Cell;
  /** The character that began it, in place of what was there. */
  typed: string | undefined;
  /** Null when nothing was changed. */
  onDone(value: StagedValue | null, leave: Leave): void;
}

/** A cell while it is written in. Esc leaves it as it was; Enter and Tab go on to the next one. */
export function CellInput({ column, cell, typed, onDone }: CellInputProps) {
  const start = cell === null || isBlob(cell) ? "" : String(cell);
  const [text, setText] = useState(typed ?? start);
  const input = useRef<HTMLInputElement>(null);
  const done = useRef(false);
  useEffect(() => {
    input.current?.focus({ preventScroll: true });
    if (typed === undefined) input.current?.select();
  }, [typed]);

  const finish = (leave: Leave, keep: boolean) => {
    if (done.current) return;
    done.current = true;
    onDone(
      keep && (text !== start || typed !== undefined) ? read(text, column, cell) : null,
      leave,
    );
  };
  return (
    <input
      ref={input}
      className="cell-input"
      aria-label={`Value of ${column.name}`}
      value={text}
      placeholder={cell === null ? "NULL" : ""}
      autoComplete="off"
      autoCapitalize="off"
      spellCheck={false}
      onChange={(event) => setText(event.target.value)}
      onBlur={() => finish("stay", true)}
      onKeyDown={(event) => {
        if (event.key === "Escape") finish("stay", false);
        else if (event.key === "Enter") finish("down", true);
        else if (event.key === "Tab") finish(event.shiftKey ? "left" : "right", true);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    />
  );
}

/** An emptied number is NULL where the column takes it; an emptied text is empty text. */
function read(text: string, column: SchemaColumn, before: Cell): StagedValue {
  if (text === "" && affinityOf(column.type) !== "text" && !column.not_null && before !== "")
    return { kind: "value", cell: null };
  return { kind: "value", cell: parseTyped(text, column, before) };
}
