/** The charts of some statistics, with their numbers in a table below. */

import { EmptyState, EmptyStateBody, Grid, GridItem } from "@patternfly/react-core";
import { useMemo, useState } from "react";
import type { Stats } from "../api/documents";
import { hasFaults, hasValues, linesOf, MEASURES } from "./chart-data";
import { RateChart } from "./rate-chart";
import { RateTable } from "./rate-table";

export function Charts({ stats }: { stats: Stats }) {
  const [index, setIndex] = useState<number | null>(null);
  const drawn = useMemo(
    () => MEASURES.map((measure) => ({ measure, lines: linesOf(stats, measure) })),
    [stats],
  );
  if (!drawn.some(({ lines }) => hasValues(lines))) return <NothingYet />;
  const shown = drawn.filter(({ measure, lines }) => !measure.isFault || hasFaults(lines));
  return (
    <>
      <Grid hasGutter>
        {shown.map(({ measure, lines }) => (
          <GridItem key={measure.key} xl={measure.isFault ? 12 : 6}>
            <RateChart
              title={measure.title}
              unit={measure.unit}
              lines={lines}
              times={stats.times}
              syncKey="rates"
              onCursor={setIndex}
            />
          </GridItem>
        ))}
      </Grid>
      <RateTable
        series={stats.series.map(({ name }) => name)}
        measured={drawn
          .filter(({ measure }) => !measure.isFault)
          .map(({ measure, lines }) => ({ unit: measure.unit, lines }))}
        times={stats.times}
        stepSeconds={stats.step_seconds}
        index={index}
      />
    </>
  );
}

export function NothingYet() {
  return (
    <EmptyState headingLevel="h3" titleText="No statistics yet" variant="sm">
      <EmptyStateBody>
        A connected host sends its counters every few seconds; two of them make a rate. Nothing came in
        the chosen time.
      </EmptyStateBody>
    </EmptyState>
  );
}
