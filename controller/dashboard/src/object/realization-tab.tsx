/** Which of the hosts that need the object have it, and what keeps the others. */

import { Card, CardBody, CardTitle, Stack, StackItem } from "@patternfly/react-core";
import type { LaggingHost } from "../api/documents";
import { useRealization } from "../api/objects";
import { Moment } from "../chrome/moment";
import { type Column, PagedTable } from "../chrome/paged-table";
import { QueryState } from "../chrome/query-state";
import { ObjectLink } from "../kinds/object-link";
import { Message } from "../status/message";
import { Summary } from "./realization-card";
import type { TabProps } from "./tabs";

const COLUMNS: Column<LaggingHost>[] = [
  { title: "Host", cell: ({ host }) => <ObjectLink kind="Host" name={host} /> },
  { title: "Reason", cell: ({ reason }) => <span className="reason">{reason}</span> },
  { title: "Message", cell: ({ message }) => <Message text={message} />, className: "reason-cell" },
  { title: "Since", cell: ({ since }) => (since ? <Moment at={since} /> : <span className="muted">not known</span>) },
];

export function RealizationTab({ objectRef }: TabProps) {
  const query = useRealization(objectRef);
  return (
    <QueryState title="Hosts" query={query}>
      {(realization) => (
        <Stack hasGutter>
          <StackItem>
            <Card component="section" aria-label="Realization">
              <CardBody>
                <Summary realization={realization} />
              </CardBody>
            </Card>
          </StackItem>
          <Lagging title="Failed" hosts={realization.hosts.failed} count={realization.hosts.failed_count} />
          <Lagging title="Not yet" hosts={realization.hosts.pending} count={realization.hosts.pending_count} />
        </Stack>
      )}
    </QueryState>
  );
}

function Lagging({ title, hosts, count }: { title: string; hosts: LaggingHost[]; count: number }) {
  if (count === 0) return null;
  return (
    <StackItem>
      <Card component="section" aria-label={`${title}: hosts`}>
        <CardTitle component="h2">
          {title}
          <span className="count">{count}</span>
        </CardTitle>
        <CardBody>
          <PagedTable label={`${title}: hosts`} columns={COLUMNS} items={hosts} keyOf={({ host }) => host} />
          {count > hosts.length && (
            <p className="muted">
              The first {hosts.length} of {count}.
            </p>
          )}
        </CardBody>
      </Card>
    </StackItem>
  );
}
