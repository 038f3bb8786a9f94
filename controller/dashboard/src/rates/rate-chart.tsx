/** One chart. uPlot draws it on a canvas; what it shows is told in words by the table below it. */

import { useEffect, useMemo, useRef, type RefObject } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useZone, type Zone } from "../chrome/moments";
import type { Theme } from "../chrome/theme";
import { useTheme } from "../chrome/theme";
import type { Line } from "./chart-data";
import { CHART_HEIGHT, chartOptions } from "./chart-options";
import type { Span } from "./spans";

interface Props {
  title: string;
  unit: string;
  lines: Line[];
  times: number[];
  /** From its left to its right edge; null: what there are times for. */
  span: Span | null;
  /** Charts with the same key share their cursor. */
  syncKey: string;
  onCursor: (index: number | null) => void;
  /** A part of it was marked with the mouse, in UNIX seconds. */
  onDrag: (from: number, to: number) => void;
  onReset: () => void;
}

export function RateChart({ title, ...drawn }: Props) {
  const { unit, lines } = drawn;
  const box = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  const zone = useZone();
  useChart(box, { ...drawn, theme, zone });
  const names = [...new Set(lines.map(({ label }) => label))].join(", ");
  return (
    <figure className="rate-chart">
      <figcaption>
        {title} <span className="muted">in {unit}{zone === "utc" && ", times in UTC"}</span>
      </figcaption>
      <div ref={box} role="img" aria-label={`${title} over time of ${names}; the table below has the numbers`} />
    </figure>
  );
}

interface Drawn extends Omit<Props, "title"> {
  theme: Theme;
  zone: Zone;
}

function useChart(box: RefObject<HTMLDivElement | null>, drawn: Drawn): void {
  const { unit, lines, times, span, syncKey, onCursor, onDrag, onReset, theme, zone } = drawn;
  const chart = useRef<uPlot>(null);
  const data = useMemo(() => [times, ...lines.map(({ values }) => values)] as uPlot.AlignedData, [times, lines]);
  const newest = useRef({ data, lines, span });
  // A chart is made anew when its lines, colours or time zone change, and only fed when its values do.
  const shape = JSON.stringify(lines.map(({ label, direction, color }) => [label, direction, color]));
  useEffect(() => {
    newest.current = { data, lines, span };
  });
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const options = chartOptions(
      {
        lines: newest.current.lines,
        unit,
        zone,
        width: element.clientWidth,
        syncKey,
        span: () => newest.current.span,
        onCursor,
        onDrag,
        onReset,
      },
      getComputedStyle(element),
    );
    const made = new uPlot(options, newest.current.data, element);
    chart.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: CHART_HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [box, shape, unit, zone, syncKey, onCursor, onDrag, onReset, theme]);
  useEffect(() => chart.current?.setData(data), [data, span]);
}
