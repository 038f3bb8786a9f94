/** How a chart of rates looks; colours and type come from the page's style, so both themes follow. */

import type uPlot from "uplot";
import type { Line } from "./chart-data";
import { formatTick } from "./units";

export const CHART_HEIGHT = 220;
const COLORS = 6;
const AXIS_WIDTH = 84;
const AXIS_HEIGHT = 34;
const DASH = [5, 4];
const HEADROOM = 1.1;
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const CLOCK_WITH_SECONDS = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export interface Wanted {
  lines: Line[];
  unit: string;
  width: number;
  syncKey: string;
  /** Called with the index of the moment under the cursor; null when there is none. */
  onCursor: (index: number | null) => void;
}

export const colorName = (color: number): string => `--chart-${(color % COLORS) + 1}`;

export function chartOptions(wanted: Wanted, style: CSSStyleDeclaration): uPlot.Options {
  const axis = axisStyle(style);
  return {
    width: wanted.width,
    height: CHART_HEIGHT,
    legend: { show: false },
    cursor: { sync: { key: wanted.syncKey }, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * HEADROOM : 1] } },
    axes: [
      { ...axis, size: AXIS_HEIGHT, values: (_, moments, __, ___, step) => moments.map((each) => clock(each, step)) },
      {
        ...axis,
        size: AXIS_WIDTH,
        values: (_, values) => values.map((value) => formatTick(value, wanted.unit)),
      },
    ],
    series: [{}, ...wanted.lines.map((line) => lineStyle(line, style))],
    hooks: { setCursor: [({ cursor }) => wanted.onCursor(cursor.idx ?? null)] },
  };
}

function clock(seconds: number, step: number): string {
  const format = step < 60 ? CLOCK_WITH_SECONDS : CLOCK;
  return format.format(new Date(seconds * 1000));
}

function axisStyle(style: CSSStyleDeclaration): uPlot.Axis {
  const grid = style.getPropertyValue("--chart-grid");
  return {
    stroke: style.color,
    font: `12px ${style.fontFamily}`,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1 },
  };
}

function lineStyle({ label, direction, color }: Line, style: CSSStyleDeclaration): uPlot.Series {
  return {
    label: `${label} ${direction}`,
    stroke: style.getPropertyValue(colorName(color)),
    width: 1.75,
    points: { show: false },
    ...(direction === "tx" && { dash: DASH }),
  };
}
