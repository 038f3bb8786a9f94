/** What is charted and over which time; the address holds all of it, so that a link shows the same. */

import { useCallback, useMemo } from "react";
import { useSearchParams } from "wouter";
import { readSpan, writtenSpan, type Span } from "./spans";

export const RANGES = [
  { key: "5m", label: "5 min", seconds: 300 },
  { key: "15m", label: "15 min", seconds: 900 },
  { key: "1h", label: "1 h", seconds: 3600 },
  { key: "6h", label: "6 h", seconds: 21_600 },
  { key: "1d", label: "1 d", seconds: 86_400 },
  { key: "7d", label: "7 d", seconds: 604_800 },
  { key: "90d", label: "90 d", seconds: 7_776_000 },
] as const;

export type Range = (typeof RANGES)[number];

const DEFAULT_RANGE: Range = RANGES[1];

/** As many as there are colours. */
export const MOST_SERIES = 6;

export interface Selection {
  /** Up to now. */
  range: Range;
  /** The time that is looked at in place of the range; null: the range, live. */
  zoom: Span | null;
  /** What was chosen, in words that `sources.ts` reads; empty: what the page is of. */
  series: string[];
}

export interface Select {
  range: (key: string) => void;
  /** A step that "back" undoes. */
  zoom: (span: Span | null) => void;
  /** Puts it in, or takes it out. Nothing is put in beyond what has a colour. */
  toggle: (series: string) => void;
  /** Back to what the page is of. */
  clear: () => void;
}

export function useSelection(): [Selection, Select] {
  const [params, setParams] = useSearchParams();
  const change = useCallback(
    (how: (params: URLSearchParams) => void, push = false) =>
      setParams(
        (before) => {
          const after = new URLSearchParams(before);
          how(after);
          return after;
        },
        { replace: !push },
      ),
    [setParams],
  );
  const select = useMemo<Select>(
    () => ({
      range: (key) =>
        change((to) => {
          to.set("range", key);
          to.delete("zoom");
        }),
      zoom: (span) => change((to) => (span ? to.set("zoom", writtenSpan(span)) : to.delete("zoom")), true),
      toggle: (series) => change((to) => toggle(to, series)),
      clear: () => change((to) => to.delete("series")),
    }),
    [change],
  );
  const range = RANGES.find(({ key }) => key === params.get("range")) ?? DEFAULT_RANGE;
  const series = [...new Set(params.getAll("series").filter(Boolean))].slice(0, MOST_SERIES);
  return [{ range, zoom: readSpan(params.get("zoom") ?? ""), series }, select];
}

function toggle(params: URLSearchParams, series: string): void {
  const chosen = params.getAll("series");
  if (chosen.includes(series)) params.delete("series", series);
  else if (chosen.length < MOST_SERIES) params.append("series", series);
}
