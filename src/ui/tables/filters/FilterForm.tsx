import { useState } from "react";
import type { SchemaColumn } from "../../api/schema.ts";
import { isBlob } from "../../api/sql.ts";
import { Button } from "../../parts/Button.tsx";
import { Select, TextInput } from "../../parts/Field.tsx";
import { isNumeric } from "../model/affinity.ts";
import {
  type Filter,
  filterFrom,
  isSql,
  OPERATORS,
  type Operator,
  operandCount,
} from "../model/filter.ts";

export interface FilterFormProps {
  columns: readonly SchemaColumn[];
  /** The one to change; null for a new one. */
  filter: Filter | null;
  /** The column to begin with. */
  column: string | null;
  onApply(filter: Filter): void;
  onCancel(): void;
}

const SQL_CHOICE = "\u0000sql";

/** Column, operator, value; or a condition in SQL. */
export function FilterForm({
  columns,
  filter,
  column: wanted,
  onApply,
  onCancel,
}: FilterFormProps) {
  const first = wanted ?? columns[0]?.name ?? "";
  const [name, setName] = useState(
    filter === null ? first : isSql(filter) ? SQL_CHOICE : filter.column,
  );
  const [operator, setOperator] = useState<Operator>(() =>
    filter !== null && !isSql(filter) ? filter.operator : defaultOperator(columns, first),
  );
  const [text, setText] = useState(() => (filter === null ? "" : textOf(filter)));
  const column = columns.find((each) => each.name === name);
  const count = operandCount(operator);
  const sql = name === SQL_CHOICE;
  const complete = sql ? text.trim() !== "" : column !== undefined;
  return (
    <form
      className="filter-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (sql && complete) onApply({ sql: text.trim() });
        else if (column !== undefined) onApply(filterFrom(column, operator, text));
      }}
    >
      <Select
        aria-label="Column"
        value={name}
        onChange={(event) => {
          setName(event.target.value);
          if (filter === null) setOperator(defaultOperator(columns, event.target.value));
        }}
      >
        {columns.map((each) => (
          <option key={each.name}>{each.name}</option>
        ))}
        <option value={SQL_CHOICE}>SQL condition…</option>
      </Select>
      {sql ? null : (
        <Select
          aria-label="Operator"
          value={operator}
          onChange={(event) => setOperator(event.target.value as Operator)}
        >
          {Object.entries(OPERATORS).map(([key, words]) => (
            <option key={key} value={key}>
              {words}
            </option>
          ))}
        </Select>
      )}
      {!sql && count === "none" ? null : (
        <TextInput
          aria-label={sql ? "SQL condition" : "Value"}
          autoFocus
          value={text}
          placeholder={
            sql ? "price > cost * 2" : count === "many" ? "several, with commas" : "value"
          }
          onChange={(event) => setText(event.target.value)}
        />
      )}
      <div className="form-actions">
        <Button onClick={onCancel}>Cancel</Button>
        <Button tone="primary" type="submit" disabled={!complete}>
          Apply
        </Button>
      </div>
    </form>
  );
}

function defaultOperator(columns: readonly SchemaColumn[], name: string): Operator {
  const column = columns.find((each) => each.name === name);
  return column === undefined || isNumeric(column) ? "=" : "contains";
}

function textOf(filter: Filter): string {
  if (isSql(filter)) return filter.sql;
  return filter.operands
    .map((each) => (each === null || isBlob(each) ? "" : String(each)))
    .join(", ");
}
