import { ChartColumn, ImageDown } from "lucide-react";
import { useMemo, useRef } from "react";
import { Button } from "../parts/Button.tsx";
import { Select } from "../parts/Field.tsx";
import { plural } from "../parts/format.ts";
import type { GridRow } from "../parts/grid/types.ts";
import { Menu, MenuChoice } from "../parts/Menu.tsx";
import { Empty } from "../parts/Notes.tsx";
import { saveFile } from "../parts/save-file.ts";
import { toastFailure } from "../parts/Toast.tsx";
import { ChartCanvas, type ChartCanvasHandle } from "./ChartCanvas.tsx";
import { ChartTable } from "./ChartTable.tsx";
import { kindsOf } from "./columns.ts";
import { chartData } from "./series.ts";
import {
  CHART_TYPES,
  type ChartSpec,
  type ChartType,
  COMBINATIONS,
  type Combination,
  printSpec,
  readSpec,
} from "./spec.ts";
import "./chart.css";

export interface ChartPanelProps {
  /** Names of the columns; distinct. */
  names: readonly string[];
  rows: readonly GridRow[];
  /** What was chosen, as text that the address and a saved query can hold; null before. */
  spec: string | null;
  onSpec(spec: string): void;
}

const ROW_NUMBER = "\u0000";

/** The rows as a chart, and what it is made of. */
export default function ChartPanel({ names, rows, spec: text, onSpec }: ChartPanelProps) {
  const spec = useMemo(() => readSpec(text, names, rows), [text, names, rows]);
  const data = useMemo(() => chartData(spec, names, rows), [spec, names, rows]);
  const canvas = useRef<ChartCanvasHandle>(null);
  const kinds = kindsOf(names, rows);
  const numeric = names.filter((_name, index) => kinds[index] === "number");
  const choose = (next: Partial<ChartSpec>) => onSpec(printSpec({ ...spec, ...next }));
  const drawn = data.series.some(({ values }) => values.some((value) => value !== null));
  const what =
    spec.combine === "count"
      ? "number of rows"
      : spec.y.length === 0
        ? "nothing"
        : spec.y.join(", ");
  const label = `${CHART_TYPES[spec.type]}: ${what} by ${spec.x ?? "row"}, ${plural(data.labels.length, "value")}`;

  return (
    <section className="chart" aria-label="Chart">
      <div className="chart-bar" role="toolbar" aria-label="Chart">
        <Labelled label="Chart">
          <Select
            aria-label="Kind of chart"
            className="input-small"
            value={spec.type}
            onChange={({ target }) => choose({ type: target.value as ChartType })}
          >
            {Object.entries(CHART_TYPES).map(([type, words]) => (
              <option key={type} value={type}>
                {words}
              </option>
            ))}
          </Select>
        </Labelled>
        <Labelled label={spec.type === "pie" ? "Slices" : "Across"}>
          <Select
            aria-label="Across"
            className="input-small"
            value={spec.x ?? ROW_NUMBER}
            onChange={({ target }) =>
              choose({ x: target.value === ROW_NUMBER ? null : target.value })
            }
          >
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
            <option value={ROW_NUMBER}>Row number</option>
          </Select>
        </Labelled>
        <Labelled label="Rows">
          <Select
            aria-label="Rows with the same place"
            className="input-small"
            value={spec.combine}
            onChange={({ target }) => choose({ combine: target.value as Combination })}
          >
            {Object.entries(COMBINATIONS).map(([how, words]) => (
              <option key={how} value={how}>
                {words}
              </option>
            ))}
          </Select>
        </Labelled>
        {spec.combine === "count" ? null : (
          <Menu
            trigger={
              <Button>
                Values: {spec.y.length === 0 ? "none" : spec.y.length > 2 ? spec.y.length : what}
              </Button>
            }
          >
            {names.map((name) => (
              <MenuChoice
                key={name}
                checked={spec.y.includes(name)}
                disabled={!numeric.includes(name)}
                onSelect={() =>
                  choose({
                    y: spec.y.includes(name)
                      ? spec.y.filter((each) => each !== name)
                      : names.filter((each) => each === name || spec.y.includes(each)),
                  })
                }
              >
                {name}
              </MenuChoice>
            ))}
          </Menu>
        )}
        <span className="chart-space" />
        <Button
          tone="plain"
          icon={ImageDown}
          disabled={!drawn}
          onClick={() =>
            canvas.current
              ?.picture()
              .then((picture) => saveFile(picture, "chart.png"), toastFailure)
          }
        >
          PNG
        </Button>
      </div>
      {data.omitted === null ? null : (
        <p className="chart-note" role="status">
          {data.omitted}
        </p>
      )}
      {drawn ? (
        <ChartCanvas ref={canvas} type={spec.type} data={data} label={label} />
      ) : (
        <Empty icon={ChartColumn} title="Nothing to draw yet">
          <p>
            {rows.length === 0
              ? "There are no rows."
              : numeric.length === 0
                ? "No column has numbers. Choose “Number of rows” to count."
                : "Choose a column with numbers as values."}
          </p>
        </Empty>
      )}
      {drawn ? <ChartTable data={data} x={spec.x ?? "row"} /> : null}
    </section>
  );
}

function Labelled({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <span className="chart-field">
      <span aria-hidden className="soft">
        {label}
      </span>
      {children}
    </span>
  );
}
