import {
  ArcElement,
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  type ChartConfiguration,
  type ChartDataset,
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  PieController,
  type Plugin,
  PointElement,
  ScatterController,
  Tooltip,
} from "chart.js";
import { type Ref, useEffect, useImperativeHandle, useRef } from "react";
import { type ChartColors, chartColors, onThemeChange } from "./colors.ts";
import type { ChartData } from "./series.ts";
import type { ChartType } from "./spec.ts";

Chart.register(
  ArcElement,
  BarController,
  BarElement,
  CategoryScale,
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  PieController,
  PointElement,
  ScatterController,
  Tooltip,
);

export interface ChartCanvasHandle {
  /** The chart as a PNG, on the page's background. */
  picture(): Promise<Blob>;
}

export interface ChartCanvasProps {
  ref: Ref<ChartCanvasHandle>;
  type: ChartType;
  data: ChartData;
  label: string;
}

/** More points than this are drawn without a mark each. */
const MARKED_POINTS = 100;

/** A chart, drawn by Chart.js. */
export function ChartCanvas({ ref, type, data, label }: ChartCanvasProps) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const { current: element } = canvas;
    const { current: within } = box;
    if (element === null || within === null) return undefined;
    let chart: Chart | undefined;
    const draw = () => {
      chart?.destroy();
      chart = new Chart(element, configuration(type, data, chartColors(within)));
    };
    draw();
    const ignore = onThemeChange(draw);
    return () => {
      ignore();
      chart?.destroy();
    };
  }, [type, data]);
  useImperativeHandle(ref, () => ({
    picture: () =>
      new Promise((resolve, reject) => {
        canvas.current?.toBlob((blob) =>
          blob === null ? reject(new Error("The browser made no picture")) : resolve(blob),
        );
      }),
  }));
  return (
    <div ref={box} className="chart-box">
      <canvas ref={canvas} role="img" aria-label={label} />
    </div>
  );
}

function configuration(type: ChartType, data: ChartData, colors: ChartColors): ChartConfiguration {
  const drawn = type === "area" ? "line" : type;
  const single = data.series.length === 1;
  const datasets = data.series.map((_series, index) => dataset(type, data, index, colors));
  const tooltipTitle = (index: number) => data.labels[index] ?? "";
  const config: ChartConfiguration = {
    type: drawn,
    data: { labels: [...data.labels], datasets },
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      color: colors.text,
      borderColor: colors.line,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12 },
      interaction: {
        mode: type === "scatter" || type === "pie" ? "nearest" : "index",
        intersect: false,
      },
      plugins: {
        legend: {
          display: type === "pie" || !single,
          position: "bottom",
          labels: { color: colors.text, usePointStyle: true, boxHeight: 8 },
        },
        tooltip: {
          callbacks: {
            title: (items) => tooltipTitle(items[0]?.dataIndex ?? 0),
          },
        },
      },
      ...(type === "pie" ? {} : { scales: scales(type, data, colors) }),
    },
    plugins: [background(colors.surface)],
  };
  return config;
}

function scales(type: ChartType, data: ChartData, colors: ChartColors) {
  const ticks = { color: colors.text, maxRotation: 40, autoSkipPadding: 8 };
  const grid = { color: colors.line };
  const time =
    data.scale === "time"
      ? { callback: (value: string | number) => timeTick(Number(value), data) }
      : {};
  return {
    x: {
      type: data.scale === "label" ? ("category" as const) : ("linear" as const),
      ticks: { ...ticks, ...time },
      grid: { ...grid, display: type === "scatter" },
      offset: type === "bar",
    },
    y: { type: "linear" as const, beginAtZero: type === "bar" || type === "area", ticks, grid },
  };
}

function dataset(
  type: ChartType,
  data: ChartData,
  index: number,
  colors: ChartColors,
): ChartDataset {
  const series = data.series[index] ?? { name: "", values: [] };
  const color = colors.series[index % colors.series.length] ?? colors.text;
  const places = data.places;
  const points =
    places === null
      ? [...series.values]
      : series.values.map((y, at) => ({ x: places[at] ?? Number.NaN, y: y ?? Number.NaN }));
  const filled = color
    .replace(/\)$/, " / 25%)")
    .replace(
      /^rgb\(([^/]*)\/ 25%\)$/,
      (_all, parts: string) => `rgb(${parts.replaceAll(",", "")}/ 25%)`,
    );
  return {
    label: series.name,
    data: points as number[],
    borderColor: type === "pie" ? colors.surface : color,
    borderWidth: type === "bar" ? 0 : 2,
    backgroundColor:
      type === "pie"
        ? series.values.map((_value, at) => colors.series[at % colors.series.length] ?? color)
        : type === "area"
          ? filled
          : color,
    ...(type === "line" || type === "area"
      ? {
          fill: type === "area" ? "origin" : false,
          pointRadius: series.values.length > MARKED_POINTS ? 0 : 3,
          pointBackgroundColor: color,
        }
      : {}),
    ...(type === "scatter" ? { pointRadius: 3, showLine: false } : {}),
  } as ChartDataset;
}

const DAY_MS = 86_400_000;

/** As exact as the times lie close together. */
function timeTick(timeMs: number, { places }: ChartData): string {
  const known = (places ?? []).filter((place) => place !== null);
  const spanMs = known.length === 0 ? 0 : Math.max(...known) - Math.min(...known);
  const text = new Date(timeMs).toISOString();
  if (spanMs > 3 * 365 * DAY_MS) return text.slice(0, 7);
  return spanMs > 2 * DAY_MS ? text.slice(0, 10) : text.slice(11, 16);
}

/** A picture without a background is unreadable in half of the programs that show it. */
function background(color: string): Plugin {
  return {
    id: "background",
    beforeDraw({ ctx, width, height }) {
      ctx.save();
      ctx.fillStyle = color;
      ctx.fillRect(0, 0, width, height);
      ctx.restore();
    },
  };
}
