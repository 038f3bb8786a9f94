/** One chart. uPlot draws it on a canvas; what it shows is told in words by the table below it. */

import { useEffect, useRef, type RefObject } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Theme } from "../chrome/theme";
import { useTheme } from "../chrome/theme";
import type { Line } from "./chart-data";
import { CHART_HEIGHT, chartOptions } from "./chart-options";

interface Props {
  title: string;
  unit: string;
  lines: Line[];
  times: number[];
  /** Charts with the same key share their cursor. */
  syncKey: string;
  onCursor: (index: number | null) => void;
}

export function RateChart({ title, unit, lines, times, syncKey, onCursor }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  useChart(box, { unit, lines, times, syncKey, onCursor, theme });
  const names = [...new Set(lines.map(({ label }) => label))].join(", ");
  return (
    <figure className="rate-chart">
      <figcaption>
        {title} <span className="muted">in {unit}</span>
      </figcaption>
      <div ref={box} role="img" aria-label={`${title} over time of ${names}; the table below has the numbers`} />
    </figure>
  );
}

interface Drawn extends Omit<Props, "title"> {
  theme: Theme;
}

function useChart(box: RefObject<HTMLDivElement | null>, drawn: Drawn): void {
  const { unit, lines, times, syncKey, onCursor, theme } = drawn;
  const chart = useRef<uPlot>(null);
  const data = [times, ...lines.map(({ values }) => values)] as uPlot.AlignedData;
  const newest = useRef(data);
  // A chart is made anew when its lines or its colours change, and only fed when its values do.
  const shape = JSON.stringify(lines.map(({ label, direction, color }) => [label, direction, color]));
  const shaped = useRef(lines);
  useEffect(() => {
    newest.current = data;
    shaped.current = lines;
  });
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const wanted = { lines: shaped.current, unit, width: element.clientWidth, syncKey, onCursor };
    const made = new uPlot(chartOptions(wanted, getComputedStyle(element)), newest.current, element);
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
  }, [box, shape, unit, syncKey, onCursor, theme]);
  useEffect(() => chart.current?.setData(newest.current));
}
