/** What a pool has given out, and what it has left. */

import { Card, CardBody, CardTitle, Progress, Stack, StackItem } from "@patternfly/react-core";
import { Moment } from "../chrome/moment";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { QueryState } from "../chrome/query-state";
import { useUrlState } from "../chrome/url-state";
import { ObjectLink } from "../kinds/object-link";
import { isKind } from "../kinds/kinds";
import { usePoolUsage, type Allocation } from "./parts";
import type { TabProps } from "./tabs";

const COLUMNS: ServerColumn<Allocation>[] = [
  { title: "Value", cell: ({ value }) => <span className="mono">{value}</span> },
  {
    title: "Of",
    cell: ({ kind, name, project }) =>
      name && isKind(kind) ? (
        <>
          <span className="muted">{kind}</span> <ObjectLink kind={kind} name={name} project={project} />
        </>
      ) : (
        <span className="muted">nobody</span>
      ),
  },
  { title: "State", cell: ({ is_released }) => (is_released ? "released, not free yet" : "in use") },
  { title: "Since", cell: ({ since }) => <Moment at={since} /> },
];

export function UsageTab({ objectRef }: TabProps) {
  const { get } = useUrlState();
  const query = usePoolUsage(objectRef, get("page"));
  return (
    <Stack hasGutter>
      <StackItem>
        <Card component="section" aria-label="Usage">
          <CardBody>
            <QueryState title="Values" query={query}>
              {({ used, quarantined, total, free }) => (
                <Progress
                  title="Given out"
                  aria-label="Given out"
                  value={used + quarantined}
                  max={Math.max(1, total)}
                  size="sm"
                  label={`${used} of ${total}`}
                  helperText={`${free} free, ${quarantined} released and not free yet`}
                />
              )}
            </QueryState>
          </CardBody>
        </Card>
      </StackItem>
      <StackItem>
        <Card component="section" aria-labelledby="allocations-title">
          <CardTitle component="h2" id="allocations-title">
            Allocations
          </CardTitle>
          <CardBody>
            <ServerTable
              label="Allocations"
              query={query}
              columns={COLUMNS}
              keyOf={({ value }) => value}
              empty={<p className="muted">Nothing is given out.</p>}
            />
          </CardBody>
        </Card>
      </StackItem>
    </Stack>
  );
}
