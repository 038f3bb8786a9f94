/** How a chart of rates looks; colours and type come from the page's style, so both themes follow. */

import uPlot from "uplot";
import { formatsOf, type Zone } from "../chrome/moments";
import type { Line, Values } from "./chart-data";
import type { Span } from "./spans";
import { formatTick } from "./units";

export const CHART_HEIGHT = 220;
const COLORS = 6;
const AXIS_WIDTH = 84;
const AXIS_HEIGHT = 34;
/** Between ticks of time, so that "10:07:15 PM" does not run into the next. */
const TICK_SPACE = 84;
const DASH = [5, 4];
const HEADROOM = 1.1;
const DAY_S = 86_400;
/** Less is a press with an unsteady hand. */
const LEAST_DRAG_PX = 8;

export interface Wanted {
  lines: Line[];
  unit: string;
  zone: Zone;
  width: number;
  syncKey: string;
  /** From edge to edge; null: what there are times for. */
  span: () => Span | null;
  /** Called with the index of the moment under the cursor; null when there is none. */
  onCursor: (index: number | null) => void;
  onDrag: (from: number, to: number) => void;
  onReset: () => void;
}

export const colorName = (color: number): string => `--chart-${(color % COLORS) + 1}`;

export function chartOptions(wanted: Wanted, style: CSSStyleDeclaration): uPlot.Options {
  const axis = axisStyle(style);
  const { zone, span } = wanted;
  return {
    width: wanted.width,
    height: CHART_HEIGHT,
    legend: { show: false },
    tzDate: (seconds) => inZone(new Date(1000 * seconds), zone),
    cursor: {
      // The others show where the cursor is; what is marked is marked in one.
      sync: { key: wanted.syncKey, filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
      drag: { x: true, y: false, setScale: false, dist: LEAST_DRAG_PX },
      points: { size: 7 },
      bind: { dblclick: () => () => leave(wanted) },
    },
    scales: {
      x: { range: (_, least, most) => edges(span(), least, most) },
      y: { range: (_, __, most) => [0, most > 0 ? most * HEADROOM : 1] },
    },
    axes: [
      { ...axis, size: AXIS_HEIGHT, space: TICK_SPACE, values: (_, moments, __, ___, step) => ticks(moments, step, zone) },
      {
        ...axis,
        size: AXIS_WIDTH,
        values: (_, values) => values.map((value) => formatTick(value, wanted.unit)),
      },
    ],
    series: [{}, ...wanted.lines.map((line) => lineStyle(line, style))],
    hooks: {
      setCursor: [({ cursor }) => wanted.onCursor(cursor.idx ?? null)],
      setSelect: [(chart) => marked(chart, wanted)],
    },
  };
}

const edges = (span: Span | null, least: number, most: number): [number, number] =>
  span ? [span.from, span.to] : [least, most];

function leave({ onReset }: Wanted): null {
  onReset();
  return null;
}

function marked(chart: uPlot, { onDrag }: Wanted): void {
  const { left, width } = chart.select;
  if (width < LEAST_DRAG_PX) return;
  chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onDrag(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
}

/** Days and hours begin where the reader's do. */
const inZone = (moment: Date, zone: Zone): Date => (zone === "utc" ? uPlot.tzDate(moment, "Etc/UTC") : moment);

/** The time of each tick; the day instead where a step is one, or a new one begins. */
export function ticks(moments: number[], step: number, zone: Zone): string[] {
  const { time, minute, day } = formatsOf(zone);
  const words = (seconds: number): string => {
    const moment = new Date(seconds * 1000);
    const isMidnight = inZone(moment, zone).getHours() === 0 && inZone(moment, zone).getMinutes() === 0;
    if (step >= DAY_S || (step >= 3600 && isMidnight)) return day.format(moment);
    return (step < 60 ? time : minute).format(moment);
  };
  return moments.map(words);
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
  const stroke = style.getPropertyValue(colorName(color));
  return {
    label: `${label} ${direction}`,
    stroke,
    width: 1.75,
    // A value between two gaps makes no line.
    points: { show: false, fill: stroke, filter: (chart, index) => alone(chart.data[index] ?? []) },
    ...(direction === "tx" && { dash: DASH }),
  };
}

const alone = (values: ArrayLike<Values[number] | undefined>): number[] =>
  Array.from(values).flatMap((value, index, all) =>
    isThere(value) && !isThere(all[index - 1]) && !isThere(all[index + 1]) ? [index] : [],
  );

const isThere = (value: Values[number] | undefined): boolean => value !== null && value !== undefined;
