/** Every value of a chart, the newest first: what a picture shows, for those who read it. */

import { useMemo } from "react";
import { Moment } from "../chrome/moment";
import { type Column, PagedTable } from "../chrome/paged-table";
import type { Line } from "./chart-data";
import { formatRate } from "./units";

interface Props {
  title: string;
  unit: string;
  lines: Line[];
  times: number[];
}

const DIRECTIONS = { rx: "received", tx: "sent" } as const;

export function ValuesTable({ title, unit, lines, times }: Props) {
  const columns = useMemo<Column<number>[]>(
    () => [
      { title: "From", cell: (index) => <Moment at={new Date(1000 * (times[index] ?? 0)).toISOString()} /> },
      ...lines.map(({ label, direction, values }) => ({
        title: `${label} ${DIRECTIONS[direction]}`,
        className: "number",
        cell: (index: number) => formatRate(values[index], unit),
      })),
    ],
    [lines, times, unit],
  );
  const newestFirst = useMemo(() => times.map((_, index) => times.length - 1 - index), [times]);
  return (
    <section aria-label={`${title} in values`}>
      <h3>{title}</h3>
      <PagedTable label={`${title} in values`} columns={columns} items={newestFirst} keyOf={String} />
    </section>
  );
}
