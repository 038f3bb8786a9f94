/** The charts of some statistics, with their numbers in tables below. */

import { EmptyState, EmptyStateBody, ExpandableSection, Grid, GridItem } from "@patternfly/react-core";
import { useCallback, useMemo, useState } from "react";
import { hasFaults, hasValues, linesOf, MEASURES } from "./chart-data";
import { nowInSeconds } from "./queries";
import { RateChart } from "./rate-chart";
import { RateTable } from "./rate-table";
import type { Select } from "./selection";
import type { Drawn } from "./sources";
import { spanOf, type Span } from "./spans";
import { durationOf } from "./units";
import { ValuesTable } from "./values-table";

interface Props {
  drawn: Drawn;
  /** What is shown stands still there; null: it goes on. */
  zoom: Span | null;
  onZoom: Select["zoom"];
  /** What is shown is of another time, until this one comes. */
  isOld: boolean;
}

export function Charts({ drawn: stats, zoom, onZoom, isOld }: Props) {
  const [index, setIndex] = useState<number | null>(null);
  const measured = useMemo(
    () => MEASURES.map((measure) => ({ measure, lines: linesOf(stats, measure) })),
    [stats],
  );
  const dragged = useCallback((from: number, to: number) => onZoom(spanOf(from, to, nowInSeconds())), [onZoom]);
  const leave = useCallback(() => onZoom(null), [onZoom]);
  if (!measured.some(({ lines }) => hasValues(lines))) return zoom ? <NothingThen /> : <NothingYet />;
  const shown = measured.filter(({ measure, lines }) => !measure.isFault || hasFaults(lines));
  return (
    <div aria-busy={isOld}>
      <Grid hasGutter>
        {shown.map(({ measure, lines }) => (
          <GridItem key={measure.key} xl={measure.isFault ? 12 : 6}>
            <RateChart
              title={measure.title}
              unit={measure.unit}
              lines={lines}
              times={stats.times}
              span={zoom}
              syncKey="rates"
              onCursor={setIndex}
              onDrag={dragged}
              onReset={leave}
            />
          </GridItem>
        ))}
      </Grid>
      <RateTable
        series={stats.series.map(({ name }) => name)}
        measured={measured
          .filter(({ measure }) => !measure.isFault)
          .map(({ measure, lines }) => ({ unit: measure.unit, lines }))}
        times={stats.times}
        stepSeconds={stats.step_seconds}
        isLive={zoom === null}
        index={index}
      />
      <p className="muted detail rates-note">
        {isOld
          ? "Reading what was chosen …"
          : `A point for every ${durationOf(stats.step_seconds)}; the line is broken where nothing was heard. Drag over a chart to zoom in; double-click to go back.`}
      </p>
      <ExpandableSection toggleText="All values as tables" isIndented>
        {shown.map(({ measure, lines }) => (
          <ValuesTable key={measure.key} title={measure.title} unit={measure.unit} lines={lines} times={stats.times} />
        ))}
      </ExpandableSection>
    </div>
  );
}

/** The way back is above it. */
function NothingThen() {
  return (
    <EmptyState headingLevel="h3" titleText="Nothing was counted in this time" variant="sm">
      <EmptyStateBody>No host told of it, or it is longer ago than numbers are kept.</EmptyStateBody>
    </EmptyState>
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
