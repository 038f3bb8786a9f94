/** Live charts of what flows through the host, or through one port or tunnel of it. */

import { Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core";
import { FormSelect, FormSelectOption, FormSelectOptionGroup } from "@patternfly/react-core";
import type { Stats } from "../api/documents";
import { QueryState } from "../chrome/query-state";
import type { Subject } from "../host/subjects";
import { Charts, NothingYet } from "./charts";
import { Ranges } from "./object-rates";
import { isUncounted, useStats } from "./queries";
import type { Select, Selection } from "./selection";

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
      <Ranges range={selection.range} choose={select.range} />
    </div>
  );
}
