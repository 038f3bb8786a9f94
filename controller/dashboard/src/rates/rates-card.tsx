/** Live charts of what flows through the host, or through one port or tunnel of it. */

import { Card, CardBody, CardHeader, CardTitle, EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { FormSelect, FormSelectOption, FormSelectOptionGroup } from "@patternfly/react-core";
import { Grid, GridItem, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { useMemo, useState } from "react";
import type { Stats } from "../api/documents";
import { QueryState } from "../chrome/query-state";
import type { Subject } from "../host/subjects";
import { hasFaults, hasValues, linesOf, MEASURES } from "./chart-data";
import { isUncounted, useStats } from "./queries";
import { RateChart } from "./rate-chart";
import { RateTable } from "./rate-table";
import { RANGES, type Select, type Selection } from "./selection";

interface Props {
  host: string;
  subjects: Subject[];
  selection: Selection;
  select: Select;
}

export function RatesCard({ host, subjects, selection, select }: Props) {
  const query = useStats(host, selection);
  return (
    <Card component="section" aria-labelledby="rates-title" className="rates">
      <CardHeader
        hasWrap
        actions={{
          hasNoOffset: true,
          actions: <Controls subjects={subjects} selection={selection} select={select} />,
        }}
      >
        <CardTitle component="h2" id="rates-title">
          Rates
        </CardTitle>
      </CardHeader>
      <CardBody>
        {isUncounted(query.error, selection) ? (
          <NothingYet />
        ) : (
          <QueryState title="Rates" query={query} height="16rem">
            {(stats) => <Charts stats={named(stats, subjects)} />}
          </QueryState>
        )}
      </CardBody>
    </Card>
  );
}

/** Counters come under resource ids, and the sum of ports under a word; people know names. */
function named(stats: Stats, subjects: Subject[]): Stats {
  const labels = new Map(subjects.map(({ id, label }) => [id, label]));
  labels.set("ports", "all ports");
  const series = stats.series.map((each) => ({ ...each, name: labels.get(each.name) ?? each.name }));
  return { ...stats, series };
}

function Controls({ subjects, selection, select }: Omit<Props, "host">) {
  return (
    <div className="rate-controls">
      <FormSelect
        aria-label="Charted series"
        value={selection.subject ?? ""}
        onChange={(_, value) => select.subject(value || null)}
      >
        <FormSelectOption value="" label="Whole host" />
        {selection.subject && !subjects.some(({ id }) => id === selection.subject) && (
          <FormSelectOption value={selection.subject} label={selection.subject} />
        )}
        {(["Ports", "Tunnels"] as const).map((kind) => (
          <FormSelectOptionGroup key={kind} label={kind}>
            {subjects
              .filter((subject) => subject.kind === kind)
              .map(({ id, label }) => (
                <FormSelectOption key={id} value={id} label={label} />
              ))}
          </FormSelectOptionGroup>
        ))}
      </FormSelect>
      <ToggleGroup aria-label="Time range" isCompact>
        {RANGES.map(({ key, label }) => (
          <ToggleGroupItem
            key={key}
            text={label}
            isSelected={selection.range.key === key}
            onChange={() => select.range(key)}
          />
        ))}
      </ToggleGroup>
    </div>
  );
}

function Charts({ stats }: { stats: Stats }) {
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

function NothingYet() {
  return (
    <EmptyState headingLevel="h3" titleText="No statistics yet" variant="sm">
      <EmptyStateBody>
        A connected host sends its counters every few seconds; two of them make a rate. Nothing came in
        the chosen time.
      </EmptyStateBody>
    </EmptyState>
  );
}
