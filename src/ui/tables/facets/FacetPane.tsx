import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { useState } from "react";
import { ApiFailure } from "../../api/failure.ts";
import { quoteIdentifier } from "../../api/literals.ts";
import type { SchemaColumn, SchemaObject } from "../../api/schema.ts";
import { type Cell, isBlob } from "../../api/sql.ts";
import { printed, type SqlText } from "../../api/sql-text.ts";
import { Button, IconButton } from "../../parts/Button.tsx";
import { formatCount } from "../../parts/format.ts";
import { CellValue } from "../../parts/grid/CellValue.tsx";
import { Menu, MenuChoice } from "../../parts/Menu.tsx";
import { ErrorNote, Skeleton } from "../../parts/Notes.tsx";
import { type ColumnFilter, type Filter, isSql } from "../model/filter.ts";
import { whereClause, whereSql } from "../model/page-query.ts";
import { cellOf, readRows } from "../model/reading.ts";
import type { ViewState } from "../model/view-state.ts";
import { sameCell } from "../staged/staged.ts";
import { rowsAtKey } from "../useTablePage.ts";

const VALUES = 20;
/** The server stops counting after it. */
const DEADLINE_S = 1;
const SAMPLE_ROWS = 20_000;

export interface FacetPaneProps {
  db: string;
  object: SchemaObject;
  columns: readonly SchemaColumn[];
  state: ViewState;
  onFacets(names: readonly string[]): void;
  onFilters(filters: readonly Filter[]): void;
  onClose(): void;
}

/** For the columns that were chosen: their values, and how many of the rows have each. */
export function FacetPane(props: FacetPaneProps) {
  const { object, columns, state, onFacets } = props;
  const { facets } = state;
  return (
    <section className="facets" aria-label="Facets">
      <header className="cell-panel-head">
        <h2>Facets</h2>
        <span className="soft" />
        <Menu
          align="end"
          trigger={
            <Button tone="plain" icon={Plus}>
              Columns
            </Button>
          }
        >
          {columns.map(({ name }) => (
            <MenuChoice
              key={name}
              checked={facets.includes(name)}
              onSelect={() =>
                onFacets(
                  facets.includes(name)
                    ? facets.filter((each) => each !== name)
                    : [...facets, name],
                )
              }
            >
              {name}
            </MenuChoice>
          ))}
        </Menu>
        <IconButton icon={X} label="Close the facets" onClick={props.onClose} />
      </header>
      <div className="facets-body">
        {facets.length === 0 ? (
          <p className="soft">Choose columns whose values you want counted.</p>
        ) : (
          facets.map((name) => <Facet key={`${object.name} ${name}`} {...props} name={name} />)
        )}
      </div>
    </section>
  );
}

interface FacetValue {
  readonly cell: Cell;
  readonly rows: number;
}

function Facet({
  db,
  object,
  state,
  name,
  onFilters,
  onFacets,
}: FacetPaneProps & { name: string }) {
  const [sampled, setSampled] = useState(false);
  const sql = facetSql(name, object, state, sampled);
  const { data, error, refetch } = useQuery({
    queryKey: [...rowsAtKey(db, object.name, state.at), "facet", printed(sql)],
    placeholderData: keepPreviousData,
    async queryFn({ signal }): Promise<readonly FacetValue[]> {
      const { rows } = await readRows(db, sql, {
        signal,
        timeoutS: DEADLINE_S,
        brief: true,
        at: state.at,
      });
      return rows.map(([cell = null, count = 0]) => ({
        cell: cellOf(name, cell, object),
        rows: Number(count),
      }));
    },
  });
  const slow = error instanceof ApiFailure && error.code === "REQUEST_TIMEOUT";
  const chosen = (cell: Cell) => state.filters.findIndex((filter) => isExactly(filter, name, cell));
  const toggle = (cell: Cell) => {
    const index = chosen(cell);
    onFilters(
      index === -1 ? [...state.filters, exactly(name, cell)] : state.filters.toSpliced(index, 1),
    );
  };
  const most = data?.[0]?.rows ?? 1;
  return (
    <section className="facet" aria-label={`Values of ${name}`}>
      <header>
        <h3 className="data">{name}</h3>
        {sampled ? (
          <span className="soft">of the first {formatCount(SAMPLE_ROWS)} rows</span>
        ) : null}
        <IconButton
          icon={X}
          label={`No facet of ${name}`}
          onClick={() => onFacets(state.facets.filter((each) => each !== name))}
        />
      </header>
      {slow ? (
        <div className="facet-slow" role="status">
          <p>Too slow: not counted within {DEADLINE_S} s.</p>
          {sampled ? null : (
            <Button onClick={() => setSampled(true)}>
              Count the first {formatCount(SAMPLE_ROWS)} rows
            </Button>
          )}
          <Button tone="plain" onClick={() => void refetch()}>
            Try again
          </Button>
        </div>
      ) : error !== null ? (
        <ErrorNote error={error} />
      ) : data === undefined ? (
        <Skeleton lines={4} label={`Counting the values of ${name}`} />
      ) : (
        <ul>
          {data.slice(0, VALUES).map(({ cell, rows }) => (
            <li key={isBlob(cell) ? `blob ${cell.value_base64}` : `${typeof cell} ${String(cell)}`}>
              <button
                type="button"
                className="facet-value"
                aria-pressed={chosen(cell) !== -1}
                disabled={isBlob(cell) && cell.omittedBytes !== undefined}
                onClick={() => toggle(cell)}
              >
                <span className="facet-name data">
                  <CellValue cell={cell} />
                </span>
                <span className="facet-count">{formatCount(rows)}</span>
                <meter className="facet-bar" aria-hidden min={0} max={most} value={rows} />
              </button>
            </li>
          ))}
          {data.length > VALUES ? <li className="soft">and more values</li> : null}
          {data.length === 0 ? <li className="soft">no rows</li> : null}
        </ul>
      )}
    </section>
  );
}

/** The filters of other columns count; this column's own would leave one value. */
function facetSql(name: string, object: SchemaObject, state: ViewState, sampled: boolean): SqlText {
  const filters = state.filters.filter((filter) => isSql(filter) || filter.column !== name);
  const column = quoteIdentifier(name);
  return [
    `SELECT ${column} AS v, count(*) AS n\nFROM (SELECT ${column} FROM ${quoteIdentifier(object.name)}`,
    ...whereClause(whereSql({ filters, search: state.search }, object)),
    sampled ? `\nLIMIT ${SAMPLE_ROWS}` : "",
    `)\nGROUP BY ${column}\nORDER BY 2 DESC, 1\nLIMIT ${VALUES + 1}`,
  ];
}

function exactly(column: string, cell: Cell): ColumnFilter {
  return cell === null
    ? { column, operator: "null", operands: [] }
    : { column, operator: "=", operands: [cell] };
}

function isExactly(filter: Filter, column: string, cell: Cell): boolean {
  if (isSql(filter) || filter.column !== column) return false;
  if (cell === null) return filter.operator === "null";
  return filter.operator === "=" && sameCell(filter.operands[0] ?? null, cell);
}
