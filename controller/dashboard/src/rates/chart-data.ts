/** From the API's statistics to what a chart draws: each direction of each series is a line. Pure. */

import type { Drawn } from "./sources";

export const DIRECTIONS = ["rx", "tx"] as const;
export type Direction = (typeof DIRECTIONS)[number];
export type Values = (number | null)[];

const RECENT_SECONDS = 30;

export interface Line {
  label: string;
  direction: Direction;
  /** Which of the palette's colours; both directions of a series have the same. */
  color: number;
  values: Values;
}

export interface Measure {
  key: string;
  title: string;
  unit: string;
  counters: readonly string[];
  factor: number;
  /** Shown only when something was counted. */
  isFault?: boolean;
}

export const MEASURES: readonly Measure[] = [
  { key: "bits", title: "Throughput", unit: "bit/s", counters: ["bytes"], factor: 8 },
  { key: "packets", title: "Packets", unit: "pkt/s", counters: ["packets"], factor: 1 },
  {
    key: "faults",
    title: "Errors and drops",
    unit: "pkt/s",
    counters: ["errors", "dropped"],
    factor: 1,
    isFault: true,
  },
];

export function linesOf({ series, times }: Drawn, measure: Measure): Line[] {
  return series.flatMap(({ name, rates }, color) =>
    DIRECTIONS.map((direction) => {
      const counted = measure.counters.flatMap((counter) => rates[`${direction}_${counter}`] ?? []);
      const rows = measure.counters.map((counter) => rates[`${direction}_${counter}`]);
      const values = times.map((_, index) => scaledSum(rows, index, measure.factor));
      return { label: name, direction, color, values: counted.length > 0 ? values : [] };
    }),
  ).filter(({ values }) => values.length > 0);
}

/** Null when nothing was counted then; what one counter lacks the other still tells. */
function scaledSum(rows: (Values | undefined)[], index: number, factor: number): number | null {
  const known = rows.map((row) => row?.[index] ?? null).filter((value) => value !== null);
  return known.length === 0 ? null : factor * known.reduce((sum, value) => sum + value, 0);
}

export const hasValues = (lines: Line[]): boolean =>
  lines.some(({ values }) => values.some((value) => value !== null));

export const hasFaults = (lines: Line[]): boolean =>
  lines.some(({ values }) => values.some((value) => value !== null && value > 0));

/** What counts as now: the last steps may still be to come, but an old value is no news. */
export function newest(values: Values, stepSeconds: number): number | null {
  const recent = Math.max(2, Math.ceil(RECENT_SECONDS / stepSeconds));
  return values.slice(-recent).findLast((value) => value !== null) ?? null;
}

export function peak(values: Values): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((most, value) => Math.max(most, value), 0);
}
